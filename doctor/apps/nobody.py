"""Apps that only nginx knows of: it sends requests to a local address where no Gunicorn listens that can be judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from doctor.apps import logfiles
from doctor.apps.identity import told_apart
from doctor.apps.joining import Assigned
from doctor.apps.topology import App
from doctor.apps.ways import route
from doctor.apps.world import World
from doctor.conclusions import appcode, environment, release
from doctor.conclusions.service.model import NO_SERVICE
from doctor.facts.value import ABSENT, absent_all
from doctor.servers.nginx import limits
from doctor.sources.logs import UnitLog


def apps_of_nobody(world: World, ways: Sequence[Sequence[Assigned]], taken: Iterable[str]) -> Iterator[App]:
    """One for each server block; `ways`: those of one kind together.

    Named after what nginx calls them; where that is not enough, by the line of their server block too.
    """
    groups = [group for each in ways for group in _by_server(each)]
    names = [_asked_for(group) for group in groups]
    places = [group[0].target.server.place for group in groups]
    known = list(taken)
    told = told_apart(
        [*known, *names],
        [*([()] * len(known)), *((f"{p.path}:{p.line}",) for p in places)],
        [*([True] * len(known)), *([False] * len(names))],
    )
    for group, name in zip(groups, told[len(known) :], strict=True):
        yield _app(world, group, name)


def _asked_for(group: Sequence[Assigned]) -> str:
    first = group[0].target
    return next((name for name in first.server.names if name not in {"_", "localhost"}), str(first.upstream.name))


def _app(world: World, assigned: Sequence[Assigned], name: str) -> App:
    """Nginx sends requests of one server to a local address where no Gunicorn listens that can be judged, or nobody."""
    nginx_log = logfiles.error_log(world.host, world.web, assigned, world.since)
    return App(
        name=name,
        units=(),
        unit=ABSENT,
        service=NO_SERVICE,
        gunicorns=(),
        gunicorn=ABSENT,
        routes=tuple(route(world, a) for a in assigned),
        binds=ABSENT,
        listening=False,
        mixed_releases=ABSENT,
        release=absent_all(release.Release),
        code=absent_all(appcode.AppCode),
        environment=environment.NOTHING,
        static=(),
        log=absent_all(UnitLog),
        nginx_log=nginx_log,
        resting=False,
        limits=limits.collect([(a.target.server, a.target.location) for a in assigned], nginx_log),
    )


def _by_server(assigned: Sequence[Assigned]) -> list[list[Assigned]]:
    groups: dict[tuple[str, int], list[Assigned]] = {}
    for each in assigned:
        place = each.target.server.place
        groups.setdefault((place.path, place.line), []).append(each)
    return list(groups.values())
