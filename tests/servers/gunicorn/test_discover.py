from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import make
from servers.gunicorn_machine import kill, running, script, scripts

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.hosts.base import Link, Missing, ProcessLine, ProcessRecord, Stat, Unseen
from doctor.hosts.live import LiveHost
from doctor.servers import gunicorn
from doctor.servers.gunicorn.model import Gunicorn
from doctor.sources.systemd import ExecCommand, Unit

PYTHON = "/srv/shop/venv/bin/python3"
SCRIPT = "/srv/shop/venv/bin/gunicorn"
ARGV = (PYTHON, SCRIPT, "-w", "2", "--bind", "unix:/run/shop/x.sock", "wsgi:app")
ROOT = LiveHost().stat("/")
NOW = 10_000.0


class Table(LiveHost):
    """A recorded process table; after `pause` the next one."""

    def __init__(self, *looks: Sequence[ProcessRecord]) -> None:
        super().__init__()
        self.looks = [{record.line.pid: record for record in look} for look in looks]
        self.at = 0
        self.paused: list[float] = []

    def now(self) -> float:
        return NOW

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return tuple(record.line for record in self.looks[self.at].values())

    def process(self, pid: int) -> ProcessRecord | Missing | Unseen:
        return self.looks[self.at].get(pid, Missing())

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.at = min(self.at + 1, len(self.looks) - 1)


def process(
    pid: int,
    ppid: int = 1,
    argv: Sequence[str] = ARGV,
    *,
    comm: str = "gunicorn",
    age: float = 100.0,
    state: str = "S",
    environ: dict[str, str] | Unseen | None = None,
    cgroup: str = "/system.slice/shop.service",
) -> ProcessRecord:
    assert isinstance(ROOT, Stat)
    return ProcessRecord(
        line=ProcessLine(pid, ppid, comm, state, NOW - age, tuple(argv)),
        uid=33,
        gid=33,
        groups=(33,),
        cgroup=cgroup,
        cwd=Link("/srv/shop/releases/1", False, 7, 8),
        exe=Link("/usr/bin/python3.11", False, 9, 8),
        root=Link("/", False, ROOT.inode, ROOT.device),
        environ={} if environ is None else environ,
        sockets=(),
        mount_namespace=1,
    )


def collect(host: LiveHost, units: tuple[Unit, ...]) -> tuple[Gunicorn, ...]:
    return gunicorn.collect(host, gunicorn.plans(host, units).values())


def unit(name: str = "shop.service", argv: Sequence[str] = (SCRIPT, *ARGV[2:]), **facts: Any) -> Unit:
    text = "ExecStart=" + " ".join(argv)
    place = Place(path=f"/etc/systemd/system/{name}", line=9, text=text)
    given = {
        "exec_start": Known((ExecCommand(tuple(argv), place=place),), (place,)),
        "working_directory": Known("/srv/shop/current"),
    }
    return make(Unit, name=name, **{**given, **facts})


def value(fact: Fact[Any]) -> Any:
    assert isinstance(fact, Known), fact
    return fact.value


def pids(found: Gunicorn) -> list[int]:
    return [worker.pid for worker in value(found.workers)]


def test_master_and_workers_of_a_unit() -> None:
    host = Table([process(122), process(131, 122), process(130, 122), process(140, 122, (), state="Z")])
    (found,) = collect(host, (unit(main_pid=Known(122)),))
    assert (found.name, value(found.master).pid, pids(found)) == ("shop.service", 122, [130, 131])
    assert value(found.worker_count) == 2
    assert value(found.launcher) == "direct"
    assert value(found.changing) is False
    assert host.paused == []
    assert value(found.directory) == "/srv/shop/releases/1"
    assert value(found.logical_directory) == "/srv/shop/current"
    assert found.settings.workers == Known(2, (unit().exec_start.places[0],), found.settings.workers.origin)  # type: ignore[union-attr]


def test_arguments_that_the_unit_does_not_have_are_shown_on_the_process() -> None:
    changed = unit(argv=(SCRIPT, "-w", "4", "--bind", "unix:/run/shop/x.sock", "wsgi:app"), main_pid=Known(122))
    (found,) = collect(Table([process(122), process(130, 122), process(131, 122)]), (changed,))
    assert isinstance(found.settings.workers, Known)
    assert found.settings.workers.value == 2
    assert found.settings.workers.places[0] == Place(note="pid 122 command line", text="-w 2")
    assert isinstance(found.settings.bind, Known)
    assert found.settings.bind.places[0].line == 9


