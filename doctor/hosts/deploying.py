"""Does a file decide how the app runs or gets there?

A pipeline that only tests, a database to develop with or a container for an editor does not.
"""

from __future__ import annotations

import re

from doctor.hosts.base import DocumentKind

_FOR_DEVELOPERS = re.compile(
    r"(?:^|[._-])(?:dev|devel|development|test|tests|testing|local|ci|e2e|debug|lint)(?:[._-]|$)", re.IGNORECASE
)
_DEVELOPERS_FOLDER = re.compile(r"(?:^|/)(?:\.devcontainer|tests?|spec|e2e|\.github/actions)/")
_COMMENT = re.compile(r"^[ \t]*(?:#|//)[^\n]*", re.MULTILINE)
_COMMAND = r"(?:^|[\s;&|\"'`(:\[,@])"
_THERE = re.compile(
    rf"{_COMMAND}(?:"
    r"(?:ssh|scp|sftp|rsync|sshpass)[ \t]+[-\w\"'$]|ansible-playbook\b|kubectl[ \t]|helm[ \t]+(?:upgrade|install)\b"
    r"|terraform[ \t]+apply\b|fab[ \t]+\S|cap[ \t]+\S+[ \t]+deploy\b|heroku[ \t]"
    r"|(?:fly|flyctl|eb|serverless|sls|zappa|dokku|pulumi)[ \t]+(?:deploy|up|update)\b"
    r"|git[ \t]+push[ \t][^\n]*\b(?:heroku|dokku|production|live)\b"
    r"|docker[ \t]+(?:image[ \t]+)?push\b|docker[ \t]+stack[ \t]+deploy\b"
    r"|gcloud[ \t][^\n]*\bdeploy\b|aws[ \t]+(?:ecs|deploy|elasticbeanstalk|ssm)[ \t]"
    r")|uses:[ \t]*[\"']?(?!\S*(?:pages|ssh-agent))\S*(?:ssh|deploy|rsync|scp|ansible)\S*@"
    r"|^[ \t]*(?:-[ \t]*)?push:[ \t]*true",
    re.MULTILINE | re.IGNORECASE,
)
"""Commands and actions that bring something to a machine."""
_HERE = re.compile(
    rf"{_COMMAND}(?:[^\s\"'`=]*/)?(?:"
    r"(?:systemctl|supervisorctl|gunicorn|uwsgi|pkill)\b|nginx[ \t]+-[st]\b|service[ \t]+\S+[ \t]+(?:re)?(?:start|load)"
    r"|docker(?:-compose|[ \t]+compose)[ \t][^\n]*\bup\b|git[ \t]+(?:pull|checkout|reset)\b|kill(?:all)?[ \t]+-?\S"
    r")",
    re.MULTILINE,
)
"""Commands of a script on the machine itself. A pipeline that says them acts on its own machine: a test's."""
_IMAGE = re.compile(r"^[ \t]+image:[ \t]*[\"']?(?:[\w.-]+(?::\d+)?/)*([\w.-]+)", re.MULTILINE)
_HELPERS = re.compile(
    r"(?:postgres|postgis|pgvector|timescaledb|mysql|mariadb|redis|valkey|memcached|mongo|rabbitmq|elasticsearch|opensearch|kibana"
    r"|mailhog|mailpit|maildev|mailcatcher|minio|localstack|adminer|pgadmin4?|phpmyadmin|selenium|standalone-\w+|chrome)\b",
    re.IGNORECASE,
)
"""Images beside which an app is developed; by themselves they run none."""
_RUNS_AN_APP = re.compile(
    r"\b(?:gunicorn|flask|uwsgi|uvicorn|waitress|hypercorn|wsgi|nginx|python3?|pip3?|uv|poetry)\b"
)


def deploys(path: str, kind: DocumentKind, text: str) -> bool:
    """Whether a file of a kind that no rule judges is a part of how the app is run."""
    name = path.rpartition("/")[2]
    text = _COMMENT.sub("", text)
    if kind in (DocumentKind.SUPERVISOR, DocumentKind.PROCFILE, DocumentKind.ANSIBLE, DocumentKind.SERVER):
        return True
    if kind is DocumentKind.CI:
        return _THERE.search(text) is not None
    if _FOR_DEVELOPERS.search(name) or _DEVELOPERS_FOLDER.search(path):
        return False
    match kind:
        case DocumentKind.COMPOSE:
            images = _IMAGE.findall(text)
            return re.search(r"^[ \t]+build:", text, re.MULTILINE) is not None or not all(
                _HELPERS.match(image) for image in images
            )
        case DocumentKind.DOCKERFILE:
            return _RUNS_AN_APP.search(text) is not None
        case DocumentKind.SCRIPT:
            return _THERE.search(text) is not None or _HERE.search(text) is not None
        case DocumentKind.TERRAFORM:
            return re.search(r"user_data|provisioner|container_definitions|task_definition|\bimage\b", text) is not None
        case DocumentKind.KUBERNETES:
            return True
    return False
