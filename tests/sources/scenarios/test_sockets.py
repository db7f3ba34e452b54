# ruff: noqa: E501 - lines of the kernel
from __future__ import annotations

import os
import socket as sockets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.facts.address import Address, parse_bind, unix
from doctor.facts.value import Absent, Fact, Known, Unknown
from doctor.hosts.base import Connection, Content, Missing, ProcessLine, ProcessRecord, Stat, TextKind, Unseen
from doctor.hosts.live import LiveHost
from doctor.sources.sockets.file import socket_file
from doctor.sources.sockets.kernel import table
from doctor.sources.sockets.listeners import collect
from doctor.sources.sockets.model import Listener, SocketFile, Sockets

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000003 00:00000000 00000000    33        0 501 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 502 1 0 100 0 0 10 0
   2: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000    33        0 503 1 0 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 504 1 0
   1: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 505 1 0
   2: B80D0120000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 506 1 0
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 601 /var/run/shop/x.sock
0000000000000000: 00000003 00000000 00000000 0001 03 602 /run/shop/x.sock
0000000000000000: 00000002 00000000 00010000 0001 01 603 /run/shop/x.sock
0000000000000000: 00000002 00000000 00010000 0001 01 604 @shop
0000000000000000: 00000002 00000000 00000000 0002 01 605 /run/systemd/notify
0000000000000000: 00000002 00000000 00010000 0001 01 606 /run/a b.sock
0000000000000000: 00000002 00000000 00000000 0001 03 607
0000000000000000: 00000002 00000000 00010000 0001 01 608 app.sock
"""


def process(pid: int, comm: str, inodes: Sequence[int] | Unseen, argv: tuple[str, ...] = ("x",)) -> ProcessRecord:
    nothing = Unseen("not part of this test", Cause.AMBIGUOUS)
    return ProcessRecord(
        line=ProcessLine(pid, 1, comm, "S", 1.0, argv),
        uid=0,
        gid=0,
        groups=(),
        cgroup="/init.scope" if pid == 1 else f"/system.slice/{comm}.service",
        cwd=nothing,
        exe=nothing,
        root=nothing,
        environ=nothing,
        sockets=inodes if isinstance(inodes, Unseen) else tuple(inodes),
        mount_namespace=nothing,
    )


class Recorded(LiveHost):
    """The kernel's lists as text, and a few processes."""

    def __init__(self, *records: ProcessRecord, tcp: str = TCP, tcp6: str = TCP6, unix: str = UNIX) -> None:
        super().__init__()
        self.records = {record.line.pid: record for record in records}
        self.texts = {"/proc/net/tcp": tcp, "/proc/net/tcp6": tcp6, "/proc/net/unix": unix}
        self.asked: list[int] = []
        self.connected: Connection | Unseen = Unseen("this recording has no connection", Cause.NOT_FOUND)

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = 1 << 20, tail: bool = False
    ) -> Content | Missing | Unseen:
        return Content(self.texts[path]) if path in self.texts else super().read(path, text, limit=limit, tail=tail)

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return tuple(record.line for record in self.records.values())

    def process(self, pid: int) -> ProcessRecord | Missing | Unseen:
        self.asked.append(pid)
        return self.records.get(pid, Missing())

    def connect(self, address: str) -> Connection | Unseen:
        return self.connected


def everything(host: LiveHost) -> Sockets:
    return collect(host, table(host))


def listeners(host: LiveHost) -> dict[int, Listener]:
    found = everything(host).listeners
    assert isinstance(found, Known)
    return {listener.inode: listener for listener in found.value}


def test_the_kernels_lists() -> None:
    found = listeners(Recorded())
    assert {inode: str(listener.address) for inode, listener in found.items()} == {
        501: "127.0.0.1:8000",
        502: "0.0.0.0:22",
        504: "[::]:8080",
        505: "[::1]:8081",
        506: "[2001:db8::1]:8082",
        601: "unix:/run/shop/x.sock",
        603: "unix:/run/shop/x.sock",
        604: "unix:@shop",
        606: "unix:/run/a b.sock",
        608: "unix:app.sock",
    }
    assert isinstance(found[501].queue, Known)
    assert found[501].queue.value == 3
    assert isinstance(found[601].queue, Unknown)


def test_holders_by_process_and_unit() -> None:
    host = Recorded(
        process(1, "systemd", [601]),
        process(50, "gunicorn", [501, 601]),
        process(51, "gunicorn", [501]),
        process(60, "node", [504]),
    )
    found = listeners(host)
    assert found[501].pids == Known((50, 51), found[501].pids.places)
    assert found[501].units == Known(("gunicorn.service",), found[501].units.places)
    assert found[601].units == Known(("init.scope", "gunicorn.service"), found[601].units.places)
    assert found[504].pids == Known((60,), found[504].pids.places)
    assert isinstance(found[506].pids, Unknown)