def test_shells_and_launchers_are_no_masters() -> None:
    shell = process(100, 1, ("/bin/sh", "-c", "gunicorn -w 2 wsgi:app >>log"), comm="sh")
    host = Table([shell, process(122, 100), process(130, 122), process(131, 122)])
    wrapped = unit(argv=("/bin/sh", "-c", "gunicorn -w 2 wsgi:app >>log"), main_pid=Known(100))
    (found,) = collect(host, (wrapped,))
    assert value(found.master).pid == 122
    assert value(found.launcher) == "shell"
    uv = process(100, 1, ("/usr/bin/uv", "run", "gunicorn", "-w", "2", "wsgi:app"), comm="uv")
    host = Table([uv, process(122, 100), process(130, 122), process(131, 122)])
    (found,) = collect(host, (unit(argv=uv.line.argv, main_pid=Known(100)),))
    assert value(found.launcher) == "uv"
    # A script that was found to exec, but a shell is seen above the master: what is seen counts.
    shell = process(100, 1, ("/bin/bash", "/srv/start.sh"), comm="start.sh")
    host = Table([shell, process(122, 100), process(130, 122), process(131, 122)])
    (found,) = collect(host, (unit(argv=("/nowhere/start.sh",), main_pid=Known(100)),))
    assert value(found.launcher) == "script"


def test_titles() -> None:
    title = "gunicorn: {} [wsgi:app]".format
    host = Table(
        [
            process(122, 1, (title("master"),), environ=Unseen("rewritten", Cause.AMBIGUOUS)),
            process(130, 122, (title("worker"),)),
            process(131, 122, (title("worker"),)),
            process(132, 122, ("gunicorn: dirty-arbiter",)),
            process(133, 132, (title("dirty-worker"),)),
        ]
    )
    (found,) = collect(host, (unit(main_pid=Known(122)),))
    assert pids(found) == [130, 131]
    assert [child.pid for child in found.other_children] == [132]
    assert isinstance(value(found.master).argv, Unknown)
    assert value(found.settings.workers) == 2  # by the unit
    (stray,) = collect(host, ())
    assert isinstance(stray.settings.timeout, Unknown)
    assert value(stray.settings.workers) == 2  # by counting
    assert stray.name == "pid 122"


def test_a_second_master_after_usr2() -> None:
    environ = {"GUNICORN_PID": "122"}
    host = Table(
        [
            process(122),
            process(130, 122),
            process(131, 122),
            process(200, 122, environ=environ, age=50),
            process(210, 200, environ=environ, age=50),
            process(211, 200, environ=environ, age=50),
        ]
    )
    found = collect(host, (unit(main_pid=Known(122)),))
    assert [(value(g.master).pid, pids(g)) for g in found] == [(122, [130, 131]), (200, [210, 211])]
    assert [g.name for g in found] == ["shop.service", "shop.service"]
    (first, second) = collect(host, (unit(main_pid=Known(200)),))
    assert (value(first.master).pid, value(second.master).pid) == (200, 122)


def test_helpers_are_not_workers() -> None:
    tracker = process(
        150, 122, (PYTHON, "-c", "from multiprocessing.resource_tracker import main;main(4)"), comm="python3"
    )
    host = Table([process(122), process(130, 122), process(131, 122), process(160, 130), tracker])
    (found,) = collect(host, (unit(main_pid=Known(122)),))
    assert pids(found) == [130, 131]  # 160 was forked by a worker
    assert [child.pid for child in found.other_children] == [150]


def test_workers_whose_master_is_gone() -> None:
    lost = [process(130, 1), process(131, 1)]
    (found,) = collect(Table(lost), (unit(main_pid=Absent()),))
    assert isinstance(found.master, Absent)
    assert [worker.pid for worker in found.foreign_workers] == [130, 131]
    assert found.name == "shop.service"
    again = Table([*lost, process(222), process(230, 222), process(231, 222)])
    (found,) = collect(again, (unit(main_pid=Known(222)),))
    assert value(found.master).pid == 222
    assert [worker.pid for worker in found.foreign_workers] == [130, 131]
    (found,) = collect(Table(lost), ())
    assert found.name == "pid 130"


def test_a_master_that_starts_is_no_lost_worker() -> None:
    (found,) = collect(Table([process(122, age=0.5)]), (unit(main_pid=Absent()),))
    assert value(found.master).pid == 122
    (found,) = collect(Table([process(122, age=60)]), (unit(main_pid=Known(122)),))
    assert value(found.master).pid == 122


