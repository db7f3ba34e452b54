"""No kind of secret is told by the redactor."""

from __future__ import annotations

import json

import pytest
from planted import KINDS, MARK, Kind, Where, texts

from doctor.hosts.base import TextKind
from doctor.hosts.redact import Redactor

NUMBERED = list(enumerate(KINDS))


def test_there_are_many_kinds() -> None:
    assert sum(kind.template.count("{}") for kind in KINDS) >= 60
    assert {kind.where for kind in KINDS} == set(Where)


@pytest.mark.parametrize(("number", "kind"), NUMBERED, ids=[f"{k.where.name}-{k.template[:30]}" for _, k in NUMBERED])
def test_a_secret_is_not_in_the_text(number: int, kind: Kind) -> None:
    text = kind.filled(number)
    assert MARK in text
    clean = Redactor().text(kind.where.text, text)
    assert MARK not in clean
    assert clean.count("\n") == text.count("\n")


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_secret_is_not_in_the_journal(newest_first: bool) -> None:
    lines = [line for text in texts(Where.LOG) for line in text.split("\n")]
    lines += [
        "-----BEGIN PRIVATE KEY-----",
        f"{MARK}short",
        f"{MARK}MIIEvQ/IBADA" * 5,
        "-----END PRIVATE KEY-----",
        "end",
    ]
    if newest_first:
        lines.reverse()
    clean = Redactor().journal("\n".join(json.dumps({"MESSAGE": line, "_PID": "1"}) for line in lines))
    assert MARK not in clean
    assert '"end"' in clean


def test_what_a_person_needs_of_a_log_stays() -> None:
    text = "  File \"/srv/shop/wsgi.py\", line 9, in <module>\n    from shop import views\nKeyError: 'SECRET_KEY'\n"
    assert Redactor().text(TextKind.LOG, text) == text
