"""The place of a unix socket in the file system, as somebody who connects to it meets it."""

from __future__ import annotations

import errno
import posixpath

from doctor.cause import Cause
from doctor.facts import access
from doctor.facts.access import Obstacle
from doctor.facts.address import Address, unix
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, both
from doctor.hosts.base import FileType, Host, Missing, Stat, Unseen
from doctor.sources.sockets.kernel import Row, address_of, owners
from doctor.sources.sockets.model import SocketFile, Sockets

_YOUNG = 2.0
"""Seconds within which a Gunicorn that cannot boot its workers has given up."""


def socket_file(
    host: Host, address: Address, uid: Fact[int], gids: Fact[frozenset[int]], sockets: Sockets
) -> SocketFile:
    """A unix socket in the file system as somebody who connects meets it. `uid`, `gids`: nginx's workers."""
    path = address.path
    bound = _bound(host, path, sockets)
    state = _state(host, address, bound, sockets)
    barrier: Fact[Obstacle]
    if isinstance(uid, Unknown) or isinstance(gids, Unknown):
        barrier = next(fact for fact in (uid, gids) if isinstance(fact, Unknown))
    elif isinstance(uid, Known) and isinstance(gids, Known):
        barrier = access.obstacle(host, path, uid.value, gids.value, "w")
        if isinstance(barrier, Unknown) and any(isinstance(host.stat(at.path), Missing) for at in barrier.places):
            # What is not there keeps nobody out. What could not be looked at on the way to it stays unknown.
            barrier = ABSENT
    else:
        barrier = Unknown("the user of nginx is not known", Cause.NOT_FOUND)
    if isinstance(bound, Known) and state.is_("missing"):
        bound = _still_held(host, bound, sockets)
    return SocketFile(path, state, barrier, bound, Unknown("the next start was not looked at", Cause.NOT_ASKED))


def _state(host: Host, address: Address, bound: Fact[tuple[int, ...]], sockets: Sockets) -> Fact[str]:
    path = address.path
    if path.endswith("/"):
        return Known("missing", (Place(path=path, text="Not a directory"),))
    real = access.physical(host, path)
    if isinstance(real, Absent):
        return Known("missing", (Place(path=path, text="no such file"),))
    match real if isinstance(real, Unknown) else host.stat(real.value):
        case Missing():
            return Known("missing", (Place(path=path, text="no such file"),))
        case Unknown() | Unseen() as unseen:
            return Unknown.of(unseen, (Place(path=path),))
        case Stat(type=FileType.SOCKET):
            return _answer(host, address, bound, sockets)
        case Stat() as other:
            return Known("not-a-socket", (Place(path=path, text=f"a {other.type.value}"),))


def _answer(host: Host, address: Address, bound: Fact[tuple[int, ...]], sockets: Sockets) -> Fact[str]:
    """Connecting is the proof; where that is not possible, what the kernel lists as bound to the path.

    A socket that only systemd holds is not connected to: that would start its service (systemd.socket(5)).
    """
    place = Place(note=f"connect to {address}")
    if (inodes := bound.or_(())) and not _served(host, inodes, sockets):
        return Known("listening", bound.places)
    tried = host.connect(str(address))
    if not isinstance(tried, Unseen):
        match tried.errno:
            case 0 | errno.EAGAIN | errno.ETIMEDOUT:  # a full queue is one that somebody listens on
                return Known("listening", (place,))
            case errno.ECONNREFUSED:
                return Known("dead", (Place(note=place.note, text="111: Connection refused"),))
            case errno.ENOENT:
                return Known("missing", (Place(note=place.note, text="2: No such file or directory"),))
            case _:
                pass
    if not isinstance(bound, Known):
        return (
            bound
            if isinstance(bound, Unknown)
            else Unknown("the sockets of this machine were not listed", Cause.NOT_FOUND)
        )
    return Known("listening" if bound.value else "dead", bound.places)


def _served(host: Host, inodes: tuple[int, ...], sockets: Sockets) -> bool:
    """Each socket is seen to be held by a process besides PID 1."""
    held = (_holders(host, inode, sockets) for inode in inodes)
    return all(set(pids.or_(())) - {1} for pids in held)


def _holders(host: Host, inode: int, sockets: Sockets) -> Fact[tuple[int, ...]]:
    found = sockets.held.get(inode)
    return owners(host, (inode,))[inode] if found is None else found


def _bound(host: Host, path: str, sockets: Sockets) -> Fact[tuple[int, ...]]:
    """The sockets that were bound to a path, under whatever name it had then: relative, or through a link."""
    if not isinstance(sockets.table, Known):
        return sockets.table
    wanted = unix(path)
    matching = [
        row
        for row in sockets.table.value.named.get(posixpath.basename(path), ())
        if row.address == wanted or _same_file(host, _full_path(host, row, sockets), path)
    ]
    places = tuple(row.place for row in matching) or (Place(path="/proc/net/unix"),)
    return Known(tuple(row.inode for row in matching), places)


def _still_held(host: Host, bound: Known[tuple[int, ...]], sockets: Sockets) -> Fact[tuple[int, ...]]:
    """Of sockets whose file is missing those that are held even now: one that stops closes its socket, then removes
    the file (gunicorn/sock.py, close_sockets). Only what started a moment ago may have stopped since it was seen.
    """
    lines = host.processes()
    started = {} if isinstance(lines, Unseen) else {line.pid: line.started for line in lines}
    held: list[int] = []
    for inode in bound.value:
        pids = _holders(host, inode, sockets).or_((0,))
        pid = min(pids, key=lambda pid: started.get(pid, 0.0))
        if host.now() - started.get(pid, 0.0) > _YOUNG:
            held.append(inode)
            continue
        descriptors = host.list(f"/proc/{pid}/fd")
        if isinstance(descriptors, Unseen):
            return Unknown.of(descriptors, bound.places)
        for name in () if isinstance(descriptors, Missing) else descriptors:
            link = host.stat(f"/proc/{pid}/fd/{name}")
            if isinstance(link, Stat) and link.target == f"socket:[{inode}]":
                held.append(inode)
                break
    return Known(tuple(held), bound.places)


def _full_path(host: Host, row: Row, sockets: Sockets) -> str:
    if row.address.path.startswith("/"):
        return row.address.path
    return address_of(host, row, _holders(host, row.inode, sockets)).path


def _same_file(host: Host, one: str, other: str) -> bool:
    """Two paths with the same last component lead into the same directory."""
    if not (one.startswith("/") and other.startswith("/")):
        return False
    first, second = (access.physical(host, posixpath.dirname(path)) for path in (one, other))
    return both(first, second).map(lambda real: real[0] == real[1]).is_(True)
