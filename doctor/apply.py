"""The way back: from a diagnosis to a changed machine, and from a run to the machine as it was before."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from doctor import run
from doctor.errors import Interrupted, UserError

if TYPE_CHECKING:
    from doctor.engine.finding import Finding
    from doctor.examination import Examination
    from doctor.fixes.fixer import Planned
    from doctor.fixes.interrupt import Interruption
    from doctor.fixes.record import RunRecord
    from doctor.fixes.undo import TakenBack, Undone
    from doctor.hosts.base import Host
    from doctor.reports.layout import Line
    from doctor.reports.model import Report

_WIDTH = 100
"""Columns of what is told when a run is interrupted."""


def apply(options: run.Options, *, unsafe: bool = False, ask: Callable[[Planned], bool] | None = None) -> Report:
    """Examine this machine, make its safe fixes (`unsafe`: all), and report what is there afterwards.

    `ask` is asked before each. Raises UserError for what the caller can mend, and Interrupted when a signal came:
    the fix that was being made is taken back by then.
    """
    from doctor.fixes.fixer import Attempt, Fixer
    from doctor.fixes.interrupt import Interruption, Interruptions
    from doctor.fixes.operate import Operator
    from doctor.fixes.store import Store
    from doctor.fixes.undo import recover
    from doctor.hosts.live import LiveHost
    from doctor.hosts.redact import Redactor
    from doctor.reports.changes import fixed_lines
    from doctor.reports.fixes import fix_reports

    if options.targets or options.demo or options.root:
        raise UserError("only this machine can be fixed", "--fix", "Leave out TARGET, --demo and --root.")
    _needs_root("--fix")
    # One for all looks: equal secrets look equal in each.
    redactor = Redactor()
    operator = Operator(redactor)
    store = Store()

    def fresh() -> Host:
        return LiveHost(redactor)

    # Whatever is to be fixed, all is watched: a cure must not break what was not asked about.
    whole = replace(options, app="", select=(), ignore=(), extend_select=(), min_severity="info")

    def look() -> Examination:
        return run.examine(whole, fresh())

    stop = Interruptions()
    recovered: list[TakenBack] = []
    attempts: tuple[Attempt, ...] = ()
    try:
        with stop.watched(), store.locked():
            recovered = recover(store, operator, stop)
            stop.check()
            apps = _names(run.examine(options, fresh())) if options.app else None
            fixer = Fixer(
                look, fresh, store, operator, wanted=_wanted(options, apps), unsafe=unsafe, ask=ask, stop=stop
            )
            try:
                seen, attempts = fixer.fix(look())
            except Interruption:
                attempts = fixer.attempts
                raise
            if whole != options:
                seen = run.examine(options, fresh())
    except Interruption as signal:
        raise _interrupted(signal, fixed_lines(fix_reports(recovered, attempts), _WIDTH)) from None
    return run.report(seen, options, fix_reports(recovered, attempts))


def _interrupted(signal: Interruption, told: list[Line]) -> Interrupted:
    from doctor.reports.layout import plain

    text = plain(told) or "nothing was changed"
    return Interrupted(f"interrupted by {signal.name}\n{text}".rstrip(), 128 + signal.number)


def _names(seen: Examination) -> frozenset[str]:
    """The apps that were looked at, and the machine as a whole."""
    return frozenset({"", *(app.name for app in seen.facts.apps)})


def _wanted(options: run.Options, apps: frozenset[str] | None) -> Callable[[Finding], bool]:
    """Whether a finding is among those that are asked about. `apps` None: all."""
    from doctor.engine.rule import Severity

    rules = {rule.name for rule in run.chosen(options)}
    least = Severity(options.min_severity).rank

    def wanted(finding: Finding) -> bool:
        known = finding.rule.name in rules and finding.severity.rank <= least
        return known and (apps is None or finding.app in apps)

    return wanted


def plan(options: run.Options, *, unsafe: bool = False) -> tuple[Report, tuple[Planned, ...]]:
    """The report, and every fix there is for it with its preview; nothing is changed.

    `unsafe`: as with --unsafe-fixes, where a whole fix takes the place of its safe half.
    """
    from doctor.fixes.fixer import planned_fixes

    seen = run.examine(options, run.open_host(options))
    return run.report(seen, options), planned_fixes(seen, unsafe=unsafe)


def undo(name: str = "") -> Undone:
    """Take back a run, by default what was interrupted, or else the last one.

    Raises UserError, and Interrupted when a signal came: the fix that was being taken back is taken back by then.
    """
    from doctor.fixes import undo as undoing
    from doctor.fixes.interrupt import Interruption, Interruptions
    from doctor.fixes.operate import Operator
    from doctor.fixes.store import Store
    from doctor.hosts.redact import Redactor
    from doctor.reports.changes import undone_lines

    _needs_root("undo")
    store, stop = Store(), Interruptions()
    done = undoing.Undone()
    try:
        with stop.watched(), store.locked():
            done = undoing.undo(store, Operator(Redactor()), stop, name)
    except Interruption as signal:
        raise _interrupted(signal, undone_lines(done, _WIDTH)) from None
    return done


def runs() -> tuple[RunRecord, ...]:
    """Every run that is written down, the oldest first."""
    from doctor.fixes.store import Store

    _needs_root("undo --list")
    return tuple(Store().runs())


def _needs_root(what: str) -> None:
    if os.geteuid() != 0:
        raise UserError("only root can change this machine", what, "Run it with sudo; check alone works without.")
