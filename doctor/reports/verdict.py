"""What could not be checked and why, and the last line of a report."""

from __future__ import annotations

from collections import Counter

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


def template_lines(report: Report, width: int) -> list[Line]:
    """What was left out because it is no configuration yet."""
    if not report.templates:
        return []
    shown = ", ".join(report.templates[:_REASONS])
    others = len(report.templates) - _REASONS
    names = f"{shown} and {others} more" if others > 0 else shown
    text = f"Not judged, because {'it needs' if len(report.templates) == 1 else 'they need'} rendering first: {names}"
    return paragraph(text, width, 0)


def bug_lines(report: Report, width: int) -> list[Line]:
    """Rules that broke: said aloud, because what they would have found is missing."""
    out: list[Line] = []
    for bug in report.bugs:
        what = f"{bug.rule} {bug.name} ({bug.subject.name}): {bug.detail}"
        out += paragraph(f"flaskdoctor hit a bug of its own in {what}; please report it", width, 0, "error")
    return out


def verdict_line(report: Report, folded: int = 0) -> Line:
    """One line that says what the run comes to. `folded`: findings shown only as consequences of others."""
    summary = report.summary
    sudo = f" {SUDO}" if any(SUDO in item.reason for item in report.unknown) else ""
    notes = [_count(summary.info, "note")] if summary.info else []
    suppressed = [f"{summary.suppressed} suppressed"] if summary.suppressed else []
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
            unmade = f"no faults found, {_count(count, 'check')} could not be made{sudo}"
            style, parts = "unknown", [unmade, *notes, *suppressed]
        case Verdict.HEALTHY:
            style, parts = "ok", ["no faults found", *notes, passed, *suppressed]
    return line((" · ".join(parts), style))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
