"""Takes back what a run did, and what one that was killed left half done."""

from __future__ import annotations

from doctor.fixes import rehearsal
from doctor.fixes.operate import Operator
from doctor.fixes.record import FixRecord, RunRecord, State
from doctor.fixes.store import Store
from doctor.fixes.transaction import revert
from doctor.frozen import frozen


@frozen
class TakenBack:
    """One fix that was taken back; `left` tells what could not be, a sentence each. `copies`: where its files lie."""

    run: str
    fix: FixRecord
    left: tuple[str, ...]
    copies: str


def recover(store: Store, operator: Operator) -> list[TakenBack]:
    """Take back what runs that were killed left half done, the newest first. The caller holds the lock."""
    rehearsal.clean()
    return [
        _take_back(store, run, fix, operator, State.ROLLED_BACK)
        for run in reversed(store.runs())
        for fix in reversed(run.open)
    ]


def undo(store: Store, run: RunRecord, operator: Operator) -> list[TakenBack]:
    """Take back every fix of a run, the last first. The caller holds the lock."""
    return [_take_back(store, run, fix, operator, State.UNDONE) for fix in reversed(run.standing)]


def last(store: Store) -> RunRecord | None:
    """The newest run with something to take back."""
    return next((run for run in reversed(store.runs()) if run.standing), None)


def _take_back(store: Store, run: RunRecord, fix: FixRecord, operator: Operator, state: State) -> TakenBack:
    left = revert(fix, operator, lambda name: store.kept(run, name), late=fix.state is not State.BEGUN)
    fix.state = State.LEFT if left else state
    try:
        store.save(run)
    except OSError as error:
        left.append(f"what became of it could not be written down: {error.strerror}")
    return TakenBack(run.run, fix, tuple(left), str(store.folder(run)))
