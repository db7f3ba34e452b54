"""The directives of one nginx file with the spans of their words: what an edit needs to change nothing else.

The grammar is nginx's own (ngx_conf_read_token in src/core/ngx_conf_file.c, 1.22.1), so its surprises are kept: only
space, tab, CR and LF are blank; a quote, a "#" and a "}" within a word are ordinary; "${" does not open a block; a
backslash takes the next character's meaning away, inside quotes and outside. Unlike servers/nginx/parse.py, which
reads on through any fault, this refuses what nginx would refuse: nobody edits what he cannot read.
"""

from __future__ import annotations

import re
from dataclasses import replace

from doctor.frozen import frozen

LUA_BLOCK = "_by_lua_block"
"""What the names of directives end with whose block holds Lua code (lua-nginx-module), to nginx one raw text."""

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<comment>\#[^\n]*)
      | (?P<end>[;{}])
      | (?P<quoted>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')
      | (?P<bare>(?!["'])(?:[^ \t\r\n;{\\$]+|\\.|\$\{*)+)
    )""",
    re.DOTALL | re.VERBOSE,
)
_AFTER_QUOTE = frozenset(" \t\r\n;{)")
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_LUA = re.compile(
    r"""(?:--)?\[(?P<level>=*)\[|--[^\n]*|"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|[{}"']""", re.DOTALL
)


class MalformedError(ValueError):
    """Nginx would not read this file; the message has the line and nginx's words for it."""


@frozen
class Word:
    """One word as nginx understands it; the span in the text has its quotes. Offsets count characters from 0."""

    text: str
    start: int
    stop: int
    quoted: bool


@frozen
class Directive:
    """One directive, or one entry of a `map` and its like.

    Its first word begins at `words[0].start`, in `line` (from 1; only LF ends a line). `head` is the offset after the
    ";" or the "{", `stop` that after the ";" or the "}". `parent` is the number of the block it stands in, in the order
    of the file, and `depth` that of the blocks around it. `comments` are the spans of those before `head`.
    """

    words: tuple[Word, ...]
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


def read_directives(text: str) -> tuple[Directive, ...]:
    """All directives of a file, in the order in which they begin. Raises MalformedError."""
    found: list[Directive] = []
    around: list[int] = []
    words: list[Word] = []
    comments: list[tuple[int, int]] = []
    position, line, counted = 0, 1, 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        kind = str(match.lastgroup)
        start = match.start(kind)
        if kind == "comment":
            if words:
                comments.append((start, position))
        elif kind != "end":
            words.append(_word(text, start, position, quoted=kind == "quoted"))
        elif match["end"] == "}":
            if words or not around:
                raise _malformed(text, start, 'unexpected "}"')
            opened = around.pop()
            found[opened] = replace(found[opened], stop=position)
        elif not words:
            raise _malformed(text, start, f'unexpected "{match["end"]}"')
        else:
            line += text.count("\n", counted, words[0].start)
            head, block, parent = position, match["end"] == "{", around[-1] if around else None
            if block and words[0].text.endswith(LUA_BLOCK):
                position = _lua_end(text, head)
            elif block:
                around.append(len(found))
            depth = found[parent].depth + 1 if parent is not None else 0
            found.append(Directive(tuple(words), line, head, position, block, parent, depth, tuple(comments)))
            counted, words, comments = words[0].start, [], []
    if text[position:].strip(" \t\r\n"):
        raise _malformed(text, position, "a quote that is opened is not closed, or a backslash ends the file")
    if words:
        raise _malformed(text, words[0].start, 'unexpected end of file, expecting ";" or "}"')
    if around:
        raise _malformed(text, found[around[-1]].start, 'unexpected end of file, expecting "}"')
    return tuple(found)


def _word(text: str, start: int, stop: int, *, quoted: bool) -> Word:
    if quoted and text[stop : stop + 1] not in _AFTER_QUOTE:
        raise _malformed(text, stop, f'unexpected "{text[stop : stop + 1]}" after a quote')
    inner = text[start + 1 : stop - 1] if quoted else text[start:stop]
    return Word(_ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), inner), start, stop, quoted)


def _lua_end(text: str, start: int) -> int:
    """The offset after the "}" that closes a block of Lua, as lua-nginx-module finds it.

    Strings, comments and long brackets may hold braces (ngx_http_lua_conf_read_lua_token).
    """
    depth, position = 1, start
    while match := _LUA.search(text, position):
        position = match.end()
        token = match[0]
        if match["level"] is not None:
            closing = f"]{match['level']}]"
            position = text.find(closing, position) + len(closing)
            if position < match.end():
                raise _malformed(text, match.start(), f'the Lua code misses its "{closing}"')
        elif token in ('"', "'"):
            raise _malformed(text, match.start(), "a quote that is opened in the Lua code is not closed")
        elif token in ("{", "}"):
            depth += 1 if token == "{" else -1
            if not depth:
                return position
    raise _malformed(text, start, 'unexpected end of file, expecting the "}" of the Lua code')


def _malformed(text: str, offset: int, what: str) -> MalformedError:
    return MalformedError(f"line {text.count(chr(10), 0, offset) + 1}: {what}")
