"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint for a misspelt word: the nearest choice, or all of them when they are few; "" when nothing helps."""
    from difflib import get_close_matches  # only ever needed on the way to an error

    known = sorted(choices)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"one of {', '.join(known)}" if 0 < len(known) <= 16 else ""
