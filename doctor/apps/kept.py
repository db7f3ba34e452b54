"""Where nginx sends requests to a container or to a program of a supervisor: nobody is accused there, or cleared."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence

from doctor.apps.joining import Assigned, Target
from doctor.apps.targets import listener_at, targets, wants_an_answer
from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind, is_loopback, tcp
from doctor.facts.coverage import NotJudged
from doctor.facts.value import ABSENT, Fact, Known, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Connection, Host, ProcessRecord, Stat, TargetKind, Unseen
from doctor.servers.gunicorn import tree
from doctor.servers.nginx.model import Nginx
from doctor.servers.nginx.process import contained
from doctor.sources.keeper import CONTAINER, Keeper, container_of, engines, keeper_of_pid, supervisors
from doctor.sources.sockets.model import Listener
from doctor.sources.systemd import Systemd

_INSTALLED = (
    ("/usr/bin/dockerd", "Docker"),
    ("/usr/sbin/dockerd", "Docker"),
    ("/snap/bin/docker", "Docker"),
    ("/usr/bin/podman", "Podman"),
    ("/usr/bin/supervisord", "supervisor"),
    ("/usr/local/bin/supervisord", "supervisor"),
    ("/etc/supervisor/supervisord.conf", "supervisor"),
    ("/etc/supervisord.conf", "supervisor"),
)


@frozen
class Kept:
    """A target of nginx with what keeps whoever answers there."""

    target: Target
    keeper: Keeper

    @property
    def address(self) -> Fact[Address]:
        """Where nginx asks."""
        return self.target.peer.address

    @property
    def assigned(self) -> Assigned:
        """The way of its requests: that is known, and nothing behind it."""
        unknown = Unknown(
            f"{self.keeper.name} listens there: {self.keeper.reason}", Cause.ELSEWHERE, (self.target.peer.place,)
        )
        return Assigned(self.target, unknown, computed(self.keeper.name), ABSENT, ABSENT)


def kept(host: Host, web: Nginx, listeners: Fact[tuple[Listener, ...]]) -> tuple[Kept, ...]:
    """The targets at whose address a container or a supervisor's program listens, or an engine passes requests on."""
    if not isinstance(listeners, Known):
        return ()
    beyond = _beyond(host)
    return tuple(
        Kept(target, keeper.value)
        for target in targets(web)
        if isinstance(target.peer.address, Known) and target.peer.local and wants_an_answer(target)
        for keeper in (_keeper_at(target, target.peer.address.value, listeners.value, beyond),)
        if isinstance(keeper, Known)
    )


def _keeper_at(
    target: Target, address: Address, listeners: Sequence[Listener], beyond: Callable[[Address], Fact[Keeper]]
) -> Fact[Keeper]:
    listener = listener_at(target.peer, address, listeners)
    return beyond(address) if listener is None else listener.keeper


def _beyond(host: Host) -> Callable[[Address], Fact[Keeper]]:
    """Which container may answer at an address at which nobody listens in the network of this machine.

    The kernel lists the sockets of one network alone: one in a directory that a container shares is not among them.
    Rules of a firewall may lead a port into a container as well. A connect tells of a path and of loopback; of other
    addresses nothing does where containers run and no process holds a port for any.
    """
    running = bool(engines(host))

    def beyond(address: Address) -> Fact[Keeper]:
        if address.kind is AddressKind.UNIX:
            answer = host.connect(str(address))
            return keeper_of_pid(host, answer.peer) if isinstance(answer, Connection) and answer.peer else ABSENT
        if not running or address.kind is not AddressKind.TCP:
            return ABSENT
        if is_loopback(address):
            answer = host.connect(str(tcp("127.0.0.1", address.port) if address.host == "localhost" else address))
            passed = not (isinstance(answer, Connection) and answer.errno == errno.ECONNREFUSED)
        else:
            passed = _by_rules_alone(host)
        return Known(Keeper(CONTAINER, "a container, to which its engine passes requests on,")) if passed else ABSENT

    return beyond


def _by_rules_alone(host: Host) -> bool:
    lines = host.processes()
    if isinstance(lines, Unseen) or any(line.comm == "docker-proxy" for line in lines):
        return False
    records = (host.process(line.pid) for line in lines if line.argv)
    return any(isinstance(record, ProcessRecord) and container_of(record.cgroup) for record in records)


def not_judged(host: Host, web: Iterable[Kept]) -> tuple[NotJudged, ...]:
    """What runs in a container or under a supervisor and has to do with an app, each once, by name."""
    if host.kind is TargetKind.TREE:
        return ()
    keepers = {each.keeper for each in web} | {*tree.kept(host), *contained(host)}
    return tuple(NotJudged(x.name, x.kind, x.reason) for x in sorted(keepers, key=lambda x: (x.kind, x.name)))


def unmanaged(host: Host, manager: Systemd) -> tuple[NotJudged, ...]:
    """On a machine without systemd nobody was asked what starts an app, and starts it again."""
    if host.kind is TargetKind.TREE or manager.available.is_(True):
        return ()
    return (NotJudged("systemd", "manager", "it does not answer here: what starts the apps was not looked at"),)


def managers(host: Host) -> tuple[str, ...]:
    """What else than systemd may start an app on this machine: engines and supervisors that run or are installed."""
    there = {name for path, name in _INSTALLED if isinstance(host.stat(path), Stat)}
    return tuple(sorted({*there, *engines(host), *supervisors(host)}))
