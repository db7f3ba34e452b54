"""No regular expression of the package can be made to search for ever: read from its structure, not from a clock.

Every pattern is collected, those that are compiled in functions too, and its parse tree is searched for the two shapes
that make a search take the square (or worse) of the length of a text: a repetition within a repetition that can share
characters, and two unbounded repetitions beside each other that can.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import doctor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sre_constants
    import sre_parse

_UNBOUNDED = 2000
"""Repetitions of fewer characters are bounded work."""


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(doctor.__path__, "doctor."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _within(value: Any, depth: int = 4) -> Iterator[re.Pattern[Any]]:
    """Patterns in a value: itself, in containers, in the fields of an object of ours."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, (dict, tuple, list, set, frozenset)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _within(item, depth - 1)
    elif depth and type(value).__module__.startswith("doctor") and not isinstance(value, type):
        for name in getattr(type(value), "__slots__", None) or vars(value) if hasattr(value, "__dict__") else ():
            yield from _within(getattr(value, name, None), depth - 1)
        for name in getattr(type(value), "__dataclass_fields__", ()):
            yield from _within(getattr(value, name, None), depth - 1)


def _made(value: Any, module: str) -> Any:
    """What a cached function without parameters makes, where it makes patterns; else the value itself."""
    inner = getattr(value, "__wrapped__", None)
    if inner is None or value.__module__ != module or inner.__code__.co_argcount:
        return value
    return value() if "Pattern" in str(inner.__annotations__.get("return", "")) else None


def _patterns() -> dict[str, re.Pattern[str]]:
    found: dict[str, re.Pattern[str]] = {}
    for module in _modules():
        for name, value in vars(module).items():
            if callable(value) and not hasattr(value, "__wrapped__"):
                continue
            for number, pattern in enumerate(_within(_made(value, module.__name__))):
                found[f"{module.__name__}.{name}-{number}"] = pattern
    return found


PATTERNS = _patterns()


def _characters(node: Any) -> set[int]:
    """The first 256 characters that an item can match; all of them where that is not plain."""
    operator, argument = node
    everything = set(range(256))
    if operator is sre_constants.LITERAL:
        return {argument} if argument < 256 else {255}
    if operator is sre_constants.NOT_LITERAL:
        return everything - {argument}
    if operator is sre_constants.ANY:
        return everything - {10}
    if operator is sre_constants.IN:
        found: set[int] = set()
        negated = False
        for kind, value in argument:
            if kind is sre_constants.NEGATE:
                negated = True
            elif kind is sre_constants.LITERAL:
                found.add(min(value, 255))
            elif kind is sre_constants.RANGE:
                found.update(range(value[0], min(value[1], 255) + 1))
            elif kind is sre_constants.CATEGORY:
                name = str(value)
                known = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}[name.rpartition("_")[2]]
                matched = {c for c in everything if re.match(known, chr(c))}
                found |= everything - matched if "NOT" in name else matched
        return everything - found if negated else found
    if operator in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
        return _all(argument[2])
    if operator is sre_constants.SUBPATTERN:
        return _all(argument[3])
    if operator is sre_constants.BRANCH:
        return set().union(*map(_all, argument[1]))
    return set()


def _all(items: Any) -> set[int]:
    return set().union(*map(_characters, items)) if len(items) else set()


def _repeats(node: Any) -> bool:
    return node[0] in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT) and node[1][1] > _UNBOUNDED


def _ends(items: Any) -> list[Any]:
    """Unbounded repetitions with which a sequence can end."""
    found: list[Any] = []
    for node in reversed(list(items)):
        operator, argument = node
        if _repeats(node):
            found.append(node)
        if operator is sre_constants.SUBPATTERN:
            found += _ends(argument[3])
        elif operator is sre_constants.BRANCH:
            for branch in argument[1]:
                found += _ends(branch)
        if not _empty(node):
            break
    return found


def _empty(node: Any) -> bool:
    operator, argument = node
    if operator in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
        return argument[0] == 0 or all(map(_empty, argument[2]))
    if operator is sre_constants.SUBPATTERN:
        return all(map(_empty, argument[3]))
    if operator is sre_constants.BRANCH:
        return any(all(map(_empty, branch)) for branch in argument[1])
    return operator in (sre_constants.AT, sre_constants.ASSERT, sre_constants.ASSERT_NOT, sre_constants.GROUPREF)


