"""Who listens, through which process and unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import ABSENT, Fact, Known, Place, Unknown
from doctor.hosts.base import Connection, Host, Unseen
from doctor.sources import process
from doctor.sources.keeper import Keeper, forwarder, keeper_of
from doctor.sources.sockets.kernel import Row, SocketTable, address_of, owners
from doctor.sources.sockets.model import Listener, Sockets

_UNRELATED_PORTS = frozenset({22, 25, 53, 111, 587, 631, 993, 3306, 5432, 6379, 11211, 27017})
_UNRELATED_PATHS = (
    "/run/systemd/", "/run/dbus/", "/run/user/", "/run/udev/", "/run/docker", "/run/containerd/", "/run/snapd",
    "/run/lvm", "/run/postgresql/", "/run/mysqld/", "/run/redis/", "/tmp/.X11-unix/", "/run/rpcbind", "/run/acpid",
    "/run/avahi", "/run/cups/", "/run/multipathd", "/run/uuidd/",
)  # fmt: skip
"""Where no app server behind nginx listens: no search through all processes for the holder of such a socket."""


def collect(host: Host, table: Fact[SocketTable]) -> Sockets:
    """Every listening TCP and unix stream socket with the processes that hold it, as far as they can be seen."""
    if not isinstance(table, Known):
        return Sockets(table, {}, table)
    rows = table.value.rows.values()
    held = owners(host, [row.inode for row in rows if not _unrelated(row.address)])
    listeners = tuple(_listener(host, row, held.get(row.inode)) for row in rows)
    return Sockets(table, held, Known(tuple(_displaced(host, listeners)), table.places))


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
    pids = [set(rival.pids.or_(())) for rival in rivals]
    answer = (
        host.connect(str(rivals[0].address))
        if all(held - {1} for held in pids)
        else Unseen("would start it", Cause.NOT_ASKED)
    )
    if isinstance(answer, Connection) and answer.peer:
        for rival, held in zip(rivals, pids, strict=True):
            if answer.peer in held:
                return rival
    lines = host.processes()
    started = {} if isinstance(lines, Unseen) else {line.pid: line.started for line in lines}
    return max(rivals, key=lambda rival: _since(rival, started))


def _since(listener: Listener, started: Mapping[int, float]) -> tuple[float, int]:
    times = [started.get(pid, 0.0) for pid in listener.pids.or_(())]
    return min(times, default=0.0), listener.inode


def _listener(host: Host, row: Row, pids: Fact[tuple[int, ...]] | None) -> Listener:
    held = Unknown("its holder was not looked for", Cause.NOT_ASKED, (row.place,)) if pids is None else pids
    queue: Fact[int] = Unknown(
        "the kernel tells the queue of a unix socket only over netlink", Cause.UNREADABLE, (row.place,)
    )
    if row.queue is not None:
        queue = Known(row.queue, (row.place,))
    return Listener(
        address=address_of(host, row, pids),
        inode=row.inode,
        pids=held,
        units=_units(host, held),
        queue=queue,
        holder=_holder(host, held),
        keeper=_keeper(host, held),
    )


def _holder(host: Host, pids: Fact[tuple[int, ...]]) -> Fact[str]:
    if not isinstance(pids, Known):
        return pids
    first = process.read(host, pids.value[0])
    if not isinstance(first, Known):
        return Unknown(f"pid {pids.value[0]} could not be seen", Cause.UNREADABLE, pids.places)
    shown = first.value.argv.map(" ".join).or_(first.value.comm)
    return Known(f"pid {first.value.pid} ({first.value.comm})", (Place(note=f"pid {first.value.pid}", text=shown),))


def _keeper(host: Host, pids: Fact[tuple[int, ...]]) -> Fact[Keeper]:
    """Of the first of its holders that has one."""
    for pid in pids.or_(()):
        holder = process.read(host, pid)
        if not isinstance(holder, Known):
            continue
        for found in (keeper_of(host, holder.value), forwarder(holder.value)):
            if isinstance(found, Known):
                return found
    return ABSENT


def _units(host: Host, pids: Fact[tuple[int, ...]]) -> Fact[tuple[str, ...]]:
    if not isinstance(pids, Known):
        return pids
    names: list[str] = []
    places: list[Place] = []
    for pid in pids.value:
        unit = process.read(host, pid).then(lambda holder: holder.unit)
        if isinstance(unit, Known) and unit.value not in names:
            names.append(unit.value)
            places += unit.places
    return Known(tuple(names), tuple(places)) if names else ABSENT


def _unrelated(address: Address) -> bool:
    if address.kind is AddressKind.TCP:
        return address.port in _UNRELATED_PORTS
    return address.kind is AddressKind.UNIX and address.path.startswith(_UNRELATED_PATHS)
