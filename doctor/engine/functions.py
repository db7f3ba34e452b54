"""The functions of the language. The list is short on purpose: heavier thinking is a fact."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from doctor.cause import Cause
from doctor.facts.value import Unknown
from doctor.frozen import frozen
from doctor.grammar.paths import is_below

MAX_PATTERN = 200
"""Characters of a pattern."""
MAX_SUBJECT = 4096
"""Characters of a string a pattern is tried on: bounds what a pattern can cost."""


@frozen
class Function:
    """`parameters` are "str", "sized", "pattern" or "fact"; `call` is None for those that look at the fact itself."""

    usage: str
    parameters: tuple[str, ...]
    result: str
    call: Callable[..., Any] | None = None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _matches(text: str, pattern: str) -> bool:
    return _compiled(pattern).search(text[:MAX_SUBJECT]) is not None


def _version(text: str) -> tuple[int, ...] | Unknown:
    """Numbers of the release, zeros at the end dropped, so that 20.1 equals 20.1.0."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text.strip())
    if not found:
        return Unknown(f"no version number in {text[:40]!r}", Cause.NOT_UNDERSTOOD)
    numbers = [int(number[:9]) for number in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


FUNCTIONS = {
    "exists": Function("exists(fact)", ("fact",), "bool"),
    "seen": Function("seen(fact)", ("fact",), "bool"),
    "known": Function("known(fact)", ("fact",), "bool"),
    "origin": Function("origin(fact)", ("fact",), "origin"),
    "len": Function("len(list)", ("sized",), "number", len),
    "lower": Function("lower(text)", ("str",), "str", str.lower),
    "startswith": Function("startswith(text, start)", ("str", "str"), "bool", str.startswith),
    "endswith": Function("endswith(text, end)", ("str", "str"), "bool", str.endswith),
    "matches": Function('matches(text, r"pattern")', ("str", "pattern"), "bool", _matches),
    "under": Function("under(path, directory)", ("str", "str"), "bool", is_below),
    "basename": Function("basename(path)", ("str",), "str", lambda path: path.rstrip("/").rpartition("/")[2]),
    "version": Function("version(text)", ("str",), "version", _version),
}
