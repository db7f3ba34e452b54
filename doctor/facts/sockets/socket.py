"""Sockets: who listens, through which process and unit, and may nginx's user reach it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from doctor.facts import process
from doctor.facts.address import Address, AddressKind, tcp, unix
from doctor.facts.value import ABSENT, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import (
    Connection,
    Content,
    Host,
    ProcessLine,
    ProcessRecord,
    TextKind,
    Unseen,
)


@frozen
class Listener:
    """One listening socket. `pids` Unknown without root. `units` of its holders ("init.scope" for systemd itself)."""

    address: Address
    inode: int
    pids: Fact[tuple[int, ...]]
    units: Fact[tuple[str, ...]]
    queue: Fact[int]
    """Connections that wait to be accepted."""
    backlog: Fact[int]
    holder: Fact[str]
    """The first of its processes as people name it: "pid 122 (gunicorn)"."""
    displaced: bool = False
    """A later socket took its path: no new connection comes here, though it listens on."""


@frozen
class Obstacle:
    """The first component of a path that stops a user, and the right that is missing ("x", "w", "r")."""

    path: str
    right: str
    mode: int
    uid: int
    gid: int
    last: bool
    """It is the path itself, not a directory above it."""


@frozen
class SocketFile:
    """A unix socket's place in the file system.

    `state`: listening, dead (a socket file nobody accepts on), missing, not-a-socket.
    """

    path: str
    state: Fact[str]
    obstacle: Fact[Obstacle]
    """What stops nginx's user; Absent when it may connect."""
    inodes: Fact[tuple[int, ...]]
    """Of the sockets that were bound to this path and still listen. More than one: a later one took the file from an
    earlier one. Any while the file is missing: it was removed, or lies in another mount namespace (PrivateTmp)."""
    next_obstacle: Fact[Obstacle] = ABSENT
    """The runtime directory that the next start of the service closes to nginx's user."""


@frozen
class Sockets:
    """Every listening socket of the machine."""

    listeners: Fact[tuple[Listener, ...]]


@frozen
class Row:
    """One listening socket as the kernel lists it. The path of a unix socket may be relative, as it was bound."""

    address: Address
    inode: int
    queue: int | None
    place: Place


CONTROL_SOCKET = "/gunicorn.ctl"
"""How the path of the socket ends by which Gunicorn 25.1 and later is asked about itself: no request goes there."""
_LISTEN = "0A"
_ACCEPTS = 0x10000
"""__SO_ACCEPTCON in the flags of /proc/net/unix (unix_seq_show, net/unix/af_unix.c)."""
_UNRELATED_PORTS = frozenset({22, 25, 53, 111, 587, 631, 993, 3306, 5432, 6379, 11211, 27017})
_UNRELATED_PATHS = (
    "/run/systemd/", "/run/dbus/", "/run/user/", "/run/udev/", "/run/docker", "/run/containerd/", "/run/snapd",
    "/run/lvm", "/run/postgresql/", "/run/mysqld/", "/run/redis/", "/tmp/.X11-unix/", "/run/rpcbind", "/run/acpid",
    "/run/avahi", "/run/cups/", "/run/multipathd", "/run/uuidd/",
)  # fmt: skip
"""Where no app server behind nginx listens: no search through all processes for the holder of such a socket."""
_CANDIDATES = ("gunicorn", "nginx", "python", "flask", "uvicorn", "uwsgi", "waitress", "hypercorn")


def collect(host: Host) -> Sockets:
    """Every listening TCP and unix stream socket with the processes that hold it, as far as they can be seen."""
    rows = table(host)
    if not isinstance(rows, Known):
        return Sockets(rows)
    wanted = [row.inode for row in rows.value.values() if not _unrelated(row.address)]
    held = owners(host, wanted)
    listeners = tuple(_listener(host, row, held.get(row.inode)) for row in rows.value.values())
    return Sockets(Known(tuple(_displaced(host, listeners)), rows.places))


