"""What could not be checked and why, and the last line of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from doctor.cause import Cause
from doctor.engine.rule import Safety, Severity
from doctor.hosts.base import TargetKind
from doctor.reports.layout import Line, line, paragraph
from doctor.reports.model import FindingReport, Report, Verdict

SUDO = "(run with sudo)"
"""How a reason says that root would have seen more, and so does the last line."""
_REASONS = 6
_SEVERITIES = ("error", "warning", "note")
"""What findings of each severity are called, in the order of `Severity`."""


def unknown_lines(report: Report, width: int) -> list[Line]:
    """The reasons why checks could not be made, the most frequent first; a check counts under its first reason."""
    if not report.unknown:
        return []
    reasons = Counter(
        item.reason.partition("; ")[0].removesuffix(SUDO).rstrip() for item in report.unknown
    ).most_common()
    digits = len(str(reasons[0][1]))
    out = [line(("Could not be checked:", "title"))]
    for reason, number in reasons[:_REASONS]:
        out += _counted(number, reason, width, digits)
    if len(reasons) > _REASONS:
        others = sum(number for _, number in reasons[_REASONS:])
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
    if report.unexplained:
        out.append(line(("Seen failing, and no rule says why:", "title")))
    for item in report.unexplained:
        who = f"{item.app}, {item.hop}" if item.app else item.hop
        out += _counted(
            item.count, f"{who}: {item.text}", width, len(str(max(each.count for each in report.unexplained)))
        )
    if report.not_judged:
        out.append(line(("Seen, but not judged:", "title")))
    reasons: dict[str, list[str]] = {}
    for each in report.not_judged:
        reasons.setdefault(each.reason, []).append(each.path)
    for reason, paths in reasons.items():
        out += paragraph(f"{_some(paths)} ({reason})", width, 3)
    if report.assumed:
        out.append(line(("Assumed:", "title")))
    for what in dict.fromkeys(each.what for each in report.assumed[:_REASONS]):
        out += paragraph(what, width, 3)
    if len(report.assumed) > _REASONS:
        out += paragraph(f"and {len(report.assumed) - _REASONS} more (see --format json)", width, 3)
    return out


def _counted(count: int, text: str, width: int, digits: int) -> list[Line]:
    """A number and what it counts, wrapped beside it."""
    pieces = paragraph(text, width, 3 + digits + 3) or [line(("", ""), ("", ""))]
    return [line((f"   {count:>{digits}} × ", "unknown"), pieces[0][1]), *pieces[1:]]


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_REASONS])
    return f"{shown} and {len(items) - _REASONS} more" if len(items) > _REASONS else shown


def offer_lines(report: Report, width: int) -> list[Line]:
    """What --fix and --diff could do about what was found; nothing where --fix has just been."""
    if report.fixes:
        return []
    best = [_best(finding) for finding in report.findings if finding.severity is not Severity.INFO]
    safe, unsafe = best.count(Safety.SAFE), best.count(Safety.UNSAFE)
    if not safe and not unsafe:
        return []
    number, word, switch = (safe, "safe", "") if safe else (unsafe, "unsafe", " --unsafe-fixes")
    what, it = f"{count(number, f'{word} fix', f'{word} fixes')}: ", "it" if number == 1 else "them"
    if report.target.kind is TargetKind.LIVE:
        parts = [f"{what}sudo flaskdoctor check --fix{switch}", f"see {it} first with --diff"]
    else:
        parts = [f"{what}see {it} with --diff{switch}"]
    if safe and unsafe:
        parts.append(f"{unsafe} more with --unsafe-fixes")
    return [line((row, "")) for row in _clauses(parts, width)]


def _clauses(parts: Sequence[str], width: int) -> list[str]:
    """Parts of a sentence in as few lines as they fit in, none of them broken: a command is to be copied."""
    rows = [parts[0]]
    for part in parts[1:]:
        if len(rows[-1]) + 2 + len(part) <= width:
            rows[-1] += f"; {part}"
        else:
            rows.append(part)
    return rows


def _best(finding: FindingReport) -> Safety | None:
    """The most careful of its fixes that --fix can make; None without one."""
    kinds = {fix.safety for fix in finding.fixes}
    return next((safety for safety in (Safety.SAFE, Safety.UNSAFE) if safety in kinds), None)


def bug_lines(report: Report, width: int) -> list[Line]:
    """Rules that broke, and looks: said aloud, because what they would have found is missing."""
    out: list[Line] = []
    for bug in report.bugs:
        what = f"{bug.rule} {bug.name} ({bug.subject.name}): {bug.detail}".lstrip()
        out += paragraph(f"flaskdoctor hit a bug of its own in {what}; please report it", width, 0, "error")
    return out


def verdict_line(report: Report, folded: Sequence[FindingReport] = ()) -> Line:
    """One line that says what the run comes to. `folded`: findings shown only as consequences of others."""
    summary = report.summary
    style = {Verdict.HEALTHY: "ok", Verdict.INCOMPLETE: "unknown", Verdict.FAULTS: "warning"}[report.verdict]
    if summary.error:
        style = "error"
    suppressed = [f"{summary.suppressed} suppressed"] if summary.suppressed else []
    passed = [f"{count(summary.passed, 'check')} passed"]
    notes = [count(summary.info, "note")] if summary.info else []
    if report.verdict is Verdict.INCOMPLETE and not report.apps:
        return line(("nothing to check: no Flask app was found", style))
    gaps = _gaps(report)
    if report.verdict is Verdict.FAULTS:
        parts = [*_shown(report, folded), *passed, *suppressed, *gaps]
    elif report.verdict is Verdict.INCOMPLETE:
        parts = [f"no faults found, but {_listed(gaps)}", *notes, *passed, *_hidden(report), *suppressed]
    else:
        parts = ["no faults found", *notes, *passed, *_hidden(report), *suppressed]
    return line((" · ".join(parts), style))


def _shown(report: Report, folded: Sequence[FindingReport]) -> list[str]:
    """The findings that have a block of their own, then where the others are: behind a cause, or hidden."""
    hidden = report.hidden
    follow = [sum(1 for each in folded if each.severity is severity) for severity in Severity]
    found = (report.summary.error, report.summary.warning, report.summary.info)
    unseen = (hidden.error, hidden.warning, hidden.info)
    *faults, notes = (all_ - away - behind for all_, away, behind in zip(found, unseen, follow, strict=True))
    words = [count(number, word) for number, word in zip(faults, _SEVERITIES, strict=False) if number]
    parts = [", ".join(words)] if words else []
    if folded:
        verb, cause = "follows" if len(folded) == 1 else "follow", "it" if sum(faults) == 1 else "them"
        parts.append(f"{len(folded)} more {verb} from {cause}")
    return [*parts, *([count(notes, "note")] if notes else []), *_hidden(report)]


def _gaps(report: Report) -> list[str]:
    """What could not be judged, counted: why a report without a fault is not `healthy`."""
    sudo = f" {SUDO}" if any(item.cause is Cause.NEEDS_ROOT for item in report.unknown) else ""
    unmade = report.summary.unknown + len(report.bugs)
    failed = sum(item.count for item in report.unexplained)
    gaps = [f"{count(unmade, 'check')} could not be made{sudo}"] if unmade else []
    gaps += [f"{count(failed, 'failed request')} {_was(failed)} not explained"] if failed else []
    gaps += _uncovered(report)
    return gaps


def _uncovered(report: Report) -> list[str]:
    unjudged, assumed = len(report.not_judged), len(report.assumed)
    gaps = [f"{unjudged} {_was(unjudged)} seen and not judged"] if unjudged else []
    return gaps + ([f"{count(assumed, 'assumption')} {_was(assumed)} made"] if assumed else [])


def _hidden(report: Report) -> list[str]:
    hidden = report.hidden
    counts = zip((hidden.error, hidden.warning, hidden.info), _SEVERITIES, strict=True)
    words = ", ".join(count(number, word) for number, word in counts if number)
    not_run = [f"{count(hidden.rules, 'rule')} not run (--select, --ignore)"] if hidden.rules else []
    return [f"{words} not shown (--min-severity)", *not_run] if words else not_run


def _listed(parts: Sequence[str]) -> str:
    return (
        " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
        if parts
        else "not everything was judged"
    )


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def count(number: int, word: str, words: str = "") -> str:
    """A number and what it counts: "1 note", "2 notes"."""
    return f"{number} {word}" if number == 1 else f"{number} {words or f'{word}s'}"
