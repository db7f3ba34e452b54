"""One line a finding, for editors and grep: `path:line: CODE name: message`; then one a fix."""

from __future__ import annotations

from doctor.reports.layout import Line, line
from doctor.reports.model import AppliedFixReport, FindingReport, Report


def lines(report: Report) -> list[Line]:
    """A line for each finding, in the order of the report. Without a path the app or subject stands there.

    A line for each fix follows: what became of it, and the run that takes it back.
    """
    return [*map(_line, report.findings), *map(_fix_line, report.fixes)]


def _fix_line(fix: AppliedFixReport) -> Line:
    tail = f" ({fix.detail})" if fix.detail else ""
    run = f" (flaskdoctor undo {fix.undo})" if fix.undo else ""
    return line((f"{fix.result}: {fix.rule} {fix.name}: {fix.subject}: {fix.title}{tail}{run}", ""))


def _line(finding: FindingReport) -> Line:
    message = " ".join(finding.message.split())
    return line(
        (f"{_where(finding)}: ", ""), (finding.rule, finding.severity.value), (f" {finding.name}: {message}", "")
    )


def _where(finding: FindingReport) -> str:
    for evidence in finding.evidence:
        if evidence.path:
            return f"{evidence.path}:{evidence.line}" if evidence.line else evidence.path
    return finding.app or finding.subject.name
