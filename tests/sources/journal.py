"""The journal of a unit, for tests: lines as gunicorn and systemd 252 wrote them."""

from __future__ import annotations

import json
from typing import Any

from factories import make

from doctor.facts.value import Absent, Fact, Known
from doctor.hosts.base import Content, Machine, Missing, Output, Stat, TextKind, Unseen
from doctor.hosts.commands import Command
from doctor.hosts.live import LiveHost
from doctor.sources.logs import UnitLog, collect_unit
from doctor.sources.systemd import Unit

NOW = 1_800_000_000.0
HEAD = "[2027-01-15 08:00:00 +0000] [{}] [{}] {}"
FRAMES = """\
[2027-01-15 08:00:00 +0000] [20] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/srv/shop/venv/lib/python3.11/site-packages/gunicorn/arbiter.py", line 608, in spawn_worker
    worker.init_process()
  File "/srv/shop/venv/lib/python3.11/site-packages/gunicorn/workers/base.py", line 147, in load_wsgi
    self.wsgi = self.app.wsgi()
  File "/srv/shop/venv/lib/python3.11/site-packages/gunicorn/util.py", line 370, in import_app
    mod = importlib.import_module(module)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "/srv/shop/current/shop/__init__.py", line 4, in <module>
    from .db import session
"""
MISSING_MODULE = (
    FRAMES
    + """\
  File "/srv/shop/current/shop/db.py", line 2, in <module>
    import psycopg2.extras
ModuleNotFoundError: No module named 'psycopg2'
"""
)
MISSING_VARIABLE = (
    FRAMES
    + """\
  File "/srv/shop/current/shop/db.py", line 9, in <module>
    URL = os.environ["DATABASE_URL"]
          ~~~~~~~~~~^^^^^^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'DATABASE_URL'
"""
)
SYNTAX = (
    FRAMES
    + """\
  File "/srv/shop/current/shop/db.py", line 1
    def f(:
          ^
SyntaxError: invalid syntax
"""
)
REQUEST = """\
[2027-01-15 08:00:00 +0000] [20] [ERROR] Error handling request /x
Traceback (most recent call last):
  File "/srv/shop/venv/lib/python3.11/site-packages/gunicorn/workers/sync.py", line 134, in handle
    self.handle_request(listener, req, client, addr)
  File "/srv/shop/current/shop/views.py", line 3, in view
    return os.environ["LATER"]
  File "<frozen os>", line 679, in __getitem__
KeyError: 'LATER'
"""


class Journal(LiveHost):
    """This machine with another journal."""

    def __init__(self, records: list[dict[str, Any]], euid: int = 0, files: dict[str, str] | None = None) -> None:
        super().__init__()
        self.records = records
        self.euid = euid
        self.files = files or {}
        self.asked: list[Command] = []

    def now(self) -> float:
        return NOW

    def machine(self) -> Machine:
        return make(Machine, euid=self.euid)

    def run(self, command: Command) -> Output | Missing | Unseen:
        self.asked.append(command)
        return Output(0, "".join(json.dumps(r) + "\n" for r in self.records), "")

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = 0, tail: bool = False
    ) -> Content | Missing | Unseen:
        return Content(self.files[path]) if path in self.files else Missing()

    def list(self, path: str) -> tuple[str, ...] | Missing | Unseen:
        return ("machine",) if path in self.files else Missing()

    def stat(self, path: str) -> Stat | Missing | Unseen:
        return Missing()


def lines(text: str, at: float = -10, pid: int = 20, run: str = "b") -> list[dict[str, Any]]:
    stamp = str(int((NOW + at) * 1e6))
    return [
        {"__REALTIME_TIMESTAMP": stamp, "MESSAGE": line, "_PID": str(pid), "_SYSTEMD_INVOCATION_ID": run}
        for line in text.splitlines()
    ]


def said(message: str, level: str = "ERROR", at: float = -10, pid: int = 10, run: str = "b") -> list[dict[str, Any]]:
    return lines(HEAD.format(pid, level, message), at, pid, run)


def systemd(message: str, at: float = -10, run: str = "b") -> list[dict[str, Any]]:
    return [{"__REALTIME_TIMESTAMP": str(int((NOW + at) * 1e6)), "MESSAGE": message, "_PID": "1", "INVOCATION_ID": run}]


def unit(invocation: str = "b", started: float | None = -20, running: bool = True) -> Unit:
    return make(
        Unit,
        name="shop.service",
        invocation=Known(invocation) if invocation else Absent(),
        exec_main_started=Known(NOW + started) if started is not None else Absent(),
        main_pid=Known(10) if running else Absent(),
    )


def judge(*records: list[dict[str, Any]], of: Unit | None = None, **settings: Any) -> UnitLog:
    return collect_unit(Journal([r for part in records for r in part], **settings), of or unit(), None)


def value(fact: Fact[Any]) -> Any:
    assert isinstance(fact, Known), fact
    return fact.value
