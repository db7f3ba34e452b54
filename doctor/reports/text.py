"""The report for people: where the chain breaks, why, the proof, the fix, and a verdict as the last line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from doctor.engine.rule import Severity
from doctor.frozen import frozen
from doctor.hosts.base import TargetKind
from doctor.reports.changes import fixed_lines
from doctor.reports.finding import finding_lines
from doctor.reports.layout import BLANK, Line, clean, columns, line
from doctor.reports.model import AppReport, FindingReport, HopReport, HopState, ProbeReport, Report
from doctor.reports.verdict import bug_lines, coverage_lines, nothing_lines, unknown_lines, verdict_line

WIDTH = 100
"""Columns, unless the terminal is narrower."""

_MARKS = {HopState.OK: "✓", HopState.BROKEN: "✗", HopState.AT_RISK: "!", HopState.UNKNOWN: "?"}
_STYLES = {HopState.OK: "ok", HopState.BROKEN: "error", HopState.AT_RISK: "warning", HopState.UNKNOWN: "unknown"}
_NAMES = {"server": "nginx", "master": "gunicorn"}

_JOINED = {"location": ("server", "  location "), "workers": ("master", ", ")}
"""Hops that, when nothing is wrong with them, are told in the row of another."""
_QUIET = frozenset({"unit", "directory", "environment", "code", "static"})
"""Hops that are only worth a row when something is wrong with them."""


@dataclass(slots=True)
class _Group:
    """The findings of one app, or of the whole machine, each root cause with what follows from it."""

    app: AppReport | None
    roots: list[FindingReport] = field(default_factory=list)
    consequences: dict[str, list[FindingReport]] = field(default_factory=dict)


@frozen
class _Row:
    mark: str
    style: str
    name: str
    label: str
    detail: str


def lines(report: Report, width: int = WIDTH) -> list[Line]:
    """The whole report. `width` in columns; commands, paths and diffs may be longer."""
    groups, healthy = _grouped(report)
    out: list[Line] = []
    for group in groups:
        out += [*_group_lines(report, group, width), BLANK]
    for app in healthy:
        out.append(line(_mark(report, app), *_title(app)))
        probes = _probe_rows(probe for probe in report.probes if probe.app == app.name)
        out += _table(probes, width) if probes else []
    if healthy:
        out.append(BLANK)
    reasons = unknown_lines(report, width)
    out += [*reasons, BLANK] if reasons else []
    fixed = fixed_lines(report.fixes, width) if report.fixes else []
    for block in (bug_lines(report, width), coverage_lines(report, width), nothing_lines(report, width), fixed):
        out += [*block, BLANK] if block else []
    return [*out, verdict_line(report, folded=sum(len(c) for g in groups for c in g.consequences.values()))]


def _grouped(report: Report) -> tuple[list[_Group], list[AppReport]]:
    """Groups in the order of their first finding, and the apps that have none.

    A finding stands under the one that it follows from in the end, itself when none of this report explains it. Only an
    earlier finding is a cause: the report is ordered root cause first, and so no circle can close.
    """
    apps = {app.name: app for app in report.apps}
    groups: dict[str, _Group] = {}
    roots: dict[tuple[str, str], tuple[int, FindingReport]] = {}  # by app and name, of the first finding so called
    for number, finding in enumerate(report.findings):
        key = finding.app or ""
        group = groups.setdefault(key, _Group(apps.get(key)))
        causes = [roots[at] for name in finding.explained_by for at in ((key, name), ("", name)) if at in roots]
        _, root = min(causes, key=itemgetter(0), default=(number, finding))
        roots.setdefault((key, finding.name), (number, root))
        if root is finding:
            group.roots.append(finding)
        else:
            # A cause of the whole machine keeps its consequences, whatever app they show in.
            home = groups.setdefault(root.app or "", _Group(apps.get(root.app or "")))
            home.consequences.setdefault(root.fingerprint, []).append(finding)
    shown = [group for group in groups.values() if group.roots]
    return shown, [app for app in report.apps if app.name not in groups]


def _mark(report: Report, app: AppReport) -> tuple[str, str]:
    """In front of an app without a fault: whether everything about it, and about the machine, could be checked."""
    if app.resting:
        return ("· ", "dim")
    apps = [*(each.app for each in report.unknown), *(each.app for each in report.unexplained)]
    unsure = any(name in (app.name, None) for name in apps)
    return ("? ", "unknown") if unsure else ("✓ ", "ok")


def _title(app: AppReport) -> list[tuple[str, str]]:
    spans = [(app.name, "title")]
    spans += [(f" · {part}", "") for part in (app.unit, app.url) if part]
    if app.resting:
        spans.append((" · stopped; no boot starts it, and nobody asks it", "dim"))
    return spans


def _group_lines(report: Report, group: _Group, width: int) -> list[Line]:
    app = group.app
    faulty = any(finding.severity is not Severity.INFO for finding in group.roots)
    probes = [probe for probe in report.probes if app and probe.app == app.name]
    if app is None:
        out = [
            line(
                (report.target.name, "title"),
                (" · the whole machine" if report.target.kind is not TargetKind.TREE else "", ""),
            )
        ]
    else:
        out = [line(*([] if faulty else [_mark(report, app)]), *_title(app))]
    rows = [*(_path_rows(app.path) if app and faulty else []), *_probe_rows(probes)]
    if rows:
        out += [BLANK, *_table(rows, width)]
    live = report.target.kind is not TargetKind.TREE
    for finding in group.roots:
        names = _counted(c.name for c in group.consequences.get(finding.fingerprint, ()))
        out += [BLANK, *finding_lines(finding, names, width, live=live)]
    return out


def _counted(names: Iterable[str]) -> list[str]:
    return [name if count == 1 else f"{count} × {name}" for name, count in Counter(names).items()]


def _table(rows: Sequence[_Row], width: int) -> list[Line]:
    name_width = max(len("gunicorn"), *(len(row.name) for row in rows)) + 3
    labels = [len(clean(row.label)) for row in rows if row.detail]
    column = 5 + name_width + min(max(labels, default=0), max(width - 60, 20)) + 2
    out: list[Line] = []
    for row in rows:
        name_style = "" if row.mark in "✓·" else row.style
        prefix = line(("   ", ""), (row.mark, row.style), (" ", ""), (row.name.ljust(name_width), name_style))
        out += columns(prefix, row.label, row.detail, column, width)
    return out


def _path_rows(path: Sequence[HopReport]) -> list[_Row]:
    rows: list[_Row] = []
    unreached = False
    for hop in _hops(path):
        mark, style = _MARKS[hop.state], _STYLES[hop.state]
        if unreached and hop.state is HopState.OK and hop.hop == "socket":
            mark, style = "·", "dim"
        unreached = unreached or (hop.hop == "upstream" and hop.state is HopState.BROKEN)
        rows.append(_Row(mark, style, _NAMES.get(hop.hop, hop.hop), hop.label, hop.detail))
    return rows


def _hops(path: Sequence[HopReport]) -> list[HopReport]:
    """One row for each hop worth one: a sound location is told beside its server, the workers beside their master."""
    rows: dict[str, HopReport] = {}
    for hop in path:
        host, joint = _JOINED.get(hop.hop, ("", ""))
        if hop.state is HopState.OK and host in rows:
            into = rows[host]
            detail = into.detail or hop.detail
            rows[host] = HopReport(into.hop, f"{into.label}{joint}{hop.label}", into.state, detail)
        elif hop.state is not HopState.OK or hop.hop not in _QUIET:
            rows[hop.hop] = hop
    return list(rows.values())


def _probe_rows(probes: Iterable[ProbeReport]) -> list[_Row]:
    rows: list[_Row] = []
    for probe in probes:
        good = probe.status is not None and probe.status < 500
        answer = f"{probe.status} {probe.detail}" if probe.status is not None else f"no answer: {probe.detail}"
        mark, style = ("✓", "ok") if good else ("✗", "error")
        rows.append(_Row(mark, style, "probe", f"{probe.via}, {probe.target}", answer))
    return rows
