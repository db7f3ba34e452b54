"""`@frozen` is what the standard decorator makes of the same class."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace
from typing import Any

import pytest

from doctor.facts.value import Known, Place
from doctor.frozen import field, frozen


class Point:
    """Where."""

    x: int
    name: str = field(default="here", repr=False)
    tags: list[str] = field(default_factory=list)


class Nothing:
    """No field at all."""


def both(cls: type) -> tuple[Any, Any]:
    standard: type = dataclass(frozen=True, slots=True)(type(cls.__name__, (), dict(vars(cls))))
    return standard, frozen(type(cls.__name__, (), dict(vars(cls))))


STANDARD, OURS = both(Point)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((1,), {}), ((1, "there"), {}), ((), {"x": 1, "tags": ["a"]}), ((), {}), ((1, "a", [], 4), {}), ((1,), {"y": 2})],
)
def test_instances_are_made_alike(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    made: list[object] = []
    for cls in (STANDARD, OURS):
        try:
            instance = cls(*arguments, **named)
            made.append((instance.x, instance.name, instance.tags, repr(instance).rpartition(".")[2]))
        except TypeError as error:
            made.append(str(error).rpartition(".")[2])
    assert made[0] == made[1]


def test_equal_values_are_equal_and_hash_alike() -> None:
    first, second = OURS(1, "a", ()), OURS(1, "a", ())
    assert first == second
    assert hash(first) == hash(second)
    assert first != OURS(2, "a", ())
    assert first != STANDARD(1, "a", ())


def test_nothing_can_be_changed_or_added() -> None:
    point = OURS(1)
    for name in ("x", "unheard_of"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 2)
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")


def test_each_instance_has_its_own_default() -> None:
    assert OURS(1).tags is not OURS(1).tags


def test_the_tools_for_dataclasses_work() -> None:
    assert [item.name for item in fields(OURS)] == ["x", "name", "tags"]
    assert replace(OURS(1), x=2).x == 2
    match OURS(3, "a"):
        case OURS(x, name):
            assert (x, name) == (3, "a")
    assert is_dataclass(OURS)


def test_a_class_may_inherit_and_say_things_itself() -> None:
    @frozen
    class Base:
        x: int

    @frozen
    class Derived(Base):
        y: int = 2

        def __repr__(self) -> str:
            return f"<{self.x}/{self.y}>"

    assert repr(Derived(1)) == "<1/2>"
    assert Derived(1) == Derived(1, 2) != Base(1)


def test_no_field_at_all() -> None:
    _, nothing = both(Nothing)
    assert nothing() == nothing()
    assert hash(nothing()) == hash(nothing())
    assert repr(nothing()).endswith("Nothing()")


def test_instances_can_be_copied_and_pickled() -> None:
    fact = Known([1], (Place(path="/etc/a", line=3),))
    deep = copy.deepcopy(fact)
    assert copy.copy(fact) == deep == pickle.loads(pickle.dumps(fact)) == fact
    assert deep.value is not fact.value
