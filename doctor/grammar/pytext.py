"""String literals and comments in Python source, found in one pass over text that need not compile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from doctor.frozen import frozen

_CODE = re.compile(r"[#\"'(){}\[\]:!]")
_OUTSIDE = re.compile(r"[#\"']")
_LINE_END = re.compile(r"[\r\n]")
_BODY = {
    "'": re.compile(r"[^\\\r\n']*(?:\\(?:\r\n|[\s\S])[^\\\r\n']*)*"),
    '"': re.compile(r"[^\\\r\n\"]*(?:\\(?:\r\n|[\s\S])[^\\\r\n\"]*)*"),
    "'''": re.compile(r"[^\\']*(?:(?:\\[\s\S]|'(?!''))[^\\']*)*"),
    '"""': re.compile(r"[^\\\"]*(?:(?:\\[\s\S]|\"(?!\"\"))[^\\\"]*)*"),
}
_FORMATTED = re.compile(r"[\\{}\r\n'\"]")
_PREFIX_LETTERS = frozenset("rbfuRBFU")
_NESTING = 20
"""f-strings within fields of f-strings that are taken apart; deeper ones are taken for text."""


@frozen
class Piece:
    """A comment, or what one literal holds between its quotes (of an f-string: between its fields).

    `start` and `end` are offsets of the text itself, `literal` that of the literal with its prefix and quotes.
    """

    start: int
    end: int
    literal: int
    comment: bool = False
    several_lines: bool = False
    """Within three quotes a line may end; elsewhere only after a backslash."""


def pieces(text: str, *, fields: bool = True) -> Iterator[Piece]:
    """All of them, in order. A quote that is never closed ends with its line, three quotes with the text.

    `fields`: take f-strings apart. Where the text does not compile, a field that is never closed would swallow it.
    """
    found: list[Piece] = []
    _Scanner(text, found, fields).code(0)
    return iter(found)


class _Scanner:
    def __init__(self, text: str, found: list[Piece], fields: bool) -> None:
        self._text = text
        self._found = found
        self._nested = 0 if fields else _NESTING

    def code(self, at: int) -> None:
        """Everything from an offset on."""
        while (special := _OUTSIDE.search(self._text, at)) is not None:
            at = self._comment(special.start()) if special.group() == "#" else self._literal(special.start())

    def _comment(self, at: int) -> int:
        found = _LINE_END.search(self._text, at)
        end = found.start() if found else len(self._text)
        self._found.append(Piece(at, end, at, comment=True))
        return end

    def _literal(self, at: int) -> int:
        """The literal whose quote is at an offset; where reading goes on."""
        text = self._text
        first = at
        while first > 0 and at - first < 2 and text[first - 1] in _PREFIX_LETTERS:
            first -= 1
        if first > 0 and (text[first - 1].isalnum() or text[first - 1] == "_"):
            first = at
        quote = text[at] * 3 if text.startswith(text[at] * 3, at) else text[at]
        start = at + len(quote)
        if "f" in text[first:at].lower() and self._nested < _NESTING:
            return self._formatted(first, start, quote, raw="r" in text[first:at].lower())
        found = _BODY[quote].match(text, start)
        end = found.end() if found else start
        self._found.append(Piece(start, end, first, several_lines=len(quote) == 3))
        return end + len(quote) if text.startswith(quote, end) else end

    def _formatted(self, first: int, start: int, quote: str, *, raw: bool) -> int:
        text = self._text
        at = begun = start
        while (special := _FORMATTED.search(text, at)) is not None:
            at = special.start()
            character = special.group()
            if character == "\\":
                named = not raw and text.startswith("\\N{", at)
                closing = text.find("}", at, at + 100) if named else -1
                at = closing + 1 if closing > 0 else at + (1 if text.startswith("{", at + 1) else 2)
            elif character in "\r\n" and len(quote) == 1:
                break
            elif character == "{" and not text.startswith("{{", at):
                self._text_of(begun, at, first, quote)
                at = begun = self._field(at + 1, first, quote)
            elif character in "{}":
                at += 2 if text.startswith(character * 2, at) else 1
            elif text.startswith(quote, at):
                self._text_of(begun, at, first, quote)
                return at + len(quote)
            else:
                at += 1
        end = min(at, len(text)) if special is not None else len(text)
        self._text_of(begun, end, first, quote)
        return end

    def _text_of(self, start: int, end: int, first: int, quote: str) -> None:
        if start < end:
            self._found.append(Piece(start, end, first, several_lines=len(quote) == 3))

    def _field(self, at: int, first: int, quote: str) -> int:
        """The expression of a field, with the format after its colon; where the text goes on."""
        text = self._text
        self._nested += 1
        depth = 0
        while (special := _CODE.search(text, at)) is not None:
            at = special.start()
            character = special.group()
            line = _LINE_END.search(text, at) if len(quote) == 1 and character == "#" else None
            if character == "#":
                at = line.start() if line else self._comment(at)
            elif character in "\"'":
                at = self._literal(at)
            elif character in "([{":
                depth += 1
                at += 1
            elif character == "}" and depth <= 0:
                at += 1
                break
            elif character in ")]}":
                depth -= 1
                at += 1
            elif character == ":" and depth == 0:
                at = self._format(at + 1, first, quote)
                break
            else:
                at += 1
        else:
            at = len(text)
        self._nested -= 1
        return at

    def _format(self, at: int, first: int, quote: str) -> int:
        """What follows the colon of a field, fields of its own included."""
        text = self._text
        begun = at
        while (special := _FORMATTED.search(text, at)) is not None:
            at = special.start()
            character = special.group()
            if character == "{" and self._nested < _NESTING:
                self._text_of(begun, at, first, quote)
                at = begun = self._field(at + 1, first, quote)
            elif character == "}":
                self._text_of(begun, at, first, quote)
                return at + 1
            elif character in "\r\n" or text.startswith(quote, at):
                break
            else:
                at += 1
        end = at if special is not None else len(text)
        self._text_of(begun, end, first, quote)
        return end
