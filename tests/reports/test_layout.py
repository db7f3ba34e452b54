from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from doctor.reports import layout


@given(st.text(), st.integers(1, 80))
def test_wrap_loses_no_word_and_breaks_none(text: str, width: int) -> None:
    pieces = layout.wrap(text, width)
    assert " ".join(pieces) == " ".join(layout.clean(word) for word in text.split())
    assert all(len(piece) <= width or " " not in piece for piece in pieces)


@given(st.text())
def test_a_line_stays_one_line(text: str) -> None:
    shown = layout.plain([layout.line((text, "x"))])
    assert shown.endswith("\n")
    assert len(shown.splitlines()) == 1
    assert shown.encode("utf-8")


@given(st.text())
def test_ascii_can_carry_anything(text: str) -> None:
    assert layout.plain(layout.encodable([layout.line((text, ""))], "ascii")).isascii()


def test_text_below_when_there_is_no_room_beside() -> None:
    rows = layout.columns(layout.line(("  ", "")), "a" * 40, "word " * 12, 44, 60)
    shown = layout.plain(rows).splitlines()
    assert shown[0] == "  " + "a" * 40
    assert all(row.startswith("      word") and len(row) <= 60 for row in shown[1:])
