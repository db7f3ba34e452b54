"""Paths as text."""

from __future__ import annotations

import pytest

from doctor.grammar.paths import is_below, joined, matches, parts


@pytest.mark.parametrize(
    ("path", "directory", "below"),
    [
        ("/srv/shop", "/srv/shop", True),
        ("/srv/shop/", "/srv/shop", True),
        ("/srv/shop", "/srv/shop/", True),
        ("/srv/shop/a", "/srv/shop/", True),
        ("/srv/shop2", "/srv/shop", False),
        ("/srv", "/srv/shop", False),
        ("/srv", "/", True),
    ],
)
def test_what_lies_below(path: str, directory: str, below: bool) -> None:
    assert is_below(path, directory) is below


def test_a_path_is_joined_as_text() -> None:
    assert joined("/srv/shop", "../a/./b") == "/srv/a/b"
    assert joined("/srv/shop", "/etc/x/") == "/etc/x"
    assert parts("/srv//./a/../b/") == ["srv", "a", "..", "b"]


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("a.env", "*.env", True),
        (".env", "*.env", False),
        (".env", ".*", True),
        (".env", r"\.e*", True),
        ("[x].env", r"\[x\].env", True),
        ("x.env", r"\[x\].env", False),
        ("x.env", "[xy].env", True),
        ("A.env", "a.env", False),
    ],
)
def test_a_name_matches_as_glob_has_it(name: str, pattern: str, expected: bool) -> None:
    assert matches(name, pattern) is expected