def _displaced(host: Host, listeners: tuple[Listener, ...]) -> Iterator[Listener]:
    """The listeners, those marked whose path another one took.

    Inodes of sockets do not tell which is younger: each processor hands them out from a batch of its own
    (get_next_ino, fs/inode.c). Whoever answers at the path has it, else the process that started last.
    """
    bound: dict[str, list[Listener]] = {}
    for listener in listeners:
        if listener.address.kind is AddressKind.UNIX:
            bound.setdefault(listener.address.path, []).append(listener)
    for listener in listeners:
        rivals = bound.get(listener.address.path, ()) if listener.address.kind is AddressKind.UNIX else ()
        if len(rivals) > 1 and listener is not _in_place(host, rivals):
            yield replace(listener, displaced=True)
        else:
            yield listener


def _in_place(host: Host, rivals: Sequence[Listener]) -> Listener:
    """Systemd's own sockets are not connected to: that would start their service."""
    pids = [set(rival.pids.value) if isinstance(rival.pids, Known) else set[int]() for rival in rivals]
    answer = host.connect(str(rivals[0].address)) if all(held - {1} for held in pids) else Unseen("would start it")
    if isinstance(answer, Connection) and answer.peer:
        for rival, held in zip(rivals, pids, strict=True):
            if answer.peer in held:
                return rival
    lines = host.processes()
    started = {} if isinstance(lines, Unseen) else {line.pid: line.started for line in lines}
    return max(rivals, key=lambda rival: _since(rival, started))


def _since(listener: Listener, started: Mapping[int, float]) -> tuple[float, int]:
    times = [started.get(pid, 0.0) for pid in listener.pids.value] if isinstance(listener.pids, Known) else []
    return min(times, default=0.0), listener.inode


def table(host: Host) -> Fact[Mapping[int, Row]]:
    """Listening sockets of this network namespace by inode.

    Source: /proc/net/tcp, tcp6 and unix (proc_pid_net(5)).
    """
    rows: dict[int, Row] = {}
    seen: list[Place] = []
    reason = ""
    for path in ("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/unix"):
        content = host.read(path, TextKind.KERNEL, limit=4 << 20)
        if isinstance(content, Content):
            seen.append(Place(path=path))
            parse = _unix_rows if path.endswith("unix") else _tcp_rows
            rows.update((row.inode, row) for row in parse(content.text, path))
        elif isinstance(content, Unseen):
            reason = reason or content.reason
    if not seen:
        return Unknown(reason or "the kernel does not list its sockets")
    return Known(rows, tuple(seen))


def owners(host: Host, inodes: Iterable[int]) -> Mapping[int, Fact[tuple[int, ...]]]:
    """The processes that hold sockets, by inode.

    Processes that may have to do with a web application are looked at first, all of them; the others, in order of
    pid, only until every socket that is left has a holder.
    """
    left = set(inodes)
    found: dict[int, list[int]] = {inode: [] for inode in left}
    lines = host.processes()
    if isinstance(lines, Unseen):
        return dict.fromkeys(left, Unknown(lines.reason))
    refused = ""
    first = [line for line in lines if line.pid == 1 or _candidate(line)]
    chosen = {line.pid for line in first}
    rest = [line for line in lines if line.pid not in chosen and line.argv]
    for index, line in enumerate((*first, *rest)):
        if index >= len(first) and all(found[inode] for inode in left):
            break
        record = host.process(line.pid)
        if not isinstance(record, ProcessRecord):
            continue
        if isinstance(record.sockets, Unseen):
            refused = refused or record.sockets.reason
            continue
        for inode in left.intersection(record.sockets):
            found[inode].append(line.pid)
    nobody = Unknown(refused or "no process that can be seen holds it")
    return {
        inode: Known(tuple(sorted(pids)), tuple(Place(path=f"/proc/{pid}/fd") for pid in pids)) if pids else nobody
        for inode, pids in found.items()
    }


