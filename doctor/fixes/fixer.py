"""Makes the fixes of a diagnosis: the first cause, then another look, until there is nothing left to do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from doctor.apps.topology import App
from doctor.edits.changes import Rewrite, Verb
from doctor.edits.plan import CannotPlan, Plan, plan
from doctor.edits.preview import FixPreview, in_full, preview, text_kind
from doctor.engine.finding import BoundFix, Finding
from doctor.engine.rule import Safety
from doctor.examination import Examination, Key, follows, is_gone, is_unsure, key, new_failures
from doctor.facts.value import Absent, Known
from doctor.fixes import disk, guard
from doctor.fixes.disk import Kind, Refused
from doctor.fixes.interrupt import Interruptions
from doctor.fixes.operate import Failed, Operator
from doctor.fixes.record import FixRecord, RunRecord
from doctor.fixes.rehearsal import Unready
from doctor.fixes.steps import prepare
from doctor.fixes.store import Store
from doctor.fixes.transaction import Runner, Transaction, units_of
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, Stat, Unseen
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.systemd import Unit

PATIENCE = 30.0
"""Seconds in which a cure must show: the time Gunicorn gives its workers to end (graceful_timeout)."""
STEADY = 2.0
"""Seconds that it must hold, where processes were started: a master that cannot boot its workers ends within one."""
_PAUSE = 0.3
_DEFAULT_WAIT = 60.0
"""Seconds, of proxy_read_timeout."""
_UNSEEN = "whether it is cured could not be seen"
_MOVES_PROCESSES = frozenset({Verb.START, Verb.RELOAD, Verb.RESTART, Verb.NGINX_RELOAD})


class Result(str, Enum):
    """What became of a fix; the words of the report."""

    APPLIED = "applied"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    SKIPPED = "skipped"


@frozen
class Attempt:
    """One fix that was tried, or left alone for a reason. `run` is the run that can take it back, "" without one."""

    finding: Finding
    fix: FixPreview
    result: Result
    detail: str = ""
    run: str = ""


@frozen
class Planned:
    """A fix that could be made, with its whole preview. `objection` says why it would be left alone, if it would."""

    finding: Finding
    fix: FixPreview
    objection: str


class Fixer:
    """One run over one machine. The lock of the store is held by the caller."""

    def __init__(
        self,
        look: Callable[[], Examination],
        fresh: Callable[[], Host],
        store: Store,
        operator: Operator,
        *,
        wanted: Callable[[Finding], bool] = lambda finding: True,
        unsafe: bool = False,
        ask: Callable[[Planned], bool] | None = None,
        stop: Interruptions | None = None,
    ) -> None:
        self._look = look
        self._fresh = fresh
        self._store = store
        self._operator = operator
        self._wanted = wanted
        self._unsafe = unsafe
        self._ask = ask
        self._stop = stop or Interruptions()
        self._run: RunRecord = store.create()
        self._tried: dict[tuple[Key, str], Attempt] = {}

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every fix that was tried so far, in order."""
        return tuple(self._tried.values())

    def fix(self, first: Examination) -> tuple[Examination, tuple[Attempt, ...]]:
        """Fix what may be fixed, and return the last look with every fix that was tried or left alone, in order."""
        look = first
        chosen, left_alone = self._next(look)
        while chosen is not None:
            finding, fix = chosen
            look = self._attempt(finding, fix, look)
            chosen, left_alone = self._next(look)
        return look, (*self._tried.values(), *left_alone)

    def _next(self, look: Examination) -> tuple[tuple[Finding, FixPreview] | None, list[Attempt]]:
        """The first fix, causes first, that was not tried yet and that nothing speaks against; those passed over."""
        left_alone: list[Attempt] = []
        for finding, fix in candidates(look, unsafe=self._unsafe):
            at = key(finding), fix.title
            if at in self._tried or not self._wanted(finding):
                continue
            reason = objection(finding, fix, look)
            if not reason and fix.safety is Safety.UNSAFE and not self._unsafe:
                reason = "it may drop requests or change behaviour, and needs --unsafe-fixes"
            if reason:
                left_alone.append(Attempt(finding, fix, Result.SKIPPED, reason))
            elif self._ask is not None and not self._ask(Planned(finding, in_full(fix, look.host), "")):
                self._tried[at] = Attempt(finding, fix, Result.SKIPPED, "declined")
            else:
                return (finding, fix), left_alone
        return None, left_alone

    def _attempt(self, finding: Finding, fix: FixPreview, look: Examination) -> Examination:
        """Make one fix, whole or not at all, and write down what became of it; the look afterwards."""

        def ended(result: Result, detail: str = "", run: str = "") -> None:
            self._tried[key(finding), fix.title] = Attempt(finding, fix, result, detail, run)

        try:
            transaction, planned = self._begin(finding, fix, look)
        except (CannotPlan, Refused) as error:
            ended(Result.SKIPPED, str(error))
            return look
        except OSError as error:
            ended(Result.FAILED, f"nothing was changed: {_told(error)}")
            return look
        try:
            transaction.apply(_runners(look))
            cured = self._settled(finding, look, planned)
            transaction.commit()
        except (Failed, Unready, Refused, OSError, KeyboardInterrupt) as error:
            with self._stop.held():
                left = transaction.roll_back()
                ended(*self._taken_back(transaction.record, _told(error), left))
            if isinstance(error, KeyboardInterrupt):
                raise
            self._stop.check()
            return self._look()
        except BaseException:
            with self._stop.held():
                transaction.roll_back()
            raise
        ended(Result.APPLIED, _UNSEEN if is_unsure(finding, cured) else "", self._run.run)
        return cured

    def _taken_back(self, record: FixRecord, reason: str, left: list[str]) -> tuple[Result, str, str]:
        """How a fix that was not good enough ended; `left`: what of it could not be taken back."""
        if left:
            return Result.FAILED, f"{reason}; not taken back: {'; '.join(left)}", self._run.run
        if not record.steps and record.begun:
            return Result.FAILED, reason, ""
        return Result.ROLLED_BACK, reason, ""

    def _begin(self, finding: Finding, fix: FixPreview, look: Examination) -> tuple[Transaction, Plan]:
        planned = plan(fix.actions, _raw)
        _as_seen(planned, look.host, self._fresh())
        steps = prepare(planned.changes, self._run.run, lambda content: self._store.keep(self._run, content))
        record = FixRecord(
            rule=finding.id,
            name=finding.name,
            subject=finding.subject.name,
            title=fix.title,
            safety=fix.safety.value,
            steps=tuple(step for step, _ in steps),
            operations=planned.operations,
            units=units_of(planned.operations, self._operator),
        )
        contents = [content for _, content in steps]
        return Transaction(self._store, self._run, record, contents, self._operator), planned

    def _settled(self, finding: Finding, before: Examination, planned: Plan) -> Examination:
        """The look in which it is cured for good. Raises Failed when it is not in time, or something else breaks."""
        moving = [operation for operation in planned.operations if operation.verb in _MOVES_PROCESSES]
        deadline = time.monotonic() + PATIENCE
        good_since = None
        while True:
            now = self._look()
            moment = time.monotonic()
            trouble = _trouble(finding, before, now, planned)
            if not trouble:
                good_since = good_since or moment
                if not moving or moment - good_since >= STEADY:
                    return now
            else:
                good_since = None
                states = {op.unit: self._operator.state(op.unit) for op in moving if op.unit}
                down = next((unit for unit, state in states.items() if state.active == "failed"), "")
                if down:
                    raise Failed(f"{down} has failed")
                if moment > deadline:
                    if trouble is _UNSEEN and any(operation.verb is Verb.RELOAD for operation in moving):
                        # Old workers still end their requests; nothing fails. A reload cannot be taken back anyway.
                        return now
                    raise Failed(trouble)
            time.sleep(_PAUSE)


