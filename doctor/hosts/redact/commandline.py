"""Secrets in command lines and in the variables that are set there."""

from __future__ import annotations

import re
from collections.abc import Callable

from doctor.hosts.redact import secrets
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.text import generic

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


def token(hider: Hider, name: str, value: str) -> str:
    """What may be shown of a variable: the value of a harmless one, "" of an empty one, else a token."""
    if secrets.is_harmless(name):
        return value
    if name in secrets.COMMAND_LINES:
        return command_line(hider, value)
    for secret in secrets.unmistakable(name, value):
        hider.remember(secret)
    return hider.hide(value)


def command_line(hider: Hider, text: str) -> str:
    """A command line as it is written in a unit or a variable; quotes, blanks and continuations stay."""
    if len(text) > LONG:
        return "\\\n".join(hider.hide(part) for part in text.split("\\\n"))
    state = CommandLine(hider, unquoted=text.startswith("{ path="))

    def replace_word(match: re.Match[str]) -> str:
        raw = match.group()
        if raw == "\\":
            return raw
        quote = raw[0] if len(raw) > 1 and raw[0] in "\"'" and raw.find(raw[0], 1) == len(raw) - 1 else ""
        return quote + state.word(raw[1:-1] if quote else raw) + quote

    return WORD.sub(replace_word, text)


class CommandLine:
    """Goes through the words of one command line, knowing what the word before announced.

    `unquoted`: `systemctl show` joins the words by blanks, so that a value with blanks looks like several of them.
    """

    def __init__(self, hider: Hider, *, unquoted: bool = False) -> None:
        self._hider = hider
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
            return self._hider.hide(word)
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
            announced = self._hider.hide
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
        return word if secrets.PLAIN_VALUE.fullmatch(word) else self._hider.hide(word)

    def _credentials(self, word: str) -> str:
        user, colon, password = word.partition(":")
        return user + colon + self._hider.hide(password)

    def _assignment(self, word: str) -> str:
        match = ENV_ASSIGNMENT.fullmatch(word)
        if match is None:
            return self._plain(word)
        name, value = match.groups()
        quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
        value = value[1:-1] if quote else value
        shown = token(self._hider, name, one_line(value))
        return word if shown == one_line(value) else f"{name}={quote}{shown}{quote}{continuations(value)}"

    def _plain(self, word: str) -> str:
        """Any other word: a script after `sh -c` sets variables too."""
        return generic(self._hider, shell_assignments(self._hider, word, word))


def shell_assignments(hider: Hider, text: str, script: str, *, names: bool = False) -> str:
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
            return f"{match.group('head')}{quote}{command_line(hider, value)}{quote}"
        return f"{match.group('head')}{quote}{hider.hide(one_line(value))}{quote}{continuations(value)}"

    return _SHELL_ASSIGNMENT.sub(assign, text)


def one_line(value: str) -> str:
    """A line that goes on in the next one counts as one, joined by a blank (systemd.syntax(7))."""
    return value.replace("\\\r\n", " ").replace("\\\n", " ")


def continuations(value: str) -> str:
    """What keeps the number of lines when a value of several lines is replaced."""
    return " \\\n" * value.count("\n") if "\n" in value else ""