@pytest.mark.parametrize(
    ("first", "second", "looks", "changing"),
    [
        ([(130, 100), (131, 100)], [], 0, False),
        ([(130, 100), (131, 1)], [(130, 100), (131, 1)], 1, False),
        ([(130, 100), (131, 1)], [(131, 1), (132, 0.1)], 1, True),
        ([(130, 100), (131, 100), (132, 0.1), (133, 0.1)], [(132, 0.3), (133, 0.3)], 1, True),
        ([(130, 100), (131, 100), (132, 60)], [(130, 100), (131, 100), (132, 60)], 1, False),
        ([(130, 100), (131, 100), (132, 1)], [(130, 100), (131, 100), (132, 1)], 1, True),
        ([], [(130, 0.1), (131, 0.1)], 1, True),
    ],
)
def test_a_second_look_only_where_workers_are_in_motion(
    first: list[tuple[int, float]], second: list[tuple[int, float]], looks: int, changing: bool
) -> None:
    def table(workers: list[tuple[int, float]]) -> list[ProcessRecord]:
        return [process(122), *(process(pid, 122, age=age) for pid, age in workers)]

    host = Table(table(first), table(second))
    (found,) = collect(host, (unit(main_pid=Known(122)),))
    assert host.paused == [0.2] * looks
    assert value(found.changing) is changing
    assert sorted(pids(found)) == sorted(pid for pid, _ in (second if looks else first))


def test_a_unit_that_reloads_is_changing() -> None:
    host = Table([process(122), process(130, 122), process(131, 122)])
    (found,) = collect(host, (unit(main_pid=Known(122), active_state=Known("reloading")),))
    assert value(found.changing) is True
    assert host.paused == [0.2]


@pytest.mark.parametrize(
    ("state", "sub_state", "restarts", "age", "workers", "runs"),
    [
        ("activating", "start", 3, 0.4, 0, False),
        ("activating", "auto-restart", 0, 0.1, 0, False),
        ("active", "running", 3, 0.4, 0, False),
        ("active", "running", 3, 0.4, 2, True),
        ("activating", "start", 0, 0.4, 0, True),
        ("active", "running", 1, 50.0, 0, True),
    ],
)
def test_a_try_after_others_that_failed_is_no_master(
    state: str, sub_state: str, restarts: int, age: float, workers: int, runs: bool
) -> None:
    table = [process(122, age=age), *(process(130 + n, 122, age=age) for n in range(workers))]
    facts: dict[str, Any] = {"active_state": Known(state), "sub_state": Known(sub_state), "restarts": Known(restarts)}
    (found,) = collect(Table(table), (unit(main_pid=Known(122), exec_main_started=Known(NOW - age), **facts),))
    assert found.name == "shop.service"
    assert isinstance(found.master, Known) is runs


def test_a_master_that_outlived_its_unit_is_no_try() -> None:
    facts: dict[str, Any] = {
        "active_state": Known("activating"),
        "restarts": Known(3),
        "exec_main_started": Known(NOW - 1),
    }
    (found,) = collect(Table([process(122, age=500.0)]), (unit(**facts, main_pid=Known(122)),))
    assert value(found.master).pid == 122


def test_a_service_with_a_root_directory_has_files_of_its_own() -> None:
    inside = replace(process(122), root=Link("/", False, 1, 99))
    (found,) = collect(Table([inside, process(130, 122), process(131, 122)]), ())
    assert value(found.settings.workers) == 2
    assert isinstance(found.settings.timeout, Unknown)
    assert isinstance(found.venv, Unknown)
    assert isinstance(found.directory, Unknown)
    assert isinstance(found.logical_directory, Unknown)


def test_a_gunicorn_in_a_container_is_none_of_this_machine() -> None:
    inside = replace(process(122, cgroup="/system.slice/docker-01.scope"), root=Link("/", False, 1, 99))
    assert collect(Table([inside, process(130, 122), process(131, 122)]), ()) == ()


