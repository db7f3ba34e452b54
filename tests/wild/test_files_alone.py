"""What files alone do not tell never passes, never fails, and is no gap in the report."""

from __future__ import annotations

from typing import Any

import pytest
from engine.builders import rule
from factories import app, machine, make, unit

from doctor.cause import Cause
from doctor.engine.judge import Outcome, judge
from doctor.facts.value import Known, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.sources.systemd.show import Shown

STILL = Unknown("files alone do not run", Cause.OUTSIDE)
PASSED_ON = Unknown(
    "timeout may be set: /srv/shop/gunicorn.conf.py may be read: not part of this repository", Cause.OUTSIDE
)
DENIED = Unknown("permission denied reading /proc/122/environ (run with sudo)", Cause.NEEDS_ROOT)


@pytest.mark.parametrize(
    ("given", "expect", "preload", "outcome"),
    [
        ("true", "app.gunicorn.settings.timeout > 1", False, Outcome.NOT_APPLICABLE),
        ("app.gunicorn.settings.timeout > 1", "app.gunicorn.settings.workers > 1", False, Outcome.NOT_APPLICABLE),
        ("true", "exists(app.gunicorn.master)", False, Outcome.NOT_APPLICABLE),
        ("true", "not exists(app.gunicorn.master)", False, Outcome.NOT_APPLICABLE),
        ("exists(app.gunicorn.master)", "app.gunicorn.settings.workers > 1", False, Outcome.NOT_APPLICABLE),
        ("not exists(app.gunicorn.master)", "app.gunicorn.settings.workers > 1", False, Outcome.FAIL),
        ("not exists(app.gunicorn.master)", "app.gunicorn.settings.workers == 1", False, Outcome.PASS),
        ("true", "app.gunicorn.settings.workers > 1 or app.gunicorn.settings.preload", DENIED, Outcome.UNKNOWN),
        ("exists(app.gunicorn.settings.preload)", "true", DENIED, Outcome.UNKNOWN),
    ],
)
def test_outcomes(given: str, expect: str, preload: Any, outcome: Outcome) -> None:
    settings = make(Settings, workers=1, timeout=PASSED_ON, preload=preload)
    gunicorn = make(Gunicorn, name="shop.service", settings=settings, master=STILL)
    subject = app("shop", gunicorns=(gunicorn,), units=(unit("shop.service"),), gunicorn=Known(gunicorn))
    checked = rule(f"given: {given}", expect=expect)
    [result] = judge((checked,), machine(subject)).results
    assert result.outcome is outcome


def test_a_phrase_of_the_machine_silences_no_check() -> None:
    """What a unit calls itself may hold any words, those of a repository too: only the cause counts."""
    printed = {"Description": ("files alone do not run",), "LoadState": ("loaded",)}
    described = Shown("shop.service", printed).number("Description")
    assert described == Unknown(
        "systemctl printed Description=files alone do not run", Cause.NOT_UNDERSTOOD, described.places
    )
    gunicorn = make(Gunicorn, name="shop.service", settings=make(Settings, timeout=described))
    subject = app("shop", gunicorns=(gunicorn,), units=(unit("shop.service"),), gunicorn=Known(gunicorn))
    [result] = judge((rule(expect="app.gunicorn.settings.timeout > 1"),), machine(subject)).results
    assert (result.outcome, result.cause) == (Outcome.UNKNOWN, Cause.NOT_UNDERSTOOD)
