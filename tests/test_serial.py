"""Dataclasses become JSON and come back; what is none of theirs is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from doctor.frozen import field, frozen
from doctor.grammar.bounds import Literal
from doctor.serial import Form, FormError, Serial


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class Point:
    x: int
    y: float = 0.0


@frozen
class Nothing:
    pass


@frozen
class Circle:
    centre: Point | Nothing
    colour: Colour = Colour.RED
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (0, "")
    marks: Mapping[str, Point | None] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    literal: Literal = None


FORMS: Mapping[type[Any], Form] = {
    Nothing: Form(Mapping[str, bool], lambda _: {"$nothing": True}, lambda _: Nothing(), ("$nothing", "$why"))
}
WHOLE = Serial(FORMS)
TERSE = Serial(FORMS, terse=True, floats=(-10.0, 10.0))
FULL = Circle(
    Point(1, 2.5), Colour.BLUE, ("a", "b"), (3, "c"), {"z": Point(0), "a": None}, frozenset("qp"), (1, ("x", (None,)))
)


@pytest.mark.parametrize("serial", [WHOLE, TERSE])
@pytest.mark.parametrize("value", [FULL, Circle(Nothing()), Circle(Point(1), literal=((),))])
def test_what_is_written_is_read(serial: Serial, value: Circle) -> None:
    assert serial.read(json.loads(json.dumps(serial.write(value))), Circle) == value


def test_what_is_written() -> None:
    assert json.dumps(TERSE.write(Circle(Nothing()))) == '{"centre": {"$nothing": true}, "marks": {}}'
    assert json.dumps(TERSE.write(FULL.marks)) == '{"a": null, "z": {"x": 0}}'
    assert json.dumps(WHOLE.write(FULL)) == (
        '{"centre": {"x": 1, "y": 2.5}, "colour": "blue", "names": ["a", "b"], "pair": [3, "c"], '
        '"marks": {"z": {"x": 0, "y": 0.0}, "a": null}, "tags": ["p", "q"], "literal": [1, ["x", [null]]]}'
    )


def test_what_has_no_form_is_not_written() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        WHOLE.write((object(),))


def test_properties_of_a_later_version_are_left_out() -> None:
    assert TERSE.read({"x": 1, "colour": [7]}, Point) == Point(1)


def test_a_mark_with_other_properties_is_none() -> None:
    kind = Mapping[str, str] | Nothing
    assert TERSE.read({"$nothing": True}, kind) == Nothing()
    assert TERSE.read({"$nothing": "x", "A": "b"}, kind) == {"$nothing": "x", "A": "b"}


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ({}, Point, "Point lacks x"),
        ([], Point, "a list is not an object"),
        ({"x": "1"}, Point, "x: '1' is not of type int"),
        ({"x": True}, Point, "x: True is not of type int"),
        ({"x": 1, "y": 11}, Point, "y: 11 is out of range"),
        ({"x": 1, "y": float("nan")}, Point, "y: nan is out of range"),
        ({"x": 1, "y": 10**400}, Point, f"y: 1{'0' * 59}… is out of range"),
        ({"x": 1, "y": False}, Point, "y: False is not a number"),
        ({"centre": {"x": None}}, Circle, "centre.x: None is not of type int"),
        ({"centre": 3}, Circle, "centre: 3 has none of the expected forms"),
        ({"centre": {"$nothing": 1}}, Circle, "centre['$nothing']: 1 is not of type bool"),
        ({"centre": {"x": 1}, "colour": "green"}, Circle, "colour: 'green' is no Colour"),
        ({"centre": {"x": 1}, "colour": ["red"]}, Circle, "colour: a list is no Colour"),
        ({"centre": {"x": 1}, "names": ["a", 1]}, Circle, "names[1]: 1 is not of type str"),
        ({"centre": {"x": 1}, "names": "ab"}, Circle, "names: 'ab' is not a list"),
        ({"centre": {"x": 1}, "tags": [[]]}, Circle, "tags[0]: a list is not of type str"),
        ({"centre": {"x": 1}, "pair": [1]}, Circle, "pair: it has 1 parts, not 2"),
        ({"centre": {"x": 1}, "pair": [1, 2]}, Circle, "pair[1]: 2 is not of type str"),
        ({"centre": {"x": 1}, "marks": {"\x1b[0m": {}}}, Circle, "marks['\\x1b[0m']: Point lacks x"),
        ({"centre": {"x": 1}, "marks": {"a": [1]}}, Circle, "marks.a: a list has none of the expected forms"),
        ({"centre": {"x": 1}, "literal": [1, [{}]]}, Circle, "literal[1][0]: an object has none of the expected forms"),
        ("x" * 100_000, int, f"'{'x' * 59}… is not of type int"),
    ],
)
def test_what_is_refused(data: Any, kind: Any, said: str) -> None:
    with pytest.raises(FormError) as caught:
        TERSE.read(data, kind)
    assert str(caught.value) == said


def _nested(inner: Any, depth: int) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize("depth", [50, 400, 20_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """Neither with a traceback, nor after a try for each way to read each level."""
    with pytest.raises(FormError) as caught:
        TERSE.read(_nested({}, depth), Literal)
    assert len(str(caught.value)) < 400


def test_nesting_beyond_the_stack_is_refused() -> None:
    assert TERSE.read(_nested("a", 3), Literal) == ((("a",),),)
    with pytest.raises(FormError, match="nested too deeply"):
        TERSE.read(_nested("a", 20_000), Literal)


def test_what_a_form_refuses_is_refused_with_its_place() -> None:
    serial = Serial({Point: Form(tuple[int, int], lambda point: [point.x], lambda row: {1: Point(1)}[row[0]])})
    assert serial.read([[1, 1]], tuple[Point, ...]) == (Point(1),)
    with pytest.raises(FormError, match=r"^\[1\]: a list stands for nothing"):
        serial.read([[1, 1], [2, 1]], tuple[Point, ...])