def address_of(host: Host, row: Row, pids: Fact[tuple[int, ...]] | None) -> Address:
    """Where a socket was bound; a relative path begins where one of its holders, `pids`, runs."""
    if row.address.path.startswith("/") or not isinstance(pids, Known):
        return row.address
    for pid in pids.value:
        holder = process.read(host, pid)
        if isinstance(holder, Known) and isinstance(holder.value.cwd, Known):
            return located(row.address, holder.value.cwd.value.path)
    return row.address


def located(address: Address, directory: str) -> Address:
    """The address of a socket that was bound under a relative path by a process in `directory`."""
    if address.kind is not AddressKind.UNIX or address.path.startswith("/"):
        return address
    return unix(address.path, directory)


def _listener(host: Host, row: Row, pids: Fact[tuple[int, ...]] | None) -> Listener:
    held = Unknown("its holder was not looked for", (row.place,)) if pids is None else pids
    queue: Fact[int] = Unknown("the kernel tells the queue of a unix socket only over netlink", (row.place,))
    if row.queue is not None:
        queue = Known(row.queue, (row.place,))
    return Listener(
        address=address_of(host, row, pids),
        inode=row.inode,
        pids=held,
        units=_units(host, held),
        queue=queue,
        backlog=Unknown("the kernel tells the length of the queue only over netlink", (row.place,)),
        holder=_holder(host, held),
    )


def _holder(host: Host, pids: Fact[tuple[int, ...]]) -> Fact[str]:
    if not isinstance(pids, Known):
        return pids
    first = process.read(host, pids.value[0])
    if not isinstance(first, Known):
        return Unknown(f"pid {pids.value[0]} could not be seen", pids.places)
    argv = first.value.argv
    shown = " ".join(argv.value) if isinstance(argv, Known) else first.value.comm
    return Known(f"pid {first.value.pid} ({first.value.comm})", (Place(note=f"pid {first.value.pid}", text=shown),))


def _units(host: Host, pids: Fact[tuple[int, ...]]) -> Fact[tuple[str, ...]]:
    if not isinstance(pids, Known):
        return pids
    names: list[str] = []
    places: list[Place] = []
    for pid in pids.value:
        holder = process.read(host, pid)
        unit = holder.value.unit if isinstance(holder, Known) else ABSENT
        if isinstance(unit, Known) and unit.value not in names:
            names.append(unit.value)
            places += unit.places
    return Known(tuple(names), tuple(places)) if names else ABSENT


def _candidate(line: ProcessLine) -> bool:
    return line.comm.startswith(_CANDIDATES) or any(
        posixpath.basename(word).startswith(_CANDIDATES) for word in line.argv[:2]
    )


def _unrelated(address: Address) -> bool:
    if address.kind is AddressKind.TCP:
        return address.port in _UNRELATED_PORTS
    return address.kind is AddressKind.UNIX and address.path.startswith(_UNRELATED_PATHS)


def _tcp_rows(text: str, path: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines()[1:], 2):
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        host, _, port = fields[1].partition(":")
        queue = int(fields[4].partition(":")[2], 16)
        place = Place(path=path, line=number, text=line.strip())
        yield Row(tcp(_host(host), int(port, 16)), int(fields[9]), queue, place)


def _host(digits: str) -> str:
    """An address in the byte order of the machine, a word at a time (%08X of each, net/ipv4/tcp_ipv4.c)."""
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    if len(words) == 1:
        return ".".join(map(str, words[0]))
    packed = b"".join(words)
    if not any(packed):
        return "::"
    return ":".join(f"{packed[at]:02x}{packed[at + 1]:02x}" for at in range(0, 16, 2))


def _unix_rows(text: str, path: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines()[1:], 2):
        fields = line.split(None, 7)
        if len(fields) < 8 or not int(fields[3], 16) & _ACCEPTS:
            continue
        name = fields[7]
        address = Address(AddressKind.ABSTRACT, path=name[1:]) if name.startswith("@") else unix(name)
        yield Row(address, int(fields[6]), None, Place(path=path, line=number, text=line.strip()))
