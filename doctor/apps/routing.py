"""Which nginx route leads to which app: by who listens, by what was configured, and last by what was meant.

Each target is decided by itself where that can be (`doctor/apps/decide.py`). What waits is given, in this order, once
it is known which apps no request reaches yet:

1. targets nobody listens at: to the app that answers beside them in their group, to the one they are named after, to
   the only one that is left; the others are orphans;
2. targets at which something else listens: to an app without a route that they are named after;
3. routes of another app that bear the name of a running app without one: that is taken back;
4. targets of which nobody can tell who answers: to an app without a route.

More than one candidate: to none, rather than to a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from doctor.apps.affinity import affinity
from doctor.apps.decide import (
    Context,
    Given,
    Strange,
    Unanswered,
    Unsettled,
    called,
    configured_at,
    context_of,
    decide,
    described,
    is_configured,
)
from doctor.apps.edits import address_of, edit_group_to_app, edit_to_app
from doctor.apps.joining import Assigned, Candidate, Routes, Target
from doctor.apps.targets import SPOKEN, is_remote, targets
from doctor.apps.topology import PeerState
from doctor.cause import Cause, Doubt
from doctor.facts.address import Address
from doctor.facts.value import ABSENT, Fact, Known, Unknown, computed
from doctor.servers.nginx.model import Nginx
from doctor.sources.sockets.model import Listener

_ITS_NAME = 3
"""The affinity of a target that bears an app's very name."""


def assign(
    nginx: Nginx,
    candidates: Sequence[Candidate],
    listeners: Fact[tuple[Listener, ...]],
    kept: frozenset[Address] = frozenset(),
) -> tuple[Routes, list[Target]]:
    """Routes by candidate name, and the targets that lead to nobody and were meant for none of them.

    `kept`: addresses that lead into a container or to a supervisor's program, and so to none of the candidates.
    """
    context = context_of(candidates, listeners, kept)
    decisions = [decide(target, context) for target in targets(nginx)]
    routes = _with({c.name: () for c in candidates}, (d for d in decisions if isinstance(d, Given)))
    meant, orphans = _meant([d.target for d in decisions if isinstance(d, Unanswered)], routes, context)
    routes = _with(routes, meant)
    for strange in (d for d in decisions if isinstance(d, Strange)):
        routes = _with(routes, _named_after(strange, routes, context))
    routes = _taken_back(routes, context)
    routes = _with(routes, _left_over([d for d in decisions if isinstance(d, Unsettled)], routes, context))
    return (_with_healthy_siblings(routes) if context.live else routes), orphans


def _with(routes: Routes, given: Iterable[Given]) -> Routes:
    more: dict[str, list[Assigned]] = {}
    for each in given:
        more.setdefault(each.name, []).append(each.way)
    return {**routes, **{name: (*routes[name], *ways) for name, ways in more.items()}} if more else routes


def _unrouted(routes: Routes, context: Context) -> list[Candidate]:
    return [c for c in context.candidates if not routes[c.name]]


def _meant(targets: Sequence[Target], routes: Routes, context: Context) -> tuple[list[Given], list[Target]]:
    """Of targets nobody listens at: those of an app, and the orphans."""
    given: list[Given] = []
    orphans: list[Target] = []
    unrouted = _unrouted(routes, context)
    only = unrouted[0] if len(unrouted) == 1 and len({str(address_of(t)) for t in targets}) == 1 else None
    for target in targets:
        nobody: Fact[PeerState] = computed(PeerState.NOBODY, target.peer.place)
        neighbour = _neighbour(target, routes, context) if context.live else None
        if neighbour is not None:
            way = Assigned(target, nobody, ABSENT, ABSENT, _elsewhere(neighbour), has_healthy_sibling=True)
            given.append(Given(neighbour.name, way))
        elif (candidate := _only_best(target, unrouted) or only) is not None:
            state = nobody if context.live else _on_files(target, candidate)
            way = Assigned(target, state, ABSENT, edit_to_app(target, candidate), _elsewhere(candidate))
            given.append(Given(candidate.name, way))
        else:
            orphans.append(target)
    return given, orphans


def _on_files(target: Target, candidate: Candidate) -> Fact[PeerState]:
    """Nobody will listen there, where the files say at all where Gunicorn will."""
    configured = candidate.configured
    if isinstance(configured, Known):
        return computed(PeerState.NOBODY, target.peer.place)
    said = "where Gunicorn will listen could not be told"
    why = configured.because(said) if isinstance(configured, Unknown) else Doubt(said, Cause.NOT_FOUND)
    return Unknown.of(why, (target.peer.place,))


