from __future__ import annotations

import cProfile
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.grammar.envfile import EnvOddity, parse_env_file

O = EnvOddity  # noqa: E741


def clear(name: str, value: str) -> str:
    return value


def values(text: str) -> dict[str, str]:
    return {item.name: item.value for item in parse_env_file(text.encode(), clear).assignments}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=b\n", {"A": "b"}),
        ("A=b", {"A": "b"}),
        ("A=", {"A": ""}),
        ("A=b\r\nB=c\r\n", {"A": "b", "B": "c"}),
        ("  A = b  \n", {"A": "b"}),
        ("export EXPORTED=bar\n", {}),
        ("PLAIN=bar # c\n", {"PLAIN": "bar # c"}),
        ("BACKSL=C:\\new\\tab\n", {"BACKSL": "C:newtab"}),
        ('QUOTED="a b" c\n', {"QUOTED": "a bc"}),
        ("CONT=a\\\nb\n", {"CONT": "ab"}),
        ("; x\n# y=1\nA=1\n", {"A": "1"}),
        ("# comment \\\nA=1\n", {"A": "1"}),
        ("A='b c'\n", {"A": "b c"}),
        ("A='b\\n'\n", {"A": "b\\n"}),
        ('A="b\\"c\\n\\$d\\`"\n', {"A": 'b"c\\n$d`'}),
        ('A="b\\\nc"\n', {"A": "bc"}),
        ('A="b\nc"\n', {"A": "b\nc"}),
        ("A='b\nc\n", {"A": "b\nc\n"}),
        ("A=\"a\"'b'c\n", {"A": "abc"}),
        ('A=a"b"\n', {"A": 'a"b"'}),
        ("A=a \\ \n", {"A": "a  "}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("1A=1\nA-B=2\nA.B=3\n", {}),
        ("just text\nA=1\n", {"A": "1"}),
        ("\ufeffA=1\nB=2\n", {"B": "2"}),
        ("A=$B ${C}\n", {"A": "$B ${C}"}),
        ("A=1\0B=2\n", {"A": "1"}),
        ("A=b=c\n", {"A": "b=c"}),
        ("A=x\x01y\nB=1\n", {"B": "1"}),
    ],
)
def test_values(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("export FOO=bar\n", [(1, O.EXPORT, "FOO")]),
        ("\nFOO=bar # why\n", [(2, O.INLINE_COMMENT, "FOO")]),
        ("FOO=bar#why\n", []),
        ('FOO="bar" # why\n', [(1, O.INLINE_COMMENT, "FOO")]),
        ('FOO="bar # why"\n', []),
        ("MY-VAR=1\n", [(1, O.INVALID_NAME, "MY-VAR")]),
        ("FOO\nexport BAR\n", [(1, O.NO_EQUALS, "FOO"), (2, O.NO_EQUALS, "BAR")]),
        ("FOO=$HOME/x\n", [(1, O.VARIABLE_REFERENCE, "FOO")]),
        ('FOO="${HOME}"\n', [(1, O.VARIABLE_REFERENCE, "FOO")]),
        ("FOO=$(date)\n", [(1, O.VARIABLE_REFERENCE, "FOO")]),
        ("A=1\nURL=db://${A}/$A\n", [(2, O.VARIABLE_REFERENCE, "URL")]),
        ("PASSWORD=pa$word\nOTHER=x${y\nTHIRD=$(\n", []),
        ("FOO='$HOME'\nBAR=\\$HOME\nBAZ=\"\\$HOME\"\nP=pa$$1\n", []),
        ('FOO="a" b\n', [(1, O.TEXT_AFTER_QUOTE, "FOO")]),
        ("FOO=\"a\"'b'\n", []),
        ('A=1\nFOO="a\nB=2\n', [(2, O.UNTERMINATED_QUOTE, "FOO")]),
        ('FOO="a\nB=2\nC="x"\n', [(1, O.UNTERMINATED_QUOTE, "FOO")]),
        ('KEY="-----BEGIN\nMIIa=\n-----END"\nB=1\n', []),
        ("\ufeffFOO=1\n", [(1, O.BYTE_ORDER_MARK, "FOO")]),
        ("FOO =1\n", [(1, O.SPACE_BEFORE_EQUALS, "FOO")]),
        ("A=1\\\n2\nB =1\n", [(3, O.SPACE_BEFORE_EQUALS, "B")]),
        ("# FOO =1 # x\n", []),
    ],
)
def test_oddities(text: str, expected: list[tuple[int, EnvOddity, str]]) -> None:
    odd = parse_env_file(text.encode(), clear).oddities
    assert [(item.line, item.kind, item.name) for item in odd] == expected


