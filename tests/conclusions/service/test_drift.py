from __future__ import annotations

from typing import Any

import pytest
from factories import make

from doctor.conclusions.service import drift
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.hosts.base import Content, FileType, Missing, Stat, TargetKind
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.servers.gunicorn.plan import plan
from doctor.sources.process import Process, WorkingDirectory
from doctor.sources.systemd import ExecCommand, Unit

GUNICORN = "/srv/shop/venv/bin/gunicorn"
RUNNING = ("/srv/shop/venv/bin/python3", GUNICORN, "--workers", "3", "--bind", "unix:/run/shop.sock", "wsgi:app")
LINE = Place(path="/etc/systemd/system/shop.service", line=5, text="ExecStart=…")
FILES = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nshop:x:999:999::/:/bin/sh\ndeploy:x:1000:1000::/:/bin/sh\n",
    "/etc/group": "www-data:x:33:\nweb:x:44:\n",
    "/srv/.pyenv/shims/gunicorn": "#!/usr/bin/env bash\nexec /srv/.pyenv/libexec/pyenv exec gunicorn $@\n",
    "/srv/shop/start.sh": f"#!/bin/sh\nexec {GUNICORN} --workers 5 wsgi:app\n",
}

DIRECT: Fact[str] = Known("direct")


class FakeHost:
    kind = TargetKind.LIVE

    def __init__(self, changed: float = 2000.0) -> None:
        self.changed = changed

    def lent(self, *_: Any) -> FakeHost:
        return self

    def named_in(self, *_: str) -> FakeHost:
        return self

    def read(self, path: str, *_: Any, **__: Any) -> Content | Missing:
        return Content(FILES[path]) if path in FILES else Missing()

    def stat(self, path: str) -> Stat | Missing:
        if path == "/srv/link":
            return Stat(FileType.LINK, 0o777, 0, 0, 0, 0.0, 0.0, 9, 1, target="/srv/new")
        kind = FileType.FILE if path.endswith(".service") else FileType.DIRECTORY
        return Stat(kind, 0o755, 0, 0, 10, self.changed, self.changed, 1, 1)


def compare(
    *argv: str,
    running: tuple[str, ...] = RUNNING,
    changed: float = 2000.0,
    launcher: Fact[str] = DIRECT,
    **more: Any,
) -> Fact[Any]:
    """A process of user shop in /srv/shop against a unit with this command; `more` are fields of the unit."""
    fields: dict[str, Any] = {
        "exec_start": Known((ExecCommand(argv, place=LINE),), (LINE,)),
        "user": Known("shop", (LINE,)),
        "working_directory": Known("/srv/shop", (LINE,)),
        "fragment": Known("/etc/systemd/system/shop.service"),
        "need_daemon_reload": Known(False),
        **more,
    }
    master = make(
        Process,
        pid=7,
        started=1000.0,
        argv=Known(running),
        uid=Known(999),
        gids=Known(frozenset({33, 999})),
        cwd=Known(WorkingDirectory("/srv/shop", False, 1, 1)),
    )
    gunicorn = make(Gunicorn, master=Known(master), settings=make(Settings), launcher=launcher)
    host: Any = FakeHost(changed)
    return drift.collect(host, Known(plan(host, make(Unit, name="shop.service", **fields))), gunicorn)


SAME = (GUNICORN, *RUNNING[2:])


@pytest.mark.parametrize(
    "argv",
    [
        SAME,
        (GUNICORN, "-w3", "-b", "unix:/run/shop.sock", "wsgi:app"),
        (GUNICORN, "--bind=unix:/run/shop.sock", "--workers=3", "wsgi:app"),
        ("/srv/shop/venv/bin/python", GUNICORN, *RUNNING[2:])[1:],
        ("/bin/bash", "-c", f"exec {' '.join(SAME)}"),
        ("/usr/bin/env", "A=1", *SAME),
    ],
)
def test_the_same_settings_in_other_words_are_no_change(argv: tuple[str, ...]) -> None:
    assert isinstance(compare(*argv), Absent)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((GUNICORN, "-w", "5", *RUNNING[4:]), "-w 5 (it runs with 3)"),
        ((*SAME[:-1], "--timeout", "60", "wsgi:app"), "--timeout 60 (it runs without)"),
        ((GUNICORN, *RUNNING[4:]), "no --workers (it runs with 3)"),
        ((*SAME[:-1], "--preload", "wsgi:app"), "--preload (it runs without)"),
        ((*SAME[:-1], "shop:app"), "shop:app (it runs wsgi:app)"),
        (("/srv/shop/env/bin/gunicorn", *RUNNING[2:]), f"/srv/shop/env/bin/gunicorn (it runs {GUNICORN})"),
        (("/bin/bash", "-c", f"exec {GUNICORN} --workers 5 {' '.join(RUNNING[4:])}"), "--workers 5 (it runs with 3)"),
    ],
)
def test_another_setting_is_a_change(argv: tuple[str, ...], said: str) -> None:
    found = compare(*argv)
    assert isinstance(found, Known)
    assert found.value == (said,)
    assert found.places[0] == LINE


