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
    r"|secure_link_md5)\s+"
    r"(?:(?P<name>[\"']?\$?[\w-]+[\"']?)\s+)?)" + _NGINX_VALUE + r"(?=[^;{}\n]{0,500};)"
)
_NGINX_UNCLOSED = re.compile(
    r"(?P<head>^[ \t]*(?:\w{1,40}_set_header|\w{1,40}_param|add_header|set)[ \t]+"
    r"(?P<name>[\"']?\$?[\w-]{1,100}[\"']?)[ \t]+)" + _NGINX_VALUE + r"(?=[ \t]*(?:#[^\n]*)?$)",
    re.MULTILINE,
)
"""The same where the semicolon is missing, which nginx refuses."""
_NGINX_ENV = re.compile(r"(?P<head>(?:^|[;{}])[ \t]*env[ \t]+(?P<name>\w+)=)" + _NGINX_VALUE, re.MULTILINE)
_NGINX_IF = re.compile(
    r"(?P<head>\([ \t]*(?P<name>\$\w+)[ \t]*(?:=|!=|!?~\*?)[ \t]*)(?P<value>" + secrets.QUOTED + r"|[^\s\"')]+)"
)
_NGINX_MAP = re.compile(r"(?P<head>\b(?:map|geo)[ \t]+(?P<name>[^{};]*)\{)(?P<value>[^{}]*)(?=\})")
_NGINX_WORD = "(?:" + secrets.QUOTED + r"|[^\s;\"'#]+)"
_NGINX_MAP_ENTRY = re.compile(
    rf"(?P<head>(?:^|;)[ \t]*)(?P<key>{_NGINX_WORD})(?P<blank>\s+)(?P<value>{_NGINX_WORD})(?=\s*;)", re.MULTILINE
)
_NGINX_REFERENCE = re.compile(r"[\"']?(?:(?:Bearer|Basic|Token)[ \t]+)?(?:\$\{?\w+\}?[ \t;=:,-]*)+[\"']?")
_NGINX_COMMENT = re.compile(r"(?:(?<=[\s;{}])|\A)#[^\n]*")
_NGINX_MAP_WORDS = frozenset({"default", "hostnames", "volatile", "include", "ranges", "delete", "proxy", '""', "''"})
_NGINX_MAP_OPTIONS = frozenset({"include", "delete", "proxy"})


_URL = re.compile(r"https?://|unix:|[~^*@(]|\w{2,10}/\d")
_HEADERS = re.compile(
    r"host|x-(?:real-ip|real-port|scheme|proto|port|prefix|script-name|request-\w+|original-[\w-]+|url-scheme|nginx-\w+"
    r"|ssl[\w-]*|client-[\w-]+|forwarded[\w-]*|accel-[\w-]+|sendfile-type|frame-options|requested-with)"
    r"|forwarded|connection|upgrade[\w-]*|accept[\w-]*|content-[\w-]+|user-agent|referer|origin|range|if-[\w-]+|early-data"
    r"|cache-control|pragma|expect|te|trailer|transfer-encoding|via|date|proxy|keep-alive|sec-websocket-[\w-]+"
)
"""Headers of requests that hold no secret, and that rules judge by. What else nginx adds may be a shared secret."""


def _nginx_secret(name: str) -> bool:
    clean = name.strip("\"'$").lower()
    return (
        secrets.is_secret_name(clean)
        or clean in ("authorization", "cookie", "set-cookie")
        or clean.endswith(("-key", "_key", "_pass", "_pw", "_pin", "-pass"))
    )


def _unfamiliar(head: str, name: str, value: str) -> bool:
    """A constant for a header of the deployment's own, sent to the app or asked of the client."""
    clean = name.strip("\"'").lower()
    if clean.startswith("$http_x_"):
        clean = clean[len("$http_") :].replace("_", "-")
        asked = head.rstrip().endswith(("=", "!="))
    else:
        asked = "_set_header" in head
    return asked and not (_HEADERS.fullmatch(clean) or "$" in value or secrets.PLAIN_VALUE.fullmatch(value))


def _constant(head: str, value: str) -> bool:
    """What a variable of nginx is set to, or a parameter given to the app, that is no name, path, number or address."""
    given = head.split(None, 1)[0]
    plain = value.strip("\"'")
    return (given == "set" or given.endswith("_param")) and not (
        "$" in plain or secrets.PLAIN_VALUE.fullmatch(plain) or secrets.NAME_FORM.fullmatch(plain) or _URL.match(plain)
    )


def redact_nginx(redactor: Redactor, text: str) -> str:
    """A file of nginx: headers it sets, parameters, variables, conditions and maps with secret names."""

    def named(match: re.Match[str]) -> str:
        name, value = match.group("name"), match.group("value")
        head = match.group("head")
        secret = (
            head.lstrip().startswith("secure_link")
            if name is None
            else _nginx_secret(name) or _unfamiliar(head, name, value) or _constant(head, value)
        )
        if not secret or _NGINX_REFERENCE.fullmatch(value):
            return match.group()
        return match.group("head") + redactor.quoted(value)

    def variable(match: re.Match[str]) -> str:
        return match.group("head") + redactor.token(match.group("name"), match.group("value"))

    def block(match: re.Match[str]) -> str:
        names = match.group("name").split()
        asked, given = (any(map(_nginx_secret, part)) for part in (names[:1], names[1:]))

        def entry(match: re.Match[str]) -> str:
            key, value = match.group("key", "value")
            if asked and key not in _NGINX_MAP_WORDS:
                key = redactor.quoted(key)
            if given and key not in _NGINX_MAP_OPTIONS and not _NGINX_REFERENCE.fullmatch(value):
                value = redactor.quoted(value)
            return match.group("head") + key + match.group("blank") + value

        if not (asked or given):
            return match.group()
        return match.group("head") + _NGINX_MAP_ENTRY.sub(entry, match.group("value"))

    if "#" in text:
        text = _NGINX_COMMENT.sub(lambda match: redactor.generic(match.group()), text)
    text = _NGINX_UNCLOSED.sub(named, _NGINX_NAMED.sub(named, text))
    text = _NGINX_ENV.sub(variable, text)
    text = _NGINX_IF.sub(named, text)
    if "map" in text or "geo" in text:
        text = _NGINX_MAP.sub(block, text)
    return redactor.generic(text, colon=False)
