"""Whether a reload loses requests, by worker class and version, as it was measured under load."""

from __future__ import annotations

import pytest

from doctor.cause import Cause
from doctor.facts.value import ABSENT, Known, Unknown
from doctor.servers.gunicorn.handover import reload_keeps_requests

UVICORN = ("uvicorn.workers.UvicornWorker", "uvicorn.workers.UvicornH11Worker", "uvicorn_worker.UvicornWorker")
OLD, LOSING = ("20.0.4", "20.1.0"), ("21.2.0", "22.0.0", "23.0.0")
NEW = ("24.1.1", "25.0.3", "25.3.0", "26.2.0", "27.0.1")
GTHREAD = ("gthread", "egg:gunicorn#gthread", "gunicorn.workers.gthread.ThreadWorker")
SYNC = ("sync", "egg:gunicorn#sync", "gunicorn.workers.sync.SyncWorker")
GEVENT = ("gevent", "gunicorn.workers.ggevent.GeventWorker")


def kept(worker_class: str, version: str) -> object:
    found = reload_keeps_requests(Known(worker_class), Known(version))
    return found.value if isinstance(found, Known) else type(found)


@pytest.mark.parametrize("name", [*SYNC, *GEVENT])
@pytest.mark.parametrize("version", [*OLD, *LOSING, *NEW])
def test_sync_and_gevent_lose_none(name: str, version: str) -> None:
    assert kept(name, version) is True


@pytest.mark.parametrize("name", [*GTHREAD, *UVICORN])
@pytest.mark.parametrize("version", [*LOSING, *NEW])
def test_threads_and_uvicorn_lose_some_before_24(name: str, version: str) -> None:
    assert kept(name, version) is (version in NEW)


@pytest.mark.parametrize("version", OLD)
def test_threads_lose_none_on_20_and_uvicorn_does_not_start(version: str) -> None:
    assert kept("gthread", version) is True
    assert kept(UVICORN[0], version) is Unknown


@pytest.mark.parametrize("name", ["tornado", "eventlet", "shop.workers.Worker", "shop.gthread", "", "notsync"])
def test_what_was_not_measured_is_not_known(name: str) -> None:
    assert kept(name, "27.0.1") is Unknown


@pytest.mark.parametrize("version", ["19.10.0", "main", ""])
@pytest.mark.parametrize("name", ["sync", "gthread"])
def test_an_old_or_odd_version_is_not_known(name: str, version: str) -> None:
    assert kept(name, version) is Unknown


def test_an_unknown_version_matters_but_for_sync() -> None:
    nothing = Unknown("gunicorn was installed after the master started", Cause.VANISHED)
    assert reload_keeps_requests(Known("sync"), nothing).is_(True)
    found = reload_keeps_requests(Known("gthread"), nothing)
    assert isinstance(found, Unknown)
    assert nothing.reason in found.reason
    assert isinstance(reload_keeps_requests(nothing, Known("23.0.0")), Unknown)


def test_what_does_not_run_is_not_reloaded() -> None:
    assert reload_keeps_requests(Known("sync"), ABSENT) == ABSENT
