"""Which tests of real machines a run takes: all that the change touches, and of the rest another share each time.

Every test belongs to a group: those of a recipe and of its fixes to their rule, the others to their file. A group that
the change touches is taken whole. Tests of no rule are always taken unless they are slow; of what remains comes a part,
and another one each turn, so that so many turns as there are parts take everything. What a run takes costs LIMIT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from math import ceil

LIMIT = 650
"""What a run may cost; a usual test costs 1. Four at a time on two cores, that takes some twenty minutes."""

SLOW = 4
"""What a slow test costs."""

RESERVED = 0.2
"""The share of what can be chosen that the change must leave to the rest."""


@dataclass(frozen=True)
class Test:
    """One test of real machines. `always`: every run takes it."""

    __test__ = False

    name: str
    group: str
    always: bool = False
    slow: bool = False

    @property
    def cost(self) -> int:
        return SLOW if self.slow else 1


@dataclass(frozen=True)
class Part:
    """`taken` of `of` tests: the part that has this number, counted from 1, of so many."""

    taken: tuple[Test, ...]
    of: int
    number: int = 1
    parts: int = 1

    def __str__(self) -> str:
        part = "" if self.parts == 1 else f", part {self.number} of {self.parts}"
        return f"{len(self.taken)} of {self.of}{part}"


@dataclass(frozen=True)
class Selection:
    """What a run takes: the tests that always run, those of the change, and those of everything else."""

    always: tuple[Test, ...]
    touched: Part
    rest: Part

    @property
    def names(self) -> frozenset[str]:
        return frozenset(test.name for test in (*self.always, *self.touched.taken, *self.rest.taken))

    @property
    def turns(self) -> int:
        """After so many runs one after another every test was taken."""
        return max(self.touched.parts, self.rest.parts)


def everything(tests: Sequence[Test]) -> Selection:
    """All of them, whatever they cost."""
    return Selection((), Part((), 0), Part(tuple(tests), len(tests)))


def select(tests: Sequence[Test], touched: Set[str], turn: int, limit: int = LIMIT) -> Selection:
    """What the run with this turn takes; `touched` are groups."""
    if _cost(tests) <= limit:
        return everything(tests)
    always = tuple(test for test in tests if test.always)
    changed = [test for test in tests if not test.always and test.group in touched]
    others = [test for test in tests if not test.always and test.group not in touched]
    room = max(0, limit - _cost(always))
    of_change = _of_change(changed, turn, room - ceil(room * RESERVED) if others else room)
    return Selection(always, of_change, _part(others, turn, room - _cost(of_change.taken)))


def told(selection: Selection, touched: Set[str], turn: int) -> Iterator[str]:
    """What was selected, for the output of a run."""
    of_change, rest = selection.touched, selection.rest
    count, total = len(selection.names), len(selection.always) + of_change.of + rest.of
    if count == total:
        yield f"all {total} tests of real machines"
        return
    yield f"{count} of {total} tests of real machines, turn {turn} ({selection.turns} in a row take everything):"
    yield f"  always: {len(selection.always)}"
    yield f"  touched by the change: {of_change}{_named(touched)}"
    if len(of_change.taken) < of_change.of:
        yield f"    of each of them the first; {of_change.of - len(of_change.taken)} only with --all or in other turns"
    yield f"  of the rest: {rest}"
    yield f"The same once more: FLASKDOCTOR_CI_TURN={turn}. Everything: .ci/run lab --all, pytest --lab --all."


def _of_change(tests: Sequence[Test], turn: int, room: int) -> Part:
    if _cost(tests) <= room:
        return Part(tuple(tests), len(tests))
    first: dict[str, Test] = {}
    for test in tests:
        first.setdefault(test.group, test)
    kept = tuple(first.values())
    part = _part([test for test in tests if first[test.group] != test], turn, room - _cost(kept))
    return Part((*kept, *part.taken), len(tests), part.number, part.parts)


def _part(tests: Sequence[Test], turn: int, room: int) -> Part:
    """Every so-manyth of them, so that each part has some of every group."""
    parts = max(1, min(len(tests), ceil(_cost(tests) / max(1, room))))
    number = turn % parts
    return Part(tuple(tests[number::parts]), len(tests), number + 1, parts)


def _cost(tests: Sequence[Test]) -> int:
    return sum(test.cost for test in tests)


def _named(groups: Set[str]) -> str:
    if not groups:
        return ""
    shown = sorted(groups)[:8]
    more = f" and {len(groups) - len(shown)} more" if len(groups) > len(shown) else ""
    return f" ({', '.join(shown)}{more})"