def test_other_processes_are_looked_at_only_where_a_holder_is_missing() -> None:
    tcp = "\n".join(TCP.splitlines()[:3])
    host = Recorded(process(50, "gunicorn", [501]), process(60, "sshd", [502]), tcp=tcp, tcp6="", unix="")
    found = listeners(host)
    assert 60 not in host.asked
    assert isinstance(found[502].pids, Unknown)
    host = Recorded(process(60, "node", [501]), process(61, "node", []), tcp=tcp, tcp6="", unix="")
    assert isinstance(listeners(host)[501].pids, Known)
    assert 61 not in host.asked


def test_without_root_the_holder_is_unknown_with_the_reason() -> None:
    denied = Unseen("permission denied reading /proc/50/fd (run with sudo)", Cause.NEEDS_ROOT)
    found = listeners(Recorded(process(50, "gunicorn", denied)))[501].pids
    assert isinstance(found, Unknown)
    assert found.reason == denied.reason


def test_nothing_can_be_listed() -> None:
    class Blind(Recorded):
        def read(self, path: str, *args: object, **options: object) -> Content | Missing | Unseen:
            return Unseen("a repository has no sockets", Cause.OUTSIDE)

    found = everything(Blind()).listeners
    assert isinstance(found, Unknown)
    assert found.reason == "a repository has no sockets"


UID: Fact[int] = Known(33)
GIDS: Fact[frozenset[int]] = Known(frozenset({33}))


def look(path: Path | str, host: LiveHost | None = None) -> SocketFile:
    host = host or LiveHost()
    return socket_file(host, unix(str(path)), UID, GIDS, everything(host))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, whatever the mode of pytest's own."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def listen(path: Path) -> sockets.socket:
    server = sockets.socket(sockets.AF_UNIX)
    server.bind(str(path))
    server.listen(5)
    return server


def test_states_of_a_real_socket_file(open_folder: Path) -> None:
    path = open_folder / "x.sock"
    assert look(path).state == Known("missing", look(path).state.places)
    with listen(path):
        found = look(path)
        assert found.state == Known("listening", found.state.places)
        assert found.inodes == Known((os_inode(path),), found.inodes.places)
        path.chmod(0o600)
        barrier = look(path).obstacle
        assert isinstance(barrier, Known)
        assert (barrier.value.path, barrier.value.right, barrier.value.last) == (str(path), "w", True)
        path.chmod(0o777)
        assert isinstance(look(path).obstacle, Absent)
        open_folder.chmod(0o700)
        barrier = look(path).obstacle
        assert isinstance(barrier, Known)
        assert (barrier.value.path, barrier.value.right) == (str(open_folder), "x")
    found = look(path)
    assert found.state == Known("dead", found.state.places)
    assert found.inodes == Known((), found.inodes.places)
    path.unlink()
    path.write_text("")
    assert look(path).state == Known("not-a-socket", look(path).state.places)


def os_inode(path: Path) -> int:
    """The inode of the listening socket itself, as the kernel lists it."""
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[-1] == str(path) and fields[3] == "00010000":
            return int(fields[6])
    raise AssertionError(path)


def test_a_stolen_path(open_folder: Path) -> None:
    path = open_folder / "x.sock"
    with listen(path):
        path.unlink()
        with listen(path):
            found = look(path)
            assert isinstance(found.inodes, Known)
            assert len(found.inodes.value) == 2
        path.unlink()
        found = look(path)
        assert found.state == Known("missing", found.state.places)
        assert isinstance(found.inodes, Known)
        assert len(found.inodes.value) == 1


LISTEN = "import socket, sys; s = socket.socket(1); s.bind(sys.argv[1]); s.listen(); print(1, flush=True); input()"