def planned_fixes(look: Examination, *, unsafe: bool) -> tuple[Planned, ...]:
    """What could be made after this look, in order, and what would be left alone. `unsafe`: with --unsafe-fixes."""
    return tuple(
        Planned(finding, in_full(fix, look.host), objection(finding, fix, look))
        for finding, fix in candidates(look, unsafe=unsafe)
    )


def candidates(look: Examination, *, unsafe: bool) -> list[tuple[Finding, FixPreview]]:
    """Every fix that a machine can make, in the order of the diagnosis; of each finding the safe ones first.

    A safe fix that is but the first half of an unsafe one is left out where the whole may be made.
    """
    return [
        (finding, fix) for finding in look.diagnosis.findings for fix in _makeable(finding, look.host, unsafe=unsafe)
    ]


def _makeable(finding: Finding, host: Host, *, unsafe: bool) -> list[FixPreview]:
    """A fix that does not fit the files is left to a person: it has no actions."""
    previews = [preview(fix, host) for fix in finding.fixes if fix.actions]
    return [
        fix
        for fix in sorted(previews, key=lambda fix: fix.safety is not Safety.SAFE)
        if fix.actions and not (unsafe and is_half(fix, previews))
    ]


def is_half(fix: FixPreview, fixes: Iterable[BoundFix] | Iterable[FixPreview]) -> bool:
    """A safe fix that another one of these, of the same finding, begins with."""
    return fix.safety is Safety.SAFE and any(
        len(other.actions) > len(fix.actions) and all(action in other.actions for action in fix.actions)
        for other in fixes
    )


