"""What a file of a repository is: a unit, nginx configuration, Gunicorn's settings, an environment file and so on.

Content decides first and the name second, because people call a unit `gunicorn.txt` and a server block `default`.
"""

from __future__ import annotations

import posixpath
import re

from doctor.grammar.gaps import marked
from doctor.grammar.prose import among_settings, around_blocks
from doctor.hosts.base import DocumentKind

_TEMPLATE_SUFFIXES = (".j2", ".jinja", ".jinja2", ".template", ".tmpl", ".tpl", ".erb", ".in", ".mustache")
_SAMPLE_SUFFIXES = (".example", ".sample", ".dist", "-example", "-sample", "_example", "_sample")

_SECTION = re.compile(r"^[ \t]*\[([A-Za-z][\w-]*)(?::[^\]\n]*)?\][ \t]*\r?$", re.MULTILINE)
_PROGRAM = re.compile(r"^[ \t]*\[program:", re.MULTILINE)
_EXEC = re.compile(r"^[ \t]*Exec[A-Z]\w*[ \t]*=", re.MULTILINE)
_LISTEN = re.compile(r"^[ \t]*Listen[A-Z]\w*[ \t]*=", re.MULTILINE)
_NGINX_BLOCK = re.compile(
    r"^[ \t]*(?:server|http|upstream[ \t]+\S+|location[ \t]+(?![ \t])[^\n{;=]*\S|location[ \t]+=[ \t]*\S+)"
    r"[ \t]*(?:#[^\n]*)?(?:\r?\n[ \t]*)?\{",
    re.MULTILINE,
)
_NGINX_DIRECTIVE = re.compile(
    r"(?:^|[{;])[ \t]*(?:listen|server_name|proxy_pass|uwsgi_pass|fastcgi_pass|grpc_pass|root|alias|include|server"
    r"|return|try_files|proxy_set_header|ssl_certificate|access_log|error_log|worker_connections)[ \t][^;{}]*;",
    re.MULTILINE,
)
_NGINX_FOLDER = re.compile(r"(?:^|/)(?:sites-\w+|conf\.d|nginx)$")
_UNIT_NAME = re.compile(r"\.(?:service|socket)\b|\.conf$")
_GUNICORN = re.compile(
    r"^(bind|workers|threads|worker_class|worker_connections|timeout|graceful_timeout|keepalive|max_requests|max_requests_jitter"
    r"|preload_app|chdir|wsgi_app|pidfile|raw_env|umask|accesslog|errorlog|access_logfile|error_logfile|loglevel|capture_output"
    r"|proc_name|forwarded_allow_ips|daemon|reload|backlog|pythonpath|secure_scheme_headers|worker_tmp_dir)"
    r"[ \t]*(?::[^=\n]*)?=(?!=)",
    re.MULTILINE,
)
_FROM = re.compile(r"^FROM[ \t]+\S+", re.MULTILINE | re.IGNORECASE)
_DOCKER_STEP = re.compile(r"^(?:RUN|CMD|COPY|ENTRYPOINT|ADD|WORKDIR|ENV|EXPOSE)[ \t]", re.MULTILINE)
_SERVICES = re.compile(r"^services:[ \t]*\r?$", re.MULTILINE)
_SERVICE = re.compile(r"^[ \t]+(?:image|build|command|extends):", re.MULTILINE)
_JOBS = re.compile(r"^(?:jobs|stages|pipelines|steps):", re.MULTILINE)
_RUNS = re.compile(r"^[ \t]*(?:-[ \t]*)?(?:runs-on|script|stage|run|steps|image|task|checkout|pool):", re.MULTILINE)
_API = re.compile(r"^apiVersion:[ \t]*\S", re.MULTILINE)
_KUBERNETES = re.compile(
    r"^kind:[ \t]*[\"']?(?:Deployment|StatefulSet|DaemonSet|ReplicaSet|Pod|Service|Ingress|Job|CronJob)\b", re.MULTILINE
)
_PLAY = re.compile(r"^(?:-[ \t]+|[ \t]+)hosts:[ \t]*\S", re.MULTILINE)
_PLAYS = re.compile(r"^(?:-[ \t]+|[ \t]+)(?:tasks|roles|handlers|become):", re.MULTILINE)
_ROLE = re.compile(r"(?:^|/)(?:tasks|handlers|playbooks?)/[^/]*$")
_TASK = re.compile(r"^-[ \t]+(?:name|include\w*|import\w*|[\w.]+):", re.MULTILINE)
_ENTRY = re.compile(r"^[ \t-]*(?:entrypoint|startCommand|runtime):[ \t]*\S", re.MULTILINE)
_OTHER_SERVER = re.compile(
    r"^[ \t]*\[uwsgi\]|^[ \t]*(?:WSGIScriptAlias|ProxyPass)[ \t]+\S|^[ \t]*reverse_proxy[ \t]+\S", re.MULTILINE
)
_SHEBANG = re.compile(r"#![ \t]*\S*(?:/|[ \t])(?:ba|da|a|k|z)?sh\b")
_TMPFILES = re.compile(
    r"[dDefFpLqQvrRzZxXmhHaAtTbcC][+!\-=~^]*[ \t]+/\S+(?:[ \t]+(?:-|[~:]?[0-7]{3,4})(?:[ \t]+\S+)*)?[ \t]*"
)
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*=")
_JINJA = re.compile(r"\{\{(?!\{)[^\n]*?\}\}|\{%[^\n]*?%\}|<%[^\n]*?%>")
_ENVSUBST = re.compile(r"\$\{[A-Z_][A-Z0-9_]*\}|\$[A-Z_][A-Z0-9_]{2,}\b|(?<![\w@.])@[A-Z_][A-Z0-9_]*@")
_PLACEHOLDER = re.compile(r"(?<![A-Za-z0-9_])__[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*__(?![A-Za-z0-9_])")
"""What packagers replace by hand: __INSTALL_DIR__."""
_RENDERED = frozenset(
    {
        DocumentKind.UNIT, DocumentKind.SOCKET, DocumentKind.DROPIN, DocumentKind.NGINX, DocumentKind.GUNICORN,
        DocumentKind.ENVIRONMENT, DocumentKind.SUPERVISOR, DocumentKind.TMPFILES,
    }
)  # fmt: skip

