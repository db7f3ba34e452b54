"""Messages: text with `{expression}` or `{expression:format}`, checked when the rule is loaded.

What comes from the machine is inserted as literal text, control characters escaped. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from enum import Enum
from functools import cache, lru_cache
from typing import Any

from doctor.engine import expression as ex
from doctor.engine.evaluate import AnyFact, Names, evaluate, look
from doctor.engine.expression import ExpressionError, unknown_word
from doctor.engine.types import NUMBER, STR, Kind, Scope, Type, check, has_text, is_path, renderable
from doctor.facts.value import Absent, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar import durations

_TOKEN = re.compile(r"\{\{|\}\}|[{}]")
_FORMAT = re.compile(r"(.*):\s*([a-z]+)\s*", re.DOTALL)


@frozen
class Field:
    """`expression[:format]`: one value of a message, or one piece of evidence; taken apart when it is first used.

    `offset` says where it begins in the text it was read from.
    """

    source: str
    offset: int = 0

    @property
    def node(self) -> ex.Node:
        """The expression. Raises `ExpressionError` with an offset in `source`."""
        return ex.parse(_split(self.source)[0])

    @property
    def format(self) -> str:
        """How it is written, "" for the usual form of its type."""
        return _split(self.source)[1]


@lru_cache(maxsize=4096)
def _split(source: str) -> tuple[str, str, int]:
    """Expression, format, and where the format begins."""
    found = _FORMAT.fullmatch(source)
    return (found[1], found[2], found.start(2)) if found else (source, "", 0)


@frozen
class Template:
    """Literal text with fields. It is taken apart when it is first used: few rules of many have something to say."""

    text: str

    @property
    def parts(self) -> tuple[str | Field, ...]:
        """Literal pieces and fields in order. Raises `ExpressionError`."""
        return _parts(self.text)

    def render(self, names: Names) -> str:
        """The text; "unknown" and "none" stand for what is not known or not there."""
        return "".join(part if isinstance(part, str) else render_field(part, names) for part in self.parts)

    def complete(self, names: Names, quote: Callable[[str], str] = str) -> str | None:
        """The text for a command or a file, values through `quote`; None when a value is not known or not printable."""
        pieces: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            value = evaluate(part.node, names).value
            items = value if isinstance(value, (tuple, list, frozenset)) else (value,)
            # What would have to be escaped would be another value then.
            if isinstance(value, (Absent, Unknown)) or not all(_raw(item).isprintable() for item in items):
                return None
            pieces.append(quote(render_field(part, names)))
        return "".join(pieces)


def parse_template(text: str, scope: Scope) -> Template:
    """Raises `ExpressionError` with an offset in `text`."""
    template = Template(text)
    for part in template.parts:
        if isinstance(part, Field):
            _check(part, scope)
    return template


@cache
def _parts(text: str) -> tuple[str | Field, ...]:
    parts: list[str | Field] = []
    literal, at = "", 0
    while at < len(text):
        token = _TOKEN.search(text, at)
        if token is None:
            literal += text[at:]
            break
        literal += text[at : token.start()]
        at = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
            continue
        if token[0] == "}":
            raise ExpressionError(token.start(), "a single }", "write }} for a brace")
        end = text.find("}", at)
        if end < 0:
            raise ExpressionError(token.start(), "a { that is not closed", "write {{ for a brace")
        if literal:
            parts.append(literal)
        parts.append(Field(text[at:end], at))
        literal, at = "", end + 1
    return (*parts, literal) if literal else tuple(parts)


def parse_field(text: str, scope: Scope, *, evidence: bool = False) -> Field:
    """`expression[:format]`; evidence must be a path, and may be of any type. Raises `ExpressionError`."""
    field = Field(text)
    _check(field, scope, evidence=evidence)
    return field


def _check(field: Field, scope: Scope, *, evidence: bool = False) -> None:
    try:
        kind = check(field.node, scope)
        if field.format and field.format not in FORMATS:
            raise unknown_word(_split(field.source)[2], "format", field.format, list(FORMATS))
        if evidence and not is_path(field.node):
            raise ExpressionError(field.node.offset, "evidence is a fact", "name the facts, one an entry")
        if field.format:
            FORMATS[field.format].check(field.node, kind)
        elif not evidence and not renderable(kind):
            raise ExpressionError(field.node.offset, f"a {kind} has no text form", "choose one of its attributes")
    except ExpressionError as error:
        raise ExpressionError(field.offset + error.offset, error.message, error.hint) from None


def render_field(field: Field, names: Names) -> str:
    """The text of one field."""
    if field.format == "place":
        return _place_of(look(field.node, names).fact)
    return render(evaluate(field.node, names).value, field.format)


def render(value: Any, form: str = "") -> str:
    """The text of a value, of an Absent or an Unknown."""
    if isinstance(value, Known):
        value = value.value
    if isinstance(value, Unknown):
        return "unknown"
    if isinstance(value, Absent):
        return "none"
    return FORMATS[form].text(value) if form else _usual(value)


@lru_cache(maxsize=1024)
def escape(text: str) -> str:
    """Control and invisible characters as escapes: text of the machine must not move a cursor or hide a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _raw(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _usual(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    if isinstance(value, (tuple, list, set, frozenset, Mapping)):
        return _list(value)  # of a mapping: its names
    if not has_text(type(value)):  # in evidence anything may stand
        return escape(next((str(getattr(value, w)) for w in ("name", "path", "url") if hasattr(value, w)), "present"))
    return escape(_raw(value))


def _list(value: Any) -> str:
    items = [render(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if len(items) < 2:
        return "".join(items) or "none"
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _size(count: float) -> str:
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.1f}".removesuffix(".0") + f" {units[0]}"


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _place_of(fact: AnyFact) -> str:
    return describe_place(fact.places[0]) if fact.places else "unknown"


def describe_place(place: Place) -> str:
    """file:line, the command, or the note."""
    if place.path:
        return escape(f"{place.path}:{place.line}" if place.line else place.path)
    return escape(place.command or place.note)


def _number(node: ex.Node, kind: Type) -> None:
    if kind is not NUMBER:
        raise ExpressionError(node.offset, f"this format needs a number, this is a {kind}")


def _string(node: ex.Node, kind: Type) -> None:
    if kind is not STR:
        raise ExpressionError(node.offset, f"this format needs a string, this is a {kind}")


def _listing(node: ex.Node, kind: Type) -> None:
    if kind.kind is not Kind.LIST or not renderable(kind):
        raise ExpressionError(node.offset, f"this format needs a list of plain values, this is a {kind}")


def _anywhere(node: ex.Node, kind: Type) -> None:
    if not is_path(node):
        raise ExpressionError(node.offset, "only a fact has a place")


@frozen
class Format:
    """How a value may be written, and which types can be."""

    check: Callable[[ex.Node, Type], None]
    text: Callable[[Any], str]


FORMATS = {
    "duration": Format(_number, durations.exact),
    "size": Format(_number, _size),
    "time": Format(_number, _time),
    "mode": Format(_number, lambda mode: f"{int(mode):04o}"),
    "count": Format(_number, lambda count: f"{int(count):,}"),
    "path": Format(_string, _usual),
    "list": Format(_listing, _list),
    "place": Format(_anywhere, _usual),
}
