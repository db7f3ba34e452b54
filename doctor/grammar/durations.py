"""Durations in words, from seconds."""

from __future__ import annotations

import math

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def exact(seconds: float) -> str:
    """In its two largest units: "1 h 30 min"; below a minute as it is: "0.5 s" is "500 ms"."""
    if math.isinf(seconds):
        return "no limit"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:g} s" if seconds == int(seconds) else f"{seconds:.1f} s"
    whole = round(seconds)
    first = next(number for number, (size, _) in enumerate(_UNITS) if whole >= size)
    text = []
    for size, unit in _UNITS[first : first + 2]:
        count, whole = divmod(whole, size)
        text += [f"{count} {unit}"] if count else []
    return " ".join(text)


def rough(seconds: float) -> str:
    """The largest whole unit of which there are enough: "45 s", "4 min", "3 h", "12 days"."""
    for size, unit in _UNITS[:-1]:
        days = unit == "d"
        if seconds >= 2 * size or (seconds >= size and not days):
            return f"{int(seconds // size)} {'days' if days else unit}"
    return f"{max(int(seconds), 0)} s"
