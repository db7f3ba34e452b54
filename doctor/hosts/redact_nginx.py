"""Secrets in the configuration of nginx."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from doctor.hosts import secrets

if TYPE_CHECKING:
    from doctor.hosts.redact import Redactor

_NGINX_VALUE = r"(?P<value>" + secrets.QUOTED + r"|[^\s;{}\"']+)"
_NGINX_NAMED = re.compile(
    r"(?P<head>\b(?:\w+_set_header|\w+_param|\w+_hide_header|add_header|more_set_\w+|set|secure_link_secret"
    r"|secure_link_md5)[ \t]+"
    r"(?:(?P<name>[\"']?\$?[\w-]+[\"']?)[ \t]+)?)" + _NGINX_VALUE + r"(?=[^;{}\n]{0,500};)"
)
_NGINX_ENV = re.compile(r"(?P<head>(?:^|[;{}])[ \t]*env[ \t]+(?P<name>\w+)=)" + _NGINX_VALUE, re.MULTILINE)
_NGINX_IF = re.compile(
    r"(?P<head>\([ \t]*(?P<name>\$\w+)[ \t]*(?:=|!=|!?~\*?)[ \t]*)(?P<value>" + secrets.QUOTED + r"|[^\s\"')]+)"
)
_NGINX_MAP = re.compile(r"(?P<head>\b(?:map|geo)[ \t]+(?P<name>[^{};]*)\{)(?P<value>[^{}]*)(?=\})")
_NGINX_MAP_LINE = re.compile(
    r"(?P<head>^[ \t]*)(?P<value>" + secrets.QUOTED + r"|[^\s;\"'#]+)(?P<rest>[ \t]+[^\n]*;)", re.MULTILINE
)
_NGINX_REFERENCE = re.compile(r"[\"']?(?:(?:Bearer|Basic|Token)[ \t]+)?(?:\$\{?\w+\}?[ \t;=:,-]*)+[\"']?")
_NGINX_COMMENT = re.compile(r"(?:(?<=[\s;{}])|\A)#[^\n]*")
_NGINX_MAP_WORDS = frozenset({"default", "hostnames", "volatile", "include", "ranges", "delete", "proxy", '""', "''"})


def _nginx_secret(name: str) -> bool:
    clean = name.strip("\"'$").lower()
    return (
        secrets.is_secret_name(clean)
        or clean in ("authorization", "cookie", "set-cookie")
        or clean.endswith(("-key", "_key"))
    )


def redact_nginx(redactor: Redactor, text: str) -> str:
    """A file of nginx: headers it sets, parameters, variables, conditions and maps with secret names."""

    def named(match: re.Match[str]) -> str:
        name, value = match.group("name"), match.group("value")
        secret = match.group("head").lstrip().startswith("secure_link") if name is None else _nginx_secret(name)
        if not secret or _NGINX_REFERENCE.fullmatch(value):
            return match.group()
        return match.group("head") + redactor.quoted(value)

    def variable(match: re.Match[str]) -> str:
        return match.group("head") + redactor.token(match.group("name"), match.group("value"))

    def map_line(match: re.Match[str]) -> str:
        value = match.group("value")
        shown = value if value in _NGINX_MAP_WORDS else redactor.quoted(value)
        return match.group("head") + shown + match.group("rest")

    def block(match: re.Match[str]) -> str:
        if not any(_nginx_secret(word) for word in match.group("name").split()):
            return match.group()
        return match.group("head") + _NGINX_MAP_LINE.sub(map_line, match.group("value"))

    if "#" in text:
        text = _NGINX_COMMENT.sub(lambda match: redactor.generic(match.group()), text)
    text = _NGINX_NAMED.sub(named, text)
    text = _NGINX_ENV.sub(variable, text)
    text = _NGINX_IF.sub(named, text)
    if "map" in text or "geo" in text:
        text = _NGINX_MAP.sub(block, text)
    return redactor.generic(text, colon=False)
