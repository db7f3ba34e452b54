"""Taking secrets out of what is observed, before any fact sees it.

Structure first (assignments of a unit, words of a command line, string literals of Python, directives of nginx),
then names and shapes in whatever text is left. A value is replaced by a token that tells whether two values are
equal and nothing else: a hash under a key that is drawn for each run and never written down. The number of lines
never changes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import replace

from doctor.grammar.outline import Call, Expression, Literal, Outline
from doctor.hosts import secrets
from doctor.hosts.base import TextKind
from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact_nginx import redact_nginx
from doctor.hosts.redact_process import is_stranger, stranger
from doctor.hosts.redact_python import redact_python
from doctor.hosts.redact_unit import ENV_ASSIGNMENT, LONG, WORD, CommandLine, redact_unit, shell_assignments

_YAML_VARIABLE = re.compile(
    r"(?P<head>^[ \t]+(?:-[ \t]+[\"']?(?P<item>[A-Za-z_]\w*)=|[\"']?(?P<name>[A-Z][A-Z0-9_]+)[\"']?:[ \t]+))"
    r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\n]+?)(?=[\"']?(?:[ \t]+#[^\n]*|[ \t]*)$)",
    re.MULTILINE,
)
"""`- NAME=value` and `NAME: value`, as in a compose file."""

_YAML_SECRET = re.compile(
    r"(?P<head>^[ \t]*(?:-[ \t]+)?[\"']?(?P<name>[\w.-]+)[\"']?(?:[ \t]*:[ \t]+|[ \t]+=[ \t]+))"
    r"(?P<value>[^\s\"'|>&*!#{\[$][^\n]*?)(?=[ \t]*(?:[ \t]#[^\n]*)?$)",
    re.MULTILINE,
)
"""`password: several words`, `password = several words`."""

_SHELL_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]|(?=\w+(?:" + "|".join(secrets.SECRET_ENDINGS) + r")=))[^\n]*", re.MULTILINE
)
"""A line of a script that sets variables of the environment, or one with a telling name."""


_KNOWN_LIMIT = 4000
"""Secrets that are looked for in logs."""

_LETTERS = re.compile(r"[A-Za-z0-9]+")


class Redactor:
    """Takes secrets out. One for a whole run, so that equal values have equal tokens wherever they are seen."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key if key is not None else os.urandom(32)
        self._known: dict[str, str] = {}
        """Values of variables, in all the ways they are written, with their tokens: a program that fails may print one
        without its name."""
        self._known_by_word: dict[str, tuple[str, ...]] = {}
        """The same values by their longest word, so that a log is not searched for each of them."""

    def hide(self, value: str) -> str:
        """The token of a value. A token stays what it is."""
        if not value or TOKEN.fullmatch(value):
            return value
        digest = hmac.new(self._key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
        return f"<hidden:{digest[:12]}>"

    def token(self, name: str, value: str) -> str:
        """What may be shown of a variable: the value of a harmless one, "" of an empty one, else a token."""
        if secrets.is_harmless(name):
            return value
        if name in secrets.COMMAND_LINES:
            return self.command_line(value)
        for secret in secrets.unmistakable(name, value):
            self._remember(secret)
        return self.hide(value)

    def _remember(self, secret: str) -> None:
        if secret not in self._known and len(self._known) < _KNOWN_LIMIT:
            token = self.hide(secret)
            data = secret.encode("utf-8", "surrogateescape")
            quoted = "".join(c if c.isalnum() or c in "_.-~" else f"%{ord(c):02X}" for c in data.decode("latin-1"))
            for written in (secret, repr(secret)[1:-1], quoted, b2a_base64(data, newline=False).decode()):
                if written not in self._known:
                    word = max(_LETTERS.findall(written), key=len, default="")
                    self._known_by_word[word] = (*self._known_by_word.get(word, ()), written)
                self._known[written] = token

    def _forgotten(self, text: str) -> str:
        """A text of a log without the values that are known to be secret, and without long random words in quotes."""
        # A value counts where no letter or digit touches it, so that its words are words of the text.
        words = {"", *_LETTERS.findall(text)}
        met = (secret for word in words for secret in self._known_by_word.get(word, ()) if secret in text)
        for secret in sorted(met, key=lambda secret: (-len(secret), secret)):
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", self._known[secret], text)
        return secrets.QUOTED_WORD.sub(self._random, text)

    def _random(self, match: re.Match[str]) -> str:
        return self._value(match) if secrets.RANDOM.fullmatch(match["value"]) else match.group()

    def log(self, text: str) -> str:
        """Lines of a log."""
        if secrets.REFUSED_SIGN in text:
            text = secrets.ENVIRONMENT_REFUSED.sub(
                lambda match: match.group("head") + self.hide(match.group("value")), text
            )
        return self._forgotten(self.generic(text))

    def text(self, kind: TextKind, text: str) -> str:
        """Text of a file or of a command, with its number of lines."""
        if kind is TextKind.KERNEL or not text:
            return text
        clean = _STRUCTURES[kind](self, text)
        if clean.count("\n") != text.count("\n"):  # a fault of a rule must not become a wrong line number
            return "\n" * text.count("\n")
        return clean

    def argv(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words of the command line of a process."""
        state = CommandLine(self)
        clean = tuple(state.word(word) for word in words)
        return stranger(self, clean) if is_stranger(words) else clean

    def command_line(self, text: str) -> str:
        """A command line as it is written in a unit or a variable; quotes, blanks and continuations stay."""
        if len(text) > LONG:
            return "\\\n".join(self.hide(part) for part in text.split("\\\n"))
        state = CommandLine(self, unquoted=text.startswith("{ path="))

        def replace_word(match: re.Match[str]) -> str:
            raw = match.group()
            if raw == "\\":
                return raw
            quote = raw[0] if len(raw) > 1 and raw[0] in "\"'" and raw.find(raw[0], 1) == len(raw) - 1 else ""
            return quote + state.word(raw[1:-1] if quote else raw) + quote

        return WORD.sub(replace_word, text)

    def journal(self, text: str) -> str:
        """`journalctl --output=json`: one object a line, of which MESSAGE is cleaned as a log line."""
        return "\n".join(self._journal_entry(line) for line in text.split("\n"))

    def _journal_entry(self, line: str) -> str:
        try:
            entry = json.loads(line) if line else None
        except ValueError:  # the last line of a truncated output
            entry = None
        if not isinstance(entry, dict):
            return self.text(TextKind.LOG, line)
        message = entry.get("MESSAGE")
        if isinstance(message, list):  # bytes that are not UTF-8 come as numbers
            message = bytes(byte & 255 for byte in message if isinstance(byte, int)).decode("utf-8", "replace")
        if isinstance(message, str):
            entry["MESSAGE"] = self.text(TextKind.LOG, message)
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))

    def outline(self, outline: Outline) -> Outline:
        """The literals of a Python source file, cleaned by the names they are given to."""
        return replace(
            outline,
            assignments=tuple(
                replace(item, value=self._literal(item.name, item.value)) for item in outline.assignments
            ),
            calls=tuple(self._call(call) for call in outline.calls),
        )

    def _call(self, call: Call) -> Call:
        return replace(
            call,
            arguments=tuple(self._literal("", value) for value in call.arguments),
            keywords=tuple((name, self._literal(name, value)) for name, value in call.keywords),
        )

    def _literal(self, name: str, value: Literal | Expression) -> Literal | Expression:
        if isinstance(value, Expression):
            return Expression(redact_python(self, value.text, secret=secrets.is_secret_name(name)))
        return self._pure_literal(name, value)

    def _pure_literal(self, name: str, value: Literal) -> Literal:
        if isinstance(value, tuple):
            return tuple(self._pure_literal(name, item) for item in value)
        if isinstance(value, bool) or value is None:
            return value
        if secrets.is_secret_name(name):
            return self.hide(str(value))
        return self.literal_text(value) if isinstance(value, str) else value

    def literal_text(self, value: str) -> str:
        """The inside of a string literal; `NAME=value` is an entry of Gunicorn's raw_env."""
        assignment = ENV_ASSIGNMENT.fullmatch(value)
        if assignment and assignment.group(1).isupper():
            return f"{assignment.group(1)}={self.token(assignment.group(1), assignment.group(2))}"
        return self.hide(value) if secrets.RANDOM.fullmatch(value) else self.generic(value)

    def generic(self, text: str, *, colon: bool = True) -> str:
        """Names and shapes that look secret in any text. `colon`: `name: value` counts as well as `name=value`."""
        if "PRIVATE KEY-----" in text:
            text = secrets.PRIVATE_KEY.sub(self._block, text)
            text = secrets.KEY_ENDING.sub(self._block, text)
        lowered = text.lower()
        signs = [sign for sign in secrets.SIGNS if sign in lowered]
        if not signs:
            return text
        lines = text.split("\n")
        for number, line in enumerate(lines):
            lowered = line.lower()
            if any(sign in lowered for sign in signs):
                lines[number] = self._generic_line(line, lowered, colon)
        return "\n".join(lines)

    def _generic_line(self, line: str, lowered: str, colon: bool) -> str:
        def has(signs: tuple[str, ...]) -> bool:
            return any(sign in lowered for sign in signs)

        if "@" in line and "://" in line:
            line = secrets.URL_PASSWORD.sub(self._value, line)
            line = secrets.URL_USER.sub(self._value, line)
        if has(secrets.SHAPE_SIGNS):
            line = secrets.KNOWN_SHAPE.sub(self._value, line)
        if has(secrets.HEADER_SIGNS):
            line = secrets.HEADER.sub(self._value, line)
        if has(secrets.SCHEME_SIGNS):
            line = secrets.SCHEME.sub(self._value, line)
        if has(secrets.QUERY_SIGNS):
            line = secrets.QUERY.sub(self._value, line)
        if has(secrets.PROGRAM_SIGNS):
            line = secrets.PROGRAM.sub(self._unless_plain, line)
        if has(secrets.REFUSED_VALUE_SIGNS):
            line = secrets.REFUSED_VALUE.sub(self._unless_plain, line)
        if has(secrets.SECRET_WORDS):
            line = secrets.ASSIGNMENT.sub(lambda match: self._named(match, colon), line)
        return line

    def _value(self, match: re.Match[str]) -> str:
        return match.group("head") + self.quoted(match.group("value"))

    def _unless_plain(self, match: re.Match[str]) -> str:
        return (
            match.group()
            if secrets.PLAIN_VALUE.fullmatch(match["value"])
            else match["head"] + self.hide(match["value"])
        )

    def _block(self, match: re.Match[str]) -> str:
        """A block of a key, several lines long, of which the number stays."""
        groups = match.groupdict()
        value: str = groups["value"]
        return (
            (groups.get("head") or "") + self.hide(value.strip()) + "\n" * value.count("\n") + (groups.get("end") or "")
        )

    def _named(self, match: re.Match[str], colon: bool) -> str:
        name, between, value = match.group("name"), match.group("between"), match.group("value")
        if not secrets.is_secret_name(secrets.whole_name(match)):
            return match.group()
        if not colon and "=" not in between and not between.startswith(("'", '"')):
            return match.group()
        if match.string[match.end() : match.end() + 1] in ("(", "[") and secrets.EXPRESSION.fullmatch(value):
            return match.group()
        return name + between + self.quoted(value)

    def quoted(self, value: str) -> str:
        """A value hidden within its quotes; a reference to a value is not one."""
        quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
        inner = value[1:-1] if quote else value
        if not inner or (secrets.REFERENCE.fullmatch(inner) and not (quote and inner[0] not in "${%")):
            return value
        return quote + self.hide(inner) + quote


def _plain(redactor: Redactor, text: str) -> str:
    def variable(match: re.Match[str]) -> str:
        name, value = match.group("item") or match.group("name"), match.group("value")
        if secrets.PLAIN_VALUE.fullmatch(value) and ("$" in value or not secrets.is_secret_name(name)):
            return match.group()
        quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
        return match.group("head") + quote + redactor.token(name, value[1:-1] if quote else value) + quote

    def secret(match: re.Match[str]) -> str:
        if not secrets.is_secret_name(match.group("name")) or secrets.REFERENCE.fullmatch(match.group("value")):
            return match.group()
        return match.group("head") + redactor.hide(match.group("value"))

    def exported(match: re.Match[str]) -> str:
        return shell_assignments(redactor, match.group(), text)

    text = _YAML_VARIABLE.sub(variable, _SHELL_LINE.sub(exported, text))
    return redactor.generic(_YAML_SECRET.sub(secret, text))


_STRUCTURES: dict[TextKind, Callable[[Redactor, str], str]] = {
    TextKind.PLAIN: _plain,
    TextKind.UNIT: redact_unit,
    TextKind.NGINX: redact_nginx,
    TextKind.PYTHON: redact_python,
    TextKind.LOG: Redactor.log,
}
