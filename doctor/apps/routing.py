"""Which nginx route leads to which app: by who listens, by what was configured, and last by what was meant.

A route belongs to the app whose process or socket unit holds the address nginx sends to. Where nobody
holds it, it belongs to the app that is configured to listen there; and where no app is, to the one app it
can only have been meant for. More than one candidate: to none, rather than to a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from doctor.apps.affinity import affinity
from doctor.apps.correction import address_of, correction, redirection
from doctor.apps.joining import Assigned, Candidate, Target
from doctor.apps.topology import PeerState
from doctor.facts.address import Address, AddressKind, reaches
from doctor.facts.value import ABSENT, Fact, Known, Origin, Unknown, computed
from doctor.servers.nginx.model import Nginx, Peer
from doctor.sources.sockets.model import Listener

_ITS_NAME = 3
"""The affinity of a target that bears an app's very name."""
_SPOKEN = frozenset({"http", "https"})
"""What Gunicorn speaks: php-fpm or uWSGI at an address of its own is nobody's mistake."""


def targets(nginx: Nginx) -> tuple[Target, ...]:
    """Every peer of every location that proxies; of those marked down only where all of a group are."""
    return tuple(
        Target(server, location, location.upstream.value, peer)
        for server in nginx.servers
        for location in server.locations
        if isinstance(location.upstream, Known)
        for peer in location.upstream.value.peers
        if not peer.down or all(other.down for other in location.upstream.value.peers)
    )


def listener_at(peer: Peer, address: Address, listeners: Iterable[Listener]) -> Listener | None:
    """The socket that a connection meets: the one of the very address before a wildcard."""
    met = [at for at in listeners if reaches(address, at.address, here=peer.local) and not at.displaced]
    return next((at for at in met if at.address == address), next(iter(met), None))


def wants_an_answer(target: Target) -> bool:
    """Requests do go there, in a protocol that Gunicorn speaks."""
    turned = target.location.turned_away
    return not target.server.unasked and target.upstream.scheme in _SPOKEN and not isinstance(turned, Known)


def assign(
    nginx: Nginx,
    candidates: Sequence[Candidate],
    listeners: Fact[tuple[Listener, ...]],
    kept: frozenset[Address] = frozenset(),
) -> tuple[dict[str, list[Assigned]], list[Target]]:
    """Routes by candidate name, and the targets that lead to nobody and were meant for none of them.

    `kept`: addresses that lead into a container or to a supervisor's program, and so to none of the candidates.
    """
    routes: dict[str, list[Assigned]] = {c.name: [] for c in candidates}
    pending: list[Target] = []
    strangers: list[tuple[Target, Listener]] = []
    known_listeners = listeners.or_(())
    set_up = _by_address(candidates)
    unsettled: list[tuple[Target, Unknown]] = []
    for target in targets(nginx):
        address, turned = target.peer.address, target.location.turned_away
        if isinstance(address, Known) and address.value in kept:
            continue
        if isinstance(listeners, Known) and isinstance(turned, Known) and _redirects(turned.value):
            continue
        state = _unsettled(target, live=isinstance(listeners, Known))
        if state is not None or not isinstance(address, Known):
            if state is not None or isinstance(listeners, Known):  # the name of a container says nothing of a machine
                unsettled.append((target, state or Unknown("the address is not written down")))
            continue
        if not target.peer.local:
            continue
        listener = listener_at(target.peer, address.value, known_listeners)
        holding = candidates if known_listeners else ()
        holder = next((c for c in holding if _answers(c, target.peer, address.value, listener)), None)
        if holder is None and target.peer.chosen and isinstance(listeners, Known):
            said = f"the target {target.upstream.name} is chosen for each request"
            unsettled.append((target, Unknown(said, (target.peer.place,))))
            continue
        if holder is not None:
            who = holder.units[0].name if holder.units else holder.name
            routes[holder.name].append(
                Assigned(
                    target,
                    computed(PeerState.OURS, target.peer.place),
                    computed(who),
                    ABSENT,
                    _is_configured(holder, target.peer),
                )
            )
            continue
        near = set_up.get(_meeting_point(address.value), ())
        configured = next((c for c in near if _configured_at(c, target.peer)), None)
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
    _assign_unsettled(unsettled, candidates, routes)
    if isinstance(listeners, Known):
        routes = _told_spared(routes)
    return routes, orphans


