"""Text that is made to take time: counted in what our own loops do, and in how much they hand to an expression."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from doctor.conclusions.appcode.walk import Blocks
from doctor.grammar.envfile import parse_env_file
from doctor.grammar.gaps import marked
from doctor.grammar.outline import Outline
from doctor.grammar.pytext import pieces
from doctor.grammar.python_source import outline
from doctor.hosts.base import TextKind
from doctor.hosts.redact import Redactor, secrets
from doctor.hosts.redact import text as generic
from doctor.hosts.redact.hider import Hider

R = Redactor(b"k" * 32)


def _steps(text: str) -> int:
    """Characters that the scanner of Python has in its pieces: each belongs to one at most."""
    return sum(piece.end - piece.start for piece in pieces(text))


@pytest.mark.parametrize(
    "unit", ["'", '"', "f'{", "f'{x:", '"""', "\\", "#", "f'''{'", "{", "rb'\\", "f'{{", "f\"{f'{", "\r", "'\\\n"]
)
def test_no_character_of_python_belongs_to_two_pieces(unit: str) -> None:
    text = unit * 2000
    found = list(pieces(text))
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert _steps(text) <= len(text)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000, "x = " + "a." * 100_000 + "b", "-" * 100_000 + "1", "not " * 50_000 + "x",
        "x = " + "[" * 90 + "]" * 90,
        "x = " + "1+" * 50_000 + "1", "if x: pass\nelif " * 3000 + "y: pass", "x = '" + "\\x41" * 50_000 + "'",
        "lambda: " * 3000 + "0",
        "f(" * 90 + ")" * 90, "f()" + ".f()" * 20_000, "a" + "[0]" * 20_000, "x = " + "'a' " * 20_000,
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_source_that_nests_without_end_is_no_bug(source: str) -> None:
    found = outline(source.encode(), "x.py")
    assert isinstance(R.outline(found), Outline)
    clean = R.text(TextKind.PYTHON, source)
    assert clean.count("\n") == source.count("\n")


def test_a_line_is_cut_before_it_is_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0
    clean = generic._line

    def watched(hider: Hider, line: str, lowered: str, colon: bool) -> str:
        nonlocal longest
        longest = max(longest, len(line))
        return clean(hider, line, lowered, colon)

    monkeypatch.setattr(generic, "_line", watched)
    R.text(TextKind.LOG, "token=x " * 100_000)
    R.argv(("sh", "-c", "mysql " * 100_000))
    R.journal(json.dumps({"MESSAGE": "eyJ-" * 100_000}))
    assert 0 < longest <= (1 << 14) + 40  # and a token


def test_what_is_cut_off_is_hidden() -> None:
    text = "token=x " + "word " * 4000 + "canaryEnd7Q4z"
    clean = R.text(TextKind.LOG, text)
    assert "canary" not in clean
    assert clean.count("<hidden:") == 2


def test_a_long_command_line_is_told_in_its_beginning() -> None:
    clean = R.argv(("gunicorn", "--bind", "127.0.0.1:80", *["x" * 1000] * 60))
    assert clean[:3] == ("gunicorn", "--bind", "127.0.0.1:80")
    assert sum(map(len, clean)) < 1 << 15


def test_each_line_before_the_end_of_a_key_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    class Counting:
        @staticmethod
        def fullmatch(text: str) -> re.Match[str] | None:
            nonlocal looked
            looked += 1
            return original.fullmatch(text)

    original = secrets.KEY_LINE
    monkeypatch.setattr(secrets, "KEY_LINE", Counting)
    body = "QUJDREVGR0hJSktMTU5P\n" * 2000
    generic.generic(R, body + "PRIVATE KEY-----\n" + body)
    assert looked == 0
    generic.generic(R, f"{body}-----END PRIVATE KEY-----\n" * 3)
    assert looked <= 3 * 2002


def test_an_environment_file_is_read_character_by_character() -> None:
    found = parse_env_file(b"x" * 250_000 + b"\n" + b"A=" + b"://a:" * 40_000 + b"\n", R.token)
    assert [item.name for item in found.assignments] == ["A"]


def test_a_template_of_blanks_and_braces() -> None:
    for text in ("{{" + " " * 4000 + "x", "{#" * 4000, "ExecStart=" + "{{a}}" * 4000 + "/", "{{ a" * 4000):
        marked(text)


def test_blocks_are_found_in_one_pass() -> None:
    lines = [" " * (number % 90) + "if x:" for number in range(5000)]
    blocks = Blocks(lines)
    assert len(blocks.enclosing(5000)) == 4999 % 90
    assert blocks.enclosing(1) == blocks.enclosing(0) == blocks.enclosing(9999) == []


def test_blocks_are_those_around_a_line() -> None:
    text = "try:\n    def create_app(\n        a,\n    ):\n\n# words\n        if a:\n            import b\n"
    text += "else:\n    import c\n"
    blocks = Blocks(text.splitlines())
    assert blocks.enclosing(8) == ["if a:", "def create_app(", "try:"]
    assert blocks.enclosing(10) == ["else:"]
