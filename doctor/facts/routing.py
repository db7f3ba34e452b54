"""Which nginx route leads to which app: by who listens, by what was configured, and last by what was meant.

A route belongs to the app whose process or socket unit holds the address nginx sends to. Where nobody
holds it, it belongs to the app that is configured to listen there; and where no app is, to the one app it
can only have been meant for. More than one candidate: to none, rather than to a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from doctor.facts.address import Address, AddressKind, reaches
from doctor.facts.edit import Edit
from doctor.facts.gunicorn import Gunicorn
from doctor.facts.nginx.model import Location, Nginx, Peer, Server, Upstream
from doctor.facts.socket import Listener
from doctor.facts.systemd import Unit
from doctor.facts.topology import PeerState
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown, computed
from doctor.frozen import frozen

_NOTHING = Absent()
_GENERIC_WORDS = frozenset(
    {"app", "application", "backend", "default", "flask", "gunicorn", "server"}
    | {"service", "site", "upstream", "web", "wsgi", "www"}
)
_SPOKEN = frozenset({"http", "https"})
"""What Gunicorn speaks: php-fpm or uWSGI at an address of its own is nobody's mistake."""


@frozen
class Candidate:
    """An app in the making: units with their Gunicorns, or a Gunicorn without a unit."""

    name: str
    units: tuple[Unit, ...]
    gunicorns: tuple[Gunicorn, ...]
    holds: tuple[Address, ...]
    """Addresses its processes or its socket units hold now."""
    configured: Fact[tuple[Address, ...]]
    """Addresses it would listen on by its settings, or by its socket units."""
    inodes: frozenset[int] = frozenset()
    """Of the sockets behind `holds`."""

    @property
    def running(self) -> bool:
        """One of its masters is alive."""
        return any(isinstance(g.master, Known) for g in self.gunicorns)


@frozen
class Target:
    """One peer that some location sends requests to."""

    server: Server
    location: Location
    upstream: Upstream
    peer: Peer


@frozen
class Assigned:
    """A target with what a connection to it meets."""

    target: Target
    state: Fact[PeerState]
    answered_by: Fact[str]
    correction: Fact[Edit]
    configured: Fact[bool] = _NOTHING
    """The app is set up to listen there."""


def targets(nginx: Nginx) -> tuple[Target, ...]:
    """Every local peer of every location that proxies."""
    return tuple(
        Target(server, location, location.upstream.value, peer)
        for server in nginx.servers
        for location in server.locations
        if isinstance(location.upstream, Known)
        for peer in location.upstream.value.peers
        if peer.local and not peer.down
    )


def listener_at(address: Address, listeners: Iterable[Listener]) -> Listener | None:
    """The socket that a connection to `address` meets."""
    return next((at for at in listeners if reaches(address, at.address) and not at.displaced), None)


def assign(
    nginx: Nginx, candidates: Sequence[Candidate], listeners: Fact[tuple[Listener, ...]]
) -> tuple[dict[str, list[Assigned]], list[Target]]:
    """Routes by candidate name, and the targets that lead to nobody and were meant for none of them."""
    routes: dict[str, list[Assigned]] = {c.name: [] for c in candidates}
    pending: list[Target] = []
    strangers: list[tuple[Target, Listener]] = []
    known_listeners = listeners.value if isinstance(listeners, Known) else ()
    set_up = _by_address(candidates)
    for target in targets(nginx):
        address = target.peer.address
        if not isinstance(address, Known):
            _assign_unresolved(target, candidates, routes)
            continue
        listener = listener_at(address.value, known_listeners)
        holding = candidates if known_listeners else ()
        holder = next((c for c in holding if _answers(c, address.value, listener)), None)
        if holder is not None:
            who = holder.units[0].name if holder.units else holder.name
            routes[holder.name].append(
                Assigned(
                    target,
                    computed(PeerState.OURS, target.peer.place),
                    computed(who),
                    Absent(),
                    _is_configured(holder, address.value),
                )
            )
            continue
        near = set_up.get(_meeting_point(address.value), ())
        configured = next((c for c in near if _configured_at(c, address.value)), None)
        if configured is not None:
            routes[configured.name].append(_meets(target, listener, listeners, configured))
        elif target.upstream.scheme not in _SPOKEN:
            continue
        elif target.server.unasked:
            # Whatever it says, no request goes there.
            continue
        elif listener is None:
            pending.append(target)
        else:
            strangers.append((target, listener))
    orphans = _assign_pending(pending, candidates, routes, listeners)
    _assign_strangers(strangers, candidates, routes)
    _reclaim(candidates, routes)
    return routes, orphans


def _answers(candidate: Candidate, address: Address, listener: Listener | None) -> bool:
    """One of its sockets meets the connection. A unix path leads to one socket only, whoever else was bound to it."""
    if address.kind is AddressKind.UNIX:
        return listener is not None and listener.inode in candidate.inodes
    return any(reaches(address, held) for held in candidate.holds)