def _told_spared(routes: Mapping[str, Sequence[Assigned]]) -> dict[str, list[Assigned]]:
    """Dead servers of a group of which another one answers, marked as such: of two instances one is stopped."""
    every = [each for assigned in routes.values() for each in assigned if each.target.upstream.group]
    alive = {each.target.upstream.place for each in every if each.state.is_(PeerState.OURS)}

    def told(each: Assigned) -> Assigned:
        dead = each.state.is_(PeerState.NOBODY) and each.target.upstream.group
        return replace(each, spared=True) if dead and each.target.upstream.place in alive else each

    return {name: [told(each) for each in assigned] for name, assigned in routes.items()}


def _redirects(turned_away: str) -> bool:
    """What is written beside a redirect of all requests is not in use."""
    word, _, rest = turned_away.partition(" ")
    return word == "return" and (rest.startswith("30") or not rest[:1].isdigit())


def _unsettled(target: Target, *, live: bool) -> Unknown | None:
    """Why nobody can tell, or need, who answers there; None where it can be told. Of files alone: of addresses only."""
    peer, turned = target.peer, target.location.turned_away
    if isinstance(peer.address, Unknown):
        return Unknown(peer.address.reason, (peer.place,)) if live or peer.local else None
    if not live:
        return None
    if isinstance(turned, Known):
        return Unknown(f"Nginx answers every request there itself: {turned.value}", turned.places)
    if peer.down:
        return Unknown(f"every server of {target.upstream.name} is marked down: Nginx asks none", (peer.place,))
    if peer.local:
        return None
    return Unknown(f"{_shown(peer)} is on another machine: who answers there cannot be seen from here", (peer.place,))


def _shown(peer: Peer) -> str:
    return str(peer.address.value) if isinstance(peer.address, Known) else peer.host


def _answers(candidate: Candidate, peer: Peer, address: Address, listener: Listener | None) -> bool:
    """One of its sockets meets the connection. A unix path leads to one socket only, whoever else was bound to it."""
    if address.kind is AddressKind.UNIX:
        return listener is not None and listener.inode in candidate.inodes
    return any(reaches(address, held, here=peer.local) for held in candidate.holds)


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


def _is_configured(candidate: Candidate, peer: Peer) -> Fact[bool]:
    if not isinstance(candidate.configured, Known):
        return candidate.configured
    return computed(_configured_at(candidate, peer), *candidate.configured.places)


def _elsewhere(candidate: Candidate) -> Fact[bool]:
    """No, where it is known at all what the app is set up for: by its settings, or by what it holds."""
    if isinstance(candidate.configured, Known) or candidate.holds:
        return computed(False, *candidate.configured.places)
    return candidate.configured


def _configured_at(candidate: Candidate, peer: Peer) -> bool:
    if not isinstance(candidate.configured, Known) or not isinstance(peer.address, Known):
        return False
    address = peer.address.value
    return any(reaches(address, bind, here=peer.local) for bind in candidate.configured.value)


def _meets(
    target: Target, listener: Listener | None, listeners: Fact[tuple[Listener, ...]], candidate: Candidate
) -> Assigned:
    """A target at an address this app is configured for, but which its processes do not hold."""
    place = target.peer.place
    there = computed(True, *candidate.configured.places)
    if not isinstance(listeners, Known):
        # A repository: nothing runs, and the addresses agree.
        return Assigned(target, Known(PeerState.OURS, (place,), Origin.COMPUTED), ABSENT, ABSENT, there)
    if listener is None:
        return Assigned(target, computed(PeerState.NOBODY, place), ABSENT, ABSENT, there)
    if candidate.running and isinstance(listener.pids, Unknown):
        return Assigned(target, Unknown(listener.pids.reason, (place,)), listener.pids, ABSENT, there)
    if not candidate.running and _came_or_went(listener, candidate):
        unsure = Unknown("Gunicorn came or went while it was looked at", (place,))
        return Assigned(target, unsure, ABSENT, ABSENT, there)
    return Assigned(target, computed(PeerState.STRANGER, place), _describe(listener), ABSENT, there)


