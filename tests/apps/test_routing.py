"""Which nginx route leads to which app."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from factories import make

from doctor.apps.candidates import candidates, merge_groups
from doctor.apps.joining import Candidate
from doctor.apps.resting import of_peer
from doctor.apps.routing import assign
from doctor.apps.topology import PeerState
from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import Absent, Known, Origin, Place, Unknown
from doctor.servers.gunicorn import Gunicorn, Settings
from doctor.servers.nginx.model import Location, Nginx, Peer, Server, Upstream
from doctor.sources.process import Process
from doctor.sources.sockets.model import Listener
from doctor.sources.systemd import Unit

SHOP = Address(AddressKind.UNIX, path="/run/shop/gunicorn.sock")
BLOG = Address(AddressKind.UNIX, path="/run/blog/gunicorn.sock")
WRONG = Address(AddressKind.UNIX, path="/run/gunicorn/shop.sock")
PORT = Address(AddressKind.TCP, host="127.0.0.1", port=8000)


def site(name: str, *addresses: Address | str, group: str = "", backup: Address | None = None) -> Server:
    place = Place(path=f"/etc/nginx/sites-enabled/{name.split('.')[0]}", line=2)
    peers = tuple(
        make(
            Peer,
            address=Unknown("a variable", Cause.AMBIGUOUS) if isinstance(a, str) else Known(a, (place,)),
            host="" if isinstance(a, str) else a.host,
            backup=a == backup,
            down=False,
            place=Place(path=place.path, line=2, text=f"server {a};"),
            local=True,
            addresses=Absent(),
        )
        for a in addresses
    )
    upstream = Upstream(group or str(addresses[0]), bool(group), "http", "", peers, place, Absent())
    location = make(Location, server=name, pattern="/", place=place, upstream=Known(upstream, (place,)))
    return make(Server, names=(name,), locations=(location,), place=place)


def candidate(
    name: str,
    *,
    holds: tuple[Address, ...] = (),
    configured: tuple[Address, ...] = (),
    pid: int = 10,
    unit: bool = True,
) -> Candidate:
    gunicorn = make(
        Gunicorn,
        name=f"{name}.service",
        settings=make(Settings),
        master=Known(make(Process, pid=pid)) if pid else Absent(),
        directory=Known(f"/srv/{name}/releases/1"),
        logical_directory=Known(f"/srv/{name}/current"),
    )
    units = (make(Unit, name=f"{name}.service"),) if unit else ()
    return Candidate(name, units, (gunicorn,), holds, Known(configured or holds), frozenset(map(inode, holds)))


def inode(address: Address) -> int:
    return crc32(str(address).encode())


def listening(*pairs: tuple[Address, int, str]) -> Known[tuple[Listener, ...]]:
    return Known(
        tuple(
            make(
                Listener,
                address=a,
                inode=inode(a),
                pids=Known((pid,)),
                units=Known((u,)),
                holder=Known(f"pid {pid} (gunicorn)"),
            )
            for a, pid, u in pairs
        )
    )


def nginx(*servers: Server) -> Nginx:
    return make(Nginx, servers=servers)


def state(assigned: object) -> object:
    value = assigned.state  # type: ignore[attr-defined]
    return value.value if isinstance(value, Known) else value


def test_the_holder_of_the_address_is_the_app() -> None:
    shop, blog = candidate("shop", holds=(SHOP,)), candidate("blog", holds=(BLOG,), pid=20)
    routes, orphans = assign(
        nginx(site("a.test", BLOG), site("b.test", SHOP)),
        [shop, blog],
        listening((SHOP, 10, "shop.service"), (BLOG, 20, "blog.service")),
    )
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]
    assert routes["shop"][0].target.server.names == ("b.test",)
    assert routes["blog"][0].target.server.names == ("a.test",)
    assert orphans == []


def test_a_wrong_address_is_meant_for_the_only_app_without_a_route() -> None:
    shop = candidate("shop", holds=(SHOP,))
    routes, orphans = assign(nginx(site("www.example.org", WRONG)), [shop], listening((SHOP, 10, "shop.service")))
    assert [state(a) for a in routes["shop"]] == [PeerState.NOBODY]
    assert not orphans
    correction = routes["shop"][0].edit_to_app
    assert isinstance(correction, Known)
    assert correction.value.after == "server unix:/run/shop/gunicorn.sock;"


def test_two_apps_that_fit_equally_are_not_guessed_between() -> None:
    one, two = candidate("one", holds=(SHOP,)), candidate("two", holds=(BLOG,), pid=20)
    routes, orphans = assign(
        nginx(site("www.example.org", PORT)), [one, two], listening((SHOP, 1, "one.service"), (BLOG, 2, "two.service"))
    )
    assert routes == {"one": (), "two": ()}
    assert len(orphans) == 1


def test_the_name_decides_between_two_apps_without_a_route() -> None:
    shop, blog = candidate("shop", holds=(SHOP,)), candidate("blog", holds=(BLOG,), pid=20)
    routes, _ = assign(
        nginx(site("blog.test", PORT)), [shop, blog], listening((SHOP, 1, "shop.service"), (BLOG, 2, "blog.service"))
    )
    assert [state(a) for a in routes["blog"]] == [PeerState.NOBODY]
    assert routes["shop"] == ()


def test_somebody_else_at_the_configured_address_is_a_stranger() -> None:
    shop = candidate("shop", configured=(PORT,), pid=0)
    routes, _ = assign(nginx(site("shop.test", PORT)), [shop], listening((PORT, 99, "session-1.scope")))
    assert [state(a) for a in routes["shop"]] == [PeerState.STRANGER]
    assert routes["shop"][0].answered_by == Known("pid 99 (gunicorn)")


def test_who_took_the_path_answers() -> None:
    shop = candidate("shop", holds=(SHOP,))
    (listener,) = listening((SHOP, 10, "shop.service")).value
    own = replace(listener, displaced=True)
    other = replace(listener, inode=listener.inode - 1, units=Absent(), holder=Known("pid 99 (gunicorn)"))
    for both in ((own, other), (other, own)):
        routes, _ = assign(nginx(site("shop.test", SHOP)), [shop], Known(both))
        assert [state(a) for a in routes["shop"]] == [PeerState.STRANGER]
        assert routes["shop"][0].answered_by == Known("pid 99 (gunicorn)")
        assert routes["shop"][0].configured == Known(True, (), Origin.COMPUTED)


def test_an_app_that_is_down_is_still_set_up_for_the_address() -> None:
    shop = candidate("shop", configured=(SHOP,), pid=0)
    for asked, there in ((SHOP, True), (WRONG, False)):
        routes, _ = assign(nginx(site("shop.test", asked)), [shop], Known(()))
        assert [state(a) for a in routes["shop"]] == [PeerState.NOBODY]
        assert routes["shop"][0].configured == Known(there, (), Origin.COMPUTED)


def test_another_kind_of_backend_is_left_alone() -> None:
    """A Node.js app behind the same nginx is nobody's fault."""
    shop = candidate("shop", holds=(SHOP,))
    routes, orphans = assign(
        nginx(site("shop.test", SHOP), site("chat.test", PORT)),
        [shop],
        listening((SHOP, 10, "shop.service"), (PORT, 99, "chat.service")),
    )
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]
    assert orphans == []


