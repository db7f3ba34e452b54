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

from doctor.grammar.bounds import Literal
from doctor.grammar.outline import Assignment, Call, Expression, Outline
from doctor.grammar.positions import PATHS_OF_FLASK, Role
from doctor.hosts import secrets
from doctor.hosts.base import TextKind
from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact_nginx import redact_nginx
from doctor.hosts.redact_plain import redact_plain
from doctor.hosts.redact_process import is_stranger, stranger
from doctor.hosts.redact_python import compiles, redact_python, settings_of, shown_literal
from doctor.hosts.redact_unit import ENV_ASSIGNMENT, LONG, WORD, CommandLine, redact_unit

_LINE_LIMIT = 1 << 14
"""Characters of one line in which names and shapes are looked for; what is beyond is hidden as a whole."""

_SOURCE_OF = re.compile(r"[ \t]*File \"[^\"\n]{1,500}\", line \d+")
"""Before the source line of a traceback, which is indented further."""


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
        return self._forgotten(self.generic(self._sources(text)))

    def _sources(self, text: str) -> str:
        """A log with the source lines of its tracebacks cleaned as what they are, and lines of keys hidden."""
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if number and line.startswith("    ") and _SOURCE_OF.match(lines[number - 1]):
                lines[number] = self.source_line(line)
            elif len(line) >= 48 and secrets.LONG_BODY.fullmatch(line.strip()):
                lines[number] = self.hide(line.strip())
        return "\n".join(lines)

    def source_line(self, line: str) -> str:
        """One line of Python, which need not be a whole statement, as a traceback shows it."""
        code = line.strip()
        for whole in (code, f"{code} pass", f"{code}\n pass"):
            clean = redact_python(self, whole)
            if clean.count("\n") == whole.count("\n") and compiles(whole):
                return line[: len(line) - len(line.lstrip())] + clean[: len(clean) - (len(whole) - len(code))]
        return line[: len(line) - len(line.lstrip())] + redact_python(self, code)

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
        words = _short(words, self)
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
        """`journalctl --output=json`: one object a line, of which MESSAGE is cleaned as a log line.

        A program's lines are entries of their own: what a line is may be told by the one before, or, newest first,
        by the one after.
        """
        entries = [_journal_entry(line) for line in text.split("\n")]
        messages = [entry.get("MESSAGE") if isinstance(entry, dict) else None for entry in entries]
        in_key = False
        shown: list[str] = []
        for number, (entry, message) in enumerate(zip(entries, messages, strict=True)):
            if not isinstance(entry, dict):
                shown.append(self.text(TextKind.LOG, entry))
                continue
            if isinstance(message, str):
                marks = bool(secrets.KEY_BEGIN.search(message)) != bool(secrets.KEY_END.search(message))
                beside = messages[max(0, number - 1) : number] + messages[number + 1 : number + 2]
                if in_key and not marks:
                    message = self.hide(message)
                elif message.startswith("    ") and any(isinstance(m, str) and _SOURCE_OF.match(m) for m in beside):
                    message = self.source_line(message) if "\n" not in message else message
                in_key ^= marks
                entry["MESSAGE"] = self.text(TextKind.LOG, message)
            shown.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
        return "\n".join(shown)

    def outline(self, outline: Outline) -> Outline:
        """What an outline may hold of the values in a Python source file, by the places they stand in."""
        shown = settings_of(outline.assignments)
        named = [item.value for item in outline.assignments if secrets.is_secret_name(item.name)]
        known = {value for value in named if isinstance(value, str) and len(value) > 1}

        def role(item: Assignment) -> Role:
            if item.name in shown:
                # An outline puts in what a name holds: `bind = TOKEN`.
                told = isinstance(item.value, str) and any(value in item.value for value in known)
                return Role.SECRET if told else Role.SETTING
            return Role.NAME if item.name == "__all__" else _role_of(item.name)

        return replace(
            outline,
            assignments=tuple(
                replace(item, value=self._value_of(item.value, role(item))) for item in outline.assignments
            ),
            calls=tuple(self._call(call) for call in outline.calls),
            routes=tuple(self.route(path) for path in outline.routes),
        )

    def _call(self, call: Call) -> Call:
        of_flask = PATHS_OF_FLASK if call.function.rpartition(".")[2] == "Flask" else frozenset()
        return replace(
            call,
            arguments=tuple(self._value_of(value, Role.MODULE) for value in call.arguments),
            keywords=tuple(
                (name, self._value_of(value, Role.SETTING if name in of_flask else _role_of(name)))
                for name, value in call.keywords
            ),
        )

    def _value_of(self, value: Literal | Expression, role: Role) -> Literal | Expression:
        if isinstance(value, Expression):
            return Expression(redact_python(self, value.text, role=role))
        return shown_literal(self, value, role)

    def route(self, path: str) -> str:
        """The URL path of a route, which may hold what only the caller of a webhook knows."""
        shown = shown_literal(self, path, Role.ROUTE)
        return shown if isinstance(shown, str) else ""

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
            text = self._key_endings(text)
        lowered = text.lower()
        signs = [sign for sign in secrets.SIGNS if sign in lowered]
        if not signs:
            return text
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if len(line) > _LINE_LIMIT:
                line = self._cut(line)
                lines[number] = line
            lowered = line.lower()
            if any(sign in lowered for sign in signs):
                lines[number] = self._generic_line(line, lowered, colon)
        return "\n".join(lines)

    def _cut(self, line: str) -> str:
        """The beginning of a line, up to the end of a word."""
        start = max(line.rfind(" ", 0, _LINE_LIMIT), 0)
        rest = line[start + 1 :] if start else line
        return line[: start + 1 if start else 0] + (rest if TOKEN.fullmatch(rest) else self.hide(rest))

    def _key_endings(self, text: str) -> str:
        """The lines before the end of a key whose beginning is not seen."""
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if not secrets.KEY_END.match(line):
                continue
            first = number
            while first > 0 and secrets.KEY_LINE.fullmatch(lines[first - 1]):
                first -= 1
            if first < number:
                lines[first:number] = [self.hide("\n".join(lines[first:number])), *[""] * (number - first - 1)]
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


def _journal_entry(line: str) -> dict[str, object] | str:
    """An object with its MESSAGE as text; the line itself where it is none, as the last one of a truncated output."""
    try:
        entry = json.loads(line) if line else None
    except (ValueError, RecursionError):
        return line
    if not isinstance(entry, dict):
        return line
    message = entry.get("MESSAGE")
    if isinstance(message, list):  # bytes that are not UTF-8 come as numbers
        entry["MESSAGE"] = bytes(b & 255 for b in message if isinstance(b, int)).decode("utf-8", "replace")
    return entry


def _short(words: tuple[str, ...], redactor: Redactor) -> tuple[str, ...]:
    """The words of a command line up to a bound, the rest of it as one."""
    left = LONG
    for index, word in enumerate(words):
        left -= len(word) + 1
        if left < 0:
            return (*words[:index], redactor.hide(" ".join(words[index:])))
    return words


def _role_of(name: str) -> Role:
    return Role.SECRET if secrets.is_secret_name(name) else Role.VALUE


_STRUCTURES: dict[TextKind, Callable[[Redactor, str], str]] = {
    TextKind.PLAIN: redact_plain,
    TextKind.UNIT: redact_unit,
    TextKind.NGINX: redact_nginx,
    TextKind.PYTHON: redact_python,
    TextKind.LOG: Redactor.log,
}