def _came_or_went(listener: Listener, candidate: Candidate) -> bool:
    """A unit that does not stay up: the socket is of a try that has ended since, or of the one after."""
    if not isinstance(listener.holder, Known):
        return True
    return isinstance(listener.units, Known) and any(unit.name in listener.units.value for unit in candidate.units)


def _describe(listener: Listener) -> Fact[str]:
    """The service that listens; the process, where it is none of a service."""
    services = listener.units.or_(())
    service = next((name for name in services if name.endswith(".service")), "")
    return Known(service, listener.units.places) if service else listener.holder


def _assign_unsettled(
    unsettled: list[tuple[Target, Unknown]],
    candidates: Sequence[Candidate],
    routes: dict[str, list[Assigned]],
) -> None:
    """Targets of which nobody can tell who answers go to an app without a route.

    To the one that is set up for the address or named after the target, or to the only app that is left, if it is the
    only such target. Where requests reach an app on another way, they are nothing to it.
    """
    unrouted = [c for c in candidates if not routes[c.name]]
    near = {target.peer.place for target, _ in unsettled if not _is_remote(target.peer)}
    for target, state in unsettled:
        if target.server.unasked or target.upstream.scheme not in _SPOKEN:
            continue
        candidate = next((c for c in unrouted if _configured_at(c, target.peer)), None)
        candidate = candidate or _only_best(target, unrouted)
        if candidate is None and len(unrouted) == len(near) == 1 and target.peer.place in near:
            candidate = unrouted[0]
        if candidate is None or (_is_remote(target.peer) and affinity(target, candidate) < _ITS_NAME):
            continue
        routes[candidate.name].append(Assigned(target, state, state, ABSENT))


def _is_remote(peer: Peer) -> bool:
    return isinstance(peer.address, Known) and not peer.local


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
        neighbour = _neighbour(target, candidates, routes) if isinstance(listeners, Known) else None
        if neighbour is not None:
            nobody = computed(PeerState.NOBODY, target.peer.place)
            routes[neighbour.name].append(Assigned(target, nobody, ABSENT, ABSENT, _elsewhere(neighbour), spared=True))
            continue
        candidate = _only_best(target, unrouted)
        if candidate is None and len(unrouted) == 1 and len({str(address_of(t)) for t in pending}) == 1:
            candidate = unrouted[0]
        if candidate is None:
            orphans.append(target)
            continue
        state: Fact[PeerState] = computed(PeerState.NOBODY, target.peer.place)
        if not isinstance(listeners, Known) and not isinstance(candidate.configured, Known):
            why = f": {candidate.configured.reason}" if isinstance(candidate.configured, Unknown) else ""
            state = Unknown(f"where Gunicorn will listen could not be told{why}", (target.peer.place,))
        elsewhere = _elsewhere(candidate)
        routes[candidate.name].append(Assigned(target, state, ABSENT, correction(target, candidate), elsewhere))
    return orphans


def _neighbour(
    target: Target, candidates: Sequence[Candidate], routes: Mapping[str, Sequence[Assigned]]
) -> Candidate | None:
    """The app that answers at another server of the same group."""
    if not target.upstream.group:
        return None
    return next(
        (
            c
            for c in candidates
            for a in routes[c.name]
            if a.target.upstream.place == target.upstream.place and a.state.is_(PeerState.OURS)
        ),
        None,
    )


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
                    correction(target, candidate),
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
                better = affinity(target, candidate) >= _ITS_NAME and affinity(target, candidate) > affinity(
                    target, other
                )
                if other is candidate or not better:
                    continue
                routes[other.name].remove(assigned)
                shared = any(a.target.peer.place == target.peer.place for a in routes[other.name])
                who = other.units[0].name if other.units else other.name
                routes[candidate.name].append(
                    Assigned(
                        target,
                        computed(PeerState.STRANGER, target.peer.place),
                        computed(who, target.peer.place),
                        redirection(target, candidate) if shared else correction(target, candidate),
                        _is_configured(candidate, target.peer),
                    )
                )


def _only_best(target: Target, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate whose name or directory fits best, unless two fit equally or none does."""
    ranked = sorted(((affinity(target, c), c) for c in candidates), key=lambda pair: -pair[0])
    if not ranked or ranked[0][0] == 0 or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return None
    return ranked[0][1]
