"""Rules as people read them: one explained, or the table of all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from doctor.reports import words
from doctor.reports.layout import BLANK, Line, columns, line, paragraph

if TYPE_CHECKING:
    from doctor.engine.rule import Rule


def explained(rule: Mapping[str, Any], width: int) -> list[Line]:
    """Everything its file says about a rule; `rule` is the file as plain strings, lists and mappings."""
    cases: Sequence[Mapping[str, Any]] = rule.get("cases") or (rule,)
    told = {case.get("severity") or rule.get("severity") for case in cases}
    severity = " or ".join(word for word in ("error", "warning", "info") if word in told)
    out = [
        line((f"{rule['id']} {rule['name']}", "title"), (f" · {severity} · {', '.join(rule['symptoms'])}", "")),
        *paragraph(rule["title"], width, 0),
        BLANK,
        *_prose(rule["why"], width),
        BLANK,
        line(("What it says", "title"), (f" (confidence {rule['confidence']})", "")),
    ]
    for case in cases:
        word = case.get("severity") or rule["severity"]
        message = case.get("message") or rule.get("message", "")
        out += columns(line(("   ", "")), word, _spoken(message), 13, width, word)
    fixes = [fix for each in (rule, *rule.get("cases", ())) for fix in each.get("fix", ())]
    if fixes:
        out += [BLANK, line(("Cure", "title"))]
        out += [row for fix in fixes for row in _fix(fix, width)]
    out += [BLANK, line(("Sources", "title"))]
    for source in rule["sources"]:
        out += [*paragraph(source["title"], width, 3), line((f"     {source['url']}", "command"))]
    return out


def _prose(text: str, width: int) -> list[Line]:
    """Paragraphs, a blank line between two."""
    out: list[Line] = []
    for part in text.strip().split("\n\n"):
        out += [*([BLANK] if out else []), *paragraph(part, width, 0)]
    return out


def _fix(fix: Mapping[str, Any], width: int) -> list[Line]:
    out = columns(line(("   ", "")), fix["safety"], _spoken(fix["title"]), 13, width, "dim")
    out += [row for step in fix.get("steps", ()) for row in paragraph(_spoken(step), width, 13)]
    return out + [line((f"{' ' * 13}{_spoken(command)}", "command")) for command in fix.get("commands", ())]


_GAP = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_PATH = re.compile(r"[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*")


def _spoken(template: str) -> str:
    """A template of a rule with what it is filled with in words: {app.name} is ‹app›."""
    return _GAP.sub(_filled, template)


def _filled(gap: re.Match[str]) -> str:
    field: str | None = gap[1]
    whole: str = gap[0]
    return whole[0] if field is None else f"‹{_word(field)}›"


def _word(field: str) -> str:
    expression, _, form = field.partition(":")
    paths = [path for path in _PATH.findall(expression) if "." in path] or _PATH.findall(expression) or ["value"]
    fact: str = paths[0]
    subject, _, last = fact.rpartition(".")
    if last == "name" and subject:
        return subject.rpartition(".")[2]
    named = words.named(fact)
    return f"file and line of {named}" if form == "place" else named


def table(rules: Iterable[Rule], width: int) -> list[Line]:
    """A rule in a line: id, name, severity, symptoms, title; what comes last is left out where there is no room."""
    rows = [(rule.id, rule.name, rule.severity.value, ", ".join(rule.symptoms), rule.title) for rule in rules]
    sizes = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    shown = 5
    while shown > 3 and sum(sizes[:shown]) + 2 * (shown - 1) > width:
        shown -= 1
    return [
        line(*((cell.ljust(sizes[at] + 2), row[2] if at == 2 else "") for at, cell in enumerate(row[:shown])))
        for row in rows
    ]


def listing(rules: Iterable[Rule]) -> list[dict[str, object]]:
    """The table as JSON has it."""
    return [
        {
            "id": rule.id,
            "name": rule.name,
            "layer": rule.layer,
            "severity": rule.severity,
            "confidence": rule.confidence,
            "symptoms": rule.symptoms,
            "subject": rule.subject,
            "hop": rule.hop,
            "title": rule.title,
        }
        for rule in rules
    ]
