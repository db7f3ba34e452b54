"""One YAML document as a tree in which every node knows its line and column.

Built on parser events rather than on PyYAML's constructors: those read `off` as a boolean and `0755` as
493, let the last of two equal keys win, and expand aliases. Here an untyped scalar is a string, and
duplicate keys, anchors, aliases, tags and second documents are errors.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from doctor.errors import UserError
from doctor.frozen import frozen

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 40
"""Lists and mappings in one another: no rule goes deeper than a fifth of it."""

LARGEST = 64 * 1024
"""Bytes of a rule file: six times the longest of the catalogue."""

_BREAK = re.compile(r"\r\n|\r|\n")


class RuleError(UserError):
    """A rule file that cannot be used. `line` and `column` count from 1; `hint` says what to write instead."""

    def __init__(self, path: str, line: int, column: int, message: str, hint: str = "") -> None:
        super().__init__(message, f"{path}:{line}:{column}", hint)
        self.path = path
        self.line = line
        self.column = column
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.path}:{self.line}:{self.column}: {self.message}{hint}"


@frozen
class Source:
    """The file a tree was read from; `lines` without their ends."""

    path: str
    lines: tuple[str, ...]


@frozen
class _Placed:
    source: Source = field(repr=False)
    line: int
    column: int

    def error(self, message: str, hint: str = "") -> RuleError:
        """An error that points at the start of this node."""
        return RuleError(self.source.path, self.line, self.column, message, hint)


@frozen
class Scalar(_Placed):
    """A string. `style` is "" for a plain one, else one of the characters `'`, `"`, `|`, `>`."""

    text: str
    style: str

    def error_at(self, offset: int, message: str, hint: str = "") -> RuleError:
        """An error that points at the character `offset` of the text, wherever folding has put it."""
        for start, end, line, column in self._pieces():
            if start <= offset <= end:
                return RuleError(self.source.path, line, column + offset - start, message, hint)
        return self.error(message, hint)

    def _pieces(self) -> Iterator[tuple[int, int, int, int]]:
        """(first offset, last offset, line, column) of each source line the text was put together from."""
        block = self.style in ("|", ">")
        number = self.line + 1 if block else self.line
        offset, blank, indent = 0, 0, -1
        while number <= len(self.source.lines):
            raw = self.source.lines[number - 1]
            if not block and number == self.line:
                left = self.column - 1 + (1 if self.style else 0)
            else:
                left = len(raw) - len(raw.lstrip(" "))
                if block and indent < 0 and raw.strip():
                    indent = left
                if block:
                    left = max(indent, 0)
            size = len(raw[left:].rstrip() if self.style != "|" else raw[left:])
            if not size and self.style != "|":
                blank += 1
            else:
                if blank:  # blank lines of folded text stand for one line break each, none for the fold itself
                    offset += blank - 1
                    blank = 0
                yield offset, offset + size, number, left + 1
                offset += size + 1
            number += 1
            if offset > len(self.text) + 1:
                return


@frozen
class Sequence(_Placed):
    """A list."""

    items: tuple[Node, ...]


@frozen
class Mapping(_Placed):
    """Keys and values."""

    items: dict[str, tuple[Scalar, Node]]
    """Key text to the key (for its place) and its value, in the order of the file."""


Node: TypeAlias = Scalar | Sequence | Mapping


def text_of(path: Path) -> str:
    """The text of a rule file. Raises `RuleError` where it cannot be read, is too large or no UTF-8."""
    try:
        data = _read(path)
    except OSError as error:
        raise RuleError(str(path), 1, 1, f"cannot be read ({(error.strerror or str(error)).lower()})") from None
    if len(data) > LARGEST:
        raise RuleError(str(path), 1, 1, f"larger than {LARGEST // 1024} KiB", "one rule, one file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise RuleError(str(path), line, column, "not UTF-8", "save the file as UTF-8") from None


def _read(path: Path) -> bytes:
    """At most one byte more than may be; a FIFO is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no regular file")
        return file.read(LARGEST + 1)


def parse(path: str, text: str) -> Node:
    """The one document in `text`; `path` is only for messages. Raises `RuleError`."""
    source = Source(path, tuple(_BREAK.split(text)))
    try:
        return _Builder(source, _LOADER(text).get_event).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = "quote a text that starts with { or [, or has a colon in it"
        raise RuleError(path, line, column, f"not YAML: {error.problem or error.context}", hint) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise RuleError(path, line, column, f"not YAML: {error.reason}") from None


class _Builder:
    """Builds the tree from the events of a parser; `following` gives the next."""

    def __init__(self, source: Source, following: Callable[[], Any]) -> None:
        self._source = source
        self._next = following
        self._depth = 0

    def document(self) -> Node:
        self._next()  # start of the stream
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise RuleError(self._source.path, 1, 1, "the file is empty")
        node = self._node(self._next())
        self._next()  # end of the document
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(event, "a second document", "one rule, one file")
        return node

    def _error(self, event: Any, message: str, hint: str) -> RuleError:
        mark = event.start_mark
        return RuleError(self._source.path, mark.line + 1, mark.column + 1, message, hint)

    def _node(self, event: Any) -> Node:
        if isinstance(event, yaml.AliasEvent):
            raise self._error(event, f"alias *{event.anchor}", "write the value out")
        if event.anchor is not None:
            raise self._error(event, f"anchor &{event.anchor}", "write the value out where it is needed")
        if event.tag is not None and event.tag != "!":
            raise self._error(event, f"tag {event.tag}", "values are typed by the key they belong to")
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(self._source, line, column, event.value, event.style or "")
        if self._depth >= _DEPTH:
            raise self._error(event, "nested too deeply", "a rule is flat")
        self._depth += 1
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                items.append(self._node(event))
            self._depth -= 1
            return Sequence(self._source, line, column, tuple(items))
        mapping: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._node(event)
            if not isinstance(key, Scalar):
                raise key.error("a key must be a word")
            if key.text in mapping:
                first = mapping[key.text][0].line
                raise key.error(f"duplicate key {key.text!r}", f"first on line {first}")
            mapping[key.text] = (key, self._node(self._next()))
        self._depth -= 1
        return Mapping(self._source, line, column, mapping)
