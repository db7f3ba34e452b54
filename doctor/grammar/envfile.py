"""systemd's grammar of environment files: the state machine of src/basic/env-file.c, kept state by state.

It differs from a shell and from dotenv: `export` is no keyword, a comment needs a line of its own, nothing is
expanded, and a backslash goes away. Lines that show such a difference are oddities.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from doctor.frozen import frozen


class EnvOddity(str, Enum):
    """A line that systemd reads differently from a shell or dotenv, and so from what its author meant."""

    EXPORT = "export"
    INLINE_COMMENT = "inline-comment"
    INVALID_NAME = "invalid-name"
    NO_EQUALS = "no-equals"
    VARIABLE_REFERENCE = "variable-reference"
    TEXT_AFTER_QUOTE = "text-after-quote"
    UNTERMINATED_QUOTE = "unterminated-quote"
    BYTE_ORDER_MARK = "byte-order-mark"
    SPACE_BEFORE_EQUALS = "space-before-equals"


@frozen
class EnvAssignment:
    """NAME=value at a line (from 1). `value` is a token, or clear for a harmless name. The name is a valid one."""

    name: str
    value: str
    line: int


@frozen
class EnvOddLine:
    """What is odd about the assignment that starts at a line (from 1)."""

    line: int
    kind: EnvOddity
    name: str
    """The variable meant, "" where none can be told."""


@frozen
class EnvFile:
    """One environment file. Later assignments of a name win."""

    assignments: tuple[EnvAssignment, ...]
    oddities: tuple[EnvOddLine, ...]
    truncated: bool = False


_NEWLINE = "\n\r"
_WHITESPACE = " \t\n\r"
_COMMENTS = "#;"
_SHELL_NEED_ESCAPE = '"\\`$'

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPORT = re.compile(r"export[ \t]+(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)[}:]|(?P<plain>[A-Za-z_]\w*)|\(\w+[) ])")
_IN_EVERY_SHELL = frozenset({"HOME", "HOSTNAME", "LOGNAME", "PATH", "PWD", "USER"})
_SWALLOWED = re.compile(r"\n[ \t]*(?:export[ \t]+)?[A-Z_][A-Z0-9_]*=")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SHOWABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,59}|[A-Za-z0-9_]{0,30}[.-][A-Za-z0-9_.-]{1,30}|[0-9][A-Z0-9_]{0,59}")


class _State(Enum):
    """States of `parse_env_file_internal`."""

    PRE_KEY = 0
    KEY = 1
    PRE_VALUE = 2
    VALUE = 3
    VALUE_ESCAPE = 4
    SINGLE_QUOTE_VALUE = 5
    DOUBLE_QUOTE_VALUE = 6
    DOUBLE_QUOTE_VALUE_ESCAPE = 7
    COMMENT = 8
    COMMENT_ESCAPE = 9


_QUOTED = (_State.SINGLE_QUOTE_VALUE, _State.DOUBLE_QUOTE_VALUE, _State.DOUBLE_QUOTE_VALUE_ESCAPE)


def parse_env_file(data: bytes, token: Callable[[str, str], str]) -> EnvFile:
    """Read an environment file as systemd 254 and later do; `token(name, value)` is what is kept of a value.

    Before 254 a comment that ends in a backslash took the next line with it. Lines count from 1 and are those of
    the file; systemd's own messages count a value of several lines as one. Reading ends at a NUL byte.
    """
    parser = _Parser(token)
    for character in data.decode("utf-8", "surrogateescape").partition("\0")[0]:
        parser.feed(character)
    parser.finish()
    return EnvFile(tuple(parser.assignments), tuple(parser.oddities))


class _Parser:
    """The state machine, fed one character at a time."""

    def __init__(self, token: Callable[[str, str], str]) -> None:
        self.assignments: list[EnvAssignment] = []
        self.oddities: list[EnvOddLine] = []
        self._names = set(_IN_EVERY_SHELL)  # what a shell could put in for `$NAME`
        self._token = token
        self._state = _State.PRE_KEY
        self._line = 1
        self._begin()

    def _begin(self) -> None:
        """A new assignment, at the current line."""
        self._start = self._line
        self._key: list[str] = []
        self._value: list[str] = []
        self._solid = 0  # length of the value without white space that would be trailing if it ended here
        self._expandable: list[str] = []  # the value as a shell would search it for `$NAME`
        self._gap_after_quote = False
        self._odd: list[EnvOddity] = []

    def feed(self, c: str) -> None:
        """One character."""
        match self._state:
            case _State.PRE_KEY:
                if c in _COMMENTS:
                    self._state = _State.COMMENT
                elif c not in _WHITESPACE:
                    self._begin()
                    self._key = [c]
                    self._state = _State.KEY
            case _State.KEY:
                if c in _NEWLINE:
                    self._no_equals()
                elif c == "=":
                    self._state = _State.PRE_VALUE
                else:
                    self._key.append(c)
            case _State.PRE_VALUE:
                self._before_value(c)
            case _State.VALUE:
                self._in_value(c)
            case _State.VALUE_ESCAPE:
                self._state = _State.VALUE
                if c not in _NEWLINE:
                    self._append(c)
            case _State.SINGLE_QUOTE_VALUE | _State.DOUBLE_QUOTE_VALUE | _State.DOUBLE_QUOTE_VALUE_ESCAPE:
                self._in_quotes(c)
            case _State.COMMENT:
                if c == "\\":
                    self._state = _State.COMMENT_ESCAPE
                elif c in _NEWLINE:
                    self._state = _State.PRE_KEY
            case _State.COMMENT_ESCAPE:
                self._state = _State.PRE_KEY if c in _NEWLINE else _State.COMMENT
        if c == "\n":
            self._line += 1

    def finish(self) -> None:
        """The end of the file ends a value, even within quotes."""
        if self._state is _State.KEY:
            self._no_equals()
        elif self._state not in (_State.PRE_KEY, _State.COMMENT, _State.COMMENT_ESCAPE):
            if self._state in _QUOTED:
                self._note(EnvOddity.UNTERMINATED_QUOTE)
            self._push()

    def _before_value(self, c: str) -> None:
        """Before a value, and again after each closing quote: white space here is dropped."""
        if c in _NEWLINE:
            self._push()
        elif c in _WHITESPACE:
            self._gap_after_quote = bool(self._value)
        else:
            if self._gap_after_quote:
                self._note(EnvOddity.INLINE_COMMENT if c == "#" else EnvOddity.TEXT_AFTER_QUOTE)
            if c == "'":
                self._state = _State.SINGLE_QUOTE_VALUE
            elif c == '"':
                self._state = _State.DOUBLE_QUOTE_VALUE
            elif c == "\\":
                self._state = _State.VALUE_ESCAPE
            else:
                self._state = _State.VALUE
                self._append(c, expandable=True)

    def _in_value(self, c: str) -> None:
        if c in _NEWLINE:
            self._push()
        elif c == "\\":
            self._state = _State.VALUE_ESCAPE
            self._solid = len(self._value)
        elif c in _WHITESPACE:
            self._value.append(c)
            self._expandable.append(c)
        else:
            if c == "#" and self._value[-1:] and self._value[-1] in _WHITESPACE:
                self._note(EnvOddity.INLINE_COMMENT)
            self._append(c, expandable=True)

    def _in_quotes(self, c: str) -> None:
        if self._state is _State.DOUBLE_QUOTE_VALUE_ESCAPE:
            self._state = _State.DOUBLE_QUOTE_VALUE
            if c in _SHELL_NEED_ESCAPE:
                self._append(c)
            elif c != "\n":
                self._append("\\")
                self._append(c)
        elif c == ("'" if self._state is _State.SINGLE_QUOTE_VALUE else '"'):
            self._state = _State.PRE_VALUE
            self._gap_after_quote = False
        elif c == "\\" and self._state is _State.DOUBLE_QUOTE_VALUE:
            self._state = _State.DOUBLE_QUOTE_VALUE_ESCAPE
        else:
            self._append(c, expandable=self._state is _State.DOUBLE_QUOTE_VALUE)

    def _append(self, c: str, *, expandable: bool = False) -> None:
        self._value.append(c)
        self._solid = len(self._value)
        self._expandable.append(c if expandable else ".")

    def _note(self, oddity: EnvOddity) -> None:
        if oddity not in self._odd:
            self._odd.append(oddity)

    def _no_equals(self) -> None:
        """A line without `=` is dropped without a word."""
        self._state = _State.PRE_KEY
        key = "".join(self._key).strip().removeprefix("\ufeff")
        exported = _EXPORT.fullmatch(key)
        self._report(EnvOddity.NO_EQUALS, exported.group(1) if exported else key)

    def _push(self) -> None:
        """An assignment is complete. Names and values that are none in an environment are dropped (env-util.c)."""
        value = "".join(self._value[: self._solid] if self._state is _State.VALUE else self._value)
        self._state = _State.PRE_KEY
        written = "".join(self._key)
        key = written.rstrip(_WHITESPACE)
        if _NAME.fullmatch(key):
            if key != written:
                self._note(EnvOddity.SPACE_BEFORE_EQUALS)
            if self._refers("".join(self._expandable)):
                self._note(EnvOddity.VARIABLE_REFERENCE)
            if _SWALLOWED.search(value):
                self._note(EnvOddity.UNTERMINATED_QUOTE)
            if not _CONTROL.search(value):
                self.assignments.append(EnvAssignment(key, self._token(key, value), self._start))
                self._names.add(key)
        elif key.startswith("\ufeff"):
            key = key[1:]
            self._note(EnvOddity.BYTE_ORDER_MARK)
        elif exported := _EXPORT.fullmatch(key):
            key = exported.group(1)
            self._note(EnvOddity.EXPORT)
        else:
            self._note(EnvOddity.INVALID_NAME)
        for oddity in self._odd:
            self._report(oddity, key)

    def _refers(self, text: str) -> bool:
        """A shell would put something in: a variable of this file, one that is always there, the output of a command.

        Any other `$` is taken for a part of a password.
        """
        names = [match["braced"] or match["plain"] for match in _REFERENCE.finditer(text)]
        return any(name is None or name in self._names for name in names)

    def _report(self, oddity: EnvOddity, name: str) -> None:
        """A line that went wrong may be the middle of a key or certificate: only what looks like a name is shown."""
        shown = name if name in self._names or _SHOWABLE.fullmatch(name) else ""
        self.oddities.append(EnvOddLine(self._start, oddity, shown))
