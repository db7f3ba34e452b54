"""Takes back what a run did, and what one that was killed left half done."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from doctor.fixes import rehearsal
from doctor.fixes.interrupt import Interruptions
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


@frozen
class Undone:
    """What an undo came to. `meant`: the runs it was about, the newest first.

    `standing`: fixes of these and of older runs that stand still, each with the name of its run, the newest first.
    """

    items: tuple[TakenBack, ...] = ()
    meant: tuple[str, ...] = ()
    standing: tuple[tuple[str, FixRecord], ...] = ()

    @property
    def whole(self) -> bool:
        """Of what it was about nothing stands."""
        return not any(item.left for item in self.items) and not any(run in self.meant for run, _ in self.standing)


def recover(store: Store, operator: Operator, stop: Interruptions) -> list[TakenBack]:
    """Take back what runs that were killed left half done, the newest first. The caller holds the lock.

    What such a run had completed stays.
    """
    rehearsal.clean()
    return _all_back(store, store.runs(), (), operator, stop)


def undo(store: Store, operator: Operator, stop: Interruptions, name: str = "") -> Undone:
    """Take back every fix of a run, the last first, and whatever was interrupted. The caller holds the lock.

    Without a name: of the runs that were killed with something half done, or else of the last that has something to
    take back. A run is one thing: where it was killed in its second fix, the first goes back with it. When a signal
    comes, the fix that is being taken back is the last.
    """
    named = (store.load(name).run,) if name else ()
    runs = store.runs()
    meant = named or _interrupted(runs) or _last(runs)
    rehearsal.clean()
    items = _all_back(store, runs, meant, operator, stop)
    # Newer runs than the one that was named stand because nobody asked about them.
    no_newer = [run for run in runs if not meant or run.run <= meant[0]]
    standing = tuple((run.run, fix) for run in reversed(no_newer) for fix in reversed(run.fixes) if fix.stands)
    return Undone(tuple(items), meant, standing)


def _interrupted(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    return tuple(run.run for run in reversed(runs) if run.open)


def _last(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """The newest run with something to take back."""
    return tuple(run.run for run in reversed(runs) if run.standing)[:1]


def _all_back(
    store: Store, runs: Sequence[RunRecord], meant: Collection[str], operator: Operator, stop: Interruptions
) -> list[TakenBack]:
    """What is half done, and every fix of the runs that are meant: from the newest to the oldest."""
    items: list[TakenBack] = []
    with stop.held():
        for run in reversed(runs):
            for fix in reversed(run.fixes):
                if stop.came:
                    return items
                if fix.state is State.BEGUN:
                    items.append(_take_back(store, run, fix, operator, State.ROLLED_BACK))
                elif run.run in meant and fix in run.standing:
                    items.append(_take_back(store, run, fix, operator, State.UNDONE))
    return items


def _take_back(store: Store, run: RunRecord, fix: FixRecord, operator: Operator, state: State) -> TakenBack:
    left = revert(fix, operator, lambda name: store.kept(run, name), late=fix.state is not State.BEGUN)
    fix.state = State.LEFT if left else state
    try:
        store.save(run)
    except OSError as error:
        left.append(f"what became of it could not be written down: {error.strerror}")
    return TakenBack(run.run, fix, tuple(left), str(store.folder(run)))