_WRITERS = (".py", ".tf", ".yml", ".yaml")
"""Suffixes of files that hold configuration as a text, to write it to a machine."""
_NAMED = re.compile(r"\.(?:service|socket|nginx)$|nginx|gunicorn|supervisor")
"""Names of templates whose content cannot be told before they are rendered (`{% extends … %}`)."""


def classify(path: str, text: str) -> DocumentKind | None:
    """What a file with this name and content is."""
    name = posixpath.basename(path).strip().lower()
    template = name.endswith(_TEMPLATE_SUFFIXES)
    bare = name[: name.rfind(".")] if template else name
    kind = _kind(path, bare, text)
    if template and kind is None and (_NAMED.search(bare) or "tmpfiles.d/" in path):
        return DocumentKind.TEMPLATE
    if kind not in _RENDERED:
        return kind
    if kind is DocumentKind.ENVIRONMENT and bare.endswith(_SAMPLE_SUFFIXES):
        return DocumentKind.SAMPLE
    # A template without a gap is copied as it is: rendering it changes nothing.
    return DocumentKind.TEMPLATE if _needs_rendering(kind, bare, text, template) else kind


def _needs_rendering(kind: DocumentKind, name: str, text: str, template: bool) -> bool:
    """Braces of Jinja, or variables where the program that reads the file would not expand them."""
    if kind is DocumentKind.ENVIRONMENT:
        return _JINJA.search(text) is not None
    if kind is DocumentKind.GUNICORN:
        if template:
            return _JINJA.search(text) is not None
        # An f-string may hold doubled braces.
        return re.search(r"\{%[^\n]*?%\}|^[^#\n\"']*\{\{", text, re.MULTILINE) is not None
    if kind in (DocumentKind.UNIT, DocumentKind.SOCKET, DocumentKind.DROPIN):
        return marked(text) is None
    if _JINJA.search(text) or _PLACEHOLDER.search(text):
        return True
    if kind is DocumentKind.NGINX:  # variables of nginx itself are written in lower case
        return _ENVSUBST.search(re.sub(r"#[^\n]*", "", text)) is not None
    return False


def _kind(path: str, name: str, text: str) -> DocumentKind | None:
    for kind_of in (_systemd, _build, _automation, _server, _nginx, _gunicorn, _environment, _script, _tmpfiles):
        if kind := kind_of(path, name, text):
            return kind
    return None


def _systemd(path: str, name: str, text: str) -> DocumentKind | None:
    sections = set(_SECTION.findall(text))
    if "program" in sections and _PROGRAM.search(text):
        return DocumentKind.SUPERVISOR
    if not sections & {"Unit", "Service", "Socket", "Install"}:
        return None
    if name.endswith(_WRITERS) or _SHEBANG.match(text):  # what writes a unit, somewhere and by another name
        return None
    if not _UNIT_NAME.search(name) and among_settings(text):
        return None
    folder = posixpath.basename(posixpath.dirname(path))
    if folder.endswith(".d") and name.endswith(".conf"):
        return DocumentKind.DROPIN
    if "Socket" in sections and _LISTEN.search(text):
        return DocumentKind.SOCKET
    if "Service" in sections:
        return DocumentKind.UNIT if "Unit" in sections or _EXEC.search(text) else DocumentKind.DROPIN
    # [Service] is misspelt: systemd reads such a file as a service too, by its name.
    return DocumentKind.UNIT if name.endswith(".service") and _EXEC.search(text) else None


