"""Which location's limits a line of the log speaks of, names with two addresses, and releases in one group."""

from __future__ import annotations

import pytest
from factories import make
from servers.nginx_machine import MemoryHost, machine

from doctor.apps.joining import Assigned, Candidate, Target
from doctor.apps.mixed import mixed_releases
from doctor.apps.topology import PeerState
from doctor.facts.address import Address, reaches, tcp, unix
from doctor.facts.value import Absent, Known
from doctor.servers.gunicorn import Gunicorn, Settings
from doctor.servers.nginx import collect, families, limits
from doctor.servers.nginx.model import Location, Nginx, Peer, Server
from doctor.sources.logs import LogEvent, NginxLog
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import table

SITE = """server {
    listen 80;
    server_name shop.test;
    location /upload { client_max_body_size 16m; proxy_pass http://127.0.0.1:8000; }
    location = /health { proxy_read_timeout 2s; proxy_pass http://127.0.0.1:8000; }
    location ~ ^/api/ { proxy_read_timeout 5s; proxy_pass http://127.0.0.1:8000; }
    location / { proxy_pass http://127.0.0.1:8000; }
}
"""


def look(host: MemoryHost) -> Nginx:
    return collect(host, Absent(), table(host))


def routes(nginx: Nginx) -> list[tuple[Server, Location]]:
    return [(server, x) for server in nginx.servers for x in server.locations if not isinstance(x.upstream, Absent)]


def pattern(fact: object) -> str:
    assert isinstance(fact, Known)
    assert isinstance(fact.value, Location)
    return fact.value.pattern


def logged(path: str, server: str = "shop.test") -> NginxLog:
    text = f'upstream timed out, client: 127.0.0.1, server: {server}, request: "GET {path} HTTP/1.1", host: "x"'
    return make(NginxLog, timed_out=Known(LogEvent(1, 0, 0, text)))


def test_the_main_location_and_the_roomiest() -> None:
    found = limits.collect(routes(look(machine(SITE))), make(NginxLog))
    assert pattern(found.main) == "/"
    assert pattern(found.roomiest) == "/upload"
    assert isinstance(limits.collect([], make(NginxLog)).main, Absent)


def test_the_location_that_was_told_to_wait_longest() -> None:
    """Not one that waits as long as nginx does by itself: that is longer here, and nobody chose it."""
    assert pattern(limits.collect(routes(look(machine(SITE))), make(NginxLog)).patient) == "^/api/"
    untold = SITE.replace("proxy_read_timeout 2s;", "").replace("proxy_read_timeout 5s;", "")
    assert isinstance(limits.collect(routes(look(machine(untold))), make(NginxLog)).patient, Absent)


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/api/x?y=1", "^/api/"), ("/health", "/health"), ("/healthy", "/"), ("/up%6Coad/1", "/upload"), ("/", "/")],
)
def test_the_location_a_line_speaks_of(path: str, asked: str) -> None:
    assert pattern(limits.collect(routes(look(machine(SITE))), logged(path)).timed_out) == asked


def test_a_line_of_another_server_falls_back_to_the_main_location() -> None:
    assert pattern(limits.collect(routes(look(machine(SITE))), logged("/api/x", "other.test")).timed_out) == "/"


def test_what_nginx_would_refuse_with_its_line() -> None:
    refusal = look(machine("server {\n    listen 80;\n    proxy_passs http://x;\n}\n")).refusal
    assert isinstance(refusal, Known)
    assert "proxy_passs" in refusal.value
    place = refusal.places[0]
    assert (place.path, place.line, place.text) == ("/etc/nginx/sites-enabled/shop", 3, "    proxy_passs http://x;")
    assert isinstance(look(machine(SITE)).refusal, Absent)


def test_a_socket_path_that_ends_in_a_slash_is_another_path() -> None:
    """Nginx connects to it as it stands, and gets ENOTDIR from the socket without the slash."""
    site = "server { location / { proxy_pass http://unix:/run/shop.sock/; } }"
    ((_, location),) = routes(look(machine(site)))
    assert isinstance(location.upstream, Known)
    peer = location.upstream.value.peers[0]
    assert isinstance(peer.address, Known)
    assert str(peer.address.value) == "unix:/run/shop.sock/"
    assert not reaches(peer.address.value, unix("/run/shop.sock"))
    assert peer.local


# Names with two addresses

ROUTE = "Iface\tDestination\tGateway\neth0\t00000000\t0100000A\n"
FE80 = "fe800000000000000000000000000001 02 40 20 80     eth0\n"
LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo\n"


def peer_of(host: MemoryHost) -> Peer:
    ((_, location),) = routes(look(host))
    assert isinstance(location.upstream, Known)
    return location.upstream.value.peers[0]


