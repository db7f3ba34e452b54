"""What a reload of an app's unit would do, from what is known of unit, Gunicorn, release and code."""

from __future__ import annotations

from typing import Any

import pytest
from factories import known, make, running, unit

from doctor.cause import Cause
from doctor.conclusions.appcode import AppCode
from doctor.conclusions.environment import Environment
from doctor.conclusions.release import Release
from doctor.conclusions.service.reload import NO_RELOAD, ReloadOutlook, collect
from doctor.facts.value import ABSENT, Unknown

UNKNOWN = Unknown("permission denied", Cause.AMBIGUOUS)


def outlook(
    kind: Any = "hup", effective: Any = True, blocker: Any = ABSENT, kept: Any = True, launcher: Any = "direct"
) -> ReloadOutlook:
    return collect(
        known(unit(reload_kind=kind)),
        running(reload_keeps_requests=kept, launcher=launcher),
        make(Release, hup_effective=effective),
        make(AppCode, boot_blocker=blocker),
        make(Environment),
    )


def test_what_loads_the_new_code_and_loses_nothing_is_safe() -> None:
    found = outlook()
    assert (found.unit, found.possible, found.lossless) == ("shop.service", True, True)
    assert found.objection == ABSENT
    assert found.reaches_master.is_(True)
    assert found.brings_code.is_(True)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"kind": "restart"}, "graceful"),
        ({"kind": UNKNOWN}, "graceful"),
        ({"effective": False}, "new code"),
        ({"effective": UNKNOWN}, "new code"),
        ({"blocker": "wsgi.py:3 imports nothing"}, "wsgi.py:3"),
        ({"blocker": UNKNOWN}, "permission denied"),
    ],
)
def test_what_does_not_load_the_new_code_is_not_possible(given: dict[str, Any], word: str) -> None:
    found = outlook(**given)
    assert not found.possible
    assert word in found.objection.or_("")


@pytest.mark.parametrize(("kept", "word"), [(False, "loses requests"), (UNKNOWN, "permission denied")])
def test_workers_that_may_lose_requests_are_told_apart(kept: Any, word: str) -> None:
    found = outlook(kept=kept)
    assert found.possible
    assert not found.lossless
    assert word in found.objection.or_("")


@pytest.mark.parametrize(("kind", "brings"), [("graceful", True), ("restart", False), ("quit", False)])
def test_a_reload_that_is_not_graceful_brings_no_code(kind: str, brings: bool) -> None:
    assert outlook(kind=kind).brings_code.is_(brings)


def test_what_nobody_could_look_at_stays_unknown() -> None:
    assert outlook(kind=UNKNOWN).brings_code == UNKNOWN
    assert outlook(effective=UNKNOWN).brings_code == UNKNOWN
    assert outlook(launcher=UNKNOWN).reaches_master == UNKNOWN


@pytest.mark.parametrize("launcher", ["shell", "script", "other", "flask"])
def test_a_wrapper_gets_the_signal_itself(launcher: str) -> None:
    assert outlook(launcher=launcher).reaches_master.is_(False)


def test_without_a_unit_nothing_is_reloaded() -> None:
    found = collect(ABSENT, running(), make(Release), make(AppCode), make(Environment))
    assert found == NO_RELOAD