def _build(path: str, name: str, text: str) -> DocumentKind | None:
    if _FROM.search(text) and _DOCKER_STEP.search(text) and not name.endswith((".py", ".sh", ".yml", ".yaml")):
        return DocumentKind.DOCKERFILE
    if name.endswith((".yml", ".yaml")) and _SERVICES.search(text) and _SERVICE.search(text) and not _is_ci(path, name):
        return DocumentKind.COMPOSE
    return None


def _is_ci(path: str, name: str) -> bool:
    return (
        name
        in {
            ".gitlab-ci.yml",
            "bitbucket-pipelines.yml",
            "azure-pipelines.yml",
            ".travis.yml",
            ".drone.yml",
            "buildspec.yml",
            "appspec.yml",
        }
        or "/.github/workflows/" in f"/{path}"
        or "/.circleci/" in f"/{path}"
    )


def _automation(path: str, name: str, text: str) -> DocumentKind | None:
    if name == "jenkinsfile":
        return DocumentKind.CI
    if name.endswith((".yml", ".yaml")):
        if _is_ci(path, name) or (_JOBS.search(text) and _RUNS.search(text)):
            return DocumentKind.CI
        if _KUBERNETES.search(text) and _API.search(text):
            return DocumentKind.KUBERNETES
        if (_PLAY.search(text) and _PLAYS.search(text)) or (_ROLE.search(path) and _TASK.search(text)):
            return DocumentKind.ANSIBLE
        return DocumentKind.SERVER if name in ("render.yaml", "app.yaml", "app.yml") and _ENTRY.search(text) else None
    if name in ("procfile", "fly.toml"):
        return DocumentKind.PROCFILE if re.search(r"^\w[\w.]*[ \t]*[:=]|^\[", text, re.MULTILINE) else None
    if name.endswith((".tf", ".tf.json")):
        return DocumentKind.TERRAFORM
    return None


def _server(path: str, name: str, text: str) -> DocumentKind | None:
    """Programs that stand in the place of Gunicorn or of Nginx."""
    if name.endswith((".py", ".sh", ".yml", ".yaml", ".toml")) or text.startswith("#!"):
        return None
    return DocumentKind.SERVER if _OTHER_SERVER.search(text) else None


def _nginx(path: str, name: str, text: str) -> DocumentKind | None:
    if name.endswith((*_WRITERS, ".sh", ".toml", ".ini")) or text.startswith("#!"):
        return None
    named = name.endswith((".conf", ".nginx", ".vhost")) or _NGINX_FOLDER.search(posixpath.dirname(path))
    if _NGINX_BLOCK.search(text) and _NGINX_DIRECTIVE.search(text) and (named or not around_blocks(text)):
        return DocumentKind.NGINX
    return None


def _gunicorn(path: str, name: str, text: str) -> DocumentKind | None:
    if name.endswith((".yml", ".yaml", ".sh", ".ini", ".toml", ".env")):
        return None
    settings = set(_GUNICORN.findall(text))
    named = "gunicorn" in name
    if (named and settings) or (name.endswith(".py") and len(settings) > 1 and settings & {"bind", "workers"}):
        return DocumentKind.GUNICORN
    return None


def _environment(path: str, name: str, text: str) -> DocumentKind | None:
    named = (
        name.startswith(".env")
        or name.endswith((".env", "environment"))
        or name in {"env", "envfile", ".flaskenv"}
        or ".env." in name
    )
    folder = posixpath.basename(posixpath.dirname(path))
    if not named and not (folder in {"default", "sysconfig"} and "." not in name):
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))]
    good = sum(_ASSIGNMENT.match(line) is not None for line in lines)
    return DocumentKind.ENVIRONMENT if good and 2 * good >= len(lines) else None


def _script(path: str, name: str, text: str) -> DocumentKind | None:
    if _SHEBANG.match(text) or name.endswith((".sh", ".bash")):
        return DocumentKind.SCRIPT
    return None


def _tmpfiles(path: str, name: str, text: str) -> DocumentKind | None:
    if ".conf" not in name:
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return DocumentKind.TMPFILES if lines and all(_TMPFILES.fullmatch(line) for line in lines) else None
