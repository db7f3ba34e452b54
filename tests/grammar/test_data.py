from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.data import expression, json_object, literal_dict

HOSTILE = [
    "[" * 100_000, "{" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "[" * 5000 + "]" * 5000, "(" * 250 + ")" * 250,
    "{[]: 1}", "{{}: 1}", "{1: 2, [3]: 4}", "9" * 5000, "0x" + "f" * 100_000, "-" * 5000 + "1", "1+" * 5000 + "1",
    "\0", "{'a': '\ud800'}", "f(" * 300, "a." * 5000 + "b", "{**{}}", "{'a': 1e999}", '{"a": NaN}', "", "{", "'" * 9999,
    "not " * 5000 + "1", "lambda: " * 300 + "1",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_stops_a_reader(text: str) -> None:
    assert isinstance(json_object(text), dict)
    assert isinstance(literal_dict(text), dict)
    expression(text)


@given(st.text(alphabet="{}[]():,'\"\\0123456789abfnx*+-. \n", max_size=60))
def test_no_text_at_all_does(text: str) -> None:
    test_no_text_stops_a_reader(text)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_what_is_data_is_read(value: object) -> None:
    import json

    if isinstance(value, dict):
        assert json_object(json.dumps(value)) == value == literal_dict(repr(value))
    else:
        assert json_object(json.dumps(value)) == {} == literal_dict(repr(value))
