"""May a user reach a path? Every directory on the way counts, those behind links too, as for the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.facts.value import Absent, Fact, Known, Place, Unknown, computed
from doctor.hosts.base import FileType, Host, Missing, Stat, Unseen
from doctor.hosts.paths import resolve

if TYPE_CHECKING:
    from doctor.facts.socket import Obstacle

_BITS = {"r": 4, "w": 2, "x": 1}


def physical(host: Host, path: str) -> Fact[str]:
    """`path` without links. Absent when something on the way does not exist, Unknown when it could not be looked at."""
    found = resolve(host, path)
    if isinstance(found.physical, Missing):
        return Absent((Place(path=found.stopped_at, text="does not exist"),))
    if isinstance(found.physical, Unseen):
        return Unknown(found.physical.reason, (Place(path=found.stopped_at),))
    return computed(found.physical, Place(path=path))


def allowed(stat: Stat, uid: int, gids: frozenset[int], right: str) -> bool:
    """Mode bits let this user."""
    if uid == 0:
        return right != "x" or stat.type is FileType.DIRECTORY or bool(stat.mode & 0o111)
    return permitted(stat.mode, stat.uid, stat.gid, uid, gids, right)


def permitted(mode: int, owner: int, group: int, uid: int, gids: frozenset[int], right: str) -> bool:
    """The bits of `mode` let a user who is not root; only the first class that fits counts (path_resolution(7))."""
    shift = 6 if owner == uid else 3 if group in gids else 0
    return bool(mode >> shift & _BITS[right])


def obstacle(host: Host, path: str, uid: int, gids: frozenset[int], want: str = "x") -> Fact[Obstacle]:
    """The first component that stops a user: "x" on each directory above, then each letter of `want` on the path.

    Args:
        host: where to look.
        path: absolute.
        uid: of the user; 0 passes everywhere.
        gids: all groups of the user.
        want: what is needed of the path itself, such as "r", "w" or "rx".

    Returns:
        Known(Obstacle); Absent when nothing stops the user; Unknown where a component does not exist, could not be
        looked at, or has an access control list (the bits alone decide nothing then).
    """
    from doctor.facts.socket import Obstacle  # socket facts are built on this module

    found = resolve(host, path)
    for component in found.components:
        stat, last = component.stat, component.path == found.physical
        if stat.type is FileType.LINK:
            continue
        for right in want if last else "x":
            if stat.acl and uid not in (0, stat.uid):
                return Unknown(f"{component.path} has an access control list", (Place(path=component.path),))
            if not allowed(stat, uid, gids, right):
                place = Place(path=component.path, text=f"mode {stat.mode:04o}, uid {stat.uid}, gid {stat.gid}")
                return Known(Obstacle(component.path, right, stat.mode, stat.uid, stat.gid, last), (place,))
    if isinstance(found.physical, Missing):
        return Unknown(f"{found.stopped_at} does not exist", (Place(path=found.stopped_at),))
    if isinstance(found.physical, Unseen):
        return Unknown(found.physical.reason, (Place(path=found.stopped_at),))
    return Absent((Place(path=path),))
