"""Secrets in units and command lines: assignments of Environment=, words of Exec*=, arguments of a process."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from doctor.grammar.execline import unescape
from doctor.grammar.unitfile import logical_lines
from doctor.grammar.unitkeys import keys_of
from doctor.hosts import secrets
from doctor.hosts.commands import UNIT_PROPERTIES
from doctor.hosts.hidden import TOKEN

if TYPE_CHECKING:
    from doctor.hosts.redact import Redactor

LONG = 1 << 14
"""Longer values are hidden as a whole: taking words apart costs the square of the length in the worst case."""

ENV_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)")
_SHORT_ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=\S*")
_SHELL_ASSIGNMENT = re.compile(
    r"(?P<head>(?<![\w/.$%{-])(?P<name>[A-Z_][A-Z0-9_]*)=)(?P<value>"
    + secrets.QUOTED
    + r"|(?:<hidden:\w+>|[^\s;&|\"'<>()])+)"
)
WORD = re.compile(r"(?:\"(?:\\[\s\S]|[^\"\\])*\"|'(?:\\[\s\S]|[^'\\])*'|\\[^\n]|[^\s\"'\\]|[\"'])+|\\(?=\n)|\\$")
_AFTER_VALUE = re.compile(r"[-;/{}$]|[\w.]+:[\w.]+")
"""What cannot be the rest of a value: an option, a path, an entry point, the end of the command."""

_OPTION = re.compile(r"(--?[A-Za-z][\w.-]*)(?:=([\s\S]*))?")


class CommandLine:
    """Goes through the words of one command line, knowing what the word before announced.

    `unquoted`: `systemctl show` joins the words by blanks, so that a value with blanks looks like several of them.
    """

    def __init__(self, redactor: Redactor, *, unquoted: bool = False) -> None:
        self._redactor = redactor
        self._unquoted = unquoted
        self._next: Callable[[str], str] | None = None
        self._env = False
        self._in_value = False

    def word(self, word: str) -> str:
        if self._next is not None:
            announced, self._next = self._next, None
            self._in_value = self._unquoted
            return announced(word)
        if self._in_value and not _AFTER_VALUE.match(word):
            return self._redactor.hide(word)
        self._in_value = False
        program = word.removeprefix("argv[]=")
        if program == "env" or program.endswith("/env"):
            self._env = True
            return word
        if option := _OPTION.fullmatch(word):
            return self._option(word, option.group(1), option.group(2))
        if ENV_ASSIGNMENT.fullmatch(word) and (self._env or _SHORT_ASSIGNMENT.fullmatch(word)):
            return self._assignment(word)
        self._env = False
        return self._plain(word)

    def _option(self, word: str, name: str, value: str | None) -> str:
        if name.startswith("-e") and not name.startswith("--") and len(name) > 2 and value is not None:
            return "-e" + self._assignment(word[2:])
        announced: Callable[[str], str]
        if name in ("-e", "--env"):
            announced = self._assignment
        elif secrets.is_secret_name(name.lstrip("-")):
            announced = self._redactor.hide
        elif name in ("-u", "--user"):
            announced = self._credentials
        elif name.startswith("--") and name.endswith(secrets.OPTION_ENDINGS):
            announced = self._unless_plain
        else:
            return word if value is None else f"{name}={self._plain(value)}"
        if value is None:
            self._next = announced
            return word
        self._in_value = self._unquoted
        return f"{name}={announced(value)}"

    def _unless_plain(self, word: str) -> str:
        return word if secrets.PLAIN_VALUE.fullmatch(word) else self._redactor.hide(word)

    def _credentials(self, word: str) -> str:
        user, colon, password = word.partition(":")
        return user + colon + self._redactor.hide(password)

    def _assignment(self, word: str) -> str:
        match = ENV_ASSIGNMENT.fullmatch(word)
        if match is None:
            return self._plain(word)
        name, value = match.groups()
        quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
        value = value[1:-1] if quote else value
        shown = self._redactor.token(name, _one_line(value))
        return word if shown == _one_line(value) else f"{name}={quote}{shown}{quote}{_continuations(value)}"

    def _plain(self, word: str) -> str:
        """Any other word: a script after `sh -c` sets variables too."""
        return self._redactor.generic(shell_assignments(self._redactor, word, word))


def shell_assignments(redactor: Redactor, text: str, script: str, *, names: bool = False) -> str:
    """Hide what variables are set to in shell, unless it is harmless or the `script` needs it to start the app.

    `names`: what has the form of a name is shown too.
    """

    def assign(match: re.Match[str]) -> str:
        name, value = match.group("name"), match.group("value")
        quote = value[0] if value[0] in "\"'" else ""
        value = value.strip(quote) if quote else value
        if secrets.REFERENCE.fullmatch(value) or secrets.is_harmless(name) or (names and value == "$"):
            return match.group()
        if names and secrets.NAME_FORM.fullmatch(value) and not secrets.is_secret_name(name):
            return match.group()
        if not secrets.is_secret_name(name) and (
            secrets.PLAIN_VALUE.fullmatch(value) or f"${name}" in script or f"${{{name}" in script
        ):
            return match.group()
        if name in secrets.COMMAND_LINES:
            return f"{match.group('head')}{quote}{redactor.command_line(value)}{quote}"
        return f"{match.group('head')}{quote}{redactor.hide(_one_line(value))}{quote}{_continuations(value)}"

    return _SHELL_ASSIGNMENT.sub(assign, text)


def _one_line(value: str) -> str:
    """A line that goes on in the next one counts as one, joined by a blank (systemd.syntax(7))."""
    return value.replace("\\\r\n", " ").replace("\\\n", " ")


def _continuations(value: str) -> str:
    """What keeps the number of lines when a value of several lines is replaced."""
    return " \\\n" * value.count("\n") if "\n" in value else ""


_DIRECTIVE = re.compile(r"(?P<head>[ \t]*(?P<name>[A-Za-z]+)[ \t]*=)(?P<value>[\s\S]*)")


_KNOWN = frozenset(UNIT_PROPERTIES).union(*map(keys_of, ("Unit", "Install", "Service", "Socket")))
_OF_OTHER_UNITS = re.compile(r"X-|On[A-Z]|Condition|Assert|(?:Unit|What|Where|Options|Type|Persistent|Name|Version)\Z")
"""Settings of timers and mounts, and what another program keeps in a unit."""
_ANY_ASSIGNMENT = re.compile(
    r"(?P<head>(?<![\w/.$%{(-])(?P<name>[A-Za-z_]\w{0,99})=)(?P<value>" + secrets.QUOTED + r"|[^\s\"'()]+)"
)


def redact_unit(redactor: Redactor, text: str) -> str:
    """A unit file, or what `systemctl show` and `systemctl cat` print."""
    lines = text.split("\n")
    for numbers in logical_lines(lines):
        joined = "\n".join(lines[number] for number in numbers)
        clean = _directive(redactor, joined).split("\n")
        if len(clean) != len(numbers):
            clean = [""] * len(numbers)
        for number, line in zip(numbers, clean, strict=True):
            lines[number] = line
    return redactor.generic("\n".join(lines))


def _directive(redactor: Redactor, line: str) -> str:
    match = _DIRECTIVE.fullmatch(line)
    if match is None:
        return _assignments(redactor, line)
    head, name, value = match.group("head", "name", "value")
    if name == "Environment" and len(value) <= LONG:
        return head + WORD.sub(lambda word: _environment_word(redactor, word.group()), value)
    if name.startswith("Exec"):
        return head + redactor.command_line(value)
    if name in ("Environment", "SetCredential", "SetCredentialEncrypted"):
        return head + "\\\n".join(redactor.hide(part) for part in value.split("\\\n"))
    plain = value.strip()
    if name in _KNOWN or _OF_OTHER_UNITS.match(name) or not plain:
        return head + _assignments(redactor, value)
    # A slip of the pen for one of the above, or a setting of somebody's own.
    if "=" in plain or not (secrets.PLAIN_VALUE.fullmatch(plain) or secrets.NAME_FORM.fullmatch(plain)):
        return head + (_assignments(redactor, value) if "=" in plain else value.replace(plain, redactor.hide(plain)))
    return line


def _assignments(redactor: Redactor, text: str) -> str:
    """Any other text, in which NAME=value is an assignment that got into the wrong line or key."""

    def assign(match: re.Match[str]) -> str:
        value = match["value"].strip("\"'")
        if secrets.PLAIN_VALUE.fullmatch(value) or secrets.NAME_FORM.fullmatch(value):
            return match.group()
        return match["head"] + redactor.token(match["name"], value)

    return _ANY_ASSIGNMENT.sub(assign, text) if "=" in text else text


def _environment_word(redactor: Redactor, raw: str) -> str:
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
        return raw if TOKEN.search(raw) or not secrets.is_secret_name(raw) else redactor.hide(raw)
    name, value = match.groups()
    inner = value[0] if not quote and len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
    value = value[1:-1] if inner else value
    plain = unescape(_one_line(value))
    shown = redactor.token(name, plain)
    if shown == plain:
        return raw
    if name in secrets.COMMAND_LINES:
        shown = redactor.command_line(value)
    return f"{lead}{quote}{name}={inner}{shown}{inner}{quote}{_continuations(value) if shown != value else ''}"
