"""A fact is said by whoever builds the thing it is of, never by leaving it out; what is made of it stays a fact."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown, both, computed

ROOT = Path(__file__).parents[2]
STOREYS = ("facts", "sources", "servers", "conclusions", "apps")
MODULES = sorted(path for storey in STOREYS for path in (ROOT / "doctor" / storey).glob("**/*.py"))


def _defaults(tree: ast.Module) -> Iterator[str]:
    """Fields of frozen classes that are facts and have a default: `Class.field`."""
    for cls in ast.walk(tree):
        if isinstance(cls, ast.ClassDef) and any(ast.unparse(each) == "frozen" for each in cls.decorator_list):
            for field in cls.body:
                if isinstance(field, ast.AnnAssign) and field.value and "Fact[" in ast.unparse(field.annotation):
                    yield f"{cls.name}.{ast.unparse(field.target)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "doctor")))
def test_no_fact_is_fine_by_default(path: Path) -> None:
    assert not list(_defaults(ast.parse(path.read_text())))


def test_a_default_is_found() -> None:
    text = "@frozen\nclass Unit:\n    name: str\n    start_blocker: Fact[str] = ABSENT\n    template: bool = False\n"
    assert list(_defaults(ast.parse(text))) == ["Unit.start_blocker"]


PLACE = Place(path="/etc/app.env", line=3)
OTHER = Place(note="pid 7")
UNKNOWN = Unknown("it may be read by root only", Cause.NEEDS_ROOT, (PLACE,))
NOT_THERE = Absent((PLACE,))


@pytest.mark.parametrize("fact", [UNKNOWN, NOT_THERE])
def test_what_has_no_value_stays_what_it_is(fact: Fact[int]) -> None:
    assert fact.map(str) is fact
    assert fact.then(lambda value: Known(value + 1)) is fact
    assert both(fact, Known(1)) is fact
    assert both(Known(1), fact) is fact


def test_a_value_said_in_another_way_keeps_its_places_and_origin() -> None:
    assert Known(3, (PLACE,), Origin.EXPLICIT).map(str) == Known("3", (PLACE,), Origin.EXPLICIT)


def test_the_fact_that_follows_says_where_it_is_seen() -> None:
    assert Known(3, (PLACE,)).then(lambda value: Known(value + 1, (OTHER,))) == Known(4, (OTHER,))
    assert Known(3, (PLACE,)).then(lambda _: UNKNOWN) is UNKNOWN


def test_two_facts_have_the_places_of_both() -> None:
    assert both(Known(3, (PLACE,)), Known("a", (OTHER,))) == computed((3, "a"), PLACE, OTHER)


@pytest.mark.parametrize(("fact", "holds"), [(Known(3), True), (Known(0), False), (NOT_THERE, False), (UNKNOWN, False)])
def test_a_condition_holds_only_of_what_is_known(fact: Fact[int], holds: bool) -> None:
    assert fact.meets(lambda value: value > 1) is holds


def test_what_kept_a_fact_from_being_told() -> None:
    assert UNKNOWN.untold() is UNKNOWN
    assert [fact.untold() for fact in (Known(1, (PLACE,)), NOT_THERE)] == [ABSENT, ABSENT]
