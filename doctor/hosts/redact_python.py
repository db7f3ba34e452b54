"""Secrets in string literals and comments of Python source."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from doctor.hosts import secrets

if TYPE_CHECKING:
    from doctor.hosts.redact import Redactor

# What is not closed goes on to the end of the line, or of the text.
_PYTHON = re.compile(
    r"(?P<comment>#[^\n]*)|(?P<prefix>\b[rbfuRBFU]{1,2})?(?:(?P<long>\"\"\"|''')(?P<text>(?:\\[\s\S]|[^\\])*?)(?:(?P=long)|\Z)"
    r"|(?P<quote>[\"'])(?P<inner>(?:\\[\s\S]|(?!(?P=quote))[^\\\n])*)(?:(?P=quote)|(?=[\n\\])|\Z))"
)
_PYTHON_GIVEN = re.compile(
    r"(?P<name>[\w.]*)[\"']?\]?(?:[ \t]*:[ \t]*[\w.\[\], |\"']+)?"
    r"(?:[ \t]*[:=]\s*[(\[{]?\s*|[\"'][ \t]*,\s*)[rbfuRBFU]{0,2}$"
)
_PYTHON_NEXT = re.compile(r"\s*(?P<comma>,\s*)?[rbfuRBFU]{0,2}$")
"""Between two literals of one value: nothing where they are joined, a comma where they are items of a list."""
_PYTHON_NAME = re.compile(r"(?:[\w)\]]\[|environ\.get\(|getenv\(|env\()$")
"""Before the name of a variable: `os.environ["SECRET_KEY"]`."""

_FIELD = re.compile(r"(\{\{|\}\}|\{[^{}]*\})")


def redact_python(redactor: Redactor, text: str, *, secret: bool = False) -> str:
    """Python source, which keeps its syntax; with `secret` every string of it is hidden."""
    return _PYTHON.sub(_Parts(redactor, text, secret=secret).part, text)


class _Parts:
    """Goes through the comments and string literals of a text, and knows what the one before was given to."""

    def __init__(self, redactor: Redactor, text: str, *, secret: bool) -> None:
        self._redactor = redactor
        self._text = text
        self._secret = secret
        self._end = 0
        """Where the literal before ended."""
        self._hidden = self._listed = False
        """Whether it was hidden, and whether it was an item of a list."""

    def part(self, match: re.Match[str]) -> str:
        """A comment, or a string literal, which is hidden when it is given to a secret name (or all of `text` is)."""
        if match.group("comment"):
            return self._redactor.generic(match.group())
        clean = self._redactor.hide if self._is_secret(match.start()) else self._redactor.literal_text
        self._end = match.end()
        inner: str = match.group("text") or match.group("inner") or ""
        if "f" in (match.group("prefix") or "").lower():
            pieces = _FIELD.split(inner)
            shown = "".join(piece if piece.startswith(("{", "}")) else _same_lines(piece, clean) for piece in pieces)
        else:
            shown = _same_lines(inner, clean)
        first = match.start("text" if match.group("long") else "inner") - match.start()
        return match.group()[:first] + shown + match.group()[first + len(inner) :]

    def _is_secret(self, start: int) -> bool:
        between = _PYTHON_NEXT.fullmatch(self._text, self._end, start) if self._hidden else None
        if between is None or (between["comma"] and not self._listed):
            before = self._text[max(0, start - 160) : start]
            given = _PYTHON_GIVEN.search(before) if _may_be_given(before) else None
            named = not _PYTHON_NAME.search(before) and given and secrets.is_secret_name(given.group("name"))
            self._listed = before.rstrip("rbfuRBFU \t\r\n").endswith(("[", "(", "{"))
            self._hidden = self._secret or bool(named)
        return self._hidden


def _may_be_given(before: str) -> bool:
    """Whether it ends as what _PYTHON_GIVEN finds does, which is soon seen; the search takes its time."""
    end = before.rstrip().rstrip("rbfuRBFU").rstrip()
    if end.endswith(("(", "[", "{")):
        end = end[:-1].rstrip()
    return end.endswith((":", "=", ","))


def _same_lines(text: str, clean: Callable[[str], str]) -> str:
    """What `clean` makes of a text of several lines, with as many lines."""
    shown = clean(text)
    if shown.count("\n") != text.count("\n"):
        shown = clean(text.rstrip("\n")).replace("\n", " ") + "\n" * text.count("\n")
    return shown
