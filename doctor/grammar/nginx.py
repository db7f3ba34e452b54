"""The words of one nginx file with their spans, and its directives: the reading that facts, fixes and redaction share.

The grammar is nginx's own (ngx_conf_read_token in src/core/ngx_conf_file.c, 1.22.1), so its surprises are kept: only
space, tab, CR and LF are blank; a quote, a "#" and a "}" within a word are ordinary; "${" does not open a block; a
backslash takes the next character's meaning away, inside quotes and outside. `tokens` reads on through any fault;
`read_directives` refuses what nginx would refuse: nobody edits what he cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from doctor.frozen import frozen

LUA_BLOCK = "_by_lua_block"
"""What the names of directives end with whose block holds Lua code (lua-nginx-module), to nginx one raw text."""

_TOKEN = r"""[ \t\r\n]*(?:
        (?P<COMMENT>{comment})
      | (?P<END>;) | (?P<OPEN>\{{) | (?P<CLOSE>\}})
      | (?P<QUOTED>{quoted})
      | (?P<WORD>{bare})
    )"""
_QUOTED = r"""(?:"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')"""
_IN_ONE_LINE = r"""(?:"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*')(?=[ \t\r\n;{)]|\Z)"""
_WORD = r"(?:[^ \t\r\n;{\\$]+|\\.|\$\{*)+"
_WORD_IN_ONE_LINE = r"(?:[^ \t\r\n;{\\$]+|\\[^\n]|\$\{*)+\\?|\\"
_AFTER_QUOTE = frozenset(" \t\r\n;{)")
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_LUA = re.compile(
    r"""(?:--)?\[(?P<level>=*)\[|--[^\n]*|"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|[{}"']""", re.DOTALL
)


class Reading(Enum):
    """How a text is taken for tokens; the value is the pattern of one."""

    EXACT = _TOKEN.format(comment=r"\#[^\n]*", quoted=_QUOTED, bare=r"""(?!["'])""" + _WORD)
    """As nginx does."""
    LOOSE = _TOKEN.format(comment=r"\#+", quoted=_IN_ONE_LINE, bare=_WORD_IN_ONE_LINE)
    """As may be meant, in what nginx would not read and in comments. A quote that is not closed in its line, before a
    blank or an end, is ordinary: one too many does not turn the rest inside out. The "#" that begins a word is a token
    by itself, what follows it is read. Lua code is no token."""


_PATTERNS = {reading: re.compile(reading.value, re.DOTALL | re.VERBOSE) for reading in Reading}


class Kind(Enum):
    """What a token is. LUA is the code between the braces of such a block, BROKEN all from where reading fails."""

    WORD = "word"
    QUOTED = "quoted"
    COMMENT = "comment"
    END = ";"
    OPEN = "{"
    CLOSE = "}"
    LUA = "Lua code"
    BROKEN = "broken"


_KINDS = (Kind.BROKEN, Kind.COMMENT, Kind.END, Kind.OPEN, Kind.CLOSE, Kind.QUOTED, Kind.WORD)
"""By the number of the group of a pattern."""


@frozen
class Token:
    """One token. `start` and `stop` count characters from 0, with a word's quotes; `line` from 1, LF alone ends one.

    `text` is a word as nginx understands it, and anything else as written; of a BROKEN one it says what is wrong.
    """

    kind: Kind
    text: str
    start: int
    stop: int
    line: int

    @property
    def quoted(self) -> bool:
        """It is data, whatever it looks like."""
        return self.kind in (Kind.QUOTED, Kind.LUA)

    @property
    def is_word(self) -> bool:
        """A directive consists of such."""
        return self.kind in (Kind.WORD, Kind.QUOTED)


class MalformedError(ValueError):
    """Nginx would not read this file; the message has the line and nginx's words for it."""


@frozen
class Directive:
    """One directive, or one entry of a `map` and its like.

    Its first word begins at `words[0].start`, in `line` (from 1; only LF ends a line). `head` is the offset after the
    ";" or the "{", `stop` that after the ";" or the "}". `parent` is the number of the block it stands in, in the order
    of the file, and `depth` that of the blocks around it. `comments` are the spans of those before `head`.
    """

    words: tuple[Token, ...]
    line: int
    head: int
    stop: int
    block: bool
    parent: int | None
    depth: int
    comments: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """Its first word."""
        return self.words[0].text

    @property
    def start(self) -> int:
        """The offset of its first character."""
        return self.words[0].start


def tokens(text: str, reading: Reading = Reading.EXACT) -> Iterator[Token]:
    """All tokens of a file, whatever is in it. In the exact reading one that is BROKEN may be the last.

    There a block of Lua is an OPEN, LUA and CLOSE.
    """
    match_token = _PATTERNS[reading].match
    position, line, counted = 0, 1, 0
    name = ""
    while match := match_token(text, position):
        kind = _KINDS[match.lastindex or 0]
        start, position = match.span(match.lastindex or 0)
        line += text.count("\n", counted, start)
        counted = start
        yield Token(kind, _meaning(text, start, position, kind), start, position, line)
        if kind in (Kind.WORD, Kind.QUOTED):
            name = name or text[start:position]
            continue
        if kind is Kind.COMMENT:
            continue
        if kind is Kind.OPEN and reading is Reading.EXACT and name.strip("\"'").endswith(LUA_BLOCK):
            token = _lua(text, position, line)
            position = token.stop
            yield token
        name = ""
    if text[position:].strip(" \t\r\n"):
        what = "a quote that is opened is not closed, or a backslash ends the file"
        yield Token(Kind.BROKEN, what, position, len(text), line + text.count("\n", counted, position))


def _meaning(text: str, start: int, stop: int, kind: Kind) -> str:
    written = text[start + 1 : stop - 1] if kind is Kind.QUOTED else text[start:stop]
    if kind is Kind.COMMENT or "\\" not in written:
        return written
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), written)


