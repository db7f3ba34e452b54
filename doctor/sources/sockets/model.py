"""What is known of a listening socket, and of its place in the file system."""

from __future__ import annotations

from collections.abc import Mapping

from doctor.facts.access import Obstacle
from doctor.facts.address import Address
from doctor.facts.value import Fact
from doctor.frozen import frozen
from doctor.sources.keeper import Keeper
from doctor.sources.sockets.kernel import SocketTable

CONTROL_SOCKET = "/gunicorn.ctl"
"""How the path of the socket ends by which Gunicorn 25.1 and later is asked about itself: no request goes there."""


@frozen
class Listener:
    """One listening socket. `pids` Unknown without root. `units` of its holders ("init.scope" for systemd itself)."""

    address: Address
    inode: int
    pids: Fact[tuple[int, ...]]
    units: Fact[tuple[str, ...]]
    queue: Fact[int]
    """Connections that wait to be accepted."""
    holder: Fact[str]
    """The first of its processes as people name it: "pid 122 (gunicorn)"."""
    keeper: Fact[Keeper]
    """The container or supervisor that its processes belong to, or for which they hold it."""
    displaced: bool = False
    """A later socket took its path: no new connection comes here, though it listens on."""


@frozen
class SocketFile:
    """A unix socket's place in the file system.

    `state`: listening, dead (a socket file nobody accepts on), missing, not-a-socket.
    """

    path: str
    """The path of the socket."""
    state: Fact[str]
    """What is there: listening, dead (a socket that nobody accepts on), missing or not-a-socket."""
    obstacle: Fact[Obstacle]
    """What stops nginx's user; Absent when it may connect."""
    inodes: Fact[tuple[int, ...]]
    """Of the sockets that were bound to this path and still listen. More than one: a later one took the file from an
    earlier one. Any while the file is missing: it was removed, or lies in another mount namespace (PrivateTmp)."""
    next_obstacle: Fact[Obstacle]
    """The runtime directory that the next start of the service closes to nginx's user."""


@frozen
class Sockets:
    """Every listening socket of the machine."""

    table: Fact[SocketTable]
    held: Mapping[int, Fact[tuple[int, ...]]]
    """The processes that hold a socket, by its inode, of those that were looked for."""
    listeners: Fact[tuple[Listener, ...]]
