"""Which of an app's routes is drawn, and the address people know it by."""

from __future__ import annotations

import pytest
from factories import app, make, tcp

from doctor.apps.path import url
from doctor.apps.topology import App, PeerState, Route
from doctor.facts.value import Known
from doctor.servers.nginx.limits import Limits
from doctor.servers.nginx.model import Listen, Location, Server


def shop(*locations: tuple[str, str], main: int, broken: int = -1) -> App:
    server = make(Server, names=("shop.test",), listens=(make(Listen, address=tcp(80)),))
    made = [make(Location, modifier=modifier, pattern=pattern) for modifier, pattern in locations]
    routes = tuple(
        make(Route, server=server, location=each, state=PeerState.NOBODY if n == broken else PeerState.OURS)
        for n, each in enumerate(made)
    )
    return app(routes=routes, limits=make(Limits, main=Known(made[main])))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (shop(("=", "/favicon.ico"), ("~*", r"\.css$"), ("", "/"), main=2), "http://shop.test"),
        (shop(("", "/shop/"), main=0), "http://shop.test/shop/"),
        (shop(("^~", "/api"), main=0), "http://shop.test/api"),
        (shop(("~", "^/v[12]/"), main=0), "http://shop.test"),
        # The route that does not arrive comes first.
        (shop(("", "/"), ("", "/admin/"), main=0, broken=1), "http://shop.test/admin/"),
    ],
)
def test_the_address_of_the_main_location(found: App, expected: str) -> None:
    assert url(found) == expected
