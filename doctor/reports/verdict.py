"""What could not be checked and why, and the last line of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from doctor.hosts.base import TargetKind
from doctor.reports.layout import Line, line, paragraph
from doctor.reports.model import Report, Verdict

SUDO = "(run with sudo)"
"""How a reason says that root would have seen more."""
_REASONS = 6


def unknown_lines(report: Report, width: int) -> list[Line]:
    """The reasons why checks could not be made, the most frequent first; a check counts under its first reason."""
    if not report.unknown:
        return []
    reasons = Counter(
        item.reason.partition("; ")[0].removesuffix(SUDO).rstrip() for item in report.unknown
    ).most_common()
    digits = len(str(reasons[0][1]))
    out = [line(("Could not be checked:", "title"))]
    for reason, count in reasons[:_REASONS]:
        first, *rest = paragraph(reason, width, 3 + digits + 3)
        out += [line((f"   {count:>{digits}} × ", "unknown"), first[1]), *rest]
    if len(reasons) > _REASONS:
        others = sum(count for _, count in reasons[_REASONS:])
        out.append(line((f"   {others:>{digits}} × ", "unknown"), ("other reasons (see --format json)", "")))
    return out


def nothing_lines(report: Report, width: int) -> list[Line]:
    """What was looked for in vain, and what to do."""
    if report.apps or report.findings:
        return []
    match report.target.kind:
        case TargetKind.LIVE:
            sought = "no systemd unit and no process runs Gunicorn, and nginx sends requests to no local address."
            advice = "Run flaskdoctor on the server of the app, as root; or give it a folder of configuration files."
        case TargetKind.TREE:
            sought = "no unit runs Gunicorn, and no nginx file sends requests to a local address."
            advice = "Give the folder that holds the unit files and the nginx sites."
        case TargetKind.SNAPSHOT:
            sought = "on the recorded machine no unit and no process runs Gunicorn, and nginx sends requests nowhere."
            advice = "Record the server of the app, as root: flaskdoctor snapshot -o FILE."
    return [*paragraph(f"{report.target.name}: {sought}", width, 0), *paragraph(advice, width, 0)]


def coverage_lines(report: Report, width: int) -> list[Line]:
    """What was recognised and not judged, seen failing without a cause, and taken for granted."""
    out: list[Line] = []
    for item in report.unexplained:
        who = f"{item.app}: " if item.app else ""
        out += paragraph(f"{who}{item.count} × at {item.hop}, and no rule explains it: {item.text}", width, 0)
    reasons: dict[str, list[str]] = {}
    for each in report.not_judged:
        reasons.setdefault(each.reason, []).append(each.path)
    for reason, paths in reasons.items():
        out += paragraph(f"Seen, not judged ({reason}): {_some(paths)}", width, 0)
    if report.assumed:
        out += paragraph(f"Assumed: {_some([each.what for each in report.assumed], '; ')}", width, 0)
    return out


def _some(items: Sequence[str], joint: str = ", ") -> str:
    shown = joint.join(items[:_REASONS])
    return f"{shown} and {len(items) - _REASONS} more" if len(items) > _REASONS else shown


def bug_lines(report: Report, width: int) -> list[Line]:
    """Rules that broke, and looks: said aloud, because what they would have found is missing."""
    out: list[Line] = []
    for bug in report.bugs:
        what = f"{bug.rule} {bug.name} ({bug.subject.name}): {bug.detail}".lstrip()
        out += paragraph(f"flaskdoctor hit a bug of its own in {what}; please report it", width, 0, "error")
    return out


def verdict_line(report: Report, folded: int = 0) -> Line:
    """One line that says what the run comes to. `folded`: findings shown only as consequences of others."""
    summary = report.summary
    sudo = f" {SUDO}" if any(SUDO in item.reason for item in report.unknown) else ""
    notes = [_count(summary.info, "note")] if summary.info else []
    suppressed = [f"{summary.suppressed} suppressed"] if summary.suppressed else []
    suppressed += _hidden(report)
    passed = f"{_count(summary.passed, 'check')} passed"
    match report.verdict:
        case Verdict.FAULTS:
            style = "error" if summary.error else "warning"
            faults = f"{_count(summary.error, 'error')}, {_count(summary.warning, 'warning')}"
            parts = [faults, *notes, *([f"{folded} follow from others"] if folded else []), passed, *suppressed]
            if summary.unknown:
                parts.append(f"{summary.unknown} could not be made{sudo}")
        case Verdict.INCOMPLETE if not report.apps:
            style, parts = "unknown", ["nothing to check: no Flask app was found"]
        case Verdict.INCOMPLETE:
            count = summary.unknown + len(report.bugs)
            unmade = [f"{_count(count, 'check')} could not be made{sudo}"] if count else []
            style, parts = "unknown", ["no faults found, but not everything was judged", *unmade, *_uncovered(report)]
            parts += [*notes, *suppressed]
        case Verdict.HEALTHY:
            style, parts = "ok", ["no faults found", *notes, passed, *suppressed]
    return line((" · ".join(parts), style))


def _uncovered(report: Report) -> list[str]:
    """What else keeps a report from being `healthy`, counted."""
    failed = sum(item.count for item in report.unexplained)
    counts = [(failed, "unexplained"), (len(report.not_judged), "not judged"), (len(report.assumed), "assumed")]
    return [f"{count} {word}" for count, word in counts if count]


def _hidden(report: Report) -> list[str]:
    hidden = report.hidden
    counts = [(hidden.error, "error"), (hidden.warning, "warning"), (hidden.info, "note")]
    words = ", ".join(_count(count, word) for count, word in counts if count)
    not_run = [f"{_count(hidden.rules, 'rule')} not run (--select, --ignore)"] if hidden.rules else []
    return [f"{words} not shown (--min-severity)", *not_run] if words else not_run


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
