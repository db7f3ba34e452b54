from __future__ import annotations

import argparse
import contextlib
import io
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.servers.gunicorn.arguments import OPTIONS, Option, Takes, parse

WORDS = [
    "-w", "4", "-w4", "-w=4", "--workers", "--workers=3", "--thread", "2", "-b", "unix:/x", "-bx", "app:app", "x", "-D",
    "-DR", "-Dw4", "--preload", "--proxy-protocol", "--pre", "--max-requests", "5", "-k", "gthread", "-1", "a b", "-t",
    "--zz", "--bind=a", "30", "-e", "A=1", "--log-file", "-", "--access-logfile=-", "--chdir", "/a", "--no-sendfile",
    "--bind=",
]  # fmt: skip


def reference() -> argparse.ArgumentParser:
    """Config.parser of Gunicorn, built from the same table: what is compared is the reading of the words."""
    parser = argparse.ArgumentParser(prog="gunicorn")
    parser.add_argument("args", nargs="*")
    key = lambda pair: (pair[1].setting, pair[1].takes.value)  # noqa: E731
    for _, group in groupby(sorted(OPTIONS.items(), key=key), key=key):
        pairs = list(group)
        names, option = [name for name, _ in pairs], pairs[0][1]
        if not option.setting:
            continue
        match option:
            case Option(setting, Takes.NOTHING, constant):
                parser.add_argument(*names, dest=setting, action="store_const", const=constant)
            case Option(setting, Takes.LIST):
                parser.add_argument(*names, dest=setting, action="append")
            case Option(setting, Takes.OPTIONAL, constant):
                parser.add_argument(*names, dest=setting, nargs="?", const=constant)
            case Option(setting, Takes.VALUE):
                parser.add_argument(*names, dest=setting)
    return parser


PARSER = reference()


@given(st.lists(st.sampled_from(WORDS), max_size=7))
def test_words_are_read_as_argparse_reads_them(words: list[str]) -> None:
    complaint = io.StringIO()
    mine = parse(words)
    try:
        with contextlib.redirect_stderr(complaint):
            expected = vars(PARSER.parse_args(words))
    except SystemExit:
        assert mine.error, complaint.getvalue()
        return
    assert not mine.error
    application = expected.pop("args")[:1]
    assert application == ([mine.application.value] if mine.application else [])
    found = {name: list(g.value) if isinstance(g.value, tuple) else g.value for name, g in mine.settings.items()}
    assert found == {name: value for name, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["--max-req", "5", "wsgi:app"],
            "ambiguous option: --max-req could match --max-requests, --max-requests-jitter",
        ),
        (["wsgi:app", "-w"], "argument -w/--workers: expected one argument"),
        (["--preload=yes", "wsgi:app"], "argument --preload: ignored explicit argument 'yes'"),
        (["--wrokers", "3", "wsgi:app"], "unrecognized arguments: --wrokers"),
    ],
)
def test_what_gunicorn_refuses(words: list[str], error: str) -> None:
    assert parse(words).error == error


def test_shell_syntax_after_the_application() -> None:
    # nargs="*" takes the whole first run of words, and Gunicorn only looks at its first; a later run is refused.
    assert not parse(["wsgi:app", "&&", "echo"]).error
    assert parse(["wsgi:app", "-w", "2", "&&", "echo", "x"]).error == "unrecognized arguments: && echo x"


def test_proxy_protocol_took_no_value_before_24() -> None:
    assert parse(["--proxy-protocol", "wsgi:app"]).application is None
    old = parse(["--proxy-protocol", "wsgi:app"], flag_proxy_protocol=True)
    assert old.application is not None
    assert old.settings["proxy_protocol"].value is True


def test_a_variable_of_a_script_may_stand_for_anything() -> None:
    found = parse(["$OPTIONS", "-b", "$BIND", "wsgi:app"], variables=True)
    assert found.opaque == "$OPTIONS"
    assert found.application is not None
    assert found.application.value == "wsgi:app"
    assert found.settings["bind"].value == ("$BIND",)


def test_the_word_that_brought_a_value_is_kept() -> None:
    found = parse(["--bind", "unix:/run/shop.sock", "-w4", "wsgi:app"]).settings
    assert found["bind"].word == "--bind unix:/run/shop.sock"
    assert found["workers"].word == "-w4"
