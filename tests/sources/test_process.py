from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.facts.value import Absent, Known, Unknown
from doctor.hosts.base import Link, Missing, ProcessLine, ProcessRecord, Stat, Unseen
from doctor.hosts.live import LiveHost
from doctor.sources import process
from doctor.sources.process import rewritten, unit_of

RECORD = ProcessRecord(
    line=ProcessLine(122, 1, "gunicorn", "S", 1000.0, ("/v/bin/python", "/v/bin/gunicorn", "a:b")),
    uid=33,
    gid=33,
    groups=(33, 4),
    cgroup="/system.slice/shop.service",
    cwd=Link("/srv/shop/releases/1", True, 7, 8),
    exe=Link("/usr/bin/python3.11", False, 9, 8),
    root=Link("/", False, 2, 1),
    environ={"PATH": "/usr/bin"},
    sockets=(11, 12),
    mount_namespace=4026531840,
)  # fmt: skip


class OneProcess(LiveHost):
    """A process table of one recorded process."""

    def __init__(self, record: ProcessRecord | Missing | Unseen) -> None:
        super().__init__()
        self.record = record

    def process(self, pid: int) -> ProcessRecord | Missing | Unseen:
        return self.record


def read(record: ProcessRecord) -> process.Process:
    found = process.read(OneProcess(record), record.line.pid)
    assert isinstance(found, Known)
    return found.value


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("/system.slice/shop.service", "shop.service"),
        ("/system.slice/system-shop.slice/shop@1.service", "shop@1.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service", "user@1000.service"),
        ("/system.slice/docker-0123abcd.scope", "docker-0123abcd.scope"),
        ("/docker/0123abcd", ""),
        ("/init.scope", "init.scope"),
        ("/../../system.slice/shop.service", "shop.service"),
        ("/system.slice/shop.service/worker", "shop.service"),
        ("/system.slice/_cpu.service", "cpu.service"),
        ("/", ""),
        ("", ""),
    ],
)
def test_unit_of_a_control_group(cgroup: str, unit: str) -> None:
    assert unit_of(cgroup) == unit


def test_a_title_is_no_command_line() -> None:
    assert rewritten(("gunicorn: master [wsgi:app]",))
    assert rewritten(("nginx: worker process",))
    assert not rewritten(("/usr/bin/python3", "-c", "print: 1"))
    assert not rewritten(("/opt/a: b/gunicorn",))
    assert not rewritten(())


def test_what_was_seen_is_known_with_its_place() -> None:
    seen = read(RECORD)
    assert isinstance(seen.cwd, Known)
    assert (seen.cwd.value.path, seen.cwd.value.deleted) == ("/srv/shop/releases/1", True)
    assert seen.cwd.places[0].text == "/srv/shop/releases/1 (deleted)"
    assert isinstance(seen.unit, Known)
    assert seen.unit.value == "shop.service"
    assert isinstance(seen.gids, Known)
    assert seen.gids.value == {33, 4}
    assert isinstance(seen.exe_deleted, Known)
    assert seen.exe_deleted.value is False


def test_setproctitle_hides_command_line_and_environment() -> None:
    titled = replace(RECORD, line=replace(RECORD.line, argv=("gunicorn: master [wsgi:app]",)), environ={})
    seen = read(titled)
    assert isinstance(seen.argv, Unknown)
    assert "setproctitle" in seen.argv.reason
    assert isinstance(seen.environ, Unknown)


def test_what_may_not_be_seen_is_unknown_with_the_reason() -> None:
    denied = Unseen("permission denied reading /proc/122/cwd (run with sudo)", Cause.NEEDS_ROOT)
    seen = read(replace(RECORD, cwd=denied, exe=denied, environ=denied, sockets=denied, mount_namespace=denied))
    for fact in (seen.cwd, seen.exe, seen.exe_deleted, seen.environ, seen.sockets, seen.mount_namespace):
        assert isinstance(fact, Unknown)
        assert fact.reason == denied.reason


def test_an_ended_process_is_absent() -> None:
    assert isinstance(process.read(OneProcess(Missing()), 122), Absent)
    assert isinstance(process.read(OneProcess(Unseen("no /proc", Cause.AMBIGUOUS)), 122), Unknown)


def test_a_process_of_no_unit() -> None:
    assert isinstance(read(replace(RECORD, cgroup="/")).unit, Absent)


def test_another_root_directory_is_another_file_system() -> None:
    root = LiveHost().stat("/")
    assert isinstance(root, Stat)
    own = Link("/", False, root.inode, root.device)
    for link, expected in ((own, False), (replace(own, inode=root.inode + 1), True)):
        fact = read(replace(RECORD, root=link)).elsewhere
        assert isinstance(fact, Known)
        assert fact.value is expected


def test_a_zombie_has_no_command_line() -> None:
    zombie = replace(RECORD, line=replace(RECORD.line, state="Z", argv=()))
    assert isinstance(read(zombie).argv, Unknown)


def test_a_removed_directory_shows_on_a_real_process(tmp_path: Path) -> None:
    folder = tmp_path / "releases"
    folder.mkdir()
    child = subprocess.Popen(["sleep", "30"], cwd=folder)
    try:
        folder.rmdir()
        found = process.read(LiveHost(), child.pid)
        assert isinstance(found, Known)
        assert isinstance(found.value.cwd, Known)
        assert found.value.cwd.value.deleted
        assert found.value.cwd.value.path == str(folder)
        assert found.value.ppid == os.getpid()
        assert isinstance(found.value.elsewhere, Known)
        assert not found.value.elsewhere.value
    finally:
        child.kill()
        child.wait()
