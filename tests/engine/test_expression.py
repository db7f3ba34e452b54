from __future__ import annotations

import warnings

import pytest

from doctor.engine import expression as ex
from doctor.engine.expression import MAX_LENGTH, ExpressionError, parse


def refuse(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


def test_a_path_is_the_same_by_the_short_way_and_by_the_parser() -> None:
    assert parse("app.unit.name") == parse("app.unit.name ".rstrip())
    assert parse("(app.unit.name)") == ex.Attribute(1, ex.Attribute(1, ex.Name(1, "app"), "unit", 5), "name", 10)
    assert parse("app.unit.name") == ex.Attribute(0, ex.Attribute(0, ex.Name(0, "app"), "unit", 4), "name", 9)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("null", None), ("-3", -3), ("'x'", "x")]
)
def test_constants(text: str, value: object) -> None:
    node = parse(text)
    assert isinstance(node, ex.Literal)
    assert node.value is value or node.value == value


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("lambda: 1", 0),
        ("a and [x for x in y]", 6),
        ("__import__('os').system('x')", 0),
        ("a.b()", 0),
        ("f(x=1)", 0),
        ("f(*x)", 2),
        ("a[1:2]", 0),
        ("a[b]", 0),
        ("a['x']", 0),
        ("a[True]", 0),
        ("f'{a}'", 0),
        ("(x for x in y)", 0),
        ("a if b else c", 0),
        ("a / b", 0),
        ("a ** b", 0),
        ("~a", 0),
        ("-a", 0),
        ("a is b", 0),
        ("(a := 1)", 1),
        ("{1: 2}", 0),
        ("b'x'", 0),
        ("...", 0),
        ("1j", 0),
        ("any(x, y)", 0),
        ("all(list)", 0),
        ("any(x for x in y for z in x)", 0),
        ("any(x for x, z in y)", 10),
        ("[a]", 1),
    ],
)
def test_the_white_list(text: str, offset: int) -> None:
    assert refuse(text).offset == offset


@pytest.mark.parametrize(("text", "offset"), [("a ==", 4), ("a == 'x", 5), ("and", 0), ("a.in", 2)])
def test_a_syntax_error_has_its_place(text: str, offset: int) -> None:
    error = refuse(text)
    assert error.message.startswith("not an expression")
    assert error.offset == offset


def test_bounds() -> None:
    assert refuse("").message == "empty expression"
    assert refuse("a" * (MAX_LENGTH + 1)).offset == MAX_LENGTH
    parse(" or ".join(["a"] * 100))
    assert "more than 200" in refuse("+".join("1" * 220)).message or "nested" in refuse("+".join("1" * 220)).message
    assert "more than 200" in refuse("[" + ",".join("1" * 201) + "]").message
    parse("not " * 19 + "a")
    assert "nested deeper" in refuse("not " * 20 + "a").message
    refuse("(" * 240 + "a" + ")" * 240)


def test_offsets_count_characters_not_bytes() -> None:
    assert refuse("'ééé' == a.b and lambda: 1").offset == 17


def test_an_invalid_escape_is_an_error_and_prints_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refuse(r"matches(a, '\d')").message.startswith("not an expression")
        parse(r"matches(a, r'\d')")


def test_newlines_of_a_literal_block_are_blanks() -> None:
    node = parse("a\nand b.c")
    assert isinstance(node, ex.Logic)
    assert node.operands[1].offset == 6
