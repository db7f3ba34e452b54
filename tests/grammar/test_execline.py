from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.execline import (
    LineError,
    ShownExec,
    parse_shown,
    split_exec,
    split_shown,
    split_words,
    substitute,
    unescape,
)
from doctor.grammar.programs import SHELLS


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("/bin/a b  c", ("/bin/a", "b", "c")),
        ("/bin/a 'b c' \"d e\"", ("/bin/a", "b c", "d e")),
        ('/bin/a x"y z"w', ("/bin/a", "xy zw")),
        ('/bin/a "" b', ("/bin/a", "", "b")),
        (r"/bin/a \x41 \101 \t 'q\sq'", ("/bin/a", "A", "A", "\t", "q q")),
        (r"/bin/kill -HUP \$MAINPID", ("/bin/kill", "-HUP", r"\$MAINPID")),
        (r"/bin/a \; b", ("/bin/a", ";", "b")),
        ("/bin/a b;c", ("/bin/a", "b;c")),
        ("@/bin/a name b", ("/bin/a", "b")),
    ],
)
def test_one_command(line: str, argv: tuple[str, ...]) -> None:
    (command,) = split_exec(line)
    assert command.argv == argv


def test_prefixes_and_several_commands() -> None:
    first, second = split_exec("-+/bin/a b ; :/bin/c d")
    assert (first.prefixes, first.argv) == ("-+", ("/bin/a", "b"))
    assert (second.prefixes, second.argv) == (":", ("/bin/c", "d"))


@pytest.mark.parametrize("line", ["/bin/a 'b", "bin/a", "-", "/bin/"])
def test_refused(line: str) -> None:
    with pytest.raises(LineError):
        split_exec(line)


def test_specifiers_are_resolved_word_by_word() -> None:
    (command,) = split_exec("/bin/a %n", lambda word: word.replace("%n", "two words"))
    assert command.argv == ("/bin/a", "two words")


def test_variables() -> None:
    environment = {"A": "one two", "B": "x"}
    argv = ("/bin/a", "$A", "${A}", "-$B", "-${B}-", "$NONE", "${NONE}", "$$A", "$")
    assert substitute(argv, environment) == ("/bin/a", "one", "two", "one two", "-$B", "-x-", "", "$A", "$")


def test_shown_value() -> None:
    value = (
        '{ path=/bin/sh ; argv[]=/bin/sh -c echo "hi" ; exit 0 ; ignore_errors=yes ; '
        "start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
    )
    shown = parse_shown(value)
    assert shown == ShownExec("/bin/sh", '/bin/sh -c echo "hi" ; exit 0', True)
    assert split_shown(shown).argv == ("/bin/sh", "-c", 'echo "hi" ; exit 0')
    assert parse_shown("") is None


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), max_size=6))
def test_quoted_words_come_back(words: list[str]) -> None:
    line = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    assert split_words(line) == tuple(words)


@given(st.text())
def test_never_anything_but_words_or_a_line_error(text: str) -> None:
    with suppress(LineError):
        assert all(command.argv for command in split_exec(text))


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_the_script_of_every_shell_stays_one_word(shell: str) -> None:
    assert split_shown(ShownExec(f"/bin/{shell}", f"{shell} -c exec gunicorn", False)).argv[2:] == ("exec gunicorn",)


@pytest.mark.parametrize(
    ("written", "value"), [(r"\xc3\xa9\303\251", "éé"), (r"\xe9", "\udce9"), (r"\u00e9\400", "é\\400")]
)
def test_escapes_are_bytes_of_utf8(written: str, value: str) -> None:
    assert split_words(written) == (value,)
    assert unescape(written) == value
