"""One fix, whole or not at all: written down, made, tested, looked at again, or taken back."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from doctor.edits.changes import NGINX, Operation, Verb
from doctor.engine.rule import Safety
from doctor.fixes import rehearsal
from doctor.fixes.disk import Kind, Refused
from doctor.fixes.operate import Failed, Operator
from doctor.fixes.record import FixRecord, RunRecord, State, Step, UnitState
from doctor.fixes.steps import Conflict, take, take_back
from doctor.fixes.store import Store
from doctor.frozen import frozen
from doctor.grammar.ours import DROP_IN
from doctor.sources.systemd import Unit

_UP = frozenset({"active", "reloading", "activating"})
_STARTS = frozenset({Verb.START, Verb.RESTART})
_LOADS_CODE = frozenset({Verb.RELOAD, Verb.RESTART})


@frozen
class Runner:
    """A Gunicorn's unit, and the command that lets it load its app without serving; "" where there is none."""

    unit: Unit
    preflight: str
    patience: float = math.inf
    """Seconds that nginx waits for an answer of it: requests wait while new workers import the app."""


def units_of(operations: Iterable[Operation], operator: Operator) -> dict[str, UnitState]:
    """The state of every unit that operations are about. Raises Refused for one that could not be brought back."""
    names = {operation.unit or NGINX for operation in operations if operation.verb is not Verb.DAEMON_RELOAD}
    states = {name: operator.state(name) for name in sorted(names)}
    for name, state in states.items():
        if not state.active:
            raise Refused(f"systemd does not tell the state of {name}")
    return states


class Transaction:
    """One fix of a run. Whatever happens after `record` is saved can be taken back by `revert`.

    `contents` are the bytes that its steps write, in their order.
    """

    def __init__(
        self, store: Store, run: RunRecord, record: FixRecord, contents: Sequence[bytes], operator: Operator
    ) -> None:
        self.record = record
        self._store = store
        self._run = run
        self._contents = contents
        self._operator = operator

    def apply(self, runners: Mapping[str, Runner]) -> None:
        """Make the changes, judge the files, run the operations. Raises Failed, Unready, Refused or OSError."""
        units = [unit for step in self.record.steps if (unit := _dropin_of(step))]
        before = {unit: self._operator.complaints(unit) for unit in units}
        self._run.fixes.append(self.record)
        self._store.save(self._run)
        for step, content in zip(self.record.steps, self._contents, strict=True):
            take(step, content)
        for unit in units:
            new = sorted(self._operator.complaints(unit) - before[unit])
            if new:
                raise Failed(f"systemd does not take it: {new[0]}")
        for number, operation in enumerate(self.record.operations, 1):
            runner = runners.get(operation.unit)
            if operation.verb in _LOADS_CODE and runner is not None and runner.preflight:
                self._rehearse(operation, runner)
            self.record.begun = number
            self._store.save(self._run)
            self._operator.do(operation)

    def _rehearse(self, operation: Operation, runner: Runner) -> None:
        """Raises Failed where a safe reload would keep requests waiting for longer than nginx does."""
        seconds = rehearsal.rehearse(runner.unit, runner.preflight, self._operator)
        safe_reload = operation.verb is Verb.RELOAD and self.record.safety == Safety.SAFE.value
        if safe_reload and seconds >= runner.patience:
            raise Failed(
                f"the app takes {seconds:.1f} s to load, and nginx waits {runner.patience:g} s for an answer: requests "
                "that come meanwhile would fail"
            )

    def commit(self) -> None:
        """It is cured."""
        self._end(State.APPLIED)

    def roll_back(self) -> list[str]:
        """Everything as before; sentences about what could not be."""
        with suppress(OSError):
            rehearsal.clean()
        left = revert(self.record, self._operator, lambda name: self._store.kept(self._run, name))
        # Where it cannot be written down, the next run goes the same way once more and finds every file in place.
        with suppress(OSError):
            self._end(State.LEFT if left else State.ROLLED_BACK)
        return left

    def _end(self, state: State) -> None:
        self.record.state = state
        self._store.save(self._run)


def revert(record: FixRecord, operator: Operator, kept: Callable[[str], bytes], *, late: bool = False) -> list[str]:
    """Take a fix back, however far it came: files, then what systemd and nginx know of them, then the units.

    Can be repeated. Returns a sentence for each part that was not taken back. Where there is one, nothing is reloaded
    or restarted: that would put into force what somebody else is still editing. `late`: the fix had held, and what
    happened to its units since is not its doing.
    """
    left: list[str] = []
    for step in reversed(record.steps):
        try:
            if late:
                _still_leads_somewhere(step)
            take_back(step, kept)
        except Conflict as error:
            left.append(str(error))
        except Exception as error:
            left.append(f"{step.path}: {error}")
    if left and record.begun:
        left.append("because of this nothing was reloaded or restarted")
    changed = bool(record.steps) and not left
    for operation in _returning(record, operator, changed=changed, late=late):
        try:
            operator.do(operation)
        except Failed as error:
            left.append(str(error))
    if changed and any(op.verb is Verb.NGINX_RELOAD for op in record.operations[record.begun :]):
        # It runs what lies there again, but would be taken for one that does not: its files are newer than its workers.
        with suppress(Failed):
            operator.do(Operation(Verb.NGINX_RELOAD))
    return left


def _still_leads_somewhere(step: Step) -> None:
    """A service that is reloaded over a link to a release that was removed since would end."""
    target = os.path.join(os.path.dirname(step.path), step.before.target)
    if step.before.kind is Kind.LINK and not os.path.exists(target):
        raise Conflict(f"{step.path} led to {step.before.target}, which is not there any more: it is left as it is")


def _returning(record: FixRecord, operator: Operator, *, changed: bool, late: bool) -> list[Operation]:
    """What brings systemd, nginx and the units back to the files as they are again. `changed`: they are other files."""
    begun = record.operations[: record.begun]
    found: list[Operation] = []
    if not begun:
        return found
    if changed and any(operation.verb is Verb.DAEMON_RELOAD for operation in begun):
        found.append(Operation(Verb.DAEMON_RELOAD))
    for name, before in record.units.items():
        own = {operation.verb for operation in begun if (operation.unit or NGINX) == name}
        found += _unit_back(name, before, operator.state(name), own, changed=changed, late=late)
    return found


def _unit_back(
    name: str, before: UnitState, now: UnitState, verbs: set[Verb], *, changed: bool, late: bool
) -> list[Operation]:
    found: list[Operation] = []
    if Verb.ENABLE in verbs and now.enabled != before.enabled:
        found.append(Operation(Verb.DISABLE, name))
    if before.active not in _UP:
        return [*found, Operation(Verb.STOP, name)] if now.active in _UP and verbs & _STARTS else found
    if now.active and now.active not in _UP:
        # It was up, and is to be up again, with whatever its files say now. Long after, somebody else has stopped it.
        return found if late else [*found, Operation(Verb.RESET_FAILED, name), Operation(Verb.START, name)]
    if changed and Verb.NGINX_RELOAD in verbs:
        found.append(Operation(Verb.NGINX_RELOAD))
    elif changed and Verb.RESTART in verbs:
        found.append(Operation(Verb.RESTART, name))
    elif changed and Verb.RELOAD in verbs:
        found.append(Operation(Verb.RELOAD, name))
    return found


def _dropin_of(step: Step) -> str:
    folder, _, name = step.path.rpartition("/")
    return folder.rpartition("/")[2].removesuffix(".d") if name == DROP_IN else ""