@pytest.mark.parametrize(
    ("interfaces", "routing", "count"),
    [
        (LOOPBACK + FE80, ROUTE, 2),
        # Only loopback: getaddrinfo leaves nothing out.
        (LOOPBACK, "Iface\tDestination\n", 2),
        # No IPv6 but loopback: AI_ADDRCONFIG leaves ::1 out.
        (LOOPBACK, ROUTE, 1),
        ("", ROUTE, 1),
    ],
)
def test_a_name_is_as_many_peers_as_getaddrinfo_gives(interfaces: str, routing: str, count: int) -> None:
    host = machine("server { location / { proxy_pass http://localhost:8000; } }")
    host.add("/proc/net/if_inet6", interfaces)
    host.add("/proc/net/route", routing)
    addresses = peer_of(host).addresses
    assert isinstance(addresses, Known)
    assert addresses.value == (tcp("127.0.0.1", 8000), tcp("::1", 8000))[:count]


@pytest.mark.parametrize(
    ("bind", "dead"), [("127.0.0.1", ("[::1]:8000",)), ("", ("[::1]:8000",)), ("::", ()), ("10.0.0.1", ())]
)
def test_where_nobody_answers(bind: str, dead: tuple[str, ...]) -> None:
    host = machine("server {\n    location / {\n        proxy_pass http://localhost:8000;\n    }\n}\n")
    peer = peer_of(host)
    found = families.unanswered(peer, Known((tcp(bind, 8000),)))
    assert (tuple(map(str, found.value)) if isinstance(found, Known) else ()) == dead
    edit = families.edit_to_address(peer, found)
    if dead:
        assert isinstance(edit, Known)
        assert edit.value.after == "        proxy_pass http://127.0.0.1:8000;"
    else:
        assert isinstance(edit, Absent)


def test_an_address_is_no_name() -> None:
    peer = peer_of(machine("server { location / { proxy_pass http://127.0.0.1:8000; } }"))
    assert isinstance(peer.addresses, Absent)
    assert isinstance(families.unanswered(peer, Known((tcp("127.0.0.1", 8000),))), Absent)


# Releases in one group


def member(name: str, directory: str, *, changing: bool = False) -> Gunicorn:
    return make(
        Gunicorn,
        name=name,
        settings=make(Settings),
        master=Known(make(Process, pid=1)),
        directory=Known(directory),
        changing=Known(changing),
    )


def mixed(host: MemoryHost, *members: Gunicorn, backup: str = "", groups: bool = False) -> str:
    ports = {g.name: 8000 + i for i, g in enumerate(members)}
    servers = "".join(f"server 127.0.0.1:{p}{' backup' if n == backup else ''}; " for n, p in ports.items())
    site = f"upstream shop {{ {servers} }} server {{ location / {{ proxy_pass http://shop; }} }}"
    if groups:
        site = "".join(
            f"upstream u{p} {{ server 127.0.0.1:{p}; }} "
            f"server {{ listen {p + 1000}; location / {{ proxy_pass http://u{p}; }} }} "
            for p in ports.values()
        )
    by_address: dict[Address, str] = {tcp("127.0.0.1", port): name for name, port in ports.items()}
    assigned = [
        make(
            Assigned,
            target=Target(server, location, location.upstream.value, peer),
            state=PeerState.OURS,
            answered_by=by_address[peer.address.value],
        )
        for server, location in routes(look(machine(site)))
        if isinstance(location.upstream, Known)
        for peer in location.upstream.value.peers
        if isinstance(peer.address, Known)
    ]
    found = mixed_releases(host, Candidate("shop", (), members, (), Absent()), assigned)
    return found.value if isinstance(found, Known) else ""


def test_members_in_different_releases() -> None:
    one, two = member("shop@1.service", "/srv/a"), member("shop@2.service", "/srv/b")
    assert mixed(MemoryHost(), one, two) == "shop@1.service runs /srv/a, shop@2.service runs /srv/b"
    assert not mixed(MemoryHost(), one, two, groups=True)
    assert not mixed(MemoryHost(), one, two, backup="shop@2.service")
    assert not mixed(MemoryHost(), one, member("shop@2.service", "/srv/b", changing=True))
    assert not mixed(MemoryHost(), one, member("shop@2.service", "/srv/a"))


def test_the_same_release_in_two_directories() -> None:
    one, two = member("shop@1.service", "/srv/a"), member("shop@2.service", "/srv/b")
    same = {"/srv/a/REVISION": "7f3c\n", "/srv/b/REVISION": "7f3c\n"}
    assert not mixed(MemoryHost(same), one, two)
    assert mixed(MemoryHost({**same, "/srv/b/REVISION": "9a01\n"}), one, two)