def test_a_server_that_bears_an_apps_name_but_reaches_another_app() -> None:
    shop, old = candidate("shop", holds=(SHOP,)), candidate("shop-old", holds=(BLOG,), pid=20)
    routes, _ = assign(
        nginx(site("shop.test", BLOG)), [old, shop], listening((SHOP, 1, "shop.service"), (BLOG, 2, "shop-old.service"))
    )
    assert [state(a) for a in routes["shop"]] == [PeerState.STRANGER]
    assert routes["shop-old"] == ()


def test_blue_and_green_fit_equally_and_neither_is_a_stranger() -> None:
    blue, green = candidate("shop-blue", holds=(SHOP,)), candidate("shop-green", holds=(BLOG,), pid=20)
    routes, _ = assign(
        nginx(site("shop.test", SHOP)),
        [blue, green],
        listening((SHOP, 1, "shop-blue.service"), (BLOG, 2, "shop-green.service")),
    )
    assert [state(a) for a in routes["shop-blue"]] == [PeerState.OURS]
    assert routes["shop-green"] == ()


def test_without_sight_of_the_listeners_agreement_of_the_files_counts() -> None:
    shop = candidate("shop", configured=(SHOP,), pid=0)
    routes, _ = assign(nginx(site("shop.test", SHOP)), [shop], Unknown("nothing runs in a repository", Cause.OUTSIDE))
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]


def test_an_address_in_a_variable_is_unknown_not_wrong() -> None:
    shop = candidate("shop", holds=(SHOP,))
    routes, _ = assign(nginx(site("shop.test", "$backend")), [shop], listening((SHOP, 10, "shop.service")))
    assert isinstance(routes["shop"][0].state, Unknown)


LAN = Address(AddressKind.TCP, host="10.1.2.3", port=8000)


