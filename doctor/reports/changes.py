"""What was fixed, and what would be: sections of the report for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from doctor.engine.rule import Safety
from doctor.reports.layout import BLANK, Line, diff_lines, line, paragraph
from doctor.reports.model import AppliedFixReport

if TYPE_CHECKING:
    from doctor.fixes.fixer import Planned
    from doctor.fixes.record import RunRecord
    from doctor.fixes.undo import Undone

_MARKS = {
    "applied": ("✓", "ok", ""),
    "rolled-back": ("·", "warning", "taken back, all is as before: "),
    "failed": ("✗", "error", "failed: "),
    "skipped": ("·", "dim", "left alone: "),
}
_WORDS = {"begun": "interrupted", "left": "in part"}
"""How the state of a fix is told, where its own name would not do."""


def fixed_lines(fixes: Sequence[AppliedFixReport], width: int) -> list[Line]:
    """What became of every fix, and how to take it back. Nothing where none was tried."""
    if not fixes:
        return []
    out = [line(("Fixes:", "title"))]
    for fix in fixes:
        mark, style, word = _MARKS[fix.result]
        out.append(line(("   ", ""), (mark, style), (f" {fix.rule} {fix.name}", "title"), (f" · {fix.subject}", "")))
        out += paragraph(f"{fix.title} ({fix.safety.value})", width, 5)
        if fix.detail:
            out += paragraph(f"{word}{fix.detail}", width, 5, style)
    for run in dict.fromkeys(fix.undo for fix in fixes if fix.undo):
        out.append(line(("   To take it back: ", "dim"), (f"flaskdoctor undo {run}", "command")))
    return out


def planned_lines(planned: Sequence[Planned], *, unsafe: bool, more: int) -> list[Line]:
    """Every fix as diff and commands. Lines that are neither begin with `#`. `more`: fixes that need --unsafe-fixes."""
    out: list[Line] = []
    for item in planned:
        finding, fix = item.finding, item.fix
        head = f"# {finding.id} {finding.name} · {finding.subject.name} · {fix.title} ({fix.safety.value})"
        out.append(line((head, "title")))
        if item.objection:
            out.append(line((f"# left alone: {item.objection}", "dim")))
        out += diff_lines(fix.diff)
        out += [line((command, "command")) for command in fix.commands]
        out.append(BLANK)
    count = sum(1 for item in planned if not item.objection)
    which = "--fix --unsafe-fixes" if unsafe else "--fix"
    said = f"# {count} to be made by {which}, each followed by another look; nothing was changed"
    hint = f"; {more} more with --unsafe-fixes" if more else ""
    return [*out, line((said + hint, ""))]


def question_lines(planned: Planned, width: int) -> list[Line]:
    """One fix, before somebody is asked about it."""
    finding, fix = planned.finding, planned.fix
    out = [line((f" {finding.id} {finding.name}", "title"), (f" · {finding.subject.name}", ""))]
    out += paragraph(finding.message, width, 3)
    drops = " Requests may fail while it is made." if fix.safety is Safety.UNSAFE else ""
    out += paragraph(f"Fix ({fix.safety.value}): {fix.title}.{drops}", width, 3)
    out += diff_lines(fix.diff, 5)
    return [*out, *(line(("     ", ""), (command, "command")) for command in fix.commands)]


def undone_lines(done: Undone, width: int) -> list[Line]:
    """What was taken back, what could not be, and what stands."""
    out: list[Line] = []
    for item in done.items:
        fix = item.fix
        mark, style = ("✗", "error") if item.left else ("·", "dim") if fix.lasting else ("✓", "ok")
        out.append(line((mark, style), (f" {fix.rule} {fix.name}", "title"), (f" · {fix.subject} · {fix.title}", "")))
        if fix.lasting:
            out += paragraph("It changed no file; a reload or restart cannot be undone.", width, 2)
        for sentence in item.left:
            out += paragraph(sentence, width, 2, "error")
    for copies in dict.fromkeys(item.copies for item in done.items if item.left):
        out.append(line((f"  What was there before lies in {copies}", "")))
    return [*out, *_standing(done), _outcome(done)]


def _standing(done: Undone) -> list[Line]:
    """What stands still: each fix of the runs that were meant which was not come to, and how many of older ones."""
    own = [(run, fix) for run, fix in done.standing if run in done.meant]
    out = [
        line(("✗", "error"), (f" {fix.rule} {fix.name}", "title"), (f" · {fix.subject} · {fix.title}: it stands", ""))
        for _, fix in own
        if not any(fix is item.fix for item in done.items)
    ]
    out += [
        line(("  To try again: ", ""), (f"flaskdoctor undo {run}", "command"))
        for run in dict.fromkeys(run for run, _ in own)
    ]
    older = len(done.standing) - len(own)
    if older:
        what = "1 fix of an older run stands" if older == 1 else f"{older} fixes of older runs stand"
        out.append(line((f"  {what}: ", ""), ("flaskdoctor undo --list", "command")))
    return out


def _outcome(done: Undone) -> Line:
    runs = ", ".join(dict.fromkeys(item.run for item in done.items))
    left = sum(1 for item in done.items if item.left)
    if left:
        return line((f"{left} of {len(done.items)} could not be taken back whole ({runs})", "error"))
    if not done.whole:
        return line(("not everything is taken back", "error"))
    if not runs:
        return line(("nothing to take back", ""))
    lasting = [item.fix.lasting for item in done.items]
    if all(lasting):
        return line((f"nothing to take back ({runs})", ""))
    return line((f"all {'else ' if any(lasting) else ''}is as before ({runs})", "ok"))


def run_lines(runs: Sequence[RunRecord]) -> list[Line]:
    """A table of runs, the newest first."""
    out: list[Line] = []
    for run in reversed(runs):
        out.append(line((run.run, "title"), (f"  {run.started}", "dim")))
        for fix in run.fixes:
            word = _WORDS.get(fix.state.value, fix.state.value)
            out.append(line((f"   {word:<11}  {fix.rule} {fix.name} · {fix.subject} · {fix.title}", "")))
    return out or [line(("no run is written down", ""))]
