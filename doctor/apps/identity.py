"""Names that tell things apart: findings, marks and options go by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def told_apart(names: Sequence[str], hints: Sequence[Sequence[str]], keep: Sequence[bool]) -> list[str]:
    """The names, each once.

    Args:
        names: as people would say them.
        hints: for each name what may tell it from another of that name, the best first; "" for none.
        keep: whose name stays as it is where all others of that name are given another.
    """
    taken: set[str] = set()
    count, kept = Counter(names), Counter(name for name, stays in zip(names, keep, strict=True) if stays)
    found = []
    for name, own, stays in zip(names, hints, keep, strict=True):
        alone = count[name] == 1 or (stays and kept[name] == 1)
        choices = [name] if alone else [f"{name} ({hint})" for hint in own if hint]
        number = 2
        while not choices or choices[0] in taken:
            choices = choices[1:] or [f"{name} ({number})"]
            number += 1
        taken.add(choices[0])
        found.append(choices[0])
    return found
