"""Lines of styled spans: laid out once, written with or without colour."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

Span: TypeAlias = tuple[str, str]
"""A text and the name of its style ("" for none)."""
Line: TypeAlias = tuple[Span, ...]

BLANK: Line = ()

# C0 and C1 controls, invisible format characters, bidirectional overrides, lone surrogates: a request path in
# a log line could otherwise move the cursor, recolour the screen or reverse what is read.
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "·": "-", "×": "x", "…": "...", "–": "-", "—": "-", "→": ">", "←": "<-", "’": "'"}
)
_NARROW = 40
"""Columns below which wrapped text is hard to read."""
_SIGNS = "✓✗·×…←"
_CHANGES = {"+": "add", "-": "remove"}
"""Styles of the lines of a diff, by their first character."""


def clean(text: str) -> str:
    r"""`text` with control and invisible characters shown escaped (\x1b, \u202e); tabs stay."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def line(*spans: Span) -> Line:
    """A line of spans, cleaned."""
    return tuple((clean(text), style) for text, style in spans)


def rows(text: str) -> list[str]:
    """The lines of a text. Only a newline ends one: `str.splitlines` breaks at signs that a file may hold, too."""
    return [row.removesuffix("\r") for row in text.removesuffix("\n").split("\n")] if text else []


def diff_lines(diff: str, indent: int = 0) -> list[Line]:
    """A unified diff as it is, for it is to be copied; what comes and what goes are told apart by style."""
    return [line((" " * indent, ""), (row, _CHANGES.get(row[:1], ""))) for row in rows(diff)]


def wrap(text: str, width: int) -> list[str]:
    """`text`, cleaned, in pieces of at most `width` columns; broken at spaces only, so that paths stay whole."""
    pieces: list[str] = []
    current = ""
    for word in map(clean, text.split()):
        if current and len(current) + 1 + len(word) > width:
            pieces.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*pieces, current] if current else pieces


def paragraph(text: str, width: int, indent: int, style: str = "") -> list[Line]:
    """`text` wrapped, each line indented."""
    return [((" " * indent, ""), (piece, style)) for piece in wrap(text, max(width - indent, 24))]


def columns(prefix: Line, left: str, right: str, column: int, width: int, style: str = "") -> list[Line]:
    """`left` whole, `right` beside it from `column` on; wrapped, and below where it would be too narrow beside."""
    start = sum(len(text) for text, _ in prefix)
    left = clean(left)
    if not right:
        return [(*prefix, (left, style))]
    pieces = wrap(right, max(width - column, 1))
    room = width - column >= _NARROW or (len(pieces) == 1 and len(pieces[0]) <= width - column)
    if not room or start + len(left) + 2 > column:
        return [(*prefix, (left, style)), *paragraph(right, width, start + 4)]
    rest: list[Line] = [((" " * column, ""), (piece, "")) for piece in pieces[1:]]
    return [(*prefix, (left, style), (" " * (column - start - len(left)), ""), (pieces[0], "")), *rest]


def plain(lines: Iterable[Line]) -> str:
    """The lines without styles, each ending in a newline, no space at an end."""
    return "".join("".join(text for text, _ in spans).rstrip() + "\n" for spans in lines)


def encodable(lines: Iterable[Line], encoding: str) -> list[Line]:
    """The lines as `encoding` can carry them: our signs get ASCII twins, anything else a backslash escape."""
    lines = list(lines)
    try:
        _SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return [tuple((_ascii(text), style) for text, style in spans) for spans in lines]
    return lines


def _ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
