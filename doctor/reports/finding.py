"""One finding as people read it: the sentence, the proof, the fix."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.engine.rule import Severity
from doctor.reports.layout import BLANK, Line, clean, columns, diff_lines, line, paragraph
from doctor.reports.model import EvidenceReport, FindingReport, FixReport

_WORDS = {
    "stale-code": "old code",
    "startup": "does not start",
    "no-response": "no response",
    "client-error": "client errors",
    "static": "static files",
}
_LEFT = 40
"""Columns that the place of a proof may take before its text goes below it."""


def finding_lines(finding: FindingReport, consequences: Sequence[str], width: int, *, live: bool) -> list[Line]:
    """The whole block. `consequences`: names of findings that follow from this one, told in one line."""
    out = [_head(finding, live), *paragraph(finding.message, width, 3)]
    if finding.severity is Severity.INFO:
        return [*out, _more(finding)]
    if finding.evidence:
        out += [BLANK, *_proof(finding.evidence, width)]
    if consequences:
        out += [BLANK, *paragraph(f"explains: {', '.join(consequences)}", width, 3, "dim")]
    for number, fix in enumerate(finding.fixes):
        out += [BLANK, *_fix_lines(fix, "Fix" if number == 0 else "Or", width)]
    return [*out, _more(finding)]


def _head(finding: FindingReport, live: bool) -> Line:
    words = [_WORDS.get(symptom, symptom) for symptom in finding.symptoms]
    # What keeps an app from starting may wait for its next start.
    if finding.severity is Severity.ERROR and live and "startup" not in finding.symptoms:
        words = [f"{word} now" if word.isdigit() else word for word in words]
    tail = f" · {'risk: ' if finding.severity is Severity.WARNING else ''}{', '.join(words)}" if words else ""
    return line(
        (f" {finding.severity.value:<7} ", finding.severity.value),
        (f"{finding.rule} {finding.name}", "title"),
        (tail, ""),
    )


def _more(finding: FindingReport) -> Line:
    return line(("   More: ", "dim"), (f"flaskdoctor explain {finding.rule}", "command"))


def _proof(evidence: Sequence[EvidenceReport], width: int) -> list[Line]:
    """Places on the left, what stands there on the right; a place is shown once."""
    rows: dict[tuple[str, str], None] = dict.fromkeys((clean(_place(item)), _shown(item)) for item in evidence)
    column = 5 + 2 + max((len(place) for place, _ in rows if len(place) <= _LEFT), default=0)
    out: list[Line] = []
    for place, text in rows:
        out += columns(line(("     ", "")), place, text, column, width, "dim")
    return out


def _place(item: EvidenceReport) -> str:
    if item.path:
        return f"{item.path}:{item.line}" if item.line else item.path
    return item.command or item.note or item.fact


def _shown(item: EvidenceReport) -> str:
    """What stands there, or else the value, named by the last part of the fact."""
    if item.text:
        return item.text.replace("\t", " ").strip()
    if item.value is None:
        return f"no {_last(item.fact)}" if item.fact else ""
    return f"{_last(item.fact)} = {item.value}" if item.fact else item.value


def _last(fact: str) -> str:
    return fact.rpartition(".")[2].replace("_", " ")


def _fix_lines(fix: FixReport, word: str, width: int) -> list[Line]:
    """The title wrapped; diff and commands as they are, for they are to be copied."""
    out = paragraph(f"{word} ({fix.safety.value}): {fix.title}", width, 3)
    out += diff_lines(fix.diff or "", 5)
    out += [step for text in fix.steps for step in paragraph(text, width, 5)]
    out += [line(("     ", ""), (command, "command")) for command in fix.commands]
    return out
