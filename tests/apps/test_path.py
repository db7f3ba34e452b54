"""What was seen at each link of the way of a request."""

from __future__ import annotations

from typing import Any

import pytest
from factories import app, machine, make, unit

from doctor.apps.path import Seen, request_path
from doctor.apps.topology import App, Hop, PeerState, Route
from doctor.cause import Cause
from doctor.conclusions.service.model import Service
from doctor.facts.value import Absent, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Location, Server
from doctor.sources.systemd.model import SocketUnit

UNSEEN = Unknown("permission denied", Cause.AMBIGUOUS)


def seen(found: App, hop: Hop) -> Seen:
    [link] = [link for link in request_path(found, machine(found)) if link.hop is hop]
    return link.seen


@pytest.mark.parametrize(("state", "expected"), [("active", Seen.OK), ("failed", Seen.DOWN), (UNSEEN, Seen.UNKNOWN)])
def test_a_unit_is_as_it_was_seen(state: Any, expected: Seen) -> None:
    assert seen(app(units=(unit(active_state=state),)), Hop.UNIT) is expected


@pytest.mark.parametrize(
    ("socket", "expected"), [("active", Seen.OK), ("failed", Seen.DOWN), (UNSEEN, Seen.OK), (None, Seen.DOWN)]
)
def test_a_master_that_a_socket_unit_wakes_is_not_down(socket: Any, expected: Seen) -> None:
    """Unless it is seen that no socket unit listens for it."""
    by = (make(SocketUnit, active_state=socket),) if socket else ()
    sleeping = app(
        units=(unit(triggered_by=by),),
        gunicorns=(make(Gunicorn, master=Absent()),),
        service=make(Service, socket_activated=bool(by)),
    )
    assert seen(sleeping, Hop.MASTER) is expected


def test_links_stand_in_the_order_a_request_meets_them() -> None:
    server, location = make(Server, names=("shop.test",)), make(Location, pattern="/")
    found = app(routes=(make(Route, server=server, location=location, state=PeerState.NOBODY),))
    hops = [link.hop for link in request_path(found, machine(found))]
    assert hops == [Hop.SERVER, Hop.LOCATION, Hop.UPSTREAM]
    assert seen(found, Hop.UPSTREAM) is Seen.DOWN
