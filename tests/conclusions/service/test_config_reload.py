"""Whether Gunicorn has read its configuration file since it was changed."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions.service import config_reload
from doctor.conclusions.service.config_reload import UnreadConfig
from doctor.facts.address import parse_bind
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.outline import Outline
from doctor.grammar.python_source import outline
from doctor.hosts.base import FileType, Missing, Stat
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.sources.process import Process

CONF = "/srv/shop/gunicorn.conf.py"
BIND = (parse_bind("unix:/run/shop/gunicorn.sock"),)


class FakeHost:
    """One configuration file and the folders above it."""

    def __init__(self, text: str, mtime: float, ctime: float) -> None:
        self.text, self.mtime, self.ctime = text, mtime, ctime

    def stat(self, path: str) -> Stat | Missing:
        if path == CONF:
            return Stat(FileType.FILE, 0o644, 0, 0, 10, self.mtime, self.ctime, 1, 1)
        folder = CONF.startswith(f"{path.rstrip('/')}/")
        return Stat(FileType.DIRECTORY, 0o755, 0, 0, 10, 0.0, 0.0, 2, 1) if folder else Missing()

    def outline(self, path: str) -> Outline:
        return outline(self.text.encode(), path)


def look(
    *starts: float,
    mtime: float = 2000.0,
    ctime: float = 0.0,
    text: str = "workers = 3\n",
    configured: Fact[int] | None = None,
    **facts: Any,
) -> Fact[UnreadConfig]:
    """Workers that started then, oldest first, and a file that was written at 2000."""
    settings = make(
        Settings,
        bind=Known(BIND),
        config_file=facts.pop("config_file", Known(CONF)),
        config_is_module=facts.pop("config_is_module", Known(False)),
        workers=configured or Known(3, (), Origin.EXPLICIT),
    )
    workers = tuple(make(Process, pid=100 + i, started=start) for i, start in enumerate(starts))
    given: dict[str, Any] = {
        "master": Known(make(Process, pid=99, started=500.0)),
        "workers": Known(workers),
        "changing": Known(False),
        "listens": Known(BIND),
        "version_running": Known("27.0.1"),
    }
    gunicorn = make(Gunicorn, settings=settings, **{**given, **facts})
    return config_reload.collect(FakeHost(text, mtime, max(ctime, mtime)), gunicorn)  # type: ignore[arg-type]


def found(*starts: float, **more: Any) -> UnreadConfig:
    fact = look(*starts, **more)
    assert isinstance(fact, Known)
    return fact.value


def test_a_file_newer_than_the_workers_was_not_read() -> None:
    change = found(1000, 1001, 1002)
    assert change.path == CONF
    assert change.changed == Known(2000.0, (Place(path=CONF),))
    assert change.read == Known(1000, (Place(note="worker, pid 100"),))


def test_workers_newer_than_the_file_have_read_it() -> None:
    assert isinstance(look(2001, 2002, 2003), Absent)
    # Within the precision of the times.
    assert isinstance(look(1999.5, 1999.6, 1999.7), Absent)


def test_a_worker_that_was_replaced_by_itself_proves_no_reload() -> None:
    assert found(1000, 1001, 3000).read == Known(1000, (Place(note="worker, pid 100"),))


def test_an_old_worker_that_finishes_its_last_request_is_no_witness() -> None:
    assert isinstance(look(1000, 3000, 3001, 3002), Absent)
    # Which those are is not certain where the number is computed, or one of the new ones is missing.
    assert isinstance(look(1000, 3000, 3001, configured=Unknown("cpu_count()", Cause.AMBIGUOUS)), Absent)
    assert isinstance(look(1000, 3000, 3001, configured=Known(4, (), Origin.EXPLICIT)), Absent)
    assert found(1000, 1001, 1002, configured=Unknown("cpu_count()", Cause.AMBIGUOUS))


def test_what_cannot_be_told() -> None:
    replaced = look(1000, 1001, 1002, mtime=900, ctime=2000)
    assert isinstance(replaced, Unknown)
    assert "only its mode or owner" in replaced.reason
    assert isinstance(look(1000, changing=Known(True)), Unknown)
    assert isinstance(look(1000, config_file=Known("/srv/shop/gone.py")), Unknown)
    assert isinstance(look(1000, workers=Unknown("permission denied", Cause.NEEDS_ROOT)), Unknown)


def test_nothing_to_read_or_nobody_who_would() -> None:
    assert isinstance(look(1000, config_file=Absent()), Absent)
    assert isinstance(look(1000, master=Absent()), Absent)
    assert isinstance(look(), Absent)


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("workers = 3\ntimeout = 60\n", {}, ()),
        ("umask = 0o007\nbacklog = 64\n", {}, ("backlog", "umask")),
        ("preload_app = False\n", {}, ("preload_app",)),
        ("def on_starting(server):\n    pass\n", {}, ("on_starting",)),
        # Settings of the log are read anew since 26.1.
        ("loglevel = 'debug'\n", {}, ()),
        ("loglevel = 'debug'\n", {"version_running": Known("26.0.0")}, ("loglevel",)),
        ("loglevel = 'debug'\n", {"version_running": Unknown("not found", Cause.NOT_FOUND)}, ("loglevel",)),
        # It listens elsewhere, or that is not known.
        ("bind = '127.0.0.1:9'\n", {"listens": Known((parse_bind("127.0.0.1:9"),))}, ("bind",)),
        ("workers = 3\n", {"listens": Unknown("permission denied", Cause.NEEDS_ROOT)}, ("bind",)),
        ("workers = 3\n", {"config_is_module": Known(True)}, ("config",)),
    ],
)
def test_settings_that_a_reload_does_not_bring(text: str, facts: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert found(1000, 1001, 1002, text=text, **facts).restart_only == expected
