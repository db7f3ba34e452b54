"""Names and shapes that look secret in any text, whatever it is."""

from __future__ import annotations

import re

from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact import secrets
from doctor.hosts.redact.hider import Hider

_LINE_LIMIT = 1 << 14
"""Characters of one line in which names and shapes are looked for; what is beyond is hidden as a whole."""


def generic(hider: Hider, text: str, *, colon: bool = True) -> str:
    """Names and shapes that look secret in any text. `colon`: `name: value` counts as well as `name=value`."""
    if "PRIVATE KEY-----" in text:
        text = secrets.PRIVATE_KEY.sub(lambda match: _block(hider, match), text)
        text = _key_endings(hider, text)
    lowered = text.lower()
    signs = [sign for sign in secrets.SIGNS if sign in lowered]
    if not signs:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if len(line) > _LINE_LIMIT:
            line = _cut(hider, line)
            lines[number] = line
        lowered = line.lower()
        if any(sign in lowered for sign in signs):
            lines[number] = _line(hider, line, lowered, colon)
    return "\n".join(lines)


def _cut(hider: Hider, line: str) -> str:
    """The beginning of a line, up to the end of a word."""
    start = max(line.rfind(" ", 0, _LINE_LIMIT), 0)
    rest = line[start + 1 :] if start else line
    return line[: start + 1 if start else 0] + (rest if TOKEN.fullmatch(rest) else hider.hide(rest))


def _key_endings(hider: Hider, text: str) -> str:
    """The lines before the end of a key whose beginning is not seen."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not secrets.KEY_END.match(line):
            continue
        first = number
        while first > 0 and secrets.KEY_LINE.fullmatch(lines[first - 1]):
            first -= 1
        if first < number:
            lines[first:number] = [hider.hide("\n".join(lines[first:number])), *[""] * (number - first - 1)]
    return "\n".join(lines)


def _line(hider: Hider, line: str, lowered: str, colon: bool) -> str:
    def has(signs: tuple[str, ...]) -> bool:
        return any(sign in lowered for sign in signs)

    def value(match: re.Match[str]) -> str:
        return match.group("head") + hider.quoted(match.group("value"))

    def unless_plain(match: re.Match[str]) -> str:
        return (
            match.group()
            if secrets.PLAIN_VALUE.fullmatch(match["value"])
            else match["head"] + hider.hide(match["value"])
        )

    if "@" in line and "://" in line:
        line = secrets.URL_PASSWORD.sub(value, line)
        line = secrets.URL_USER.sub(value, line)
    if has(secrets.SHAPE_SIGNS):
        line = secrets.KNOWN_SHAPE.sub(value, line)
    if has(secrets.HEADER_SIGNS):
        line = secrets.HEADER.sub(value, line)
    if has(secrets.SCHEME_SIGNS):
        line = secrets.SCHEME.sub(value, line)
    if has(secrets.QUERY_SIGNS):
        line = secrets.QUERY.sub(value, line)
    if has(secrets.PROGRAM_SIGNS):
        line = secrets.PROGRAM.sub(unless_plain, line)
    if has(secrets.REFUSED_VALUE_SIGNS):
        line = secrets.REFUSED_VALUE.sub(unless_plain, line)
    if has(secrets.SECRET_WORDS):
        line = secrets.ASSIGNMENT.sub(lambda match: _named(hider, match, colon), line)
    return line


def _block(hider: Hider, match: re.Match[str]) -> str:
    """A block of a key, several lines long, of which the number stays."""
    groups = match.groupdict()
    value: str = groups["value"]
    return (groups.get("head") or "") + hider.hide(value.strip()) + "\n" * value.count("\n") + (groups.get("end") or "")


def _named(hider: Hider, match: re.Match[str], colon: bool) -> str:
    name, between, value = match.group("name"), match.group("between"), match.group("value")
    if not secrets.is_secret_name(secrets.whole_name(match)):
        return match.group()
    if not colon and "=" not in between and not between.startswith(("'", '"')):
        return match.group()
    if match.string[match.end() : match.end() + 1] in ("(", "[") and secrets.EXPRESSION.fullmatch(value):
        return match.group()
    return name + between + hider.quoted(value)
