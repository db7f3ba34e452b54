from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.engine import yaml as module
from doctor.engine.yaml import Mapping, RuleError, Scalar, Sequence, parse, text_of


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both parsers must say the same."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML without libyaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LOADER", getattr(yaml, request.param))
        yield


def refuse(text: str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        parse("r.yaml", text)
    return caught.value


def scalar(text: str, key: str = "a") -> Scalar:
    node = parse("r.yaml", text)
    assert isinstance(node, Mapping)
    value = node.items[key][1]
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize("word", ["off", "NO", "0755", "12:30:45", "null", "~", "1e3", "true", "2026-11-22"])
def test_untyped_scalars_are_strings(word: str) -> None:
    assert scalar(f"a: {word}\n").text == word


def test_nodes_know_their_place() -> None:
    node = parse("r.yaml", "a: 1\nb:\n  - x\n  -  {c: d}\n")
    assert isinstance(node, Mapping)
    items = node.items["b"][1]
    assert isinstance(items, Sequence)
    inner = items.items[1]
    assert isinstance(inner, Mapping)
    assert (inner.line, inner.column) == (4, 6)
    key, value = inner.items["c"]
    assert ((key.line, key.column), (value.line, value.column)) == ((4, 7), (4, 10))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key 'a'"),
        ("a: &x 1\n", 1, 4, "anchor &x"),
        ("a: *x\n", 1, 4, "alias *x"),
        ("a: !!python/name:os.system x\n", 1, 4, "tag tag:yaml.org,2002:python/name:os.system"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        ("", 1, 1, "the file is empty"),
        ("[a]: 1\n", 1, 1, "a key must be a word"),
        ("a: [1]]\n", 1, 7, "not YAML"),
        ("a: 1\nb: \x01\n", 2, 4, "not YAML"),
    ],
)
def test_what_is_refused(text: str, line: int, column: int, message: str) -> None:
    error = refuse(text)
    assert (error.path, error.line, error.column) == ("r.yaml", line, column)
    assert error.message.startswith(message)


def test_duplicate_key_names_the_first() -> None:
    assert str(refuse("a: 1\na: 2\n")) == "r.yaml:2:1: duplicate key 'a' (first on line 1)"


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("a: one BAD two\n", "BAD", (1, 8)),
        ('a: "one BAD two"\n', "BAD", (1, 9)),
        ("a: one\n  two BAD\n", "BAD", (2, 7)),
        ("a: >-\n  one\n  two BAD\n", "BAD", (3, 7)),
        ("a: >-\n  one\n\n  two BAD\n", "BAD", (4, 7)),
        ("a: |\n   one\n   two BAD\n", "BAD", (3, 8)),
        ("a: |\n  one\n\n  two BAD\n", "BAD", (4, 7)),
        ("x:\n  - y: 1\na: >\n  one two\n  three\n  BAD\n", "BAD", (6, 3)),
    ],
)
def test_an_offset_in_a_text_is_found_in_the_file(text: str, word: str, place: tuple[int, int]) -> None:
    value = scalar(text)
    error = value.error_at(value.text.index(word), "bad")
    assert (error.line, error.column) == place


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["one", "two three", "four"]), min_size=1, max_size=5), st.sampled_from(["|", ">-"]))
def test_every_word_of_a_block_is_found(lines: list[str], style: str) -> None:
    body = [f"{line} w{number}" for number, line in enumerate(lines)]
    text = f"a: {style}\n" + "".join(f"    {line}\n" for line in body)
    value = scalar(text)
    for number, line in enumerate(body):
        error = value.error_at(value.text.index(f"w{number}"), "here")
        assert (error.line, error.column) == (number + 2, 5 + line.index("w" + str(number)))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: " + "[" * 500, 1, 43), ("\n".join(" " * depth + "a:" for depth in range(1500)), 41, 41)],
    ids=["lists", "mappings"],
)
def test_deep_nesting(text: str, line: int, column: int) -> None:
    error = refuse(text)
    assert (error.message, error.line, error.column) == ("nested too deeply", line, column)


def test_nesting_that_the_parser_itself_refuses() -> None:
    """libyaml has a bound of its own (1,000), with other words and another place."""
    assert refuse("a: " + "[" * 5000).line == 1


def test_other_encoding(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes("id: X\nname: caf\xe9\n".encode("latin-1"))
    with pytest.raises(RuleError, match="not UTF-8") as caught:
        text_of(path)
    assert (caught.value.line, caught.value.column) == (2, 10)
