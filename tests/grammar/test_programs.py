"""Programs by the words of a command line."""

from __future__ import annotations

import pytest

from doctor.grammar.programs import (
    APP_SERVERS,
    FAMILIAR,
    LISTENERS,
    OWN_PROGRAMS,
    WEB_PROGRAM,
    is_gunicorn,
    is_python,
    is_shell,
)


@pytest.mark.parametrize("program", APP_SERVERS)
def test_what_serves_an_app_is_known_everywhere(program: str) -> None:
    assert WEB_PROGRAM.search(f"/srv/venv/bin/{program}")
    assert FAMILIAR.search(program)
    assert program in LISTENERS
    assert program in OWN_PROGRAMS


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("/usr/bin/python3.11", (True, False, False)),
        ("pypy3", (True, False, False)),
        ("python-config", (False, False, False)),
        ("/srv/venv/bin/gunicorn", (False, True, False)),
        ("gunicorn3", (False, True, False)),
        ("gunicorn_paster", (False, False, False)),
        ("-bash", (False, False, True)),
        ("/bin/sh", (False, False, True)),
    ],
)
def test_a_word_names_a_program(word: str, kinds: tuple[bool, bool, bool]) -> None:
    assert (is_python(word), is_gunicorn(word), is_shell(word)) == kinds
