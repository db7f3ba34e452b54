"""The report for people: where the chain breaks, why, the proof, the fix, and a verdict as the last line."""

from __future__ import annotations

from doctor.engine.rule import Severity
from doctor.hosts.base import TargetKind
from doctor.reports.changes import fixed_lines
from doctor.reports.finding import finding_lines, note_lines
from doctor.reports.groups import Group, folded, grouped
from doctor.reports.layout import BLANK, Line, Span, line
from doctor.reports.model import AppReport, FindingReport, ProbeReport, Report
from doctor.reports.picture import picture
from doctor.reports.verdict import (
    bug_lines,
    coverage_lines,
    nothing_lines,
    offer_lines,
    unknown_lines,
    verdict_line,
)

WIDTH = 100
"""Columns, unless the terminal is narrower."""

_FAULTS: dict[Severity | None, Span] = {Severity.ERROR: ("✗ ", "error"), Severity.WARNING: ("! ", "warning")}
_NOBODY_ANSWERS = frozenset({"502", "no-response"})


def lines(report: Report, width: int = WIDTH) -> list[Line]:
    """The whole report. `width` in columns; commands, paths and diffs may be longer."""
    groups, others = grouped(report)
    out: list[Line] = []
    for group in groups:
        out += [*_group_lines(report, group, width), BLANK]
    for app in others:
        out.append(line(_mark(report, app), *_title(app), *_elsewhere(report, app)))
        out += picture((), _probes(report, app), {}, width)
    if others:
        out.append(BLANK)
    blocks = (
        unknown_lines(report, width),
        coverage_lines(report, width),
        bug_lines(report, width),
        nothing_lines(report, width),
        fixed_lines(report.fixes, width) if report.fixes else [],
        offer_lines(report, width),
    )
    for block in blocks:
        out += [*block, BLANK] if block else []
    return [*out, verdict_line(report, folded(groups))]


def _probes(report: Report, app: AppReport | None) -> list[ProbeReport]:
    return [probe for probe in report.probes if app is not None and probe.app == app.name]


def _mark(report: Report, app: AppReport) -> Span:
    """In front of an app: whether something is wrong with it, or not everything about it could be checked."""
    if app.resting:
        return ("· ", "dim")
    if app.worst in _FAULTS:
        return _FAULTS[app.worst]
    if _down(report):
        return _FAULTS[Severity.ERROR]
    apps = [*(each.app for each in report.unknown), *(each.app for each in report.unexplained)]
    unsure = any(name in (app.name, None) for name in apps)
    return ("? ", "unknown") if unsure else ("✓ ", "ok")


def _down(report: Report) -> FindingReport | None:
    """What keeps every app of the machine from being reached."""
    return next(
        (
            finding
            for finding in report.findings
            if finding.app is None
            and finding.severity is Severity.ERROR
            and finding.subject.kind == "host"
            and _NOBODY_ANSWERS & set(finding.symptoms)
        ),
        None,
    )


def _elsewhere(report: Report, app: AppReport) -> list[Span]:
    """Where the reason stands of a mark that no block of the app explains."""
    if app.resting:
        return []
    if app.worst in _FAULTS:
        told = next((f for f in report.findings if f.app == app.name and f.severity is app.worst), None)
        if told is None:
            return [(" · what was found is not shown", "dim")]
        return [(f" · {told.rule} {told.name} follows from the above", "dim")]
    down = _down(report)
    return [(f" · see {down.rule}", "dim")] if down else []


def _title(app: AppReport) -> list[Span]:
    spans: list[Span] = [(app.name, "title")]
    spans += [(f" · {part}", "") for part in (app.unit, app.url) if part]
    if app.resting:
        spans.append((" · stopped; no boot starts it, and nobody asks it", "dim"))
    return spans


def _group_lines(report: Report, group: Group, width: int) -> list[Line]:
    app = group.app
    faulty = group.worst in _FAULTS
    if app is None:
        mark = [_FAULTS[group.worst]] if faulty else []
        where = " · the whole machine" if report.target.kind is not TargetKind.TREE else ""
        out = [line(*mark, (report.target.name, "title"), (where, ""))]
    else:
        own = _FAULTS.get(group.worst)
        out = [line(own or _mark(report, app), *_title(app), *([] if own else _elsewhere(report, app)))]
    names = {finding.rule: finding.name for finding in group.roots}
    rows = picture(app.path if app and faulty else (), _probes(report, app), names, width)
    if rows:
        out += [BLANK, *rows] if faulty else rows
    notes = [finding for finding in group.roots if _is_note(finding)]
    live = report.target.kind is not TargetKind.TREE
    for finding in group.roots:
        if finding not in notes:
            follow = group.consequences.get(finding.fingerprint, ())
            out += [BLANK, *finding_lines(finding, follow, width, live=live)]
    if notes:
        out += [*([BLANK] if faulty or len(notes) < len(group.roots) else []), *note_lines(notes, width)]
    return out


def _is_note(finding: FindingReport) -> bool:
    """Worth knowing for the next release, and no help when something is broken."""
    return finding.severity is Severity.INFO and tuple(finding.symptoms) == ("verification",)