def test_several_units_keep_apart() -> None:
    argv = (PYTHON, SCRIPT, "-w", "1", "blog:app")
    other = "/system.slice/system-blog.slice/blog@1.service"
    host = Table(
        [
            process(122),
            process(130, 122),
            process(131, 122),
            process(300, 1, argv, cgroup=other),
            process(301, 300, argv, cgroup=other),
        ]
    )
    blog = unit("blog@1.service", (SCRIPT, *argv[2:]), main_pid=Known(300))
    down = unit("docs.service")
    found = collect(host, (blog, down, unit(main_pid=Known(122))))
    assert [g.name for g in found] == ["blog@1.service", "docs.service", "shop.service"]
    assert isinstance(found[1].master, Absent)
    assert value(found[1].worker_count) == 0


APP = "import time\ndef app(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "releases" / "1").mkdir(parents=True)
    (tmp_path / "releases" / "1" / "wsgi.py").write_text(APP)
    (tmp_path / "current").symlink_to("releases/1")
    return tmp_path / "current"


def ours(pid: int, host: LiveHost | None = None) -> Gunicorn:
    found = [g for g in collect(host or LiveHost(), ()) if isinstance(g.master, Known) and g.master.value.pid == pid]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("which", scripts() or [""])
def test_a_real_gunicorn(folder: Path, which: str) -> None:
    path = which or script()
    real = str(folder.resolve())
    with running([path, "-w", "2", "-b", "unix:app.sock", "wsgi:app"], folder, {"PWD": str(folder)}, 2) as started:
        time.sleep(0.3)
        found = ours(started.pid)
        assert value(found.worker_count) == 2
        assert value(found.directory) == real
        assert value(found.logical_directory) == str(folder)
        assert [str(address) for address in value(found.listens)] == [f"unix:{real}/app.sock"]
        assert [str(address) for address in value(found.settings.bind)] == [f"unix:{folder}/app.sock"]
        assert value(found.program) == path
        assert value(found.venv) == str(Path(path).parents[1])
        assert value(found.version_running) == value(found.version_installed)
        assert value(found.launcher) == "direct"
        assert value(found.changing) is False
        workers = set(pids(found))

        os.kill(started.pid, signal.SIGTTIN)
        deadline = time.monotonic() + 5
        while value((found := ours(started.pid)).worker_count) != 3:
            assert time.monotonic() < deadline
        assert workers < set(pids(found))


def test_a_real_second_master(folder: Path) -> None:
    with running([script(), "-w", "1", "-b", "unix:app.sock", "wsgi:app"], folder) as started:
        os.kill(started.pid, signal.SIGUSR2)
        deadline = time.monotonic() + 10
        found: list[Gunicorn] = []
        while sum(bool(isinstance(g.workers, Known) and g.workers.value) for g in found) < 2:
            assert time.monotonic() < deadline, found
            everything = collect(LiveHost(), ())
            found = [
                g
                for g in everything
                if isinstance(g.master, Known) and started.pid in (g.master.value.pid, g.master.value.ppid)
            ]
        assert [value(g.worker_count) for g in found] == [1, 1]
        assert value(found[1].master).ppid == started.pid


def test_a_real_shell_above(folder: Path) -> None:
    command = f"{script()} -w 1 -b unix:app.sock wsgi:app 2>&1 | cat"
    with running(["/bin/bash", "-c", command], folder) as started:
        found = [
            g
            for g in collect(LiveHost(), (unit(argv=("/bin/bash", "-c", command), main_pid=Known(started.pid)),))
            if g.name == "shop.service"
        ]
        assert len(found) == 1
        assert value(found[0].master).ppid == started.pid
        assert value(found[0].launcher) == "shell"


def test_real_lost_workers(folder: Path) -> None:
    (folder / "wsgi.py").write_text("import time\ndef app(environ, start):\n    time.sleep(20)\n")
    with running([script(), "-w", "1", "-b", "unix:app.sock", "wsgi:app"], folder) as started:
        worker = pids(ours(started.pid))[0]
        client = subprocess.Popen(
            [
                "/usr/bin/python3",
                "-c",
                "import socket, time; s = socket.socket(1); s.connect('app.sock')\n"
                "s.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); time.sleep(20)",
            ],
            cwd=folder,
        )
        try:
            time.sleep(0.5)
            started.kill()
            started.wait()
            time.sleep(3.2)
            found = [g for g in collect(LiveHost(), ()) if any(p.pid == worker for p in g.foreign_workers)]
            adopted = Path(f"/proc/{worker}/stat").read_text().split()[3]
            if adopted != "1":
                pytest.skip(f"process {adopted} adopts orphans here, not process 1")
            assert len(found) == 1
            assert isinstance(found[0].master, Absent)
        finally:
            client.kill()
            client.wait()
            kill(worker)
