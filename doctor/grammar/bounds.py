"""How large a value may become while it is worked out from source text, which is written by others.

`a = a + a` in 27 lines is a string of 128 MB, and `a = (a, a)` a tuple that takes as long to print. A value is counted
before it is made, so that what is too large is never held.
"""

from __future__ import annotations

from math import isfinite
from typing import TypeAlias

Literal: TypeAlias = str | int | float | bool | tuple["Literal", ...] | None

SIZE_LIMIT = 10_000
"""Characters and items of one value. No setting, path or address is longer."""

NUMBER_LIMIT = 1 << 64
"""No whole number of a setting is larger, and Python refuses to print one of more than 4300 digits."""


class TooLarge(Exception):
    """A value is larger than anything that is configured."""


def size(value: Literal, limit: int = SIZE_LIMIT) -> int:
    """Characters and items of a value, parts that are shared counted each time; counting ends beyond `limit`.

    A number out of bounds, which cannot be printed or compared, is larger than any limit.
    """
    total = 0
    waiting = [value]
    while waiting and total <= limit:
        part = waiting.pop()
        if isinstance(part, tuple):
            total += 1 + len(part)
            if total <= limit:
                waiting.extend(part)
        elif isinstance(part, str):
            total += 1 + len(part)
        elif isinstance(part, int):
            total += 1 if abs(part) <= NUMBER_LIMIT else limit + 1
        elif isinstance(part, float):
            total += 1 if isfinite(part) else limit + 1
        else:
            total += 1
    return total


def bounded(value: Literal) -> Literal:
    """The value itself.

    Raises:
        TooLarge: it is larger than `SIZE_LIMIT`.
    """
    if size(value) > SIZE_LIMIT:
        raise TooLarge
    return value


class Room:
    """What is left for one value that is put together from parts. Joining parts makes nothing larger than their sum."""

    def __init__(self) -> None:
        self._left = SIZE_LIMIT

    def take(self, part: Literal) -> Literal:
        """The part itself, counted.

        Raises:
            TooLarge: the parts together are larger than `SIZE_LIMIT`.
        """
        self._left -= size(part, self._left)
        if self._left < 0:
            raise TooLarge
        return part