def _by_address(candidates: Sequence[Candidate]) -> dict[str | int, list[Candidate]]:
    """Those that may be reached at an address; which of them are, `reaches` says."""
    found: dict[str | int, list[Candidate]] = {}
    for candidate in candidates:
        if isinstance(candidate.configured, Known):
            for point in dict.fromkeys(map(_meeting_point, candidate.configured.value)):
                found.setdefault(point, []).append(candidate)
    return found


def _meeting_point(address: Address) -> str | int:
    """What two addresses share if one reaches the other: a TCP port, else all of it."""
    return address.port if address.kind is AddressKind.TCP else str(address)


def _is_configured(candidate: Candidate, address: Address) -> Fact[bool]:
    if not isinstance(candidate.configured, Known):
        return candidate.configured
    return computed(_configured_at(candidate, address), *candidate.configured.places)


def _elsewhere(candidate: Candidate) -> Fact[bool]:
    """No, where it is known at all what the app is set up for: by its settings, or by what it holds."""
    if isinstance(candidate.configured, Known) or candidate.holds:
        return computed(False, *candidate.configured.places)
    return candidate.configured


def _configured_at(candidate: Candidate, address: Address) -> bool:
    return isinstance(candidate.configured, Known) and any(reaches(address, a) for a in candidate.configured.value)


def _meets(
    target: Target, listener: Listener | None, listeners: Fact[tuple[Listener, ...]], candidate: Candidate
) -> Assigned:
    """A target at an address this app is configured for, but which its processes do not hold."""
    place = target.peer.place
    there = computed(True, *candidate.configured.places)
    if not isinstance(listeners, Known):
        # A repository: nothing runs, and the addresses agree.
        return Assigned(target, Known(PeerState.OURS, (place,), Origin.COMPUTED), Absent(), Absent(), there)
    if listener is None:
        return Assigned(target, computed(PeerState.NOBODY, place), Absent(), Absent(), there)
    if candidate.running and isinstance(listener.pids, Unknown):
        return Assigned(target, Unknown(listener.pids.reason, (place,)), listener.pids, Absent(), there)
    if not candidate.running and _came_or_went(listener, candidate):
        unsure = Unknown("Gunicorn came or went while it was looked at", (place,))
        return Assigned(target, unsure, Absent(), Absent(), there)
    return Assigned(target, computed(PeerState.STRANGER, place), _describe(listener), Absent(), there)


def _came_or_went(listener: Listener, candidate: Candidate) -> bool:
    """A unit that does not stay up: the socket is of a try that has ended since, or of the one after."""
    if not isinstance(listener.holder, Known):
        return True
    return isinstance(listener.units, Known) and any(unit.name in listener.units.value for unit in candidate.units)


def _describe(listener: Listener) -> Fact[str]:
    """The service that listens; the process, where it is none of a service."""
    services = listener.units.value if isinstance(listener.units, Known) else ()
    service = next((name for name in services if name.endswith(".service")), "")
    return Known(service, listener.units.places) if service else listener.holder


def _assign_unresolved(target: Target, candidates: Sequence[Candidate], routes: dict[str, list[Assigned]]) -> None:
    """A target whose address only a running nginx could tell goes to the app it is named after, if there is one."""
    address = target.peer.address
    reason = address.reason if isinstance(address, Unknown) else "the address is not written down"
    candidate = _only_best(target, candidates)
    if candidate is not None:
        unknown = Unknown(reason, (target.peer.place,))
        routes[candidate.name].append(Assigned(target, unknown, unknown, Absent()))


def _assign_pending(
    pending: list[Target],
    candidates: Sequence[Candidate],
    routes: dict[str, list[Assigned]],
    listeners: Fact[tuple[Listener, ...]],
) -> list[Target]:
    """Targets nobody listens on go to the app they were meant for; what is left over is returned."""
    unrouted = [c for c in candidates if not routes[c.name]]
    orphans = []
    for target in pending:
        candidate = _only_best(target, unrouted)
        if candidate is None and len(unrouted) == 1 and len({str(_address(t)) for t in pending}) == 1:
            candidate = unrouted[0]
        if candidate is None:
            orphans.append(target)
            continue
        state: Fact[PeerState] = computed(PeerState.NOBODY, target.peer.place)
        if not isinstance(listeners, Known) and not isinstance(candidate.configured, Known):
            why = f": {candidate.configured.reason}" if isinstance(candidate.configured, Unknown) else ""
            state = Unknown(f"where Gunicorn will listen could not be told{why}", (target.peer.place,))
        elsewhere = _elsewhere(candidate)
        routes[candidate.name].append(Assigned(target, state, Absent(), _correction(target, candidate), elsewhere))
    return orphans


