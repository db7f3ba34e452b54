"""The way back: from a diagnosis to a changed machine, and from a run to the machine as it was before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from doctor import run
from doctor.errors import UserError

if TYPE_CHECKING:
    from doctor.engine.finding import Finding
    from doctor.fixes.fixer import Planned
    from doctor.fixes.look import Look
    from doctor.fixes.record import RunRecord
    from doctor.fixes.undo import TakenBack
    from doctor.hosts.base import Host
    from doctor.reports.model import Report


def fix(options: run.Options, *, unsafe: bool = False, ask: Callable[[Planned], bool] | None = None) -> Report:
    """Examine this machine, make its safe fixes (`unsafe`: all), and report what is there afterwards.

    `ask` is asked before each. Raises UserError for what the caller can mend.
    """
    from doctor.fixes.fixer import Fixer
    from doctor.fixes.operate import Operator
    from doctor.fixes.store import Store
    from doctor.fixes.undo import recover
    from doctor.hosts.live import LiveHost
    from doctor.hosts.redact import Redactor
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
    with store.locked(), _interruptible():
        recovered = recover(store, operator)
        apps = _names(run.look(options, fresh())) if options.app else None
        wanted = _wanted(options, apps)
        fixer = Fixer(lambda: run.look(whole, fresh()), fresh, store, operator, wanted=wanted, unsafe=unsafe, ask=ask)
        seen, attempts = fixer.fix(run.look(whole, fresh()))
    if whole != options:
        seen = run.look(options, fresh())
    return run.report(seen, options, fix_reports(recovered, attempts))


def _names(seen: Look) -> frozenset[str]:
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


def plan(options: run.Options) -> tuple[Report, tuple[Planned, ...]]:
    """The report, and every fix there is for it with its preview; nothing is changed."""
    from doctor.fixes.fixer import planned_fixes

    seen = run.look(options, run.open_host(options))
    return run.report(seen, options), planned_fixes(seen)


def undo(name: str = "") -> tuple[TakenBack, ...]:
    """Take back a run, by default the last one; what was interrupted is taken back in any case."""
    from doctor.fixes import undo as undoing
    from doctor.fixes.operate import Operator
    from doctor.fixes.store import Store
    from doctor.hosts.redact import Redactor

    _needs_root("undo")
    store, operator = Store(), Operator(Redactor())
    with store.locked(), _interruptible():
        wanted = store.load(name) if name else None
        recovered = undoing.recover(store, operator)
        if wanted is None and not recovered:
            wanted = undoing.last(store)
        # What was recovered is written down anew.
        return (*recovered, *(undoing.undo(store, store.load(wanted.run), operator) if wanted else ()))


def runs() -> tuple[RunRecord, ...]:
    """Every run that is written down, the oldest first."""
    from doctor.fixes.store import Store

    _needs_root("undo --list")
    return tuple(Store().runs())


def _needs_root(what: str) -> None:
    if os.geteuid() != 0:
        raise UserError("only root can change this machine", what, "Run it with sudo; check alone works without.")


@contextmanager
def _interruptible() -> Iterator[None]:
    """A lost connection or a polite kill ends a run as Ctrl-C does: what was begun is taken back first."""
    import signal

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
