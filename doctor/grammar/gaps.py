"""Unit files that are templates: a value that is filled in later is a gap, and the rest can be read as it is.

Jinja ({{ name }}), envsubst (${NAME}), packagers (__NAME__, @NAME@) and blanks left to the reader (<name>).
"""

from __future__ import annotations

import re

from doctor.cause import Cause, Doubt

OPEN, CLOSE = "‹", "›"
"""Around the name of what is filled in. No unit of a machine holds them."""

_JINJA = re.compile(r"\{\{(?!\{)([^\n{}]*)\}\}")
_STATEMENT = re.compile(r"\{%|<%|%>|\{#")
_PLACEHOLDER = re.compile(r"(?<![A-Za-z0-9_])__([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)__(?![A-Za-z0-9_])")
_AT = re.compile(r"(?<![\w@.])@([A-Z_][A-Z0-9_]*)@")
_BLANK = re.compile(r"<((?!hidden:)[A-Za-z][^<>\n=]*)>")
_BLANK_VALUE = re.compile(r"^[ \t]*[A-Z]\w*[ \t]*=[ \t]*<(?!hidden:)[^<>\n]+>", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]{2,})\b")
_PLAIN_VALUE = re.compile(r"^[ \t]*(?!Exec|Environment)[A-Z]\w*[ \t]*=([^\n]*)", re.MULTILINE)
"""Values in which systemd expands no variables."""
_FIXED = re.compile(r"[ \t]*(?!Environment[ \t]*=)[A-Za-z][\w-]*[ \t]*=|[ \t]*Environment[ \t]*=[ \t]*[\"']?\w+=")
"""What stands before a gap in a line that can be read: the key, of a variable its name too."""
_EXEC_START = re.compile(r"[ \t]*ExecStart[ \t]*=[ \t]*([^ \t]*)")
_PROGRAM = re.compile(rf"^([ \t]*Exec\w+[ \t]*=[ \t]*[-@:+!|]*)(?={OPEN})")
"""A program is named in full: what stands for its directory begins with a slash."""
_NO_WORD = re.compile(r"[^\w.\[\]-]+")


def is_gap(value: str, *, whole: bool = False) -> bool:
    """The value, or a part of it, is filled in later; with `whole` all of it by one name."""
    if whole:
        return value.startswith(OPEN) and value.find(CLOSE) == len(value) - 1
    return OPEN in value


def names(text: str) -> tuple[str, ...]:
    """What is filled in later, in the order of the text, each once; not what systemd fills in by itself (%i)."""
    found = (part.partition(CLOSE)[0] for part in text.split(OPEN)[1:])
    return tuple(dict.fromkeys(name for name in found if not name.startswith("%")))


def told(value: str) -> Doubt:
    """Why such a value is unknown: files do not tell what is filled in, nor under which name a unit is started."""
    name = value[value.find(OPEN) + 1 :].partition(CLOSE)[0]
    if name.startswith("%"):
        return Doubt(f"{name} is what the unit is started under, which its file leaves open", Cause.RUN_TIME)
    return Doubt(f"a repository does not tell what the template is given for {name}", Cause.OUTSIDE)


def marked(text: str) -> str | None:
    """A unit file with its gaps marked, line for line; the same text where it has none.

    None where a gap may stand for more than a part of a value: for lines, or for a choice between them.
    """
    text = _without_comments(text)
    if _STATEMENT.search(text):
        return None
    names = {name for value in _PLAIN_VALUE.findall(text) for pair in _VARIABLE.findall(value) for name in pair if name}
    blanks = _BLANK_VALUE.search(text) is not None
    lines = []
    continued = False
    for line in text.split("\n"):
        comment = line.lstrip()[:1] in ("#", ";")
        new = line if comment else _marked_line(line, names, blanks=blanks)
        if new != line and not continued:
            if not _FIXED.match(new) or _any_program(new):
                return None
            new = _PROGRAM.sub(r"\1/", new)
        if not comment:
            continued = new.rstrip("\r").endswith("\\")
        lines.append(new)
    return "\n".join(lines)


def _without_comments(text: str) -> str:
    """Without `{# … #}`, line for line. One that is never closed is text."""
    kept: list[str] = []
    at = 0
    while (start := text.find("{#", at)) >= 0 and (end := text.find("#}", start + 2)) >= 0:
        kept += (text[at:start], "\n" * text.count("\n", start, end))
        at = end + 2
    return "".join((*kept, text[at:]))


def _any_program(line: str) -> bool:
    """The name of the program is left open, and with it what the service is."""
    found = _EXEC_START.match(line)
    return found is not None and OPEN in found[1].rpartition("/")[2]


def _marked_line(line: str, names: set[str], *, blanks: bool) -> str:
    for pattern in (_JINJA, _PLACEHOLDER, _AT, *((_BLANK,) if blanks else ())):
        line = pattern.sub(lambda found: _gap(found.group(1)), line)
    return _VARIABLE.sub(lambda found: _named(found, names), line) if names else line


def _named(found: re.Match[str], names: set[str]) -> str:
    name = found.group(1) or found.group(2)
    return _gap(name) if name in names else found.group()


def gap(name: str) -> str:
    """The mark of what is filled in by this name."""
    return f"{OPEN}{name}{CLOSE}"


def _gap(name: str) -> str:
    return gap(_NO_WORD.sub("_", name).strip("_") or "…")
