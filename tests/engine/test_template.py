from __future__ import annotations

import math
import shlex
from typing import Any

import pytest
from factories import app, known, make, unix
from hypothesis import given
from hypothesis import strategies as st

from doctor.cause import Cause
from doctor.engine.evaluate import bind
from doctor.engine.expression import ExpressionError
from doctor.engine.subjects import SUBJECTS
from doctor.engine.template import escape, parse_field, parse_template, render, render_field
from doctor.facts.value import Absent, Known, Origin, Place, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings

SCOPE = SUBJECTS["app"].scope


def write(text: str, **settings: Any) -> str:
    return parse_template(text, SCOPE).render(names(**settings))


def names(name: str = "shop", **settings: Any) -> Any:
    gunicorn = make(Gunicorn, settings=make(Settings, **settings))
    return bind({"app": app(name, gunicorn=gunicorn, binds=(unix("/run/a.sock"), unix("/run/b.sock")))})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{app.name}", "shop"),
        ("a {app.name} b {app.name}", "a shop b shop"),
        ("{{app.name}} }}{{", "{app.name} }{"),
        ("{app.gunicorn.settings.workers}", "3"),
        ("{app.gunicorn.settings.workers + 1} workers", "4 workers"),
        ("{ app.gunicorn.settings.timeout : duration }", "1 min 30 s"),
        ("{app.gunicorn.settings.umask:mode}", "0022"),
        ("{app.gunicorn.settings.preload}", "yes"),
        ("{app.gunicorn.settings.user}", "unknown"),
        ("{app.gunicorn.settings.group}", "none"),
        ("{app.gunicorn.settings.workers:place}", "/etc/systemd/system/shop.service:13"),
        ("{app.gunicorn.settings.timeout:place}", "default of gunicorn 27.0.1"),
        ("{app.gunicorn.settings.group:place}", "unknown"),
        ("{app.binds:list}", "unix:/run/a.sock and unix:/run/b.sock"),
        ("{app.binds[0]}", "unix:/run/a.sock"),
        ("{origin(app.gunicorn.settings.workers)}", "explicit"),
        ("{startswith(app.name, 'unix:')}", "no"),
    ],
)
def test_messages(text: str, expected: str) -> None:
    timeout = Known(90, (Place(note="default of gunicorn 27.0.1"),), Origin.DEFAULT)
    workers = known(3, "/etc/systemd/system/shop.service", 13)
    assert (
        write(text, workers=workers, timeout=timeout, umask=0o22, preload=True, user=Unknown("x", Cause.AMBIGUOUS))
        == expected
    )


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("a } b", 2, "a single }"),
        ("a {app.name", 2, "a { that is not closed"),
        ("a {app.nam} b", 7, "App has no attribute 'nam'"),
        ("é {app.name:duraton}", 12, "unknown format 'duraton'"),
        ("{app.name:duration}", 1, "this format needs a number, this is a string"),
        ("{app.gunicorn.settings.workers:path}", 1, "this format needs a string, this is a number"),
        ("{app.name:list}", 1, "this format needs a list of plain values, this is a string"),
        ("{app.units:list}", 1, "this format needs a list of plain values, this is a list of Unit"),
        ("{app.unit}", 1, "a Unit has no text form"),
        ("{len(app.units):place}", 1, "only a fact has a place"),
        ("{}", 1, "empty expression"),
        ("x {app.name.__class__}", 12, "a string has no attribute '__class__'"),
        ("{app.name!r}", 1, "not an expression: invalid syntax"),
    ],
)
def test_what_is_refused(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(text, SCOPE)
    assert caught.value.message == message
    if not message.startswith("not an"):
        assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.2, "200 ms"), (1, "1 s"), (1.5, "1.5 s"), (30, "30 s"), (60, "1 min"), (90, "1 min 30 s"),
        (3600, "1 h"), (3720, "1 h 2 min"), (3605, "1 h"), (90000, "1 d 1 h"), (math.inf, "no limit"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert render(seconds, "duration") == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (4096, "4 KiB"), (1 << 20, "1 MiB"), (1_600_000, "1.5 MiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert render(count, "size") == text


def test_other_formats() -> None:
    assert render(1_793_000_000, "time") == "2026-10-26 07:33:20 UTC"
    assert render(math.inf, "time") == "unknown"
    assert render(12345, "count") == "12,345"
    assert render(0o1777, "mode") == "1777"
    assert render(("a", "b", "c"), "list") == "a, b and c"
    assert render((), "list") == "none"
    assert render(frozenset({"b", "a"})) == "a and b"
    assert render(0.25) == "0.25"
    assert render(1_793_000_000.5) == "1793000000"
    assert render({"PATH": "secret", "HOME": "x"}) == "PATH and HOME"
    assert render(1 << 60, "size") == "1048576 TiB"
    assert render(Known("x")) == "x"


@given(st.text())
def test_text_of_the_machine_cannot_steer_a_terminal(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text
    assert parse_template("{app.name}", SCOPE).render(names(text)) == shown


def test_braces_and_markup_of_the_machine_are_literal() -> None:
    assert parse_template("{app.name}", SCOPE).render(names("{app.binds} [red]")) == "{app.binds} [red]"
    assert escape("a\x1b[31m\n\u202eb") == "a\\x1b[31m\\n\\u202eb"


def test_a_command_has_every_value_or_is_none() -> None:
    template = parse_template("systemctl restart {app.name}", SCOPE)
    assert template.complete(names("shop.service"), shlex.quote) == "systemctl restart shop.service"
    assert template.complete(names("a; reboot"), shlex.quote) == "systemctl restart 'a; reboot'"
    assert template.complete(names("a\nb"), shlex.quote) is None
    for value in (Unknown("x", Cause.AMBIGUOUS), Absent()):
        assert parse_template("chown {app.gunicorn.settings.user} x", SCOPE).complete(names(user=value)) is None
    paths = parse_template("rm {app.gunicorn.settings.raw_env}", SCOPE)
    assert paths.complete(names(raw_env=("a", "b\nc"))) is None


def test_evidence_may_be_any_fact_but_must_be_one() -> None:
    field = parse_field("app.gunicorn", SCOPE, evidence=True)
    assert render_field(field, names()) == ""
    assert render_field(parse_field("app.units", SCOPE, evidence=True), names()) == "none"
    with pytest.raises(ExpressionError, match="evidence is a fact"):
        parse_field("len(app.units)", SCOPE, evidence=True)