@contextmanager
def another_process(path: Path, cpu: int) -> Iterator[int]:
    """A process that listens on `path`, its socket numbered by one processor."""
    path.unlink(missing_ok=True)
    child = subprocess.Popen(
        (sys.executable, "-c", LISTEN, str(path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.kill()


def test_of_two_at_one_path_the_one_that_answers_has_it(open_folder: Path) -> None:
    """Whatever the numbers of the two sockets: each processor counts for itself."""
    path = open_folder / "x.sock"
    cpus = sorted(os.sched_getaffinity(0))
    for first, second in ((cpus[0], cpus[-1]), (cpus[-1], cpus[0])):
        with another_process(path, first) as old, another_process(path, second) as new:
            found = [x for x in listeners(LiveHost()).values() if x.address == unix(str(path))]
            assert {pid: x.displaced for x in found for pid in pids(x)} == {old: True, new: False}


def test_two_at_one_path_without_a_connection_go_by_their_start() -> None:
    """PID 1 holds one of them, so that nobody connects: it would start the service."""
    rows = "".join(f"0: 00000002 00000000 00010000 0001 01 {inode} /run/x.sock\n" for inode in (900, 700))
    late = replace(process(20, "gunicorn", (700,)), line=ProcessLine(20, 1, "gunicorn", "S", 50.0, ("gunicorn",)))
    host = Recorded(process(1, "systemd", (900,)), late, unix="Num\n" + rows)
    assert {inode: x.displaced for inode, x in listeners(host).items() if inode in (700, 900)} == {
        700: False,
        900: True,
    }


def pids(listener: Listener) -> tuple[int, ...]:
    return listener.pids.value if isinstance(listener.pids, Known) else ()


def test_a_link_is_followed(open_folder: Path) -> None:
    path = open_folder / "x.sock"
    (open_folder / "link.sock").symlink_to(path)
    with listen(path):
        found = look(open_folder / "link.sock")
        assert found.state == Known("listening", found.state.places)


def test_a_relative_path_is_taken_from_its_holder(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(open_folder)
    with listen(Path("app.sock")):
        found = look(open_folder / "app.sock")
        assert isinstance(found.inodes, Known)
        assert len(found.inodes.value) == 1
        addresses = {str(listener.address) for listener in listeners(LiveHost()).values()}
        assert f"unix:{open_folder}/app.sock" in addresses


def test_a_recording_without_connections_goes_by_the_kernels_list(open_folder: Path) -> None:
    path = open_folder / "x.sock"
    with listen(path):
        host = Recorded(unix=Path("/proc/net/unix").read_text())
        found = look(path, host)
        assert found.state == Known("listening", found.state.places)
        host = Recorded(unix="")
        found = look(path, host)
        assert found.state == Known("dead", found.state.places)
        host.connected = Connection(11)
        assert look(path, host).state == Known("listening", look(path, host).state.places)


def _row(path: Path) -> str:
    return f"Num\n0000000000000000: 00000002 00000000 00010000 0001 01 601 {path}\n"


@pytest.mark.parametrize(
    ("holders", "asked"),
    [
        ((process(1, "systemd", (601,)),), False),
        ((process(1, "systemd", (601,)), process(9, "gunicorn", (601,))), True),
        ((process(9, "gunicorn", (601,)),), True),
        ((process(1, "systemd", Unseen("permission denied", Cause.NEEDS_ROOT)),), False),
    ],
    ids=["systemd", "systemd-and-service", "service", "hidden"],
)
def test_a_socket_that_would_start_its_service_is_not_connected_to(
    open_folder: Path, holders: tuple[ProcessRecord, ...], asked: bool
) -> None:
    path = open_folder / "x.sock"
    with listen(path):
        host = Recorded(*holders, unix=_row(path))
        host.connected = Connection(111)
        state = look(path, host).state
    assert isinstance(state, Known)
    assert state.value == ("dead" if asked else "listening")


def test_a_real_tcp_listener() -> None:
    with sockets.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        address: Address = parse_bind(f"127.0.0.1:{server.getsockname()[1]}")
        found = next(listener for listener in listeners(LiveHost()).values() if listener.address == address)
        assert found.pids == Known((os.getpid(),), found.pids.places)


def test_nginxs_user_is_not_known(open_folder: Path) -> None:
    host, path = LiveHost(), unix(str(open_folder / "x"))
    found = socket_file(host, path, Unknown("nginx does not run", Cause.AMBIGUOUS), GIDS, everything(host))
    assert isinstance(found.obstacle, Unknown)
    assert found.obstacle.reason == "nginx does not run"


def test_what_could_not_be_judged_on_the_way_to_a_missing_socket_stays_unknown(open_folder: Path) -> None:
    class WithAList(LiveHost):
        def stat(self, path: str) -> Stat | Missing | Unseen:
            stat = super().stat(path)
            return replace(stat, acl=True) if isinstance(stat, Stat) and path == str(open_folder) else stat

    gone = unix(str(open_folder / "gone.sock"))
    nobody = Known(65534)
    sockets = everything(LiveHost())
    assert isinstance(socket_file(LiveHost(), gone, nobody, GIDS, sockets).obstacle, Absent)
    hidden = socket_file(WithAList(), gone, nobody, GIDS, sockets).obstacle
    assert isinstance(hidden, Unknown)
    assert "access control list" in hidden.reason


def test_the_kernels_lists_are_read_once_however_many_routes_there_are(open_folder: Path) -> None:
    class Counting(Recorded):
        reads = 0

        def read(self, path: str, *args: object, **options: object) -> Content | Missing | Unseen:
            self.reads += path.startswith("/proc/net/")
            return super().read(path, *args, **options)  # type: ignore[arg-type]

    row = "0: 00000002 00000000 00010000 0001 01 {} {}/{}.sock\n"
    rows = "".join(row.format(700 + index, open_folder, index) for index in range(20))
    host = Counting(process(9, "gunicorn", range(700, 720)), unix="Num\n" + rows)
    found = everything(host)
    host.asked.clear()
    for index in range(20):
        file = socket_file(host, unix(f"{open_folder}/{index}.sock"), UID, GIDS, found)
        assert file.inodes == Known((700 + index,), file.inodes.places)
    assert (host.reads, host.asked) == (3, [])
