"""The ways of requests to an app, with what each of them meets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from doctor.apps import resting
from doctor.apps.joining import Assigned, Candidate
from doctor.apps.topology import PeerState, Route
from doctor.apps.world import World
from doctor.cause import Cause
from doctor.conclusions.service import runtimedir
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import ABSENT, Fact, Known, Unknown, computed
from doctor.servers.nginx import families
from doctor.servers.nginx.model import Nginx, Server
from doctor.sources import lending
from doctor.sources.sockets.file import socket_file
from doctor.sources.sockets.model import SocketFile


def route(world: World, assigned: Assigned, candidate: Candidate | None = None) -> Route:
    """The way of a request to an app; to nobody's without a candidate."""
    host, web = world.host, world.web
    target, units = assigned.target, candidate.units if candidate else ()
    unanswered = families.unanswered(target.peer, binds(candidate)) if candidate else ABSENT
    address = target.peer.address
    at: Fact[SocketFile] = ABSENT
    if isinstance(address, Known) and address.value.kind is AddressKind.UNIX:
        view = lending.for_peer(host, target.peer.place.path, web.uid, web.gids)
        file = socket_file(view, address.value, web.uid, web.gids, world.sockets)
        closed = runtimedir.closed(host, file.path, units, web.uid, web.gids)
        at = computed(replace(file, next_obstacle=closed), target.peer.place)
    return Route(
        server=target.server,
        location=target.location,
        upstream=target.upstream,
        peer=target.peer,
        state=_reached(assigned, web),
        answered_by=assigned.answered_by,
        socket_file=at,
        edit_to_app=assigned.edit_to_app,
        configured=assigned.configured,
        unanswered=unanswered,
        edit_to_address=families.edit_to_address(target.peer, unanswered),
        has_healthy_sibling=assigned.has_healthy_sibling,
        rests=resting.of_peer(target.peer, units, candidate.gunicorns if candidate else ()),
    )


def _reached(assigned: Assigned, web: Nginx) -> Fact[PeerState]:
    """What answers, unless nginx runs in another network (PrivateNetwork=): then nothing was seen of what it reaches,
    nor who reaches it.
    """
    if isinstance(web.master, Known) and not web.master.value.own_network:
        reason = f"nginx (pid {web.master.value.pid}) runs in a network of its own, which cannot be looked at"
        return Unknown(reason, Cause.ELSEWHERE, web.master.places)
    return assigned.state


def binds(candidate: Candidate) -> Fact[tuple[Address, ...]]:
    """Where it listens: what it holds, or else what it is set up for."""
    if candidate.holds:
        places = tuple(p for g in candidate.gunicorns for p in g.settings.bind.places)
        return Known(candidate.holds, places)
    return candidate.configured


def distinct_servers(assigned: Iterable[Assigned]) -> tuple[Server, ...]:
    """The server blocks of some ways, each once."""
    found: list[Server] = []
    for a in assigned:
        if a.target.server not in found:
            found.append(a.target.server)
    return tuple(found)
