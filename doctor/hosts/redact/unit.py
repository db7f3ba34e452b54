"""Secrets in units: assignments of Environment=, words of Exec*=, and whatever got into the wrong line."""

from __future__ import annotations

import re

from doctor.grammar.execline import unescape
from doctor.grammar.unitfile import logical_lines
from doctor.grammar.unitkeys import keys_of
from doctor.hosts.commands import UNIT_PROPERTIES
from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact import secrets
from doctor.hosts.redact.commandline import (
    ENV_ASSIGNMENT,
    LONG,
    WORD,
    command_line,
    continuations,
    one_line,
    token,
)
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.text import generic

_DIRECTIVE = re.compile(r"(?P<head>[ \t]*(?P<name>[A-Za-z]+)[ \t]*=)(?P<value>[\s\S]*)")


_KNOWN = frozenset(UNIT_PROPERTIES).union(*map(keys_of, ("Unit", "Install", "Service", "Socket")))
_OF_OTHER_UNITS = re.compile(r"X-|On[A-Z]|Condition|Assert|(?:Unit|What|Where|Options|Type|Persistent|Name|Version)\Z")
"""Settings of timers and mounts, and what another program keeps in a unit."""
_ANY_ASSIGNMENT = re.compile(
    r"(?P<head>(?<![\w/.$%{(-])(?P<name>[A-Za-z_]\w{0,99})=)(?P<value>" + secrets.QUOTED + r"|[^\s\"'()]+)"
)


def redact_unit(hider: Hider, text: str) -> str:
    """A unit file, or what `systemctl show` and `systemctl cat` print."""
    lines = text.split("\n")
    for numbers in logical_lines(lines):
        joined = "\n".join(lines[number] for number in numbers)
        clean = _directive(hider, joined).split("\n")
        if len(clean) != len(numbers):
            clean = [""] * len(numbers)
        for number, line in zip(numbers, clean, strict=True):
            lines[number] = line
    return generic(hider, "\n".join(lines))


def _directive(hider: Hider, line: str) -> str:
    match = _DIRECTIVE.fullmatch(line)
    if match is None:
        return _assignments(hider, line)
    head, name, value = match.group("head", "name", "value")
    if name == "Environment" and len(value) <= LONG:
        return head + WORD.sub(lambda word: _environment_word(hider, word.group()), value)
    if name.startswith("Exec"):
        return head + command_line(hider, value)
    if name in ("Environment", "SetCredential", "SetCredentialEncrypted"):
        return head + "\\\n".join(hider.hide(part) for part in value.split("\\\n"))
    plain = value.strip()
    if name in _KNOWN or _OF_OTHER_UNITS.match(name) or not plain:
        return head + _assignments(hider, value)
    # A slip of the pen for one of the above, or a setting of somebody's own.
    if "=" in plain or not (secrets.PLAIN_VALUE.fullmatch(plain) or secrets.NAME_FORM.fullmatch(plain)):
        return head + (_assignments(hider, value) if "=" in plain else value.replace(plain, hider.hide(plain)))
    return line


def _assignments(hider: Hider, text: str) -> str:
    """Any other text, in which NAME=value is an assignment that got into the wrong line or key."""

    def assign(match: re.Match[str]) -> str:
        value = match["value"].strip("\"'")
        if secrets.PLAIN_VALUE.fullmatch(value) or secrets.NAME_FORM.fullmatch(value):
            return match.group()
        return match["head"] + token(hider, match["name"], value)

    return _ANY_ASSIGNMENT.sub(assign, text) if "=" in text else text


def _environment_word(hider: Hider, raw: str) -> str:
    """One assignment of Environment=, quoted as a whole, in its value, or not at all (systemd.exec(5))."""
    if raw == "\\":
        return raw
    # `systemctl show` writes $'…' around control characters.
    lead = "$" if raw.startswith("$'") else ""
    body = raw[len(lead) :]
    quote = body[0] if body[0] in "\"'" else ""
    if quote:
        body = body[1:-1] if len(body) > 1 and body.endswith(quote) else body[1:]
    match = ENV_ASSIGNMENT.fullmatch(body)
    if match is None:
        return raw if TOKEN.search(raw) or not secrets.is_secret_name(raw) else hider.hide(raw)
    name, value = match.groups()
    inner = value[0] if not quote and len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
    value = value[1:-1] if inner else value
    plain = unescape(one_line(value))
    shown = token(hider, name, plain)
    if shown == plain:
        return raw
    if name in secrets.COMMAND_LINES:
        shown = command_line(hider, value)
    return f"{lead}{quote}{name}={inner}{shown}{inner}{quote}{continuations(value) if shown != value else ''}"
