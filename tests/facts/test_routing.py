"""Which nginx route leads to which app."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

from blank import blank

from doctor.facts.address import Address, AddressKind
from doctor.facts.gunicorn import Gunicorn, Settings
from doctor.facts.nginx.model import Location, Nginx, Peer, Server, Upstream
from doctor.facts.process import Process
from doctor.facts.routing import Candidate, assign
from doctor.facts.socket import Listener
from doctor.facts.systemd import Unit
from doctor.facts.topology import PeerState
from doctor.facts.value import Absent, Known, Origin, Place, Unknown

SHOP = Address(AddressKind.UNIX, path="/run/shop/gunicorn.sock")
BLOG = Address(AddressKind.UNIX, path="/run/blog/gunicorn.sock")
WRONG = Address(AddressKind.UNIX, path="/run/gunicorn/shop.sock")
PORT = Address(AddressKind.TCP, host="127.0.0.1", port=8000)


def site(name: str, *addresses: Address | str, group: str = "", backup: Address | None = None) -> Server:
    place = Place(path=f"/etc/nginx/sites-enabled/{name.split('.')[0]}", line=2)
    peers = tuple(
        Peer(
            address=Unknown("a variable") if isinstance(a, str) else Known(a, (place,)),
            host="" if isinstance(a, str) else a.host,
            backup=a == backup,
            down=False,
            place=Place(path=place.path, line=2, text=f"server {a};"),
            local=True,
        )
        for a in addresses
    )
    upstream = Upstream(group or str(addresses[0]), bool(group), "http", "", peers, place, Absent())
    location = blank(Location, server=name, pattern="/", place=place, upstream=Known(upstream, (place,)))
    return blank(Server, names=(name,), locations=(location,), place=place)


def candidate(
    name: str,
    *,
    holds: tuple[Address, ...] = (),
    configured: tuple[Address, ...] = (),
    pid: int = 10,
    unit: bool = True,
) -> Candidate:
    gunicorn = blank(
        Gunicorn,
        name=f"{name}.service",
        settings=blank(Settings),
        master=Known(blank(Process, pid=pid)) if pid else Absent(),
        directory=Known(f"/srv/{name}/releases/1"),
        logical_directory=Known(f"/srv/{name}/current"),
    )
    units = (blank(Unit, name=f"{name}.service"),) if unit else ()
    return Candidate(name, units, (gunicorn,), holds, Known(configured or holds), frozenset(map(inode, holds)))


def inode(address: Address) -> int:
    return crc32(str(address).encode())


def listening(*pairs: tuple[Address, int, str]) -> Known[tuple[Listener, ...]]:
    return Known(
        tuple(
            blank(
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
    return blank(Nginx, servers=servers)


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
    correction = routes["shop"][0].correction
    assert isinstance(correction, Known)
    assert correction.value.after == "server unix:/run/shop/gunicorn.sock;"


def test_two_apps_that_fit_equally_are_not_guessed_between() -> None:
    one, two = candidate("one", holds=(SHOP,)), candidate("two", holds=(BLOG,), pid=20)
    routes, orphans = assign(
        nginx(site("www.example.org", PORT)), [one, two], listening((SHOP, 1, "one.service"), (BLOG, 2, "two.service"))
    )
    assert routes == {"one": [], "two": []}
    assert len(orphans) == 1


def test_the_name_decides_between_two_apps_without_a_route() -> None:
    shop, blog = candidate("shop", holds=(SHOP,)), candidate("blog", holds=(BLOG,), pid=20)
    routes, _ = assign(
        nginx(site("blog.test", PORT)), [shop, blog], listening((SHOP, 1, "shop.service"), (BLOG, 2, "blog.service"))
    )
    assert [state(a) for a in routes["blog"]] == [PeerState.NOBODY]
    assert routes["shop"] == []


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
    assert routes["shop-old"] == []


def test_blue_and_green_fit_equally_and_neither_is_a_stranger() -> None:
    blue, green = candidate("shop-blue", holds=(SHOP,)), candidate("shop-green", holds=(BLOG,), pid=20)
    routes, _ = assign(
        nginx(site("shop.test", SHOP)),
        [blue, green],
        listening((SHOP, 1, "shop-blue.service"), (BLOG, 2, "shop-green.service")),
    )
    assert [state(a) for a in routes["shop-blue"]] == [PeerState.OURS]
    assert routes["shop-green"] == []


def test_without_sight_of_the_listeners_agreement_of_the_files_counts() -> None:
    shop = candidate("shop", configured=(SHOP,), pid=0)
    routes, _ = assign(nginx(site("shop.test", SHOP)), [shop], Unknown("nothing runs in a repository"))
    assert [state(a) for a in routes["shop"]] == [PeerState.OURS]


def test_an_address_in_a_variable_is_unknown_not_wrong() -> None:
    shop = candidate("shop", holds=(SHOP,))
    routes, _ = assign(nginx(site("shop.test", "$backend")), [shop], listening((SHOP, 10, "shop.service")))
    assert isinstance(routes["shop"][0].state, Unknown)
