"""A Gunicorn that runs and serves nobody."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions.service import not_serving
from doctor.facts.value import Absent, Known, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.sources.logs import LogEvent, UnitLog
from doctor.sources.process import Process

NOW = 1_800_000_000.0


def running(workers: tuple[Process, ...] = (), configured: int = 3, **more: Any) -> Gunicorn:
    fields: dict[str, Any] = {
        "master": Known(make(Process, pid=10)),
        "workers": Known(workers),
        "settings": make(Settings, workers=Known(configured)),
    }
    return make(Gunicorn, **{**fields, **more})


def worker(age: float = 60, state: str = "S") -> Process:
    return make(Process, state=state, started=NOW - age)


def deaths(count: int, ago: float = 1) -> UnitLog:
    return make(
        UnitLog, worker_crashed=Known(LogEvent(count, NOW - 60, NOW - ago, "Worker (pid:1) exited with code 1."))
    )


@pytest.mark.parametrize(
    ("gunicorn", "log", "said"),
    [
        (running(configured=0), make(UnitLog), "0 workers"),
        (running((worker(state="T"), worker(state="T"))), make(UnitLog), "each of its 2 workers was stopped"),
        (running((worker(0.1), worker(0.2))), deaths(20), "die as soon as they start, 20 ×"),
        (running(), deaths(20), "die as soon as they start, 20 ×"),
        # One that is stopped, one that died, or many that died long ago, stop nobody.
        (running((worker(state="T"), worker())), make(UnitLog), ""),
        (running((worker(0.1), worker())), deaths(20), ""),
        (running((worker(0.1), worker(0.2))), deaths(1), ""),
        (running((worker(0.1), worker(0.2))), deaths(20, ago=600), ""),
        # Between two workers, or before the first.
        (running(), make(UnitLog), ""),
        (running(master=Absent(), configured=0), make(UnitLog), ""),
    ],
)
def test_stalled(gunicorn: Gunicorn, log: UnitLog, said: str) -> None:
    found = not_serving.collect(gunicorn, log, NOW)
    if said:
        assert isinstance(found, Known)
        assert said in found.value
    else:
        assert isinstance(found, Absent)


def test_not_seen_is_not_fine() -> None:
    assert isinstance(
        not_serving.collect(running(master=Unknown("no permission", Cause.AMBIGUOUS)), make(UnitLog), NOW), Unknown
    )
    unread = make(UnitLog, worker_crashed=Unknown("the journal is not readable", Cause.AMBIGUOUS))
    assert isinstance(not_serving.collect(running((worker(0.1),)), unread, NOW), Unknown)
    assert isinstance(not_serving.collect(running((worker(),)), unread, NOW), Absent)
