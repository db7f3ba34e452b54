"""One look at the machine, and what became of it in the next."""

from __future__ import annotations

from typing import TypeAlias

from doctor.apps.topology import Facts
from doctor.engine.diagnosis import Diagnosis
from doctor.engine.finding import Finding
from doctor.engine.judge import Judgement, Outcome, Result
from doctor.engine.rule import Severity
from doctor.frozen import frozen
from doctor.hosts.base import Host

Key: TypeAlias = tuple[str, str, str]
"""Rule and subject: what is the same finding in two looks."""
_LASTING = frozenset({"app", "unit"})
"""Kinds of subjects that no fix gives another name."""


@frozen
class Examination:
    """What was seen, judged and concluded. `diagnosis` holds the findings to show and to fix."""

    host: Host
    facts: Facts
    judgement: Judgement
    diagnosis: Diagnosis


def key(item: Finding | Result) -> Key:
    """Of a finding, or of the result it belongs to."""
    return item.rule.name, item.subject.kind, item.subject.name


def is_gone(finding: Finding, look: Examination) -> bool:
    """It does not fail any more, or less gravely (broken now, then foretold only), and this could be seen.

    A route, say, may have another name once it leads elsewhere; an app or a unit that is gone itself is not cured.
    """
    results = _results(finding, look)
    if not results and finding.subject.kind in _LASTING:
        return False
    return all(
        result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.SUPPRESSED)
        or (result.finding is not None and result.finding.severity.rank > finding.severity.rank)
        for result in results
    )


def is_unsure(finding: Finding, look: Examination) -> bool:
    """Whether it still fails cannot be seen, for now."""
    return any(result.outcome is Outcome.UNKNOWN for result in _results(finding, look))


def follows(finding: Finding, look: Examination) -> bool:
    """It is the consequence of another finding. Of some that explain each other, one is the cause all the same."""
    return all(key(cause.finding) != key(finding) for cause in look.diagnosis.causes)


def _results(finding: Finding, look: Examination) -> list[Result]:
    return [result for result in look.judgement.results if key(result) == key(finding)]


def new_failures(before: Examination, after: Examination) -> tuple[Finding, ...]:
    """What fails now and did not before.

    A warning that only comes to light counts as old: a service that was down could not be judged. What was seen to be
    fine, and every error, counts as done by the change.
    """
    outcomes = {key(result): result.outcome for result in before.judgement.results}
    found = []
    for finding in after.judgement.findings:
        was = outcomes.get(key(finding), Outcome.NOT_APPLICABLE)
        if was is Outcome.PASS or (was is not Outcome.FAIL and finding.severity is Severity.ERROR):
            found.append(finding)
    return tuple(found)
