"""A fact: a value with its place, or one of two things that are not values.

- `Known`: the value, where it stands (`places`, the first is the primary one) and how it came to be (`origin`).
- `Absent`: somebody looked and it is not there. In a rule it compares as null.
- `Unknown`: nobody could look. In a rule it absorbs, as NULL does in SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from doctor.cause import Doubt
from doctor.frozen import frozen

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
U = TypeVar("U")
D = TypeVar("D")
C = TypeVar("C", bound="DataclassInstance")


class Origin(str, Enum):
    """How a value came to be."""

    EXPLICIT = "explicit"
    """Written in a file or on a command line."""
    INHERITED = "inherited"
    """Written further out: an nginx block around, a drop-in for all units."""
    DEFAULT = "default"
    """Written nowhere: the program's own default."""
    COMPUTED = "computed"
    """Derived from other facts."""
    OBSERVED = "observed"
    """Seen on the running machine."""


@frozen
class Place:
    """Where a value can be seen. `text` is what stands there; lines count from 1, 0 means no line.

    Exactly one of `path`, `command` or `note` says where; `note` is for what has no address
    ("default of gunicorn 23.0.0", "pid 122").
    """

    path: str = ""
    """The file; "" where it is no file."""
    line: int = 0
    """The line in the file, from 1; 0 for the file as a whole."""
    command: str = ""
    """The command that shows it; "" where it is none."""
    text: str = ""
    """What stands there, or what the command prints."""
    note: str = ""
    """In words, for what has no address: "pid 122", "default of gunicorn 23.0.0"."""


@frozen
class Known(Generic[T]):
    """A value, where it can be seen, and how it came to be."""

    value: T
    places: tuple[Place, ...] = ()
    origin: Origin = Origin.OBSERVED

    def or_(self, default: object) -> T:
        """The value; of what is absent or unknown `default`."""
        return self.value

    def is_(self, value: object) -> bool:
        """Whether it is known to be this."""
        return bool(self.value == value)

    def meets(self, test: Callable[[T], object]) -> bool:
        """Whether it is known, and `test` holds of its value."""
        return bool(test(self.value))

    def untold(self) -> Absent:
        """What kept this from being told: nothing did."""
        return ABSENT

    def map(self, change: Callable[[T], U]) -> Known[U]:
        """The same fact, said in another way: `change` of the value, its places and its origin."""
        return Known(change(self.value), self.places, self.origin)

    def then(self, follow: Callable[[T], Fact[U]]) -> Fact[U]:
        """The fact that this one leads to; `follow` says where it can be seen."""
        return follow(self.value)


@frozen
class Absent:
    """Somebody looked and it is not there."""

    places: tuple[Place, ...] = ()

    def or_(self, default: D) -> D:
        """`default`."""
        return default

    def is_(self, value: object) -> bool:
        """It has no value."""
        return False

    def meets(self, test: Callable[[Any], object]) -> bool:
        """It has no value."""
        return False

    def untold(self) -> Absent:
        """What kept this from being told: nothing did."""
        return ABSENT

    def map(self, change: Callable[[Any], object]) -> Absent:
        """Absent, still."""
        return self

    def then(self, follow: Callable[[Any], object]) -> Absent:
        """Absent, still."""
        return self


ABSENT = Absent()
"""Without a place that says so."""


@frozen
class Unknown(Doubt):
    """`reason` completes "could not be checked: …"; `cause` is what a program decides by."""

    places: tuple[Place, ...] = ()

    @classmethod
    def of(cls, why: Doubt, places: tuple[Place, ...] = ()) -> Unknown:
        """What is not known for the reason that something else is not, or was not seen."""
        return cls(why.reason, why.cause, places)

    def or_(self, default: D) -> D:
        """`default`."""
        return default

    def is_(self, value: object) -> bool:
        """Nobody can say that it is."""
        return False

    def meets(self, test: Callable[[Any], object]) -> bool:
        """Nobody can say that it does."""
        return False

    def untold(self) -> Unknown:
        """What kept this from being told."""
        return self

    def map(self, change: Callable[[Any], object]) -> Unknown:
        """Unknown, for the same reason."""
        return self

    def then(self, follow: Callable[[Any], object]) -> Unknown:
        """Unknown, for the same reason."""
        return self


Fact: TypeAlias = Known[T] | Absent | Unknown


def computed(value: T, *places: Place) -> Known[T]:
    """A value derived from other facts, with the places that prove it."""
    return Known(value, places, Origin.COMPUTED)


def both(first: Fact[T], second: Fact[U]) -> Fact[tuple[T, U]]:
    """Two facts that are needed at once, with the places of both; the first that is not known, where one is not."""
    return first.then(lambda one: second.then(lambda two: computed((one, two), *first.places, *second.places)))


def completed(cls: type[C], earlier: DataclassInstance, **more: object) -> C:
    """The later stage of a thing that is built in two: what was known before, and `more`, which is all that is new."""
    return cls(**{field.name: getattr(earlier, field.name) for field in fields(earlier)}, **more)


def absent_all(cls: type[C]) -> C:
    """An instance whose every field is Absent: the source has nothing to look at (a dataclass of Facts alone)."""
    return cls(**{field.name: ABSENT for field in fields(cls)})
