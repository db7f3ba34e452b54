"""A unit in the words that fit whatever runs an app."""

from __future__ import annotations

import pytest
from factories import known, make, unit

from doctor.cause import Cause
from doctor.conclusions.service import outlook
from doctor.conclusions.service.model import NO_SERVICE, ServiceKind, ServiceState
from doctor.facts.value import ABSENT, Absent, Known, Unknown
from doctor.sources.logs import UnitLog
from doctor.sources.systemd import ExecCommand


@pytest.mark.parametrize(
    ("active", "sub", "restarts", "expected"),
    [
        ("active", "running", 3, ServiceState.UP),
        ("reloading", "reload", 0, ServiceState.RELOADING),
        ("activating", "start", 0, ServiceState.STARTING),
        ("activating", "start", 2, ServiceState.RESTARTING),
        ("activating", "auto-restart", 0, ServiceState.RESTARTING),
        ("deactivating", "stop-sigterm", 0, ServiceState.STOPPING),
        ("inactive", "dead", 5, ServiceState.STOPPED),
        ("failed", "failed", 5, ServiceState.FAILED),
    ],
)
def test_every_state_of_a_unit_has_its_word(active: str, sub: str, restarts: int, expected: ServiceState) -> None:
    found = outlook.state_of(Known(unit(active_state=active, sub_state=sub, restarts=restarts)))
    assert found.is_(expected)


def test_a_state_that_nobody_saw_is_unknown_and_one_without_a_word_is_none() -> None:
    nobody = Unknown("systemctl did not answer", Cause.TIMED_OUT)
    assert outlook.state_of(Known(unit(active_state=nobody))) == nobody
    assert outlook.state_of(nobody) == nobody
    assert outlook.state_of(Known(unit(active_state="activating", sub_state="start", restarts=nobody))) == nobody
    assert outlook.state_of(Known(unit(active_state="active", restarts=nobody))).is_(ServiceState.UP)
    assert isinstance(outlook.state_of(Known(unit(active_state="maintenance"))), Unknown)


def test_without_a_unit_nothing_runs_it() -> None:
    assert outlook.kind_of(ABSENT) == outlook.name_of(ABSENT) == outlook.state_of(ABSENT) == ABSENT
    assert outlook.next_start_of(ABSENT) == NO_SERVICE.start
    assert outlook.ending_of(ABSENT, make(UnitLog)) == NO_SERVICE.ended


def test_the_next_start_is_what_the_unit_says() -> None:
    own = unit(
        exec_start=(ExecCommand(("/v/bin/gunicorn", "-w", "2", "wsgi:app")),),
        user="shop",
        working_directory="/srv/shop/current",
        start_blocker="systemd refuses a line",
    )
    start = outlook.next_start_of(Known(own))
    assert start.command.or_("") == "/v/bin/gunicorn -w 2 wsgi:app"
    assert (start.user.or_(""), start.directory.or_("")) == ("shop", "/srv/shop/current")
    assert start.blocker == known("systemd refuses a line")
    assert isinstance(start.group, Absent)
    assert outlook.kind_of(Known(own)).is_(ServiceKind.SYSTEMD)
