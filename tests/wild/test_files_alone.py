"""What files alone do not tell never passes, never fails, and is no gap in the report."""

from __future__ import annotations

from typing import Any

import pytest
from engine.builders import rule
from factories import app, machine, make, unit

from doctor.engine.judge import Outcome, judge
from doctor.facts.value import Known, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings

STILL = Unknown("files alone do not run")
PASSED_ON = Unknown("timeout may be set: /srv/shop/gunicorn.conf.py may be read: not part of this repository")
DENIED = Unknown("permission denied reading /proc/122/environ (run with sudo)")


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


def test_only_the_kind_of_target_is_outside() -> None:
    assert STILL.outside
    assert PASSED_ON.outside
    assert not DENIED.outside