@pytest.mark.parametrize("word", ["${WORKERS}", "$WORKERS"])
def test_what_a_variable_stands_for_is_the_environments_affair(word: str) -> None:
    assert isinstance(compare(GUNICORN, "--workers", word, *RUNNING[4:]), Absent)


def test_options_in_a_variable_cannot_be_compared() -> None:
    assert isinstance(compare(GUNICORN, "$OPTIONS", *RUNNING[4:]), Unknown)


def test_a_title_or_a_script_cannot_be_compared() -> None:
    assert isinstance(compare("/srv/shop/start.sh"), Unknown)
    title = compare(*SAME, running=("gunicorn: master [shop]",))
    assert isinstance(title, Unknown)


def test_a_shim_becomes_the_gunicorn_that_it_finds() -> None:
    shim = "/srv/.pyenv/shims/gunicorn"
    assert isinstance(compare(shim, *RUNNING[2:]), Absent)
    assert compare(shim, "-w", "5", *RUNNING[4:]).value == ("-w 5 (it runs with 3)",)  # type: ignore[union-attr]


def test_what_nobody_wrote_to_did_not_change() -> None:
    assert isinstance(compare("/srv/shop/env/bin/gunicorn", *RUNNING[2:], drop_ins=Known(()), changed=500.0), Absent)


def test_another_user_or_group_is_a_change() -> None:
    assert compare(*SAME, user=Known("deploy", (LINE,))).value == ("User=deploy (it runs as uid 999)",)  # type: ignore[union-attr]
    assert compare(*SAME, user=Absent()).value == ("User=root (it runs as uid 999)",)  # type: ignore[union-attr]
    assert compare(*SAME, group=Known("web", (LINE,))).value == ("Group=web (it runs without)",)  # type: ignore[union-attr]
    assert isinstance(compare(*SAME, group=Known("www-data")), Absent)


def test_a_user_by_number_is_the_same_user() -> None:
    assert isinstance(compare(*SAME, user=Known("999")), Absent)


@pytest.mark.parametrize(
    "more",
    [
        {"dynamic_user": Known(True)},
        {"exec_start": Known((ExecCommand(SAME, "+"),))},
        {"exec_start": Known((ExecCommand(("/usr/sbin/runuser", "-u", "shop", "--", *SAME)),))},
    ],
)
def test_who_chooses_the_user_itself_is_not_compared(more: dict[str, Any]) -> None:
    assert isinstance(compare(*SAME, user=Absent(), **more), Absent)


def test_a_program_that_starts_gunicorn_may_choose_the_user() -> None:
    assert isinstance(compare(*SAME, user=Absent(), launcher=Known("other")), Absent)


def test_another_directory_is_a_change_when_the_unit_was_written_since() -> None:
    found = compare(*SAME, working_directory=Known("/srv/new", (LINE,)))
    assert found.value == ("WorkingDirectory=/srv/new (it runs in /srv/shop)",)  # type: ignore[union-attr]
    assert isinstance(compare(*SAME, working_directory=Known("/srv/new"), changed=500.0), Absent)


def test_a_link_that_was_switched_is_no_change_of_the_unit() -> None:
    assert isinstance(compare(*SAME, working_directory=Known("/srv/link")), Absent)


def test_nothing_is_compared_with_what_systemd_has_not_read() -> None:
    assert isinstance(compare(*SAME, need_daemon_reload=Known(True)), Unknown)


def test_nothing_runs() -> None:
    host: Any = FakeHost()
    nothing = Known(plan(host, make(Unit)))
    assert isinstance(drift.collect(host, nothing, make(Gunicorn, settings=make(Settings))), Absent)
