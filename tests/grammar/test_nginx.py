"""Tokens of nginx files, of whole ones and of what is none. That words are nginx's own: tests/fixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.nginx import Kind, Reading, tokens

PIECES = st.sampled_from(
    ["a ", "b;", "{", "}", "\n", "'", '"', "\\", "$", "#", ";", ")", "${", "x_by_lua_block {", "[[", "--"]
)


def seen(text: str, reading: Reading = Reading.EXACT) -> list[tuple[Kind, str]]:
    return [(token.kind, token.text) for token in tokens(text, reading)]


@pytest.mark.parametrize("reading", Reading)
@given(text=st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=30))
def test_any_text_is_read_whole(text: str, reading: Reading) -> None:
    at, line = 0, 1
    found = list(tokens(text, reading))
    for token in found:
        assert token.kind is Kind.BROKEN or not text[at : token.start].strip(" \t\r\n") or token.kind is Kind.LUA
        assert token.stop > token.start or token.kind in (Kind.LUA, Kind.BROKEN)
        assert token.line == text.count("\n", 0, token.start) + 1 >= line
        at, line = token.stop, token.line
    broken = [token.kind is Kind.BROKEN for token in found]
    assert not any(broken[:-1])
    assert any(broken[-1:]) or not text[at:].strip(" \t\r\n")


def test_a_quote_that_is_too_many_spoils_its_line_only() -> None:
    text = 'a "b;\nc "d e";\nf "g;\n'
    assert (Kind.QUOTED, "b;\nc ") in seen(text)
    words = [(Kind.WORD, "c"), (Kind.QUOTED, "d e"), (Kind.END, ";"), (Kind.WORD, "f"), (Kind.WORD, '"g')]
    assert seen(text, Reading.LOOSE)[3:8] == words


def test_a_comment_is_read_where_it_is_asked_for() -> None:
    assert seen("a # b c;") == [(Kind.WORD, "a"), (Kind.COMMENT, "# b c;")]
    assert seen(" b ## c#d", Reading.LOOSE) == [(Kind.WORD, "b"), (Kind.COMMENT, "##"), (Kind.WORD, "c#d")]


@pytest.mark.parametrize("code", [" s = '}' -- }\n", " [==[ } ]] ]==] ", " t = { {}, {} } ", ""])
def test_a_block_of_lua_is_one_token(code: str) -> None:
    words = [(Kind.WORD, "set_by_lua_block"), (Kind.WORD, "$a"), (Kind.OPEN, "{"), (Kind.LUA, code), (Kind.CLOSE, "}")]
    assert seen(f"set_by_lua_block $a {{{code}}} b;") == [*words, (Kind.WORD, "b"), (Kind.END, ";")]


@pytest.mark.parametrize(
    "text", ["a_by_lua_block { { }", "a_by_lua_block { [[ }", 'a_by_lua_block { " }', "a 'b;", "a \\"]
)
def test_what_does_not_end_is_broken(text: str) -> None:
    assert seen(text)[-1][0] is Kind.BROKEN
