"""To whom one target leads, by what is known of it alone: strategies that are asked in order.

`STRATEGIES` is the specification: the first that decides, decides. What none can decide yet waits until it is known
which apps are reached on other ways (`doctor/apps/routing.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from doctor.apps.joining import Assigned, Candidate, Target
from doctor.apps.targets import SPOKEN, listener_at
from doctor.apps.topology import PeerState
from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind, reaches
from doctor.facts.value import ABSENT, Fact, Known, Origin, Unknown, computed
from doctor.frozen import frozen
from doctor.servers.nginx.model import Peer
from doctor.sources.sockets.model import Listener


@frozen
class Context:
    """What every target is held against."""

    candidates: tuple[Candidate, ...]
    listeners: Fact[tuple[Listener, ...]]
    """Known on a machine only."""
    kept: frozenset[Address]
    """Addresses that lead into a container or to a supervisor's program, and so to none of the candidates."""
    by_point: Mapping[str | int, Sequence[Candidate]]
    """Candidates that may be reached at an address, by what `meeting_point` says of it."""

    @property
    def live(self) -> bool:
        """Sockets were seen."""
        return isinstance(self.listeners, Known)


@frozen
class Dropped:
    """No request goes there that an app would have to answer."""


@frozen
class Given:
    """The way of an app, by the app's name."""

    name: str
    way: Assigned


@frozen
class Unsettled:
    """Nobody can tell, or need, who answers there."""

    target: Target
    state: Unknown


@frozen
class Unanswered:
    """Nobody listens there, and no app is set up to."""

    target: Target


@frozen
class Strange:
    """Something listens there that is no app's."""

    target: Target
    listener: Listener


Decision: TypeAlias = Dropped | Given | Unsettled | Unanswered | Strange
_Strategy: TypeAlias = Callable[[Target, Listener | None, Context], Decision | None]
"""Of a target, and the socket that a connection to it meets; None: the next strategy is asked."""


def context_of(
    candidates: Sequence[Candidate], listeners: Fact[tuple[Listener, ...]], kept: frozenset[Address]
) -> Context:
    """With the candidates by address: there may be a thousand."""
    found: dict[str | int, list[Candidate]] = {}
    for candidate in candidates:
        if isinstance(candidate.configured, Known):
            for point in dict.fromkeys(map(_meeting_point, candidate.configured.value)):
                found.setdefault(point, []).append(candidate)
    return Context(tuple(candidates), listeners, kept, found)


def decide(target: Target, context: Context) -> Decision:
    """By the first strategy that says something."""
    address = target.peer.address
    met = listener_at(target.peer, address.value, context.listeners.or_(())) if isinstance(address, Known) else None
    answers = (strategy(target, met, context) for strategy in STRATEGIES)
    return next((answer for answer in answers if answer is not None), Unanswered(target))


def _kept_by_another(target: Target, _: Listener | None, context: Context) -> Decision | None:
    return Dropped() if target.peer.address.or_(None) in context.kept else None


def _redirected(target: Target, met: Listener | None, context: Context) -> Decision | None:
    """What is written beside a redirect of all requests is not in use."""
    turned = target.location.answered_by_nginx
    if not context.live or not isinstance(turned, Known):
        return None
    word, _, rest = turned.value.partition(" ")
    return Dropped() if word == "return" and (rest.startswith("30") or not rest[:1].isdigit()) else None


def _cannot_be_told(target: Target, _: Listener | None, context: Context) -> Decision | None:
    state = _unsettled(target, live=context.live)
    if state is not None:
        return Unsettled(target, state)
    if isinstance(target.peer.address, Known):
        return None
    # Of files alone: the name of a container says nothing of a machine.
    return Unsettled(target, Unknown("the address is not written down", Cause.NOT_FOUND)) if context.live else Dropped()


def _on_another_machine(target: Target, _: Listener | None, context: Context) -> Decision | None:
    return Dropped() if not target.peer.local else None


def _by_listener(target: Target, met: Listener | None, context: Context) -> Decision | None:
    """The app whose process or socket unit holds the address."""
    holding = context.candidates if context.listeners.or_(()) else ()
    holder = next((c for c in holding if _answers(c, target.peer, met)), None)
    if holder is None:
        return None
    ours = computed(PeerState.OURS, target.peer.place)
    return Given(
        holder.name, Assigned(target, ours, computed(called(holder)), ABSENT, is_configured(holder, target.peer))
    )


def _chosen_by_request(target: Target, _: Listener | None, context: Context) -> Decision | None:
    if not target.peer.chosen or not context.live:
        return None
    said = f"the target {target.upstream.name} is chosen for each request"
    return Unsettled(target, Unknown(said, Cause.RUN_TIME, (target.peer.place,)))