def _elsewhere(candidate: Candidate) -> Fact[bool]:
    """No, where it is known at all what the app is set up for: by its settings, or by what it holds."""
    if isinstance(candidate.configured, Known) or candidate.holds:
        return computed(False, *candidate.configured.places)
    return candidate.configured


def _neighbour(target: Target, routes: Routes, context: Context) -> Candidate | None:
    """The app that answers at another server of the same group."""
    if not target.upstream.group:
        return None
    group = target.upstream.place
    return next((c for c in context.candidates if any(_answered(a, group) for a in routes[c.name])), None)


def _answered(assigned: Assigned, group: object) -> bool:
    return assigned.target.upstream.place == group and assigned.state.is_(PeerState.OURS)


def _named_after(strange: Strange, routes: Routes, context: Context) -> list[Given]:
    """A target that reaches something else than Gunicorn is a fault only if named after an app without a route."""
    target = strange.target
    candidate = _only_best(target, _unrouted(routes, context))
    if candidate is None:
        return []
    stranger = computed(PeerState.STRANGER, target.peer.place)
    return [
        Given(
            candidate.name,
            Assigned(target, stranger, described(strange.listener), edit_to_app(target, candidate), ABSENT),
        )
    ]


def _taken_back(routes: Routes, context: Context) -> Routes:
    """A running app without any route, while a server that bears its very name sends to another app.

    The name must fit this app better than the one that answers: of shop-blue and shop-green behind
    shop.test neither is the stranger, and an app may well be served under another name.
    """
    for candidate in context.candidates:
        if routes[candidate.name] or not candidate.running or not candidate.units:
            continue
        for other in context.candidates:
            for assigned in routes[other.name]:
                if other is not candidate and _fits_better(assigned.target, candidate, other):
                    left = tuple(a for a in routes[other.name] if a is not assigned)
                    way = _astray(assigned.target, candidate, other, left)
                    routes = _with({**routes, other.name: left}, [Given(candidate.name, way)])
    return routes


def _fits_better(target: Target, candidate: Candidate, other: Candidate) -> bool:
    likeness = affinity(target, candidate)
    return likeness >= _ITS_NAME and likeness > affinity(target, other)


def _astray(target: Target, candidate: Candidate, other: Candidate, left: Sequence[Assigned]) -> Assigned:
    """A way that leads to `other`, with the edit that leads it to its own app. `left`: the other's own ways."""
    shared = any(a.target.peer.place == target.peer.place for a in left)
    return Assigned(
        target,
        computed(PeerState.STRANGER, target.peer.place),
        computed(called(other), target.peer.place),
        edit_group_to_app(target, candidate) if shared else edit_to_app(target, candidate),
        is_configured(candidate, target.peer),
    )


def _left_over(unsettled: Sequence[Unsettled], routes: Routes, context: Context) -> list[Given]:
    """Targets of which nobody can tell who answers go to an app without a route.

    To the one that is set up for the address or named after the target, or to the only app that is left, if it is the
    only such target. Where requests reach an app on another way, they are nothing to it.
    """
    given: list[Given] = []
    unrouted = _unrouted(routes, context)
    near = {each.target.peer.place for each in unsettled if not is_remote(each.target.peer)}
    only = unrouted[0] if len(unrouted) == len(near) == 1 else None
    for each in unsettled:
        target = each.target
        if target.server.unreachable or target.upstream.scheme not in SPOKEN:
            continue
        candidate = next((c for c in unrouted if configured_at(c, target.peer)), None)
        candidate = candidate or _only_best(target, unrouted) or (only if target.peer.place in near else None)
        if candidate is None or (is_remote(target.peer) and affinity(target, candidate) < _ITS_NAME):
            continue
        given.append(Given(candidate.name, Assigned(target, each.state, each.state, ABSENT, ABSENT)))
    return given


def _with_healthy_siblings(routes: Routes) -> Routes:
    """Dead servers of a group of which another one answers, marked as such: of two instances one is stopped."""
    every = [each for assigned in routes.values() for each in assigned if each.target.upstream.group]
    alive = {each.target.upstream.place for each in every if each.state.is_(PeerState.OURS)}

    def told(each: Assigned) -> Assigned:
        dead = each.state.is_(PeerState.NOBODY) and each.target.upstream.group
        return replace(each, has_healthy_sibling=True) if dead and each.target.upstream.place in alive else each

    return {name: tuple(map(told, assigned)) for name, assigned in routes.items()}


def _only_best(target: Target, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate whose name or directory fits best, unless two fit equally or none does."""
    ranked = sorted(((affinity(target, c), c) for c in candidates), key=lambda pair: -pair[0])
    if not ranked or ranked[0][0] == 0 or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return None
    return ranked[0][1]
