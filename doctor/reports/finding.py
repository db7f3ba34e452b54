"""One finding as people read it: the sentence, the proof, the fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from doctor.engine.rule import Severity
from doctor.reports import words
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


def finding_lines(
    finding: FindingReport, consequences: Sequence[FindingReport], width: int, *, live: bool
) -> list[Line]:
    """The whole block. `consequences`: the findings that follow from this one, named in one line."""
    out = [_head(finding, live), *paragraph(finding.message, width, 3)]
    if finding.severity is Severity.INFO:
        return [*out, _more(finding)]
    if finding.evidence:
        out += [BLANK, *_proof(finding.evidence, width)]
    if consequences:
        follow = f"{len(consequences)} {'follows' if len(consequences) == 1 else 'follow'} from this"
        out += [BLANK, *paragraph(f"{follow}: {', '.join(_counted(consequences))}", width, 3, "dim")]
    for number, fix in enumerate(finding.fixes):
        out += [BLANK, *_fix_lines(fix, "Fix" if number == 0 else "Or", width)]
    return [*out, _more(finding)]


def note_lines(notes: Sequence[FindingReport], width: int) -> list[Line]:
    """Findings that are worth knowing and nothing more, by name: `explain` says the rest."""
    word = "note" if len(notes) == 1 else "notes"
    more = f"flaskdoctor explain {notes[0].rule if len({note.rule for note in notes}) == 1 else 'RULE'}"
    return paragraph(f"{len(notes)} {word}: {', '.join(_counted(notes))} ({more})", width, 3, "dim")


def _counted(findings: Sequence[FindingReport]) -> list[str]:
    """Each rule once, with how often it speaks."""
    rules = Counter(f"{finding.rule} {finding.name}" for finding in findings)
    return [rule if count == 1 else f"{count} × {rule}" for rule, count in rules.items()]


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
    rows: dict[tuple[str, str], None] = dict.fromkeys((clean(_place(item)), _shown(item)) for item in _once(evidence))
    column = 5 + 2 + max((len(place) for place, _ in rows if len(place) <= _LEFT), default=0)
    out: list[Line] = []
    for place, text in rows:
        out += columns(line(("     ", "")), place, text, column, width, "dim")
    return out


def _once(evidence: Sequence[EvidenceReport]) -> list[EvidenceReport]:
    """Without what shows nothing, and what was seen twice: one line of a file that a link leads to, too."""
    seen: set[tuple[str, int | None, str]] = set()
    out: list[EvidenceReport] = []
    for item in evidence:
        if item.value is None and not _placed(item):
            continue  # nothing that anybody could look at
        if item.path and item.line and item.text:
            key = (item.path.rpartition("/")[2], item.line, item.text.strip())
            if key in seen:
                continue
            seen.add(key)
        out.append(item)
    return out


def _placed(item: EvidenceReport) -> bool:
    return bool(item.path or item.command or item.note)


def _place(item: EvidenceReport) -> str:
    if item.path:
        return f"{item.path}:{item.line}" if item.line else item.path
    return item.command or item.note or words.named(item.fact)


def _shown(item: EvidenceReport) -> str:
    """What stands there, or else the value and what it is."""
    if item.text:
        return item.text.replace("\t", " ").strip()
    if item.value is None:
        return words.absent(item.fact)
    if item.value == item.path and words.lead(item.fact):
        return words.named(item.fact)
    return words.told(item.fact, item.value) if _placed(item) else item.value


def _fix_lines(fix: FixReport, word: str, width: int) -> list[Line]:
    """The title wrapped; diff and commands as they are, for they are to be copied."""
    out = paragraph(f"{word} ({fix.safety.value}): {fix.title}", width, 3)
    out += diff_lines(fix.diff or "", 5)
    out += [step for text in fix.steps for step in paragraph(text, width, 5)]
    out += [line(("     ", ""), (command, "command")) for command in fix.commands]
    return out