def _first(items: Any) -> set[int]:
    """Characters with which a sequence can begin."""
    found: set[int] = set()
    for node in items:
        operator, argument = node
        if operator in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
            found |= _first(argument[2])
        elif operator is sre_constants.SUBPATTERN:
            found |= _first(argument[3])
        elif operator is sre_constants.BRANCH:
            found = found.union(*map(_first, argument[1]))
        else:
            found |= _characters(node)
        if not _empty(node):
            break
    return found


def _last(node: Any) -> set[int]:
    """Characters that the repetition can give back one by one: those of the last item of its body."""
    body = [item for item in node[1][2] if _characters(item)]
    return _characters(body[-1]) if body else set()


def _alternatives(node: Any) -> Iterator[Any]:
    """The items that can make up the whole of an item: those of its branches, or itself."""
    operator, argument = node
    sequences = argument[1] if operator is sre_constants.BRANCH else ()
    if operator is sre_constants.SUBPATTERN:
        sequences = (argument[3],)
    if not sequences:
        yield node
    for sequence in sequences:
        if len(sequence) == 1:
            yield from _alternatives(sequence[0])


def _faults(items: Any) -> Iterator[str]:
    items = list(items)
    for index, node in enumerate(items):
        if _repeats(node):
            body = list(node[1][2])
            while len(body) == 1 and body[0][0] is sre_constants.SUBPATTERN:
                body = list(body[0][1][3])
            for item in body:
                fixed = [other for other in body if other is not item and not _empty(other)]
                apart = any(_characters(item).isdisjoint(_first([other])) for other in fixed)
                if not apart and any(map(_repeats, _alternatives(item))):
                    yield f"a repetition within a repetition: {item}"
            denied = _characters_denied(items[:index])
            for item in _ends(items[:index]):
                shared = (_last(item) & _first(node[1][2])) - denied
                if shared and node is not items[-1]:
                    yield f"two repetitions that share {sorted(map(chr, shared))[:5]}"
        for inner_items in _inside(node):
            yield from _faults(inner_items)


def _characters_denied(items: list[Any]) -> set[int]:
    """What may not come next, where the last item is a lookahead that says so."""
    if not items or items[-1][0] is not sre_constants.ASSERT_NOT or len(items[-1][1][1]) != 1:
        return set()
    return _characters(items[-1][1][1][0])


def _inside(node: Any) -> list[Any]:
    operator, argument = node
    if operator in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
        return [argument[2]]
    if operator is sre_constants.SUBPATTERN:
        return [argument[3]]
    if operator is sre_constants.BRANCH:
        return list(argument[1])
    if operator in (sre_constants.ASSERT, sre_constants.ASSERT_NOT):
        return [argument[1]]
    return []


JUDGED_BY_HAND = (
    # Ends with what it repeats: whatever it took, nothing is tried again.
    "[ \\t\\r\\n]*(?:\n        (?P<COMMENT>",
    # Matched from the beginning of a line alone, and of two brackets each has the characters after it to itself.
    r"(?:\W*(?:\[[\d;]*m)*WARNING: This is a development server",
)
"""How patterns begin that have such a shape and no such cost."""


def faults(pattern: re.Pattern[Any]) -> list[str]:
    return list(_faults(sre_parse.parse(pattern.pattern, pattern.flags & ~re.DEBUG)))


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_takes_no_square_of_a_text(name: str) -> None:
    pattern = PATTERNS[name]
    assert pattern.pattern.startswith(JUDGED_BY_HAND) or not faults(pattern), pattern.pattern


@pytest.mark.parametrize(
    "pattern", [r"(a+)+b", r"(?:a*)*", r"\{[ \t]*([^{}]*?)[ \t]*\}", r"(\w+\s*)+:", r"a[ \t]*\s*b", r"(?:a|b+)+c"]
)
def test_the_search_finds_what_it_is_for(pattern: str) -> None:
    assert faults(re.compile(pattern))


def test_there_are_patterns_to_look_at() -> None:
    assert len(PATTERNS) > 80
