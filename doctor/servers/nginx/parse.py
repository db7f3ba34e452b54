"""One file of nginx configuration as a tree of directives, with what is wrong in its syntax.

The tree is built here, because crossplane loses a whole file for one missing brace, and joins lines where a ";" is
missing without a word. What is a directive at all is told by crossplane's table (`grammar.known`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from doctor.facts.broken import Flaw
from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.grammar.nginx import LUA_BLOCK, Kind, Token, tokens
from doctor.servers.nginx.grammar import FLAT, MULTI_LINE, is_known, refuses, takes_block, takes_no_block
from doctor.servers.nginx.model import ConfigError

_NESTING = 100
"""Blocks in one another."""


@frozen
class Source:
    """The lines of one file, for evidence."""

    path: str
    lines: tuple[str, ...]

    def place(self, line: int) -> Place:
        """One line, with its text and indentation: an edit replaces whole lines."""
        text = self.lines[line - 1].rstrip() if 0 < line <= len(self.lines) else ""
        return Place(path=self.path, line=line, text=text)


@frozen
class Directive:
    """One directive; `block` is None for one that ends with ";"."""

    name: str
    args: tuple[str, ...]
    line: int
    source: Source
    block: tuple[Directive, ...] | None = None

    @property
    def place(self) -> Place:
        """The line it begins on."""
        return self.source.place(self.line)


@frozen
class ParsedFile:
    """A file as far as it could be read. `errors` in the order of lines."""

    source: Source
    directives: tuple[Directive, ...]
    errors: tuple[ConfigError, ...]


@dataclass(slots=True)
class _Open:
    """A block that is being read."""

    name: str
    args: tuple[str, ...]
    line: int
    inner: list[Directive]


def parse(path: str, text: str, *, truncated: bool = False) -> ParsedFile:
    """The directives of one file. Syntax errors do not stop it: what can be read of the rest is read.

    A file cut off by the bound on reading (`truncated`) has no error at its end.
    """
    source = Source(path, tuple(text.removesuffix("\n").split("\n")) if text else ())
    builder = _Builder(source)
    if text.startswith("\ufeff"):
        builder.error(1, "the file starts with a byte order mark, which nginx takes for a part of the first directive")
        text = text[1:]
    for token in tokens(text):
        builder.take(token)
    builder.finish(truncated)
    return ParsedFile(source, tuple(builder.root), tuple(builder.errors))


class _Builder:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: list[Directive] = []
        self.errors: list[ConfigError] = []
        self._stack: list[_Open] = []
        self._words: list[Token] = []

    def error(self, line: int, message: str, *, fatal: bool = True, flaw: Flaw = Flaw.UNPARSABLE) -> None:
        self.errors.append(ConfigError(self.source.path, line, message, fatal, flaw))

    def take(self, token: Token) -> None:
        match token.kind:
            case Kind.WORD | Kind.QUOTED | Kind.LUA:
                self._words.append(token)
            case Kind.END:
                self._end_directive(token.line)
            case Kind.OPEN if not (self._words and self._words[0].text.endswith(LUA_BLOCK)):
                self._open_block(token.line)
            case Kind.CLOSE if self._words and self._words[-1].kind is Kind.LUA:
                self._end_directive(token.line)
            case Kind.CLOSE:
                self._close_block(token.line)

    def finish(self, truncated: bool) -> None:
        last = len(self.source.lines)
        if truncated:
            self._words.clear()
            self.error(last, "only the beginning of the file was read", fatal=False, flaw=Flaw.CUT)
        if self._words:
            self.error(last, f'unexpected end of file, expecting ";" after "{self._words[0].text}"')
            self._flush()
        if self._stack and not truncated:
            opened = self._stack[-1]
            self.error(last, f'unexpected end of file, expecting "}}" for "{opened.name}" of line {opened.line}')
        while self._stack:
            self._pop()

    def _current(self) -> list[Directive]:
        return self._stack[-1].inner if self._stack else self.root

    def _add(self, words: list[Token]) -> None:
        args = tuple(w.text for w in words[1:])
        self._current().append(Directive(words[0].text, args, words[0].line, self.source))

    def _end_directive(self, line: int) -> None:
        if not self._words:
            self.error(line, 'unexpected ";"')
            return
        first = self._words[0]
        if takes_block(first.text) and not first.quoted and first.text != "server":
            # `server` is a simple directive inside an upstream.
            self.error(first.line, f'directive "{first.text}" has no opening "{{"')
        self._flush()

    def _flush(self) -> None:
        """Add the collected words as a directive, or as several where a ";" is missing between them."""
        for words in self._split():
            self._add(words)
        self._words = []

    def _split(self, *, before_block: bool = False) -> list[list[Token]]:
        """Directives that run together where a ";" is missing, split before a known name that starts a line.

        What nginx accepts so (`server_name` takes any words) stays as nginx reads it.
        """
        starts = [0]
        for index in range(1, len(self._words)):
            word, first = self._words[index], self._words[starts[-1]]
            if word.line > self._words[index - 1].line and self._is_prose(first) and is_known(word.text):
                self.error(first.line, f'unknown directive "{first.text}": a comment goes on there without "#"')
                starts.append(index)
            elif (
                word.line > self._words[index - 1].line
                and not word.quoted
                and first.text not in MULTI_LINE
                and is_known(first.text)
                and is_known(word.text)
            ):
                refused = refuses(first.text, len(self._words) - starts[-1] - 1) or (
                    before_block and takes_no_block(first.text)
                )
                self.error(
                    first.line,
                    f'directive "{first.text}" is not terminated by ";": '
                    f'nginx reads "{word.text}" of line {word.line} as a part of it',
                    fatal=refused,
                )
                if refused:
                    starts.append(index)
        return [self._words[i:j] for i, j in zip(starts, (*starts[1:], len(self._words)), strict=True)]

    def _is_prose(self, word: Token) -> bool:
        """No directive, but what a comment was broken before, or a remark without "#" behind the end of another."""
        if word.quoted or is_known(word.text) or not word.text.isalpha() or not 0 < word.line <= len(self.source.lines):
            return False
        before, _, _ = self.source.lines[word.line - 1].partition(word.text)
        above = self.source.lines[word.line - 2] if word.line > 1 else ""
        return before.rstrip().endswith(";") or (not before.strip() and re.search(r"[;{}]\s*#", above) is not None)

    def _open_block(self, line: int) -> None:
        if len(self._stack) >= _NESTING:
            self.error(line, f"blocks stand more than {_NESTING} deep in one another", fatal=False)
            self._words = []
            self._stack.append(_Open("", (), line, []))
            return
        if not self._words:
            self.error(line, 'unexpected "{"')
            self._stack.append(_Open("", (), line, []))
            return
        parts = self._split(before_block=True)
        for words in parts[:-1]:
            self._add(words)
        words = parts[-1]
        name = words[0].text
        if len(parts) == 1 and takes_no_block(name):
            self.error(words[0].line, f'directive "{name}" is not terminated by ";"')
        self._close_forgotten(name, words[0].line)
        self._stack.append(_Open(name, tuple(w.text for w in words[1:]), words[0].line, []))
        self._words = []

    def _close_forgotten(self, name: str, line: int) -> None:
        """End blocks whose "}" is missing, where a block begins that cannot stand in them."""
        around = [opened.name for opened in self._stack]
        if name in ("server", "upstream", "map") and "server" in around:
            self.error(line, f'"{name}" directive is not allowed here: a "}}" is missing before it')
            keep = around.index("server")
        elif around and around[-1] in FLAT:
            self.error(line, f'unexpected "{{": the "}}" of "{around[-1]}" is missing before it')
            keep = len(around) - 1
        else:
            return
        while len(self._stack) > keep:
            self._pop()

    def _close_block(self, line: int) -> None:
        if self._words:
            first = self._words[0]
            self.error(
                first.line, f'directive "{first.text}" is not terminated by ";" (unexpected "}}" in line {line})'
            )
            self._flush()
        if not self._stack:
            self.error(line, 'unexpected "}"')
            return
        self._pop()

    def _pop(self) -> None:
        opened = self._stack.pop()
        if not opened.name:
            self._current().extend(opened.inner)
            return
        self._current().append(Directive(opened.name, opened.args, opened.line, self.source, tuple(opened.inner)))
