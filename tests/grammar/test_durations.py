"""Durations in words."""

from __future__ import annotations

import pytest

from doctor.grammar.durations import exact, rough


@pytest.mark.parametrize(
    ("seconds", "both", "one"),
    [
        (0, "0 s", "0 s"),
        (0.25, "250 ms", "0 s"),
        (2.5, "2.5 s", "2 s"),
        (90, "1 min 30 s", "1 min"),
        (5400, "1 h 30 min", "1 h"),
        (86400, "1 d", "24 h"),
        (180_000, "2 d 2 h", "2 days"),
        (-5, "-5 s", "0 s"),
    ],
)
def test_a_duration_in_words(seconds: float, both: str, one: str) -> None:
    assert (exact(seconds), rough(seconds)) == (both, one)


def test_what_has_no_end() -> None:
    assert exact(float("inf")) == "no limit"