def _by_configuration(target: Target, met: Listener | None, context: Context) -> Decision | None:
    """The app that is set up to listen there, which does not hold the address."""
    address = target.peer.address
    near = address.map(lambda it: context.by_point.get(_meeting_point(it), ())).or_(())
    candidate = next((c for c in near if configured_at(c, target.peer)), None)
    return Given(candidate.name, _meets(target, met, context, candidate)) if candidate is not None else None


def _without_requests(target: Target, _: Listener | None, context: Context) -> Decision | None:
    """In another protocol; or of a server that no request reaches, whatever it says."""
    return Dropped() if target.upstream.scheme not in SPOKEN or target.server.unreachable else None


def _by_another_program(target: Target, met: Listener | None, context: Context) -> Decision | None:
    return Strange(target, met) if met is not None else None


STRATEGIES: tuple[_Strategy, ...] = (
    _kept_by_another,
    _redirected,
    _cannot_be_told,
    _on_another_machine,
    _by_listener,
    _chosen_by_request,
    _by_configuration,
    _without_requests,
    _by_another_program,
)


def called(candidate: Candidate) -> str:
    """The name under which it is said to answer."""
    return candidate.units[0].name if candidate.units else candidate.name


def described(listener: Listener) -> Fact[str]:
    """The service that listens; the process, where it is none of a service."""
    services = listener.units.or_(())
    service = next((name for name in services if name.endswith(".service")), "")
    return Known(service, listener.units.places) if service else listener.holder


def is_configured(candidate: Candidate, peer: Peer) -> Fact[bool]:
    """It is set up to listen where the peer leads."""
    if not isinstance(candidate.configured, Known):
        return candidate.configured
    return computed(configured_at(candidate, peer), *candidate.configured.places)


def configured_at(candidate: Candidate, peer: Peer) -> bool:
    """The same; no where it is not known."""
    if not isinstance(candidate.configured, Known) or not isinstance(peer.address, Known):
        return False
    address = peer.address.value
    return any(reaches(address, bind, here=peer.local) for bind in candidate.configured.value)


def _unsettled(target: Target, *, live: bool) -> Unknown | None:
    """Why nobody can tell, or need, who answers there; None where it can be told. Of files alone: of addresses only."""
    peer, turned = target.peer, target.location.answered_by_nginx
    if isinstance(peer.address, Unknown):
        return Unknown.of(peer.address, (peer.place,)) if live or peer.local else None
    if not live:
        return None
    if isinstance(turned, Known):
        return Unknown(f"Nginx answers every request there itself: {turned.value}", Cause.AMBIGUOUS, turned.places)
    if peer.down:
        return Unknown(
            f"every server of {target.upstream.name} is marked down: Nginx asks none", Cause.AMBIGUOUS, (peer.place,)
        )
    if peer.local:
        return None
    return Unknown(
        f"{_shown(peer)} is on another machine: who answers there cannot be seen from here",
        Cause.ELSEWHERE,
        (peer.place,),
    )


def _shown(peer: Peer) -> str:
    return str(peer.address.value) if isinstance(peer.address, Known) else peer.host


def _answers(candidate: Candidate, peer: Peer, met: Listener | None) -> bool:
    """One of its sockets meets the connection. A unix path leads to one socket only, whoever else was bound to it."""
    if not isinstance(peer.address, Known):
        return False
    if peer.address.value.kind is AddressKind.UNIX:
        return met is not None and met.inode in candidate.inodes
    return any(reaches(peer.address.value, held, here=peer.local) for held in candidate.holds)


def _meeting_point(address: Address) -> str | int:
    """What two addresses share if one reaches the other: a TCP port, else all of it."""
    return address.port if address.kind is AddressKind.TCP else str(address)


def _meets(target: Target, met: Listener | None, context: Context, candidate: Candidate) -> Assigned:
    """A target at an address this app is configured for, but which its processes do not hold."""
    place = target.peer.place
    there = computed(True, *candidate.configured.places)
    if not context.live:
        # A repository: nothing runs, and the addresses agree.
        return Assigned(target, Known(PeerState.OURS, (place,), Origin.COMPUTED), ABSENT, ABSENT, there)
    if met is None:
        return Assigned(target, computed(PeerState.NOBODY, place), ABSENT, ABSENT, there)
    if candidate.running and isinstance(met.pids, Unknown):
        return Assigned(target, Unknown.of(met.pids, (place,)), met.pids, ABSENT, there)
    if not candidate.running and _came_or_went(met, candidate):
        unsure = Unknown("Gunicorn came or went while it was looked at", Cause.VANISHED, (place,))
        return Assigned(target, unsure, ABSENT, ABSENT, there)
    return Assigned(target, computed(PeerState.STRANGER, place), described(met), ABSENT, there)


def _came_or_went(listener: Listener, candidate: Candidate) -> bool:
    """A unit that does not stay up: the socket is of a try that has ended since, or of the one after."""
    if not isinstance(listener.holder, Known):
        return True
    return listener.units.meets(lambda it: any(unit.name in it for unit in candidate.units))
