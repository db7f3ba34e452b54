"""The factory makes any class of facts, with nothing in it or with what is given."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import pytest
from factories import empty, hints_of, make

from doctor.engine.dictionary import groups
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin
from doctor.frozen import frozen

CLASSES = [group.cls for group in groups()]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_that_a_rule_can_ask(cls: Any) -> None:
    made = make(cls)
    for field in fields(cls):
        hint, value = hints_of(cls)[field.name], getattr(made, field.name)
        assert value == empty(hint)
        if Absent in get_args(hint):
            assert value == ABSENT


@frozen
class Leaf:
    """A class within another."""

    name: str
    origin: Origin


@frozen
class Sample:
    """One field of each kind; its defaults do not count."""

    fact: Fact[str]
    facts: Fact[tuple[int, ...]]
    leaf: Leaf
    pair: tuple[int, str]
    many: tuple[Leaf, ...]
    maybe: Leaf | None
    named: dict[str, int]
    some: frozenset[str] = frozenset({"x"})
    fine: Fact[bool] = Known(True)
    number: int = 7


def test_each_kind_of_field() -> None:
    assert make(Sample) == Sample(
        ABSENT, ABSENT, Leaf("", Origin.EXPLICIT), (0, ""), (), None, {}, frozenset(), ABSENT, 0
    )


def test_a_plain_value_of_a_fact_becomes_known() -> None:
    made = make(Sample, fact="x", number=3, facts=ABSENT)
    assert (made.fact, made.number, made.facts) == (Known("x", (), Origin.EXPLICIT), 3, ABSENT)


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"Sample has no \['fcat'\]"):
        make(Sample, fcat="x")
