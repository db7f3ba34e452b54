"""Secrets in scripts, compose files, Dockerfiles, supervisor configurations and whatever else is read as it is."""

from __future__ import annotations

import re

from doctor.hosts.redact import secrets
from doctor.hosts.redact.commandline import shell_assignments, token
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.text import generic

_YAML_VARIABLE = re.compile(
    r"(?P<head>^[ \t]+(?:-[ \t]+[\"']?(?P<item>[A-Za-z_]\w*)=|[\"']?(?P<name>[A-Z][A-Z0-9_]+)[\"']?:[ \t]+))"
    r"(?P<rest>[^\n]+)",
    re.MULTILINE,
)
"""`- NAME=value` and `NAME: value`, as in a compose file."""

_YAML_SECRET = re.compile(
    r"(?P<head>^[ \t]*(?:-[ \t]+)?[\"']?(?P<name>[\w.-]+)[\"']?(?:[ \t]*:[ \t]+|[ \t]+=[ \t]+))"
    r"(?P<rest>[^\s\"'|>&*!#{\[$][^\n]*)",
    re.MULTILINE,
)
"""`password: several words`, `password = several words`."""

_SHELL_LINE = re.compile(
    r"^(?P<given>[ \t]{0,99}(?:export[ \t]|ENV[ \t]|ARG[ \t]|environment[ \t]{0,9}=))?[^\n=]*=[^\n]*", re.MULTILINE
)
"""A line of a script, Dockerfile or supervisor configuration that may set variables; `given`: to a program."""

_DOCKER_ENV = re.compile(r"^(?P<head>[ \t]*ENV[ \t]+(?P<name>\w+)[ \t]+)(?P<value>[^\s=][^\n]*)", re.MULTILINE)
"""`ENV NAME several words`, the older form."""

_TAIL = re.compile(r"[ \t]#")


def redact_plain(hider: Hider, text: str) -> str:
    """Variables that are set, in YAML, shell and the like, then names and shapes."""

    def variable(match: re.Match[str]) -> str:
        name = match.group("item") or match.group("name")
        value, tail = _value_and_tail(match.group("rest"))
        if secrets.PLAIN_VALUE.fullmatch(value) and ("$" in value or not secrets.is_secret_name(name)):
            return match.group()
        quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
        return match.group("head") + quote + token(hider, name, value[1:-1] if quote else value) + quote + tail

    def secret(match: re.Match[str]) -> str:
        value, tail = _value_and_tail(match.group("rest"))
        if not secrets.is_secret_name(match.group("name")) or secrets.REFERENCE.fullmatch(value):
            return match.group()
        return match.group("head") + hider.hide(value) + tail

    def exported(match: re.Match[str]) -> str:
        return shell_assignments(hider, match.group(), text, names=not match["given"])

    def of_image(match: re.Match[str]) -> str:
        return match["head"] + token(hider, match["name"], match["value"])

    text = _DOCKER_ENV.sub(of_image, text)
    text = _YAML_VARIABLE.sub(variable, _SHELL_LINE.sub(exported, text))
    return generic(hider, _YAML_SECRET.sub(secret, text))


def _value_and_tail(rest: str) -> tuple[str, str]:
    """A value of YAML, and what follows it: blanks, a comment, a quote that was opened before the name."""
    end = rest.find(rest[0], 1) + 1 if rest[0] in "\"'" else 0
    if not end or rest[end:].lstrip(" \t")[:1] not in ("", "#"):
        comment = _TAIL.search(rest)
        value = rest[: comment.start() if comment else None].rstrip(" \t\r")
        end = len(value) - (len(value) > 1 and value[-1] in "\"'" and value[-1] != value[0])
    return rest[:end], rest[end:]
