"""One line a finding, for editors and grep: `path:line: CODE name: message`."""

from __future__ import annotations

from doctor.reports.layout import Line, line
from doctor.reports.model import FindingReport, Report


def lines(report: Report) -> list[Line]:
    """A line for each finding, in the order of the report. Without a path the app or subject stands there."""
    return [_line(finding) for finding in report.findings]


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