def objection(finding: Finding, fix: FixPreview, look: Examination) -> str:
    """Why a fix is not to be made in this state of the machine; "" when nothing speaks against it."""
    if follows(finding, look):
        return f"it follows from {', '.join(finding.explained_by)}, which has to be cured first"
    return guard.objection(finding, fix, look.facts)


def _trouble(finding: Finding, before: Examination, now: Examination, planned: Plan) -> str:
    # What systemd reads anew touches nothing that runs: it reveals what was written before, and that is not its doing.
    reads = not planned.changes and all(operation.verb is Verb.DAEMON_RELOAD for operation in planned.operations)
    new = () if reads else new_failures(before, now)
    if new:
        return f"it would have led to {new[0].name}: {new[0].message}"
    if is_unsure(finding, now):
        return _UNSEEN
    return "" if is_gone(finding, now) else "it did not help: it is not seen to be cured"


def _runners(look: Examination) -> Mapping[str, Runner]:
    return {
        unit.name: Runner(unit, _preflight(unit, gunicorn), _patience(app))
        for app in look.facts.apps
        for unit in app.units
        for gunicorn in app.gunicorns
        if gunicorn.name == unit.name
    }


def _patience(app: App) -> float:
    """The shortest time that nginx waits for an answer of the app; its default where that is not known."""
    return min((route.location.read_timeout.or_(_DEFAULT_WAIT) for route in app.routes), default=math.inf)


def _preflight(unit: Unit, gunicorn: Gunicorn) -> str:
    """--check-config loads the app before any rights are dropped: not as root, where workers do it as somebody else."""
    root = not isinstance(unit.user, Known) or unit.user.value in ("root", "0")
    drops = not isinstance(gunicorn.settings.user, Absent)
    return gunicorn.preflight.value if isinstance(gunicorn.preflight, Known) and not (root and drops) else ""


def _raw(path: str) -> str | None:
    entry = disk.look(path)
    if entry.kind is Kind.MISSING:
        return None
    if entry.kind is not Kind.FILE:
        raise CannotPlan(f"{path} is no file")
    return entry.content.decode("utf-8", "surrogateescape")


def _as_seen(planned: Plan, then: Host, now: Host) -> None:
    """What is to be changed is still as it was judged."""
    for change in planned.changes:
        if isinstance(change, Rewrite):
            kind = text_kind(change.path)
            same = now.read(change.path, kind) == then.read(change.path, kind)
        else:
            same = _nature(now.stat(change.path)) == _nature(then.stat(change.path))
        if not same:
            raise Refused(f"{change.path} was changed since it was looked at")


def _nature(seen: Stat | Missing | Unseen) -> object:
    """What a fix may change, or was made for."""
    return (seen.type, seen.mode, seen.uid, seen.gid, seen.target) if isinstance(seen, Stat) else seen


def _told(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    if isinstance(error, Unready):
        return f"the app does not load, a reload or restart would take it down: {error}"
    return str(error)
