"""Which location's limits an app's requests run into."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Unknown, computed
from doctor.frozen import frozen
from doctor.servers.nginx.model import Location, Server
from doctor.servers.nginx.select import location_for
from doctor.sources.logs.model import LogEvent, NginxLog


@frozen
class Limits:
    """Locations that lead to one app; Absent where none does.

    The last three are those of the newest line of that kind in the log, or the main one where the line does not tell.
    """

    main: Fact[Location]
    """The one with the shortest pattern: what is not said otherwise holds here."""
    roomiest: Fact[Location]
    """The one that takes the largest body."""
    patient: Fact[Location]
    """The one that was told to wait longest for the app; Absent: none was told."""
    timed_out: Fact[Location]
    """The one whose request nginx stopped waiting for."""
    header_too_big: Fact[Location]
    """The one whose answer had a header larger than the buffer."""
    body_too_large: Fact[Location]
    """The one whose request had a body larger than it takes."""


def collect(routes: Sequence[tuple[Server, Location]], log: NginxLog) -> Limits:
    """The limits of one app.

    Args:
        routes: locations that lead to it, with their servers.
        log: what nginx says about requests to it.
    """
    locations = [location for _, location in routes]
    main = min(locations, key=lambda x: (x.modifier in ("~", "~*", "="), len(x.pattern)), default=None)
    roomiest = max(locations, key=_room, default=None)
    return Limits(
        main=_fact(main),
        roomiest=_fact(roomiest),
        patient=_most_patient(locations),
        timed_out=_asked(routes, log.timed_out, main),
        header_too_big=_asked(routes, log.header_too_big, main),
        body_too_large=_asked(routes, log.body_too_large, main),
    )


def _fact(location: Location | None) -> Fact[Location]:
    return computed(location, location.place) if location else ABSENT


def _room(location: Location) -> float:
    """Bytes of a body; 0 in the file is no limit, and what cannot be told may be."""
    return location.body_limit.or_(0) or float("inf")


def _most_patient(locations: Sequence[Location]) -> Fact[Location]:
    longest, best = 0.0, None
    for location in locations:
        told = location.read_timeout
        if isinstance(told, Unknown):
            return told
        if isinstance(told, Known) and told.origin is not Origin.DEFAULT and told.value > longest:
            longest, best = told.value, location
    return _fact(best)


@cache
def _request() -> re.Pattern[str]:
    return re.compile(r', server: ([^,]*), request: "\S+ ([^ ?"]*)')


def _asked(routes: Sequence[tuple[Server, Location]], event: Fact[LogEvent], main: Location | None) -> Fact[Location]:
    """The location that the request of a line went to."""
    found = event.map(lambda line: _request().search(line.text)).or_(None)
    if found is None:
        return _fact(main)
    from urllib.parse import unquote

    name, path = found[1].lower(), unquote(found[2])
    for server, _ in routes:
        if server.names[:1] == (name,) or (not server.names and not name) or len(routes) == 1:
            location = location_for(server, path)
            if isinstance(location, Known) and not isinstance(location.value.upstream, Absent):
                return location
    return _fact(main)
