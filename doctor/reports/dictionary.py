"""The dictionary of facts as people read it, and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from doctor.engine.answers import Answers
from doctor.engine.dictionary import Entry, Group, choices, documented, entries_of, groups
from doctor.engine.evaluate import AnyFact
from doctor.engine.template import describe_place, render
from doctor.engine.types import Kind, Type
from doctor.facts.value import Unknown
from doctor.reports.layout import BLANK, Line, columns, line, paragraph

_COLUMN = 34


def overview(width: int) -> list[Line]:
    """Every class of facts, with the paths that lead to one."""
    out = [
        *paragraph(
            "What a rule can ask. flaskdoctor facts NAME shows the facts below a name, such as app.unit.", width, 0
        ),
        BLANK,
    ]
    for group in groups():
        out += columns(
            line(("   ", "")), group.names[0], f"{group.cls.__name__}: {group.about}", _COLUMN, width, "title"
        )
    return out


def explained(entry: Entry, width: int) -> list[Line]:
    """One fact, and those it is made of."""
    out = [line((entry.name, "title"), (f" · {kind_words(entry.type)}", ""))]
    out += paragraph(entry.meaning, width, 3) if entry.meaning else []
    if entry.type.cls is not None and entry.type.kind is Kind.OBJECT:
        out += paragraph(documented(entry.type.cls), width, 3)
    if entry.source:
        out.append(line(("   from ", "dim"), (entry.source, "dim")))
    inner = entries_of(entry)
    return [*out, *([BLANK] if inner else []), *(row for each in inner for row in _row(each, width))]


def _row(entry: Entry, width: int) -> list[Line]:
    name = entry.name.rpartition(".")[2]
    text = " · ".join(part for part in (kind_words(entry.type), entry.meaning) if part)
    return columns(line(("   ", "")), name, text, _COLUMN, width)


def values(answers: Iterable[Answers], width: int) -> list[Line]:
    """The values on a target: for each subject its name, then fact, value and place."""
    out: list[Line] = []
    for answer in answers:
        out += [*([BLANK] if out else []), line((answer.subject, "title"))]
        for seen in answer.facts:
            out += columns(line(("   ", "")), seen.path, said(seen.fact), _COLUMN, width)
            out += [line((" " * 7, ""), (describe_place(place), "dim")) for place in seen.fact.places[:1]]
    return out or [line(("Nothing of the kind is there.", ""))]


def said(fact: AnyFact) -> str:
    """The value of a fact in words; of what has no text of its own, its class."""
    if isinstance(fact, Unknown):
        return f"unknown: {fact.reason}"
    return render(fact)


def kind_words(kind: Type) -> str:
    """What can be done with it: number, list of Address, one of a, b and c."""
    return f"one of {', '.join(choices(kind))}" if kind.kind is Kind.ENUM else str(kind)


def page() -> str:
    """docs/facts.md: every class of facts with a table of its own."""
    return "\n".join([*_PREAMBLE, *(row for group in groups() for row in _section(group))])


def _section(group: Group) -> Iterator[str]:
    yield f"## {group.cls.__name__}"
    yield ""
    yield _cell(documented(group.cls))
    yield ""
    yield f"Asked as {', '.join(f'`{name}`' for name in group.names[:6])}. From `{group.cls.__module__}`."
    yield ""
    yield "| fact | type | meaning |"
    yield "|---|---|---|"
    for entry in group.entries:
        yield f"| `{entry.name.rpartition('.')[2]}` | {_cell(kind_words(entry.type))} | {_cell(entry.meaning)} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


_PREAMBLE = (
    "# Facts",
    "",
    "What a rule can ask, written by `python docs/generate.py` from the fact classes. Every fact has a value with the",
    "place where it can be seen, or it is absent (somebody looked), or unknown with the reason.",
    "`flaskdoctor facts NAME` prints the same, `flaskdoctor facts NAME TARGET` the values on a folder or recording.",
    "",
)
