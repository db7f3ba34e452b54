"""Rules as people read them: one explained, or the table of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
        line(("How it is told", "title"), (f" (confidence {rule['confidence']})", "")),
    ]
    for number, case in enumerate(cases):
        out += [BLANK] if number else []
        givens = dict.fromkeys(each["given"] for each in (rule, case) if "given" in each)
        out += [row for given in givens for row in _term("when", given, width)]
        out += _term("expected", case["expect"], width)
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


def _term(word: str, text: str, width: int) -> list[Line]:
    return columns(line(("   ", "")), word, text, 13, width, "dim")


def _fix(fix: Mapping[str, Any], width: int) -> list[Line]:
    out = columns(line(("   ", "")), fix["safety"], fix["title"], 13, width, "dim")
    out += [row for step in fix.get("steps", ()) for row in paragraph(step, width, 13)]
    return out + [line((f"{' ' * 13}{command}", "command")) for command in fix.get("commands", ())]


def table(rules: Iterable[Rule]) -> list[Line]:
    """One line a rule: id, name, severity, symptoms, title."""
    rows = [(rule.id, rule.name, rule.severity.value, ", ".join(rule.symptoms), rule.title) for rule in rules]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return [
        line(
            *(
                (cell.ljust(size) + "  ", row[2] if at == 2 else "")
                for at, (cell, size) in enumerate(zip(row, widths, strict=False))
            ),
            (row[4], ""),
        )
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
