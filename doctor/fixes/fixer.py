"""Makes the fixes of a diagnosis: the first cause, then another look, until there is nothing left to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import Enum

from doctor.engine.finding import Finding, FixPreview
from doctor.engine.rule import Safety
from doctor.facts.gunicorn import Gunicorn
from doctor.facts.systemd import Unit
from doctor.facts.value import Absent, Known
from doctor.fixes import disk, guard
from doctor.fixes.disk import Kind, Refused
from doctor.fixes.look import Key, Look, follows, is_gone, is_unsure, key, new_failures
from doctor.fixes.operate import Failed, Operator
from doctor.fixes.plan import CannotPlan, Plan, Rewrite, Verb, plan
from doctor.fixes.preview import in_full, text_kind
from doctor.fixes.record import FixRecord, RunRecord
from doctor.fixes.rehearsal import Unready
from doctor.fixes.steps import prepare
from doctor.fixes.store import Store
from doctor.fixes.transaction import Runner, Transaction, units_of
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, Stat, Unseen

PATIENCE = 30.0
"""Seconds in which a cure must show: the time Gunicorn gives its workers to end (graceful_timeout)."""
STEADY = 2.0
"""Seconds that it must hold, where processes were started: a master that cannot boot its workers ends within one."""
_PAUSE = 0.3
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
        look: Callable[[], Look],
        fresh: Callable[[], Host],
        store: Store,
        operator: Operator,
        *,
        wanted: Callable[[Finding], bool] = lambda finding: True,
        unsafe: bool = False,
        ask: Callable[[Planned], bool] | None = None,
    ) -> None:
        self._look = look
        self._fresh = fresh
        self._store = store
        self._operator = operator
        self._wanted = wanted
        self._unsafe = unsafe
        self._ask = ask
        self._run: RunRecord = store.create()
        self._tried: dict[tuple[Key, str], Attempt] = {}

    def fix(self, first: Look) -> tuple[Look, tuple[Attempt, ...]]:
        """Fix what may be fixed, and return the last look with every fix that was tried or left alone, in order."""
        look = first
        chosen, left_alone = self._next(look)
        while chosen is not None:
            finding, fix = chosen
            attempt, look = self._attempt(finding, fix, look)
            self._tried[key(finding), fix.title] = attempt
            chosen, left_alone = self._next(look)
        return look, (*self._tried.values(), *left_alone)

    def _next(self, look: Look) -> tuple[tuple[Finding, FixPreview] | None, list[Attempt]]:
        """The first fix, causes first, that was not tried yet and that nothing speaks against; those passed over."""
        left_alone: list[Attempt] = []
        for finding, fix in candidates(look):
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

    def _attempt(self, finding: Finding, fix: FixPreview, look: Look) -> tuple[Attempt, Look]:
        def ended(result: Result, detail: str = "", run: str = "") -> Attempt:
            return Attempt(finding, fix, result, detail, run)

        try:
            transaction, planned = self._begin(finding, fix, look)
        except (CannotPlan, Refused) as error:
            return ended(Result.SKIPPED, str(error)), look
        except OSError as error:
            return ended(Result.FAILED, f"nothing was changed: {_told(error)}"), look
        try:
            transaction.apply(_runners(look))
            cured = self._settled(finding, look, planned)
            transaction.commit()
        except (Failed, Unready, Refused, OSError) as error:
            left = transaction.roll_back()
            reason = _told(error)
            if left:
                return ended(Result.FAILED, f"{reason}; not taken back: {'; '.join(left)}", self._run.run), self._look()
            if not transaction.record.steps and transaction.record.begun:
                return ended(Result.FAILED, reason), self._look()
            return ended(Result.ROLLED_BACK, reason), self._look()
        except KeyboardInterrupt:
            left = transaction.roll_back()
            told = f"not taken back: {'; '.join(left)}" if left else "what was begun is taken back"
            raise KeyboardInterrupt(f"interrupted; {told}") from None
        except BaseException:
            transaction.roll_back()
            raise
        return ended(Result.APPLIED, _UNSEEN if is_unsure(finding, cured) else "", self._run.run), cured

    def _begin(self, finding: Finding, fix: FixPreview, look: Look) -> tuple[Transaction, Plan]:
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

    def _settled(self, finding: Finding, before: Look, planned: Plan) -> Look:
        """The look in which it is cured for good. Raises Failed when it is not in time, or something else breaks."""
        moving = [operation for operation in planned.operations if operation.verb in _MOVES_PROCESSES]
        deadline = time.monotonic() + PATIENCE
        good_since = None
        while True:
            now = self._look()
            moment = time.monotonic()
            trouble = _trouble(finding, before, now)
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


def planned_fixes(look: Look) -> tuple[Planned, ...]:
    """What could be made after this look, in order, and what would be left alone."""
    return tuple(
        Planned(finding, in_full(fix, look.host), objection(finding, fix, look)) for finding, fix in candidates(look)
    )


def candidates(look: Look) -> list[tuple[Finding, FixPreview]]:
    """Every fix that a machine can make, in the order of the diagnosis; of each finding the safe ones first."""
    return [
        (finding, fix)
        for finding in look.diagnosis.findings
        for fix in sorted(finding.fixes, key=lambda fix: fix.safety is not Safety.SAFE)
        if fix.actions
    ]


def objection(finding: Finding, fix: FixPreview, look: Look) -> str:
    """Why a fix is not to be made in this state of the machine; "" when nothing speaks against it."""
    if follows(finding, look):
        return f"it follows from {', '.join(finding.explained_by)}, which has to be cured first"
    return guard.objection(finding, fix, look.facts)


def _trouble(finding: Finding, before: Look, now: Look) -> str:
    new = new_failures(before, now)
    if new:
        return f"it would have led to {new[0].name}: {new[0].message}"
    if is_unsure(finding, now):
        return _UNSEEN
    return "" if is_gone(finding, now) else "it did not help: it is not seen to be cured"


def _runners(look: Look) -> Mapping[str, Runner]:
    return {
        unit.name: Runner(unit, _preflight(unit, gunicorn))
        for app in look.facts.apps
        for unit in app.units
        for gunicorn in app.gunicorns
        if gunicorn.name == unit.name
    }


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
    if isinstance(error, Unready):
        return f"the app does not load, a reload or restart would take it down: {error}"
    return str(error)