def test_lines_are_those_of_the_file() -> None:
    parsed = parse_env_file(b'A=1\n\n# c\nB="x\ny"\nC=3\\\n4\nD=5\n', clear)
    assert [(item.name, item.line) for item in parsed.assignments] == [("A", 1), ("B", 4), ("C", 6), ("D", 8)]


def test_values_become_tokens_and_a_key_in_the_file_is_not_named() -> None:
    key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
    text = f"SECRET=x\nPRIVATE_KEY=-----BEGIN-----\n{key}+/\n{key}/=\n-----END-----\n"
    parsed = parse_env_file(text.encode(), lambda name, value: f"<{name}>")
    assert [item.value for item in parsed.assignments] == ["<SECRET>", "<PRIVATE_KEY>"]
    assert key not in repr(parsed)


def test_bytes_that_are_no_utf8_are_kept_apart() -> None:
    one, two = (parse_env_file(data, clear).assignments[0].value for data in (b"A=\xff", b"A=\xfe"))
    assert one != two


GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
PIECES = st.sampled_from(
    ["A", "B1", "=", " ", "\t", "\n", "'", '"', "\\", "#", ";", "x y", "é", "export ", "\r", "`", "/"]
)


@pytest.mark.skipif(not os.access(GENERATOR, os.X_OK), reason="systemd's own parser is not installed")
@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_agrees_with_systemd(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    # environment.d expands variables: no `$` here.
    if any(line.lstrip(" \t\r").startswith(("#", ";")) and line.endswith("\\") for line in text.split("\n")):
        return  # systemd before 254 goes on with the comment
    home = tmp_path_factory.mktemp("home")
    folder = home / "environment.d"
    folder.mkdir()
    (folder / "50.conf").write_bytes(text.encode())
    result = subprocess.run([GENERATOR], env={"XDG_CONFIG_HOME": str(home), "HOME": str(home)}, capture_output=True)
    mine = {name: value for name, value in values(text).items() if value}  # what is empty is unset there
    if result.returncode or any(character < " " for value in mine.values() for character in value):
        return  # it refused the file, or printed control characters in its own way
    theirs = values(result.stdout.decode())
    assert {name: theirs.get(name) for name in mine} == mine
    if "\r" not in text:  # a service is started without a value that holds one; this generator prints it
        assert not set(theirs) & {"A", "B1", "x", "y"} - set(mine)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    parsed = parse_env_file(data, clear)
    lines = data.count(b"\n") + 1
    assert all(
        1 <= line <= lines
        for line in [item.line for item in parsed.assignments] + [item.line for item in parsed.oddities]
    )


def test_file_from_disk_is_the_same(tmp_path: Path) -> None:
    from doctor.hosts.live import LiveHost

    path = tmp_path / "env"
    path.write_bytes(b"PORT=8000\nSECRET=x\nexport A=1\n")
    answer = LiveHost().env_file(str(path))
    assert repr(answer).count("<hidden:") == 1
    assert "8000" in repr(answer)


def test_a_long_file_is_read_in_one_pass() -> None:
    """Twice the lines, twice the calls: a variable or a line that went wrong is not looked up in all before it."""
    assert _calls(2000) < 2.5 * _calls(1000)


def _calls(lines: int) -> int:
    """Function calls that a file takes in which each second line refers to a variable and each other one is odd."""
    text = "".join(f"A{number}=$A{number - 1}\nodd {number}\n" for number in range(lines)).encode()
    profile = cProfile.Profile()
    profile.runcall(parse_env_file, text, clear)
    return sum(entry.callcount for entry in profile.getstats())
