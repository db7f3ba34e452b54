"""What became of fixes, as the report has it."""

from __future__ import annotations

from collections.abc import Iterable

from doctor.engine.rule import Safety
from doctor.fixes.fixer import Attempt
from doctor.fixes.undo import TakenBack
from doctor.reports.model import AppliedFixReport


def fix_reports(recovered: Iterable[TakenBack], attempts: Iterable[Attempt]) -> tuple[AppliedFixReport, ...]:
    """First what an interrupted run had left half done, then every fix of this one, in order."""
    return (*map(_taken_back, recovered), *map(_attempt, attempts))


def _taken_back(item: TakenBack) -> AppliedFixReport:
    fix = item.fix
    left = "; ".join(item.left)
    return AppliedFixReport(
        rule=fix.rule,
        action=", ".join(operation.verb.value for operation in fix.operations),
        result="failed" if left else "rolled-back",
        detail=f"run {item.run} was interrupted" + (f"; not taken back: {left}" if left else ""),
        undo=item.run if left else None,
        name=fix.name,
        subject=fix.subject,
        title=fix.title,
        safety=Safety(fix.safety),
    )


def _attempt(item: Attempt) -> AppliedFixReport:
    finding = item.finding
    return AppliedFixReport(
        rule=finding.id,
        action=", ".join(action.name for action in item.fix.actions),
        result=item.result.value,
        detail=item.detail,
        undo=item.run or None,
        name=finding.name,
        subject=finding.subject.name,
        title=item.fix.title,
        safety=item.fix.safety,
    )
