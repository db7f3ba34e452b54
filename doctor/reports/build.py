"""From what the engine found to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from doctor import __version__
from doctor.apps.path import request_path, url
from doctor.apps.topology import App, Facts, Hop
from doctor.cause import Cause
from doctor.edits.preview import preview
from doctor.engine.diagnosis import Diagnosis
from doctor.engine.finding import BoundFix, Evidence, Finding
from doctor.engine.judge import Judgement, Outcome, Result, bug
from doctor.engine.rule import Severity
from doctor.examination import Examination
from doctor.facts.coverage import Unexplained
from doctor.facts.value import Known, Place
from doctor.hosts.base import Host, TargetKind
from doctor.reports.model import (
    SCHEMA,
    AppliedFixReport,
    AppReport,
    AssumedReport,
    BugReport,
    EvidenceReport,
    FindingReport,
    FixReport,
    HiddenReport,
    NotJudgedReport,
    ProbeReport,
    Report,
    SourceReport,
    SubjectReport,
    Summary,
    Target,
    UnexplainedReport,
    UnknownReport,
    Verdict,
)
from doctor.reports.path import Mark, rows

_LONGEST = 1000
"""Characters of a line that is shown as a proof."""


def build(
    seen: Examination,
    probes: Sequence[ProbeReport] = (),
    fixes: Sequence[AppliedFixReport] = (),
    unexplained: Sequence[Unexplained] = (),
) -> Report:
    """The report of one run. The diagnosis holds the findings to show, which may be fewer than were judged."""
    facts, judgement, diagnosis = seen.facts, seen.judgement, seen.diagnosis
    shown, broken = _findings(diagnosis, seen.host)
    by_app: dict[str, list[Finding]] = {}
    for finding in judgement.findings:
        by_app.setdefault(finding.app, []).append(finding)
    unknown = tuple(
        UnknownReport(
            rule=result.rule.id,
            name=result.rule.name,
            subject=_subject(result),
            reason=result.reason,
            cause=result.cause or Cause.UNSAID,
            app=result.app or None,
        )
        for result in judgement.of(Outcome.UNKNOWN)
    )
    bugs = tuple(
        BugReport(result.rule.id, result.rule.name, _subject(result), result.reason)
        for result in judgement.of(Outcome.ERROR)
    )
    bugs += tuple(
        BugReport("", "look", SubjectReport("app", each.app), f"{each.error} at {each.place}") for each in facts.broken
    )
    bugs += broken
    summary = _summary(judgement)
    covered = not (unknown or bugs or facts.not_judged or facts.assumed or unexplained or judgement.not_run)
    return Report(
        schema=SCHEMA,
        version=__version__,
        target=Target(facts.kind, facts.name, _iso(facts.time)),
        verdict=_verdict(summary, complete=bool(facts.apps) and covered),
        summary=summary,
        apps=tuple(_app(app, facts, by_app.get(app.name, ()), diagnosis) for app in facts.apps),
        findings=shown,
        unknown=unknown,
        fixes=tuple(fixes),
        probes=tuple(probes),
        bugs=bugs,
        templates=facts.templates,
        not_judged=tuple(NotJudgedReport(each.path, each.kind, each.reason) for each in facts.not_judged),
        assumed=tuple(
            AssumedReport(each.what, each.place.path or None, each.place.line or None) for each in facts.assumed
        ),
        unexplained=tuple(
            UnexplainedReport(each.hop, each.count, _clipped(each.text), each.app or None, each.place.path or None)
            for each in unexplained
        ),
        hidden=_hidden(diagnosis.findings, judgement),
    )


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _verdict(summary: Summary, *, complete: bool) -> Verdict:
    """A note is no fault. Where nothing was found to look at, nothing is healthy either."""
    if summary.error or summary.warning:
        return Verdict.FAULTS
    return Verdict.HEALTHY if complete else Verdict.INCOMPLETE


def _summary(judgement: Judgement) -> Summary:
    """All that was found, shown or not: what an option hides is not healthy."""
    severities, outcomes = Counter(finding.severity for finding in judgement.findings), judgement.counts
    return Summary(
        error=severities[Severity.ERROR],
        warning=severities[Severity.WARNING],
        info=severities[Severity.INFO],
        passed=outcomes[Outcome.PASS],
        unknown=outcomes[Outcome.UNKNOWN],
        not_applicable=outcomes[Outcome.NOT_APPLICABLE],
        suppressed=outcomes[Outcome.SUPPRESSED],
    )


def _hidden(shown: Sequence[Finding], judgement: Judgement) -> HiddenReport:
    hidden = Counter(finding.severity for finding in judgement.findings)
    hidden.subtract(finding.severity for finding in shown)
    return HiddenReport(hidden[Severity.ERROR], hidden[Severity.WARNING], hidden[Severity.INFO], judgement.not_run)


def _app(app: App, facts: Facts, findings: Sequence[Finding], diagnosis: Diagnosis) -> AppReport:
    """`findings` are all that were made of it, shown or not."""
    worst: dict[Hop, Severity] = {}
    for finding in findings:
        if finding.hop is not None:
            known = worst.get(finding.hop, finding.severity)
            worst[finding.hop] = min(known, finding.severity, key=lambda severity: severity.rank)
    unit = app.unit.value.name if isinstance(app.unit, Known) else None
    gravest = min((finding.severity for finding in findings), key=lambda severity: severity.rank, default=None)
    if app.resting:
        return AppReport(app.name, unit, (), resting=True, worst=gravest)
    files_alone = facts.kind is TargetKind.TREE
    path = rows(request_path(app, facts), worst, _marks(diagnosis, app.name), files_alone=files_alone)
    return AppReport(app.name, unit, tuple(path), url(app), worst=gravest)


def _marks(diagnosis: Diagnosis, app: str) -> dict[Hop, Mark]:
    """The first cause at each hop of the app that is a fault: that is where the chain breaks."""
    marks: dict[Hop, Mark] = {}
    for cause in diagnosis.causes:
        finding = cause.finding
        if finding.app == app and finding.hop is not None and finding.severity is not Severity.INFO:
            marks.setdefault(finding.hop, Mark(finding.id, finding.rule.title))
    return marks


def _subject(result: Result) -> SubjectReport:
    return SubjectReport(result.subject.kind, result.subject.name)


def _findings(diagnosis: Diagnosis, host: Host) -> tuple[tuple[FindingReport, ...], tuple[BugReport, ...]]:
    """Those to show, with what their fixes would do. A fix whose preview breaks is a bug of ours, and is left out."""
    bugs: list[BugReport] = []

    def fixes(finding: Finding) -> Iterator[FixReport]:
        for fix in finding.fixes:
            try:
                yield _fix(fix, host)
            except Exception as error:
                subject = SubjectReport(finding.subject.kind, finding.subject.name)
                bugs.append(BugReport(finding.id, finding.name, subject, f"{fix.title}: {bug(error)}"))

    return tuple(_finding(finding, tuple(fixes(finding))) for finding in diagnosis.findings), tuple(bugs)


def _finding(finding: Finding, fixes: tuple[FixReport, ...]) -> FindingReport:
    return FindingReport(
        rule=finding.id,
        name=finding.name,
        severity=finding.severity,
        confidence=finding.rule.confidence,
        symptoms=finding.rule.symptoms,
        subject=SubjectReport(finding.subject.kind, finding.subject.name),
        hop=finding.hop.value if finding.hop else None,
        title=finding.rule.title,
        message=finding.message,
        why=finding.rule.why,
        evidence=tuple(each for item in finding.evidence for each in _evidence(item)),
        explains=finding.explains,
        explained_by=finding.explained_by,
        fingerprint=finding.fingerprint,
        fixes=fixes,
        sources=tuple(SourceReport(source.title, source.url) for source in finding.rule.sources),
        app=finding.app or None,
    )


def _evidence(item: Evidence) -> Iterator[EvidenceReport]:
    """One for each place where the fact can be seen; one without a place when there is none."""
    value = _clipped(item.text) if isinstance(item.value, Known) else None
    origin = item.origin.value if item.origin else None
    for place in item.places or (Place(),):
        yield EvidenceReport(
            fact=item.fact,
            value=value,
            origin=origin,
            path=place.path or None,
            line=place.line or None,
            command=place.command or None,
            text=_clipped(place.text) or None,
            note=place.note or None,
        )


def _clipped(text: str) -> str:
    """A line of a minified or damaged file can be as long as the file."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _fix(fix: BoundFix, host: Host) -> FixReport:
    seen = preview(fix, host)
    return FixReport(seen.title, seen.safety, seen.commands, seen.diff or None, seen.steps)