def _lua(text: str, start: int, line: int) -> Token:
    """The code before the "}" that closes a block of Lua, as lua-nginx-module finds it.

    Strings, comments and long brackets may hold braces (ngx_http_lua_conf_read_lua_token).
    """

    def broken(offset: int, what: str) -> Token:
        return Token(Kind.BROKEN, what, offset, len(text), line + text.count("\n", start, offset))

    depth, position = 1, start
    while match := _LUA.search(text, position):
        position = match.end()
        token = match[0]
        if match["level"] is not None:
            closing = f"]{match['level']}]"
            position = text.find(closing, position) + len(closing)
            if position < match.end():
                return broken(match.start(), f'the Lua code misses its "{closing}"')
        elif token in ('"', "'"):
            return broken(match.start(), "a quote that is opened in the Lua code is not closed")
        elif token in ("{", "}"):
            depth += 1 if token == "{" else -1
            if not depth:
                return Token(Kind.LUA, text[start : match.start()], start, match.start(), line)
    return broken(start, 'unexpected end of file, expecting the "}" of the Lua code')


def fault_after(token: Token, text: str) -> str:
    """What nginx would say of the character behind a quoted word of the `text`; "" where it takes it."""
    following = text[token.stop : token.stop + 1]
    if token.kind is not Kind.QUOTED or following in _AFTER_QUOTE:
        return ""
    return f'unexpected "{following}" after a quote'


def read_directives(text: str) -> tuple[Directive, ...]:
    """All directives of a file, in the order in which they begin. Raises MalformedError."""
    found: list[Directive] = []
    around: list[int] = []
    words: list[Token] = []
    comments: list[tuple[int, int]] = []
    for token in tokens(text):
        if fault := token.text if token.kind is Kind.BROKEN else fault_after(token, text):
            raise MalformedError(f"line {token.line + token.text.count(chr(10))}: {fault}")
        if token.kind is Kind.COMMENT:
            if words:
                comments.append((token.start, token.stop))
        elif token.is_word:
            words.append(token)
        elif token.kind is Kind.CLOSE:
            if words or not around:
                raise _malformed(token, 'unexpected "}"')
            opened = around.pop()
            found[opened] = replace(found[opened], stop=token.stop)
        elif token.kind is not Kind.LUA:
            if not words:
                raise _malformed(token, f'unexpected "{token.text}"')
            block, parent = token.kind is Kind.OPEN, around[-1] if around else None
            if block:
                around.append(len(found))
            depth = found[parent].depth + 1 if parent is not None else 0
            stop = token.stop
            found.append(Directive(tuple(words), words[0].line, stop, stop, block, parent, depth, tuple(comments)))
            words, comments = [], []
    if words:
        raise _malformed(words[0], 'unexpected end of file, expecting ";" or "}"')
    if around:
        raise _malformed(found[around[-1]].words[0], 'unexpected end of file, expecting "}"')
    return tuple(found)


def _malformed(token: Token, what: str) -> MalformedError:
    return MalformedError(f"line {token.line}: {what}")