def peers(server: Server, **changes: Any) -> Server:
    """The server with its only location changed, or with each of its peers where a peer has such a field."""
    (location,) = server.locations
    assert isinstance(location.upstream, Known)
    upstream = location.upstream.value
    if "answered_by_nginx" not in changes:
        upstream = replace(upstream, peers=tuple(replace(peer, **changes) for peer in upstream.peers))
        changes = {}
    return replace(
        server, locations=(replace(location, upstream=Known(upstream, location.upstream.places), **changes),)
    )


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (peers(site("shop.test", LAN), local=False), "is on another machine"),
        (peers(site("shop.test", SHOP, group="shop"), down=True), "marked down"),
        (peers(site("shop.test", SHOP), answered_by_nginx=Known("return 503")), "return 503"),
        (peers(site("shop.test", "a name"), local=False), "a variable"),
        (peers(site("www.example.org", WRONG), chosen=True), "chosen for each request"),
    ],
)
def test_a_way_nobody_can_judge_is_unknown_where_there_is_no_other(server: Server, reason: str) -> None:
    shop, seen = candidate("shop", holds=(SHOP,)), listening((SHOP, 10, "shop.service"))
    routes, orphans = assign(nginx(server), [shop], seen)
    assert not orphans
    (assigned,) = routes["shop"]
    assert isinstance(assigned.state, Unknown)
    assert reason in assigned.state.reason
    routes, _ = assign(nginx(server, site("b.test", SHOP)), [shop], seen)
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]


def test_what_is_written_beside_a_redirect_is_no_way() -> None:
    server = peers(site("shop.test", WRONG), answered_by_nginx=Known("return 301 https://$host$request_uri"))
    routes, orphans = assign(
        nginx(server, site("shop.test", SHOP)), [candidate("shop", holds=(SHOP,))], listening((SHOP, 1, "shop.service"))
    )
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]
    assert not orphans


def test_a_dead_server_of_a_group_that_answers_is_spared() -> None:
    shop = candidate("shop", holds=(SHOP,))
    routes, orphans = assign(
        nginx(site("shop.test", SHOP, WRONG, group="shop")), [shop], listening((SHOP, 10, "shop.service"))
    )
    assert [(state(a), a.has_healthy_sibling) for a in routes["shop"]] == [
        (PeerState.OURS, False),
        (PeerState.NOBODY, True),
    ]
    assert not orphans


def test_a_group_that_another_app_uses_is_left_alone() -> None:
    shop, blog = candidate("shop", holds=(SHOP,)), candidate("blog", holds=(BLOG,), pid=20)
    own, wrong = site("blog.test", BLOG, group="blog"), site("shop.test", BLOG, group="blog")
    (location,) = wrong.locations
    line = Place(path="/etc/nginx/sites-enabled/shop", line=9, text="proxy_pass http://blog;")
    upstream = own.locations[0].upstream
    assert isinstance(upstream, Known)
    static = make(Location, server="shop.test", pattern="/static/", alias=Known("/srv/shop/current/static"), place=line)
    wrong = replace(wrong, locations=(static, replace(location, upstream=Known(upstream.value, (line,)))))
    routes, _ = assign(
        nginx(own, wrong), [shop, blog], listening((SHOP, 10, "shop.service"), (BLOG, 20, "blog.service"))
    )
    (assigned,) = routes["shop"]
    assert state(assigned) is PeerState.STRANGER
    assert isinstance(assigned.edit_to_app, Known)
    assert assigned.edit_to_app.value.path == line.path
    assert assigned.edit_to_app.value.after == "proxy_pass http://unix:/run/shop/gunicorn.sock;"


def test_where_another_answers_at_the_apps_own_address_no_line_is_wrong() -> None:
    """A second unit with the same bind: nginx names the right address, and another sits there."""
    shop = candidate("shop", configured=(SHOP,))
    copy = candidate("other", holds=(SHOP,), pid=20)
    routes, _ = assign(nginx(site("shop.test", SHOP)), [shop, copy], listening((SHOP, 20, "other.service")))
    (assigned,) = routes["shop"]
    assert state(assigned) is PeerState.STRANGER
    assert isinstance(assigned.edit_to_app, Absent)
    assert assigned.configured.is_(True)


def test_the_address_of_an_interface_is_left_as_it_is() -> None:
    shop = candidate("shop", holds=(Address(AddressKind.TCP, host="10.0.0.0", port=8000),))
    routes, _ = assign(nginx(site("shop.test", PORT)), [shop], listening((shop.holds[0], 10, "shop.service")))
    correction = routes["shop"][0].edit_to_app
    assert isinstance(correction, Known)
    assert correction.value.after == "server 10.0.0.0:8000;"


