"""No source text makes a large value, however few lines it takes to ask for one."""

from __future__ import annotations

import json

import pytest

from doctor.facts.value import ABSENT
from doctor.grammar.bounds import SIZE_LIMIT, Literal, size
from doctor.grammar.outline import Expression
from doctor.grammar.python_source import outline
from doctor.servers.gunicorn.expression import AtLeast, Scope, Unresolved, Value, evaluate

DOUBLING = "\n".join(["a = a + a"] * 40)

BOMBS = [
    f"a = 'x' * 8\na = 'xxxxxxxx'\n{DOUBLING}",
    f"a = (1, 2)\n{DOUBLING}",
    "a = 'xxxxxxxx'\n" + "a = f'{a}{a}'\n" * 40,
    "a = 'xxxxxxxx'\n" + "a = (a, a)\n" * 40,
    "a = 'xxxxxxxx'\n" + "a = [*a, *a]\n" * 40,
    f"a = '{'x' * SIZE_LIMIT}'\n" + "b = a + a\n" * 40,
    f"a = '{'x' * (SIZE_LIMIT // 2)}'\nb = ({'a, ' * 5000})",
    f"a = '{'x' * (SIZE_LIMIT // 2)}'\nb = f'{'{a}' * 5000}'",
    "a = 'x' * 10**9",
    "a = [0] * 10**9",
    "a = 1 << 10**9",
    "a = 10 ** 10 ** 8",
    "a = 1024 ** 64\n" + "a = a * a\n" * 40,
    "a = 0x" + "f" * 50_000,
    "a = -0x" + "f" * 50_000,
    "a = 1e999\nb = -1e999",
    "MAX_CONTENT_LENGTH = 1e999",
    "a = '%s%s' % ('x' * 10**9, 1)",
    "a = '{:>999999999}'.format(1)",
    "a = f'{1:>999999999}'",
    "a = ','.join(['x' * 10**9] * 10**9)",
    "a = 'x'.replace('x', 'x' * 10**9)",
    "a = 'x'.ljust(10**10)",
]


@pytest.mark.parametrize("source", BOMBS, ids=[text[:24] for text in BOMBS])
def test_an_outline_holds_no_large_value(source: str) -> None:
    found = outline(source.encode(), "x.py")
    for item in found.assignments:
        if not isinstance(item.value, Expression):
            assert size(item.value) <= SIZE_LIMIT
            json.dumps(item.value, allow_nan=False)


@pytest.mark.parametrize("source", BOMBS, ids=[text[:24] for text in BOMBS])
def test_no_setting_is_a_large_value(source: str) -> None:
    names: dict[str, Value | Unresolved] = {}
    for line in source.splitlines():
        name, _, text = line.partition(" = ")
        try:
            found = evaluate(text, Scope(names, lambda _: ABSENT, None, "/x.py"))
        except Unresolved as unresolved:
            names[name] = unresolved
            continue
        names[name] = found
        assert isinstance(found, AtLeast) or size(found) <= SIZE_LIMIT


def test_a_number_of_processors_does_not_grow_without_end() -> None:
    scope = Scope({"a": AtLeast(10**11)}, lambda _: ABSENT, None, "/x.py")
    assert evaluate("a * 2", scope) == AtLeast(2 * 10**11)
    with pytest.raises(Unresolved):
        evaluate("a * 2 * 10 * 10", scope)


def test_counting_ends_at_the_limit() -> None:
    shared: Literal = "x"
    for _ in range(200):
        shared = (shared, shared)
    assert size(shared) > SIZE_LIMIT
    assert size(("a", "bc", 1, None)) == (1 + 4) + 2 + 3 + 1 + 1


def test_what_is_configured_fits() -> None:
    found = outline(
        b"RUN = '/run/shop'\nbind = [f'unix:{RUN}/a.sock', '127.0.0.1:80']\nLIMIT = 16 * 1024 * 1024\n", "x.py"
    )
    assert [item.value for item in found.assignments] == [
        "/run/shop", ("unix:/run/shop/a.sock", "127.0.0.1:80"), 16 << 20,
    ]  # fmt: skip