def _assign_strangers(
    strangers: list[tuple[Target, Listener]], candidates: Sequence[Candidate], routes: dict[str, list[Assigned]]
) -> None:
    """A target that reaches something else than Gunicorn is a fault only if named after an app without a route."""
    for target, listener in strangers:
        candidate = _only_best(target, [c for c in candidates if not routes[c.name]])
        if candidate is not None:
            routes[candidate.name].append(
                Assigned(
                    target,
                    computed(PeerState.STRANGER, target.peer.place),
                    _describe(listener),
                    _correction(target, candidate),
                )
            )


def _reclaim(candidates: Sequence[Candidate], routes: dict[str, list[Assigned]]) -> None:
    """A running app without any route, while a server that bears its very name sends to another app.

    The name must fit this app better than the one that answers: of shop-blue and shop-green behind
    shop.test neither is the stranger, and an app may well be served under another name.
    """
    for candidate in candidates:
        if routes[candidate.name] or not candidate.running or not candidate.units:
            continue
        for other in candidates:
            for assigned in tuple(routes[other.name]):
                target = assigned.target
                better = affinity(target, candidate) >= 3 and affinity(target, candidate) > affinity(target, other)
                if other is candidate or not better:
                    continue
                routes[other.name].remove(assigned)
                who = other.units[0].name if other.units else other.name
                routes[candidate.name].append(
                    Assigned(
                        target,
                        computed(PeerState.STRANGER, target.peer.place),
                        computed(who, target.peer.place),
                        _correction(target, candidate),
                    )
                )


def _only_best(target: Target, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate whose name or directory fits best, unless two fit equally or none does."""
    ranked = sorted(((affinity(target, c), c) for c in candidates), key=lambda pair: -pair[0])
    if not ranked or ranked[0][0] == 0 or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return None
    return ranked[0][1]


def affinity(target: Target, candidate: Candidate) -> int:
    """How strongly a target looks meant for a candidate: its exact name 3, or a part of it 1; its directory 2 more."""
    words = _words(target)
    name = _bare(candidate.name)
    score = 0
    if name and name in words:
        score += 3
    elif name and any(name in word or word in name for word in words if len(word) > 2):
        score += 1
    if any(_under(path, candidate) for path in _served_paths(target.server)):
        score += 2
    return score


def _words(target: Target) -> frozenset[str]:
    """Names a person gave: labels of the server names, the upstream group, the site file, the socket path."""
    raw: list[str] = []
    for name in target.server.names:
        raw.extend(name.split(".")[:-1] or [name])
    if target.upstream.group:
        raw.append(target.upstream.name)
    raw.append(target.server.place.path.rsplit("/", 1)[-1].removesuffix(".conf"))
    address = _address(target)
    if address is not None and address.kind is AddressKind.UNIX:
        raw.extend(part.removesuffix(".sock") for part in address.path.split("/"))
    return frozenset(word for word in map(_bare, raw) if word and word not in _GENERIC_WORDS)


def _bare(name: str) -> str:
    return name.lower().replace("_", "-").strip("-")


def _served_paths(server: Server) -> Iterable[str]:
    for location in server.locations:
        for fact in (location.alias, location.root):
            if isinstance(fact, Known):
                yield fact.value


def _under(path: str, candidate: Candidate) -> bool:
    for gunicorn in candidate.gunicorns:
        for fact in (gunicorn.logical_directory, gunicorn.directory):
            if isinstance(fact, Known) and len(fact.value) > 1:
                base = fact.value.rstrip("/")
                parent = base.rsplit("/", 1)[0] if base.endswith("/current") else base
                if path == parent or path.startswith(parent + "/"):
                    return True
    return False


def _address(target: Target) -> Address | None:
    return target.peer.address.value if isinstance(target.peer.address, Known) else None


def _correction(target: Target, candidate: Candidate) -> Fact[Edit]:
    """The nginx line with this app's address in the place of the wrong one; only where there is exactly one address."""
    addresses = candidate.holds or (candidate.configured.value if isinstance(candidate.configured, Known) else ())
    wrong = _address(target)
    if len(addresses) != 1 or wrong is None:
        return Absent()
    place: Place = target.peer.place
    written = next((w for w in _spellings(wrong, target.peer) if w in place.text), None)
    if written is None:
        return Absent()
    right = str(addresses[0]).replace("0.0.0.0", "127.0.0.1").replace("[::]", "127.0.0.1")
    if wrong.kind is AddressKind.TCP and addresses[0].kind is AddressKind.UNIX and not target.upstream.group:
        right = f"{right}:" if place.text.split(written, 1)[1].startswith("/") else right
    after = place.text.replace(written, right, 1)
    return computed(Edit(place.path, place.line, place.text, after), place)


def _spellings(address: Address, peer: Peer) -> tuple[str, ...]:
    """How an address may stand in an nginx file."""
    if address.kind is AddressKind.UNIX:
        return (str(address), f"unix:/var{address.path}", f"unix:{address.path.lstrip('/')}")
    return (f"{peer.host}:{address.port}", str(address), peer.host)