def test_a_wildcard_bind_answers_at_an_address_of_the_machine() -> None:
    wildcard = Address(AddressKind.TCP, host="", port=8000)
    routes, _ = assign(
        nginx(site("shop.test", LAN)), [candidate("shop", holds=(wildcard,))], listening((wildcard, 10, "shop.service"))
    )
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("shop@1", "shop@2"), "shop"),
        (("app@8001", "app@8002"), "app"),
        (("shop-blue", "shop-black"), "shop"),
        (("shop1", "shop2"), "shop"),
        (("shop", "shop-two"), "shop"),
        (("blue", "green"), "blue"),
        (("blue", "black"), "blue"),
    ],
)
def test_units_behind_one_group_are_one_app_with_the_name_they_share(names: tuple[str, str], expected: str) -> None:
    ports = [replace(PORT, port=8001 + n) for n in range(2)]
    found = [candidate(name, holds=(port,), pid=port.port) for name, port in zip(names, ports, strict=True)]
    routes, _ = assign(nginx(site("shop.test", *ports, group="shop")), found, Known(()))
    assert [app.name for app in merge_groups(found, routes)[0]] == [expected]


def test_the_control_socket_of_gunicorn_takes_no_requests() -> None:
    control = Address(AddressKind.UNIX, path="/home/shop/.gunicorn/gunicorn.ctl")
    gunicorn = candidate("shop", configured=(SHOP,)).gunicorns[0]
    unit = make(Unit, name="shop.service", triggered_by=())
    seen = listening((control, 10, "shop.service"), (SHOP, 10, "shop.service"))
    (shop,) = candidates((unit,), (gunicorn,), seen)
    assert shop.holds == (SHOP,)


def test_nginx_is_not_told_of_an_abstract_socket() -> None:
    abstract = Address(AddressKind.ABSTRACT, path="shop")
    routes, _ = assign(
        nginx(site("shop.test", WRONG)),
        [candidate("shop", holds=(abstract,))],
        listening((abstract, 10, "shop.service")),
    )
    assert isinstance(routes["shop"][0].edit_to_app, Absent)


def member(number: int, *, enabled: bool = True, runs: bool = True, template: bool = True) -> Candidate:
    address = Address(AddressKind.TCP, host="127.0.0.1", port=8000 + number)
    name = f"shop@{8000 + number}" if template else f"shop-{number}"
    found = candidate(name, holds=(address,) if runs else (), configured=(address,), pid=number if runs else 0)
    unit = replace(found.units[0], not_started_at_boot=Absent() if enabled else Known("UnitFileState=disabled"))
    gunicorn = replace(found.gunicorns[0], settings=make(Settings, bind=Known((address,))))
    return replace(found, units=(unit,), gunicorns=(gunicorn,))


@pytest.mark.parametrize(
    ("second", "backup", "rests"),
    [
        (member(2, runs=False), False, False),
        (member(2, runs=False, template=False), False, False),
        (member(2, runs=False, enabled=False), False, True),
        (member(2, runs=False, enabled=False, template=False), False, True),
        (member(2, runs=False), True, True),
        (None, False, True),
        (None, True, True),
    ],
)
def test_which_dead_server_of_a_group_rests(second: Candidate | None, backup: bool, rests: bool) -> None:
    one = member(1)
    two = Address(AddressKind.TCP, host="127.0.0.1", port=8002)
    web = nginx(site("shop.test", one.holds[0], two, group="shop", backup=two if backup else None))
    found = [one] if second is None else [one, second]
    routes, _ = assign(web, found, listening((one.holds[0], 1, one.units[0].name)))
    dead = next(a for assigned in routes.values() for a in assigned if state(a) is PeerState.NOBODY)
    assert dead.has_healthy_sibling
    units = tuple(unit for each in found for unit in each.units)
    gunicorns = tuple(gunicorn for each in found for gunicorn in each.gunicorns)
    assert of_peer(dead.target.peer, units, gunicorns).is_(rests)


def test_a_server_of_the_group_that_was_nobodys_ever_does_not_rest() -> None:
    one = member(1, template=False)
    stale = Address(AddressKind.TCP, host="127.0.0.1", port=8009)
    peer = site("shop.test", stale, group="shop").locations[0].upstream.value.peers[0]  # type: ignore[union-attr]
    assert of_peer(peer, one.units, one.gunicorns).is_(False)
