"""What nobody has written to since the start need not be compared."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make
from servers.nginx_machine import MemoryHost

from doctor.cause import Cause
from doctor.conclusions import environment
from doctor.conclusions.service import drift
from doctor.facts.value import Absent, Known, Unknown
from doctor.servers.gunicorn import Gunicorn, Settings
from doctor.servers.gunicorn.plan import plan
from doctor.sources.process import Process
from doctor.sources.systemd import EnvironmentFileRef, ExecCommand, Unit
from doctor.sources.systemd.unchanged import unchanged_since

STARTED = 1000.0
BEFORE, AFTER = 500.0, 1500.0
FRAGMENT = "/etc/systemd/system/shop.service"
DROP_IN = f"{FRAGMENT}.d/override.conf"
SCRIPT = "/usr/local/bin/start-shop"
ENV = "/etc/shop.env"


def machine() -> MemoryHost:
    host = MemoryHost()
    for path in ("/etc", "/etc/systemd", "/etc/systemd/system", f"{FRAGMENT}.d"):
        host.directory(path, time=BEFORE)
    for path in (FRAGMENT, DROP_IN, SCRIPT, ENV, "/srv/deploy/shop.service"):
        host.add(path, "", time=BEFORE)
    return host


def unit(*argv: str, fragment: str = FRAGMENT) -> Unit:
    return make(
        Unit,
        name="shop.service",
        fragment=Known(fragment),
        drop_ins=Known((DROP_IN,)),
        exec_start=Known((ExecCommand(argv or (SCRIPT,)),)),
        environment_files=Known((EnvironmentFileRef(ENV, False),)),
        need_daemon_reload=Known(False),
    )


def since(host: MemoryHost, *argv: str) -> bool:
    return unchanged_since(host, unit(*argv), STARTED)


def test_all_of_it_is_older() -> None:
    assert since(machine())
    assert since(machine(), "/bin/bash", "-c", "source /srv/venv/bin/activate && exec gunicorn app")


@pytest.mark.parametrize("path", [FRAGMENT, DROP_IN, SCRIPT, f"{FRAGMENT}.d", "/etc/systemd/system"])
def test_a_file_written_or_a_folder_that_lost_one(path: str) -> None:
    host = machine()
    host.touch(path, mtime=BEFORE, ctime=AFTER)
    assert not since(host)


def test_a_linked_unit_is_as_old_as_the_file_it_leads_to() -> None:
    host = machine()
    host.link(FRAGMENT, "/srv/deploy/shop.service", time=BEFORE)
    assert since(host)
    host.touch("/srv/deploy/shop.service", mtime=AFTER)
    assert not since(host)


def test_what_cannot_be_seen_proves_nothing() -> None:
    host = machine()
    host.hidden.add(DROP_IN)
    assert not since(host)
    assert not unchanged_since(machine(), make(Unit, name="shop.service"), STARTED)
    assert not since(machine(), "/bin/sh", "-c", "cd /srv/shop && ./start.sh")


def look(host: MemoryHost) -> tuple[Any, Any]:
    """Drift and environment of a process that hides its command line and environment behind a title."""
    titled = Unknown("a title", Cause.AMBIGUOUS)
    master = Known(make(Process, pid=7, started=STARTED, argv=titled, environ=titled))
    gunicorn = make(Gunicorn, master=master, settings=make(Settings), launcher=Known("other"))
    planned = Known(plan(host, unit()))
    return drift.collect(host, planned, gunicorn), environment.compare(host, planned, master).changed


def test_a_title_hides_nothing_where_nobody_changed_anything() -> None:
    assert [type(fact) for fact in look(machine())] == [Absent, Absent]


def test_behind_a_title_what_was_touched_is_unknown() -> None:
    host = machine()
    host.touch(ENV, mtime=AFTER)
    assert [type(fact) for fact in look(host)] == [Absent, Unknown]
    host.touch(FRAGMENT, mtime=AFTER)
    assert [type(fact) for fact in look(host)] == [Unknown, Unknown]
