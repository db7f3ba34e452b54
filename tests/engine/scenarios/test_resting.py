"""Apps that nobody asks and nobody starts are told of, and not judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import app, machine, make, running, unit

from doctor.apps.resting import marked
from doctor.apps.topology import App, Route
from doctor.engine.subjects import SUBJECTS
from doctor.facts.value import Absent
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.systemd import SocketUnit

WORKS = app("shop", units=(unit("shop.service", active_state="active"),), routes=(make(Route),))


def stopped(**state: Any) -> App:
    fields = {"active_state": "inactive", "result": "success", "not_started_at_boot": "UnitFileState=disabled", **state}
    return app("blog", units=(unit("blog.service", **fields),), gunicorns=(make(Gunicorn, name="blog.service"),))


def resting(*apps: App) -> list[str]:
    return [each.name for each in marked(apps) if each.resting]


def test_a_retired_app_comes_last_and_is_not_judged() -> None:
    apps = marked((stopped(), WORKS))
    assert [(each.name, each.resting) for each in apps] == [("shop", False), ("blog", True)]
    assert {each.app for kind in ("app", "unit", "gunicorn") for each in SUBJECTS[kind].expand(machine(*apps))} == {
        "shop"
    }


@pytest.mark.parametrize(
    "state",
    [
        {"active_state": "failed"},
        {"active_state": "activating"},
        {"result": "exit-code"},
        {"not_started_at_boot": Absent()},
        {"triggered_by": (make(SocketUnit),)},
    ],
)
def test_what_failed_or_will_be_started_does_not_rest(state: dict[str, Any]) -> None:
    assert resting(stopped(**state), WORKS) == []


def test_what_is_asked_or_runs_does_not_rest() -> None:
    assert resting(replace(stopped(), routes=(make(Route),)), WORKS) == []
    assert resting(replace(stopped(), gunicorns=(running("blog.service"),)), WORKS) == []


def test_an_app_that_is_alone_is_wanted() -> None:
    assert resting(stopped()) == []
