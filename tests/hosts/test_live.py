from __future__ import annotations

import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from doctor.cause import Cause
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.hosts import commands, execute
from doctor.hosts.base import (
    Connection,
    Content,
    FileType,
    Machine,
    Missing,
    Output,
    ProcessRecord,
    Scan,
    Stat,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command
from doctor.hosts.content import CODE_LIMIT
from doctor.hosts.live import LiveHost
from doctor.hosts.redact import Redactor
from doctor.hosts.tree import TreeHost


@pytest.fixture
def host() -> LiveHost:
    return LiveHost()


def program(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(execute, "_DIRECTORIES", (str(folder),))


# ---- files --------------------------------------------------------------------------------------------------------


def test_read(host: LiveHost, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\xffb\nsecond\n")
    assert host.read(str(path)) == Content("a\ufffdb\nsecond\n")
    assert host.read(str(tmp_path / "none")) == Missing()
    assert host.read(str(path / "below")) == Missing()
    assert host.read("/a\0b") == Missing()
    assert host.read("/" + "x" * 5000) == Missing()


@pytest.mark.parametrize("when", [1e14, -1e14])
def test_a_time_no_calendar_has(host: LiveHost, when: float, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.touch()
    os.utime(path, (0, when))
    if abs(path.stat().st_mtime) < 1e13:
        pytest.skip("this file system keeps no such time")
    stat, scan = host.stat(str(path)), host.scan(str(tmp_path), (".py",))
    assert isinstance(stat, Stat)
    assert isinstance(scan, Scan)
    assert datetime.fromtimestamp(stat.mtime, timezone.utc).year in (1, 9999)
    assert scan.newest[0].mtime == stat.mtime


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what others may not")
class TestLinksOfOthers:
    """What root is led to by a link is shown and recorded: its owner must not choose a file that he cannot read."""

    @pytest.fixture
    def place(self) -> Iterator[Path]:
        # The folders of pytest are closed to others.
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            self._fill(Path(folder))
            yield Path(folder)

    def _fill(self, place: Path) -> None:
        (place / "closed").mkdir(0o700)
        (place / "closed" / "open.py").write_text("x = 1\n")
        for name, mode in (("secret.py", 0o600), ("group.py", 0o640), ("open.py", 0o644)):
            (place / name).write_text("x = 1\n")
            (place / name).chmod(mode)
        os.chown(place / "group.py", 0, 65534)

    @pytest.mark.parametrize(
        ("target", "owner", "seen"),
        [
            ("secret.py", 65534, False),
            ("closed/open.py", 65534, False),
            ("secret.py", 0, True),
            ("group.py", 65534, True),
            ("open.py", 65534, True),
        ],
    )
    @pytest.mark.parametrize("relative", [False, True])
    def test_read(
        self,
        host: LiveHost,
        place: Path,
        target: str,
        owner: int,
        seen: bool,
        relative: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (place / "link").symlink_to(target if relative else place / target)
        os.chown(place / "link", owner, owner, follow_symlinks=False)
        assert isinstance(host.read(str(place / "link")), Content) is seen
        assert isinstance(host.outline(str(place / "link")), Unseen) is not seen
        assert isinstance(host.env_file(str(place / "link")), EnvFile) is seen  # names are content too
        monkeypatch.chdir(place)
        assert isinstance(TreeHost((".",)).read("link"), Content) is seen

    def test_link_in_a_folder_on_the_way(self, host: LiveHost, place: Path) -> None:
        (place / "folder").symlink_to("closed")
        os.chown(place / "folder", 65534, 65534, follow_symlinks=False)
        assert isinstance(host.read(f"{place}/folder/../closed/open.py"), Unseen)
        assert host.read(f"{place}/closed/open.py") == Content("x = 1\n")


def test_so_much_code_is_parsed_and_no_more(host: LiveHost, tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.py").write_text("#" * (CODE_LIMIT // 8) + "\n")
    seen = [host.outline(f"{tmp_path}/{number}.py") for number in range(9)]
    assert all(isinstance(answer, Outline) for answer in seen[:7])
    assert isinstance(seen[8], Unseen)
    assert "more code than" in seen[8].reason
    assert isinstance(LiveHost().outline(f"{tmp_path}/8.py"), Outline)


def test_read_is_bounded_at_a_line(host: LiveHost, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one\ntwo\nthree\n")
    assert host.read(str(path), limit=9) == Content("one\ntwo\n", truncated=True)
    assert host.read(str(path), limit=9, tail=True) == Content("three\n", truncated=True, start_line=0)
    assert host.read(str(path), limit=14) == Content("one\ntwo\nthree\n")
    assert host.read(str(path), limit=14, tail=True) == Content("one\ntwo\nthree\n")


def test_only_the_end_of_a_huge_file_is_read(host: LiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.log"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
        file.seek(0, 2)
        file.write(b"\nlast but one\nlast\n")
    taken: list[int] = []
    read = os.read

    def counted(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        taken.append(len(data))
        return data

    monkeypatch.setattr(os, "read", counted)
    content = host.read(str(path), TextKind.LOG, limit=1 << 16, tail=True)
    assert 0 < sum(taken) <= 1 << 16
    assert isinstance(content, Content)
    assert content.text.endswith("last but one\nlast\n")
    assert len(content.text) <= 1 << 16


def test_what_is_no_regular_file_is_not_opened(host: LiveHost, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for path in (fifo, tmp_path, tmp_path / "s", Path("/dev/zero"), Path("/dev/tty")):
            assert isinstance(host.read(str(path)), Unseen), path
            assert isinstance(host.env_file(str(path)), Unseen)
            assert isinstance(host.outline(str(path)), Unseen)
    assert host.read(str(fifo)) == Unseen(f"{fifo} is a fifo, not a regular file", Cause.UNREADABLE)


def test_loop_of_links(host: LiveHost, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert isinstance(host.read(str(tmp_path / "a")), Unseen)


def test_files_of_processes_are_not_read(host: LiveHost, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/environ")
    for kind in TextKind:
        assert isinstance(host.read("/proc/self/environ", kind), Unseen)
        assert isinstance(host.read("/proc/1/../self/cmdline", kind), Unseen)
        assert isinstance(host.read(str(tmp_path / "link"), kind), Unseen)
    assert isinstance(host.env_file("/proc/self/environ"), Unseen)
    assert isinstance(host.read("/etc/passwd", TextKind.KERNEL), Unseen)
    content = host.read("/proc/sys/net/core/somaxconn", TextKind.KERNEL)
    assert isinstance(content, Content)
    assert int(content.text) > 0


def test_permission(tmp_path: Path) -> None:
    """Asked by somebody who is not root, in a process of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent != Path("/tmp") and parent != Path("/"):
            parent.chmod(0o755)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresgid(65534, 65534, 65534)
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        host = LiveHost()
        record = host.process(1)
        answers = [
            host.read(str(secret)),
            host.stat(str(secret)),
            record.environ if isinstance(record, ProcessRecord) else record,
            record.sockets if isinstance(record, ProcessRecord) else record,
        ]
        os.write(writing, "\n".join(map(repr, answers)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    lines = os.read(reading, 65536).decode().splitlines()
    os.close(reading)
    os.close(writing)
    assert lines[0] == repr(Unseen(f"permission denied reading {secret} (run with sudo)", Cause.NEEDS_ROOT))
    assert lines[1].startswith("Stat(")
    assert lines[2] == repr(Unseen("permission denied reading /proc/1/environ (run with sudo)", Cause.NEEDS_ROOT))
    assert lines[3] == repr(Unseen("permission denied reading /proc/1/fd (run with sudo)", Cause.NEEDS_ROOT))


def test_stat(host: LiveHost, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("abc")
    path.chmod(0o640)
    (tmp_path / "link").symlink_to("x")
    stat = host.stat(str(path))
    assert isinstance(stat, Stat)
    assert (stat.type, stat.mode, stat.size, stat.acl) == (FileType.FILE, 0o640, 3, False)
    assert stat.mtime == path.stat().st_mtime
    link = host.stat(str(tmp_path / "link"))
    assert isinstance(link, Stat)
    assert (link.type, link.target) == (FileType.LINK, "x")
    assert host.stat(str(path / "y")) == Missing()


def test_list(host: LiveHost, tmp_path: Path) -> None:
    for name in ("b", "a", ".c"):
        (tmp_path / name).touch()
    assert host.list(str(tmp_path)) == (".c", "a", "b")
    assert host.list(str(tmp_path / "a")) == Missing()
    assert host.list(str(tmp_path / "none")) == Missing()


def test_scan(host: LiveHost, tmp_path: Path) -> None:
    def put(name: str, mtime: float) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (mtime, mtime))

    put("app.py", 100)
    put("pkg/new.py", 300)
    put("pkg/page.html", 200)
    while (tmp_path / "pkg/page.html").stat().st_ctime <= (tmp_path / "pkg/new.py").stat().st_ctime:
        put("pkg/page.html", 200)  # the clock of a file system ticks slowly: both were made within one tick
    for skipped in ("__pycache__/x.py", ".git/x.py", "node_modules/x.py", "venv/x.py", "uploads/x.py", "odd/x.py"):
        put(skipped, 900)
    (tmp_path / "odd/pyvenv.cfg").touch()
    (tmp_path / "link").symlink_to("/usr/lib")
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "link.py").symlink_to("app.py")
    scan = host.scan(str(tmp_path), (".py", ".html"))
    assert isinstance(scan, Scan)
    assert [os.path.relpath(file.path, tmp_path) for file in scan.newest] == ["pkg/new.py", "pkg/page.html", "app.py"]
    assert (scan.seen, scan.complete) == (3, True)
    assert scan.newest_change is not None
    assert scan.newest_change.path.endswith("page.html")
    assert host.scan(str(tmp_path / "none"), (".py",)) == Missing()


def test_scan_stops(host: LiveHost, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.py").touch()
    scan = host.scan(str(tmp_path), (".py",), limit=10)
    assert isinstance(scan, Scan)
    assert (scan.seen, scan.complete, len(scan.newest)) == (10, False, 10)
    scan = host.scan(str(tmp_path), (".py",), limit=30)
    assert isinstance(scan, Scan)
    assert (scan.seen, scan.complete, len(scan.newest)) == (30, True, 20)


# ---- commands -----------------------------------------------------------------------------------------------------


def test_command_runs_clean(host: LiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", "leak")
    program(tmp_path, "nginx", 'env; pwd; read line; echo "got $line" >&2; exit 3', monkeypatch)
    output = host.run(commands.nginx_version())
    assert isinstance(output, Output)
    assert output.status == 3
    assert "leak" not in output.stdout
    assert "LC_ALL=C.UTF-8" in output.stdout
    assert "\n/\n" in output.stdout
    assert output.stderr == "got \n"


def test_command_is_not_looked_up_in_path(host: LiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nginx").write_text("#!/bin/sh\n")
    (tmp_path / "nginx").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(execute, "_DIRECTORIES", ("/nonexistent",))
    assert host.run(commands.nginx_version()) == Missing()


def test_command_times_out(host: LiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "nginx", f"echo some; echo $$ >{tmp_path}/pid; exec sleep 300", monkeypatch)
    assert host.run(Command("nginx", (), timeout=0.3)) == Unseen("nginx timed out after 0.3 s", Cause.TIMED_OUT)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_command_that_closes_its_output_times_out_too(
    host: LiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "nginx", "exec >&- 2>&-; sleep 30", monkeypatch)
    assert host.run(Command("nginx", (), timeout=0.3)) == Unseen("nginx timed out after 0.3 s", Cause.TIMED_OUT)


def test_command_is_bounded(host: LiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "nginx", "exec yes line", monkeypatch)
    output = host.run(Command("nginx", (), limit=1000))
    assert isinstance(output, Output)
    assert output.truncated
    assert len(output.stdout) <= 1000
    assert output.stdout.endswith("line\n")


def test_secrets_of_command_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "systemctl": "Environment=SHOP_THING=canary PORT=1",
        "journalctl": '{"MESSAGE":"password=canary","_PID":"1"}',
        "nginx": "http://u:canary@host/",
    }.items():
        program(tmp_path, name, f"printf '%s\\n' '{text}'", monkeypatch)
    host = LiveHost()
    outputs = [host.run(Command(name, ())) for name in ("systemctl", "journalctl", "nginx")]
    assert "canary" not in repr(outputs)
    assert repr(outputs).count("<hidden:") == 3


def test_each_observation_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "nginx", f"echo x >> {tmp_path}/count; sleep 0.1; echo done", monkeypatch)
    host = LiveHost()
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(host.run(commands.nginx_version()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(map(repr, answers))) == 1
    assert (tmp_path / "count").read_text() == "x\n"


# ---- processes ----------------------------------------------------------------------------------------------------


def spawn(code: str, **options: object) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
    assert process.stdout.readline() == b"ready\n"
    return process  # type: ignore[no-any-return]


def test_process(host: LiveHost, tmp_path: Path) -> None:
    process = spawn(
        "import socket, sys, time; s = socket.socket(); print('ready', flush=True); time.sleep(60)",
        cwd=tmp_path,
        env={"PORT": "8000", "DB_THING": "canary", "EMPTY": ""},
    )
    try:
        record = host.process(process.pid)
        assert isinstance(record, ProcessRecord)
        assert record.line.argv[0] == sys.executable
        assert record.line.ppid == os.getpid()
        assert record.line.started == pytest.approx(
            psutil.Process(process.pid).create_time(), abs=1.1
        )  # btime has whole seconds
        assert isinstance(record.environ, dict)
        assert record.environ["PORT"] == "8000"
        assert record.environ["EMPTY"] == ""
        assert record.environ["DB_THING"].startswith("<hidden:")
        assert "canary" not in repr(record)
        assert not isinstance(record.cwd, Unseen)
        assert (record.cwd.path, record.cwd.deleted) == (str(tmp_path), False)
        assert record.cwd.inode == tmp_path.stat().st_ino
        assert isinstance(record.sockets, tuple)
        assert len(record.sockets) == 1
        assert record.mount_namespace == os.stat("/proc/self/ns/mnt").st_ino
        assert (record.uid, record.gid) == (os.geteuid(), os.getegid())
        listed = host.processes()
        assert isinstance(listed, tuple)
        assert record.line.started == next(line.started for line in listed if line.pid == process.pid)
    finally:
        process.kill()
        process.communicate()


def test_removed_directory(host: LiveHost, tmp_path: Path) -> None:
    for name in ("gone", "kept (deleted)"):
        folder = tmp_path / name
        folder.mkdir()
        process = spawn("import time; print('ready', flush=True); time.sleep(60)", cwd=folder)
        try:
            if name == "gone":
                folder.rmdir()
                folder.mkdir()  # the same name, another directory
            record = host.process(process.pid)
            assert isinstance(record, ProcessRecord)
            assert not isinstance(record.cwd, Unseen)
            assert (record.cwd.path, record.cwd.deleted) == (str(folder), name == "gone")
        finally:
            process.kill()
            process.communicate()


def test_rewritten_title(host: LiveHost) -> None:
    """What setproctitle does: the title is written over arguments and environment."""
    code = """
import ctypes, os, time
stat = open('/proc/self/stat').read().rpartition(')')[2].split()
start, end = int(stat[45]), int(stat[48])
ctypes.memset(start, 0, end - start)
ctypes.memmove(start, b'gunicorn: master [app:app]', 26)
print('ready', flush=True)
time.sleep(60)
"""
    process = spawn(code, env={"A": "canary" * 20})
    try:
        record = host.process(process.pid)
        assert isinstance(record, ProcessRecord)
        assert record.line.argv[0] == "gunicorn: master [app:app]"
        assert record.environ == Unseen(
            "the process rewrote its title, which overwrites its environment", Cause.UNREADABLE
        )
    finally:
        process.kill()
        process.communicate()


def test_zombie_and_nobody(host: LiveHost) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    deadline = time.time() + 5
    while time.time() < deadline:
        record = LiveHost().process(child)
        if isinstance(record, ProcessRecord) and record.line.state == "Z":
            break
    assert isinstance(record, ProcessRecord)
    assert record.cwd == record.environ == record.sockets == Unseen("the process has ended", Cause.VANISHED)
    os.waitpid(child, 0)
    assert host.process(child) == Missing()


def test_pause_looks_again() -> None:
    host = LiveHost()
    process = spawn("import time; print('ready', flush=True); time.sleep(60)")
    first = host.processes()
    assert isinstance(host.process(process.pid), ProcessRecord)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert host.processes() is first
    assert isinstance(host.process(process.pid), ProcessRecord)
    before = host.now()
    host.pause(0.01)
    assert host.process(process.pid) == Missing()
    assert host.processes() != first
    assert host.now() > before


# ---- the rest -----------------------------------------------------------------------------------------------------


def test_connect(host: LiveHost, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket() as tcp:
        listener.bind(str(path))
        assert host.connect(f"unix:{path}") == Connection(errno.ECONNREFUSED)
        listener.listen()
        assert LiveHost().connect(f"unix:{path}") == Connection(0, peer=os.getpid())
        accepted, _ = listener.accept()
        assert accepted.recv(1) == b""
        accepted.close()
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        assert host.connect(f"127.0.0.1:{tcp.getsockname()[1]}") == Connection(0)
    assert host.connect(f"unix:{tmp_path}/none") == Connection(errno.ENOENT)
    for address in (
        "8.8.8.8:53",
        "example.com:80",
        "0.0.0.0:80",
        "127.0.0.1",
        "127.0.0.1:x",
        "unix:/" + "x" * 200,
        "127.evil:80",
    ):
        assert isinstance(host.connect(address), Unseen), address


def test_addresses(host: LiveHost) -> None:
    found = host.addresses()
    assert isinstance(found, tuple)
    assert "127.0.0.1" in found
    for address in found:
        ip_address(address)
        assert "%" not in address


def test_machine(host: LiveHost) -> None:
    machine = host.machine()
    assert isinstance(machine, Machine)
    assert machine.euid == os.geteuid()
    with open("/proc/stat") as file:
        btime = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    assert abs(machine.boot_time - btime) <= 1.5
    assert host.name == machine.hostname == os.uname().nodename


def test_tokens_are_equal_across_sources(tmp_path: Path) -> None:
    host = LiveHost(Redactor())
    (tmp_path / "env").write_text("DB_THING='one two'\n")
    process = spawn("import time; print('ready', flush=True); time.sleep(60)", env={"DB_THING": "one two"})
    try:
        record = host.process(process.pid)
        parsed = host.env_file(str(tmp_path / "env"))
        assert isinstance(record, ProcessRecord)
        assert isinstance(record.environ, dict)
        assert not isinstance(parsed, (Missing, Unseen))
        assert record.environ["DB_THING"] == parsed.assignments[0].value
    finally:
        process.kill()
        process.communicate()


# ---- time, and the doctor's own place -----------------------------------------------------------------------------


def test_after_its_time_a_look_asks_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("x\n")
    (tmp_path / "late").write_text("x\n")
    now = [0.0]
    host = LiveHost(budget=20, clock=lambda: now[0])
    assert host.read(str(tmp_path / "seen")) == Content("x\n")
    now[0] = 20.0
    late = Unseen("timed out: the look took longer than 20 s", Cause.TIMED_OUT)
    path = str(tmp_path / "late")
    assert host.read(str(tmp_path / "seen")) == Content("x\n")
    asked = (
        host.read(path), host.env_file(path), host.outline(path), host.stat(path), host.list(str(tmp_path)),
        host.scan(str(tmp_path), ()), host.run(Command("true", ())), host.processes(), host.process(1), host.machine(),
        host.addresses(), host.connect("127.0.0.1:1"), host.named_in(path).read(path),
    )  # fmt: skip
    assert asked == (late,) * len(asked)


def test_time_that_runs_out_in_the_middle_leaves_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each number of questions: never an exception, and never healthy before all were asked."""
    from doctor import run
    from doctor.hosts import live

    for allowed in (0, 1, 2, 3, 5, 10, 20):
        ticks = map(float, itertools.count())
        slow = partial(live.LiveHost, budget=allowed, clock=ticks.__next__)
        monkeypatch.setattr(live, "LiveHost", slow)
        report = run.check(run.Options())
        monkeypatch.undo()
        assert not report.bugs
        assert report.verdict != "healthy"


def test_working_directory_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    (tmp_path / "x").write_text("y\n")
    host = LiveHost()
    assert host.read(str(tmp_path / "x")) == Content("y\n")
    assert host.list(str(tmp_path)) == ("x",)
    assert isinstance(host.stat(str(tmp_path / "x")), Stat)
    assert isinstance(host.read("/etc/passwd"), Content)
    assert host.read("relative") == Missing()
