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
    r"(?:[ \t]*[:=][ \t]*\(?[ \t]*|[\"'][ \t]*,[ \t]*)[rbfuRBFU]{0,2}$"
)
_PYTHON_NAME = re.compile(r"(?:[\w)\]]\[|environ\.get\(|getenv\(|env\()$")
"""Before the name of a variable: `os.environ["SECRET_KEY"]`."""

_FIELD = re.compile(r"(\{\{|\}\}|\{[^{}]*\})")


def redact_python(redactor: Redactor, text: str, *, secret: bool = False) -> str:
    """Python source, which keeps its syntax; with `secret` every string of it is hidden."""
    return _PYTHON.sub(lambda match: _python_part(redactor, text, match, secret=secret), text)


def _python_part(redactor: Redactor, text: str, match: re.Match[str], *, secret: bool) -> str:
    """A comment, or a string literal, which is hidden when it is given to a secret name (or all of `text` is)."""
    if match.group("comment"):
        return redactor.generic(match.group())
    inner: str = match.group("text") or match.group("inner") or ""
    start = match.start()
    before = text[max(0, start - 160) : start].rpartition("\n")[2]
    given = _PYTHON_GIVEN.search(before)
    clean = redactor.literal_text
    if not _PYTHON_NAME.search(before) and (secret or (given and secrets.is_secret_name(given.group("name")))):
        clean = redactor.hide
    if "f" in (match.group("prefix") or "").lower():
        pieces = _FIELD.split(inner)
        shown = "".join(piece if piece.startswith(("{", "}")) else _same_lines(piece, clean) for piece in pieces)
    else:
        shown = _same_lines(inner, clean)
    first = match.start("text" if match.group("long") else "inner") - start
    return match.group()[:first] + shown + match.group()[first + len(inner) :]


def _same_lines(text: str, clean: Callable[[str], str]) -> str:
    """What `clean` makes of a text of several lines, with as many lines."""
    shown = clean(text)
    if shown.count("\n") != text.count("\n"):
        shown = clean(text.rstrip("\n")).replace("\n", " ") + "\n" * text.count("\n")
    return shown
