"""nginx on machines made up in memory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import make
from servers.nginx_machine import BOOT, MemoryHost, machine

from doctor.cause import Cause
from doctor.facts.value import Absent, Known, Origin, Unknown
from doctor.hosts.base import Missing, TargetKind, Unseen
from doctor.hosts.live import LiveHost
from doctor.servers.nginx import collect, include
from doctor.servers.nginx.model import ConfigError, Location, Nginx, Server
from doctor.servers.nginx.parse import parse
from doctor.servers.nginx.scope import seconds, size
from doctor.servers.nginx.sites import original_of
from doctor.servers.nginx.upstream import expand
from doctor.sources.sockets.kernel import table
from doctor.sources.systemd import Unit

SITE = """upstream shop {
    server unix:/run/shop/gunicorn.sock fail_timeout=0;
    server 127.0.0.1:8001 backup;
    server 127.0.0.1:8002 down;
}
server {
    listen 80;
    server_name shop.test;
    location / {
        proxy_pass http://shop;
        proxy_read_timeout 2m;
    }
}
"""


def look(host: MemoryHost) -> Nginx:
    return collect(host, Absent(), table(host))


def only(nginx: Nginx) -> Server:
    (server,) = nginx.servers
    return server


def locate(nginx: Nginx, pattern: str, modifier: str = "") -> Location:
    found = [x for x in only(nginx).locations if (x.modifier, x.pattern) == (modifier, pattern)]
    return found[0]


def site(body: str) -> MemoryHost:
    return machine(f"server {{\nlisten 80;\nserver_name shop.test;\n{body}\n}}\n")


def addresses(location: Location) -> list[str]:
    assert isinstance(location.upstream, Known)
    return [
        str(peer.address.value) if isinstance(peer.address, Known) else "?" for peer in location.upstream.value.peers
    ]


def test_a_group_with_its_members_and_places() -> None:
    location = locate(look(machine(SITE)), "/")
    assert isinstance(location.upstream, Known)
    upstream = location.upstream.value
    assert (upstream.name, upstream.group, upstream.scheme) == ("shop", True, "http")
    assert addresses(location) == ["unix:/run/shop/gunicorn.sock", "127.0.0.1:8001", "127.0.0.1:8002"]
    assert [(p.backup, p.down) for p in upstream.peers] == [(False, False), (True, False), (False, True)]
    place = upstream.peers[0].place
    assert (place.path, place.line) == ("/etc/nginx/sites-enabled/shop", 2)
    assert place.text.strip() == "server unix:/run/shop/gunicorn.sock fail_timeout=0;"
    assert location.read_timeout == Known(120.0, location.read_timeout.places, Origin.EXPLICIT)
    assert isinstance(location.connect_timeout, Known)
    assert location.connect_timeout.origin is Origin.DEFAULT


@pytest.mark.parametrize(
    ("config", "address"),
    [
        ("proxy_pass http://unix:/var/run/shop.sock;", "unix:/run/shop.sock"),
        ("proxy_pass http://localhost:8000;", "localhost:8000"),
        ("proxy_pass https://127.0.0.1;", "127.0.0.1:443"),
        ("proxy_pass http://[::1]:8000/api/;", "[::1]:8000"),
        ("set $app 127.0.0.1:8000; proxy_pass http://$app;", "127.0.0.1:8000"),
        ("set $sock /run/shop.sock; proxy_pass http://unix:${sock}:/x;", "unix:/run/shop.sock"),
        ("set $one $two; set $two 127.0.0.1:9; proxy_pass http://$one$request_uri;", "127.0.0.1:9"),
        ("proxy_pass http://web1:8000;", "127.0.1.1:8000"),
        ("proxy_pass http://app.internal:8000;", "10.0.0.7:8000"),
        ("uwsgi_pass unix:/run/shop.sock;", "unix:/run/shop.sock"),
    ],
)
def test_single_targets(config: str, address: str) -> None:
    location = locate(look(site(f"location / {{ {config} }}")), "/")
    assert addresses(location) == [address]
    assert isinstance(location.upstream, Known)
    assert not location.upstream.value.group


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("proxy_pass http://elsewhere.test:8000;", "DNS"),
        ("proxy_pass http://$host;", "chosen for each request"),
        ("proxy_pass $target;", "chosen for each request"),
    ],
)
def test_targets_that_only_nginx_knows(config: str, reason: str) -> None:
    location = locate(look(site(f"location / {{ {config} }}")), "/")
    assert isinstance(location.upstream, Known)
    address = location.upstream.value.peers[0].address
    assert isinstance(address, Unknown)
    assert reason in address.reason
    assert not location.upstream.value.peers[0].local


def test_a_map_with_one_value_is_that_value() -> None:
    host = site("location / { proxy_pass http://$app; }")
    host.add("/etc/nginx/conf.d/map.conf", "map $host $app { default 127.0.0.1:8000; }")
    assert addresses(locate(look(host), "/")) == ["127.0.0.1:8000"]
    host.add("/etc/nginx/conf.d/map.conf", "map $host $app { default 127.0.0.1:8000; b 127.0.0.1:8001; }")
    location = locate(look(host), "/")
    assert addresses(location) == ["127.0.0.1:8000", "127.0.0.1:8001"]
    assert isinstance(location.upstream, Known)
    assert [peer.chosen for peer in location.upstream.value.peers] == [False, True]


def test_shares_of_clients_lead_to_each_group() -> None:
    host = site("location / { proxy_pass http://$variant; }")
    split = "split_clients $remote_addr $variant { 50% 127.0.0.1:8001; * 127.0.0.1:8000; }"
    host.add("/etc/nginx/conf.d/split.conf", split)
    location = locate(look(host), "/")
    assert addresses(location) == ["127.0.0.1:8000", "127.0.0.1:8001"]
    assert isinstance(location.upstream, Known)
    assert [peer.chosen for peer in location.upstream.value.peers] == [False, True]


def test_a_variable_leads_to_each_of_its_groups() -> None:
    groups = "upstream a { server 127.0.0.1:1; server 127.0.0.1:2; }\nupstream b { server 127.0.0.1:3; }\n"
    host = site("location / { set $pool a; if ($arg_x) { set $pool b; } proxy_pass http://$pool; }")
    host.add("/etc/nginx/conf.d/groups.conf", groups)
    location = locate(look(host), "/")
    assert sorted(addresses(location)) == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
    assert isinstance(location.upstream, Known)
    assert all(peer.chosen for peer in location.upstream.value.peers)


def test_an_address_of_an_interface_is_local() -> None:
    host = site("location / { proxy_pass http://10.1.2.3:8000; }\nlocation /far { proxy_pass http://10.1.2.4:8000; }")
    host.interfaces = ("10.1.2.3", "127.0.0.1", "fd00::2")
    here, far = (locate(look(host), pattern).upstream for pattern in ("/", "/far"))
    assert isinstance(here, Known)
    assert isinstance(far, Known)
    assert here.value.peers[0].local
    assert not far.value.peers[0].local


def test_interfaces_are_asked_for_only_by_an_address_that_may_be_theirs() -> None:
    host = site("location / { proxy_pass http://127.0.0.1:8000; }\nlocation /a { proxy_pass http://unix:/run/a.sock; }")
    assert locate(look(host), "/").upstream != Absent()
    assert host.asked_addresses == 0
    for unseen in (("10.1.2.3",), Unseen("not seen", Cause.AMBIGUOUS)):
        host = site("location / { proxy_pass http://10.1.2.3:8000; }\nlocation /a { proxy_pass http://10.1.2.4:8000; }")
        host.interfaces = unseen
        upstream = locate(look(host), "/").upstream
        assert isinstance(upstream, Known)
        assert upstream.value.peers[0].local is not isinstance(unseen, Unseen)
        assert host.asked_addresses == 1


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ("return 503; location / { proxy_pass http://127.0.0.1:1; }", "return 503"),
        ("location / { return 404; proxy_pass http://127.0.0.1:1; }", "return 404"),
        ("deny all; location / { proxy_pass http://127.0.0.1:1; }", "deny all"),
        ("deny all; location / { allow all; proxy_pass http://127.0.0.1:1; }", ""),
        ("allow 10.0.0.0/8; deny all; location / { proxy_pass http://127.0.0.1:1; }", ""),
        ("satisfy any; deny all; location / { proxy_pass http://127.0.0.1:1; }", ""),
        ("if ($arg_x) { return 503; } location / { proxy_pass http://127.0.0.1:1; }", ""),
        ("rewrite ^/x / break; return 503; location / { proxy_pass http://127.0.0.1:1; }", ""),
    ],
)
def test_what_answers_before_the_target_is_asked(config: str, answer: str) -> None:
    turned = locate(look(site(config)), "/").answered_by_nginx
    assert (turned.value if isinstance(turned, Known) else "") == answer


def test_a_user_who_is_nobody() -> None:
    host = site("location / { proxy_pass http://127.0.0.1:1; }")
    host.add("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    host.add("/etc/nsswitch.conf", "passwd: files systemd\n")
    refusal = look(host).refusal
    assert isinstance(refusal, Known)
    assert 'getpwnam("www-data") failed' in refusal.value
    host.add("/etc/nsswitch.conf", "passwd: files ldap\n")
    assert isinstance(look(host).refusal, Absent)


def test_a_socket_path_that_is_too_long() -> None:
    for length, refused in ((107, False), (108, True)):
        path = "/" + "a" * (length - 1)
        refusal = look(site(f"location / {{ proxy_pass http://unix:{path}; }}")).refusal
        assert isinstance(refusal, Known) is refused


def test_what_is_local() -> None:
    targets = {"127.0.0.2:1": True, "web1:1": True, "app.internal:1": False, "0.0.0.0:1": True, "10.0.0.9:1": False}
    for target, local in targets.items():
        location = locate(look(site(f"location / {{ proxy_pass http://{target}; }}")), "/")
        assert isinstance(location.upstream, Known)
        assert location.upstream.value.peers[0].local is local, target


def test_values_are_inherited_and_overridden() -> None:
    host = site(
        "proxy_read_timeout 90; client_max_body_size 5m;"
        "location /a { proxy_pass http://127.0.0.1:1; client_max_body_size 0; }"
        "location /b { proxy_pass http://127.0.0.1:1; proxy_read_timeout 5s; proxy_buffering off; }"
    )
    host.add("/etc/nginx/conf.d/all.conf", "proxy_connect_timeout 3s; proxy_buffer_size 16k; client_max_body_size 2m;")
    nginx = look(host)
    a, b = locate(nginx, "/a"), locate(nginx, "/b")
    assert [x.value for x in (a.read_timeout, b.read_timeout) if isinstance(x, Known)] == [90.0, 5.0]
    assert [x.value for x in (a.body_limit, b.body_limit) if isinstance(x, Known)] == [0, 5 << 20]
    assert [x.value for x in (a.buffering, b.buffering) if isinstance(x, Known)] == [True, False]
    assert a.connect_timeout == Known(3.0, a.connect_timeout.places, Origin.INHERITED)
    assert a.connect_timeout.places[0].path == "/etc/nginx/conf.d/all.conf"
    assert isinstance(a.buffer_size, Known)
    assert a.buffer_size.value == 16 << 10


def test_a_variable_as_value_is_unknown_and_not_the_default() -> None:
    location = locate(look(site("location / { proxy_pass http://127.0.0.1:1; proxy_http_version 1.1; root $x; }")), "/")
    assert isinstance(location.root, Unknown)
    assert isinstance(location.http_version, Known)
    assert location.http_version.value == "1.1"


def test_an_include_that_cannot_be_read_makes_values_unknown() -> None:
    host = site("location / { include proxy_params; proxy_pass http://127.0.0.1:1; }")
    host.add("/etc/nginx/proxy_params", "proxy_set_header Host $host;")
    host.hidden.add("/etc/nginx/proxy_params")
    nginx = look(host)
    location = locate(nginx, "/")
    assert isinstance(location.headers, Unknown)
    assert isinstance(location.read_timeout, Unknown)
    assert location.read_timeout.cause is location.headers.cause is Cause.NEEDS_ROOT
    assert [(e.fatal, e.cause) for e in nginx.errors] == [(False, Cause.NEEDS_ROOT)]
    assert addresses(location) == ["127.0.0.1:1"]


def test_proxy_params_give_headers_with_both_places() -> None:
    host = site("location / { include proxy_params; proxy_pass http://127.0.0.1:1; }")
    host.add("/etc/nginx/proxy_params", "proxy_set_header Host $host;\nproxy_set_header X-Forwarded-Proto $scheme;\n")
    headers = locate(look(host), "/").headers
    assert isinstance(headers, Known)
    assert headers.value == (("host", "$host"), ("x-forwarded-proto", "$scheme"))
    assert {p.path for p in headers.places} == {"/etc/nginx/proxy_params", "/etc/nginx/sites-enabled/shop"}


@pytest.mark.parametrize(
    "body",
    [
        "location / { try_files $uri @proxy_to_app; }",
        "root /srv; error_page 404 = @proxy_to_app; location / { }",
        "location / { error_page 403 404 = @proxy_to_app; }",
    ],
)
def test_a_location_that_hands_over_is_proxied(body: str) -> None:
    named = "location @proxy_to_app { proxy_pass http://127.0.0.1:1; proxy_read_timeout 7s; }"
    location = locate(look(site(f"{body}\n{named}")), "/")
    assert addresses(location) == ["127.0.0.1:1"]
    assert location.via == "@proxy_to_app"
    assert isinstance(location.read_timeout, Known)
    assert location.read_timeout.value == 7.0


def test_an_error_page_for_502_does_not_make_a_location_proxied() -> None:
    host = site("error_page 502 @down; location / { } location @down { proxy_pass http://127.0.0.1:1; }")
    assert isinstance(locate(look(host), "/").upstream, Absent)


def test_nested_and_conditional_locations() -> None:
    host = site(
        "location /a/ { location /a/b { proxy_pass http://127.0.0.1:1; } }"
        "location /c { proxy_pass http://127.0.0.1:2; if ($arg_x) { proxy_pass http://127.0.0.1:3; } }"
    )
    locations = only(look(host)).locations
    assert [(x.pattern, x.parent, x.conditional) for x in locations] == [
        ("/a/", -1, False),
        ("/a/b", 0, False),
        ("/c", -1, False),
        ("/c", 2, True),
    ]
    assert addresses(locations[3]) == ["127.0.0.1:3"]


def test_alias_and_root_replace_each_other() -> None:
    nginx = look(
        site("root /srv; location /s/ { alias /x/; location /s/t { } } location /u { } location /v { root rel; }")
    )
    assert isinstance(locate(nginx, "/s/").alias, Known)
    assert isinstance(locate(nginx, "/s/").root, Absent)
    assert isinstance(locate(nginx, "/s/t").alias, Known)
    root, relative = locate(nginx, "/u").root, locate(nginx, "/v").root
    assert isinstance(root, Known)
    assert (root.value, root.origin) == ("/srv", Origin.INHERITED)
    assert isinstance(relative, Known)
    assert relative.value == "/usr/share/nginx/rel"


# Broken files


def test_a_missing_brace_does_not_lose_the_file() -> None:
    file = parse("/x", "server {\nlocation / {\nproxy_pass http://a;\n}\n")
    (server,) = file.directives
    assert server.block is not None
    assert server.block[0].name == "location"
    assert [(e.fatal, e.line) for e in file.errors] == [(True, 4)]
    assert 'expecting "}" for "server" of line 1' in file.errors[0].message


def test_a_server_after_one_without_end_is_still_seen() -> None:
    text = "server {\nserver_name a;\nlocation / {\nserver {\nserver_name b;\n}\n"
    assert [d.block[0].args for d in parse("/x", text).directives if d.block] == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("text", "fatal"),
    [("listen 81\nserver_name x;", True), ("server_name x\nlisten 81;", False), ("root /x\nindex a;", True)],
)
def test_lines_swallowed_for_want_of_a_semicolon_are_told_apart_where_nginx_refuses(text: str, fatal: bool) -> None:
    file = parse("/x", f"server {{\n{text}\n}}\n")
    assert [(e.line, e.fatal) for e in file.errors] == [(2, fatal)]
    block = file.directives[0].block
    assert block is not None
    assert len(block) == (2 if fatal else 1)


def test_the_last_directive_without_semicolon_is_kept() -> None:
    file = parse("/x", "worker_processes 1;\nerror_log /x")
    assert [d.name for d in file.directives] == ["worker_processes", "error_log"]
    assert file.errors[0].fatal


def test_a_cut_off_file_has_no_error_at_its_end() -> None:
    errors = parse("/x", "server {\nlocation / {\n", truncated=True).errors
    assert [e.fatal for e in errors] == [False]


def test_an_unknown_directive_is_left_alone() -> None:
    nginx = look(
        site("brotlii on; more_set_headerz 'a: b'; http3_magic on; location / { proxy_pass http://127.0.0.1:1; }")
    )
    assert nginx.errors == ()


def test_a_missing_include_is_fatal_and_an_empty_pattern_is_not() -> None:
    nginx = look(site("include snippets/none.conf; include none/*.conf;"))
    assert [(e.fatal, e.path, e.line) for e in nginx.errors] == [(True, "/etc/nginx/sites-enabled/shop", 4)]


def test_includes_start_at_the_main_file_and_not_at_the_including_one() -> None:
    host = site("include snippets/a.conf;")
    host.add("/etc/nginx/snippets/a.conf", "include b.conf;")
    host.add("/etc/nginx/b.conf", "access_log /var/log/nginx/b.log;")
    log = only(look(host)).access_log
    assert isinstance(log, Known)
    assert log.value == "/var/log/nginx/b.log"


def test_an_include_in_a_circle_ends() -> None:
    host = site("include a.conf;")
    host.add("/etc/nginx/a.conf", "include a.conf;")
    assert "includes itself" in look(host).errors[0].message


# Shadowed servers, leftovers


def test_the_first_of_two_servers_with_a_name_answers() -> None:
    later = "server { listen 80; server_name other.test shop.test; }"
    nginx = look(machine(SITE, zz=later))
    first, second = nginx.servers
    assert isinstance(first.shadowed, Absent)
    assert isinstance(second.shadowed, Known)
    shadow = second.shadowed.value
    assert (shadow.name, str(shadow.address)) == ('"shop.test"', "0.0.0.0:80")
    assert (shadow.path, shadow.line, shadow.same_target) == ("/etc/nginx/sites-enabled/shop", 6, False)
    # It answers for other.test all the same.
    assert not second.unreachable


@pytest.mark.parametrize(
    ("other", "own", "lost"),
    [
        ("~^(?<n>.+)\\.test$", "~^shop\\.test$", True),
        ("*.test", "~^shop\\.test$", True),
        ("shop.test", "~^shop\\.test$", True),
        ("~^shop\\.example$", "~^shop\\.test$", False),
        ("*.test", "~^shop.*\\.test$", False),
        ("*.test", "shop.test", False),
    ],
)
def test_a_regular_expression_that_one_name_fits_comes_last(other: str, own: str, lost: bool) -> None:
    host = machine(f"server {{ listen 80; server_name {own}; }}\n")
    host.add("/etc/nginx/conf.d/aa.conf", f'server {{ listen 80; server_name "{other}"; }}\n')
    first, second = look(host).servers
    assert isinstance(first.shadowed, Absent)
    assert isinstance(second.shadowed, Known) is lost
    assert second.unreachable is lost


def test_other_addresses_and_default_servers_do_not_shadow() -> None:
    nginx = look(
        machine(SITE, a="server { listen 8080; server_name shop.test; }", b="server { listen 80 default_server; }")
    )
    assert all(isinstance(s.shadowed, Absent) for s in nginx.servers)


def test_a_site_without_a_name_is_shadowed_by_the_default_site() -> None:
    nameless = "server { listen 80; server_name _; location / { proxy_pass http://127.0.0.1:1; } }"
    nginx = look(machine(nameless, default="server { listen 80 default_server; server_name _; }"))
    shadowed = {s.place.path.rpartition("/")[2]: s.shadowed for s in nginx.servers}
    assert isinstance(shadowed["default"], Absent)
    assert isinstance(shadowed["shop"], Known)
    assert (shadowed["shop"].value.path, shadowed["shop"].value.line) == ("/etc/nginx/sites-enabled/default", 1)
    assert isinstance(only(look(machine(nameless))).shadowed, Absent)


def test_a_redirect_to_another_name_shadows_nobody() -> None:
    www = "server { listen 80; server_name www.shop.test; return 301 http://shop.test$request_uri; }"
    both = "server { listen 80; server_name shop.test www.shop.test; location / { proxy_pass http://127.0.0.1:1; } }"
    assert all(isinstance(s.shadowed, Absent) for s in look(machine(f"{www}{both}")).servers)


def test_a_second_block_that_is_never_asked() -> None:
    block = "server {{ listen {}; server_name {}; location / {{ proxy_pass http://127.0.0.1:{}; }} }}"
    first, again, elsewhere, partly = look(
        machine(
            block.format(80, "shop.test", 1)
            + block.format(80, "SHOP.test", 1)
            + block.format(8080, "shop.test", 1)
            + block.format("80; listen 8081", "shop.test", 2)
        )
    ).servers
    assert [s.unreachable for s in (first, again, elsewhere, partly)] == [False, True, False, False]
    assert isinstance(again.shadowed, Known)
    assert again.shadowed.value.same_target
    assert isinstance(partly.shadowed, Known)
    assert not partly.shadowed.value.same_target


def test_a_file_knows_what_it_means_for_the_rest() -> None:
    block = "server { listen 80; server_name shop.test; location / { proxy_pass http://127.0.0.1:1; } }"
    host = machine(block, own="")
    host.add("/etc/nginx/sites-enabled/shop", block, time=BOOT)
    host.add("/etc/nginx/sites-enabled/a-old", block.replace(":1", ":2"), time=BOOT + 9)
    host.add("/etc/nginx/sites-enabled/edited", "# old", time=BOOT)
    host.add("/etc/nginx/sites-available/edited", "# new", time=BOOT + 9)
    host.add(
        "/etc/nginx/sites-available/off", "upstream o { server unix:/run/o.sock; } " + block.replace("127.0.0.1:1", "o")
    )
    host.link("/etc/nginx/sites-enabled/gone", "../sites-available/gone")
    sites = {s.path.removeprefix("/etc/nginx/sites-"): s for s in look(host).sites}
    shop = sites["enabled/shop"]
    assert isinstance(shop.shadowed, Known)
    assert shop.shadow_newer
    assert sites["enabled/edited"].twin_newer
    assert "unix:/run/o.sock" in map(str, sites["available/off"].targets)
    assert isinstance(sites["enabled/gone"].refused, Known)
    assert isinstance(shop.refused, Absent)


def test_a_leftover_that_sorts_first_wins() -> None:
    host = machine("server { listen 80; server_name shop.test; }")
    host.add("/etc/nginx/sites-enabled/shop", "server { listen 80; server_name shop.test; }")
    host.add("/etc/nginx/sites-enabled/shop.bak", "server { listen 80; server_name shop.test; }")
    nginx = look(host)
    assert isinstance(nginx.servers[1].shadowed, Known)
    assert ("/etc/nginx/sites-enabled/shop.bak", "backup", "/etc/nginx/sites-enabled/shop") in {
        (s.path, s.state, s.twin) for s in nginx.sites
    }


@pytest.mark.parametrize(
    ("include", "taken", "expected"),
    [
        ("sites-enabled/*", False, True),
        ("/etc/nginx/sites-enabled/*.conf", False, False),
        ("/etc/nginx/conf.d/*", False, False),
        # Its name is taken by the site of somebody else.
        ("sites-enabled/*", True, False),
    ],
)
def test_a_site_that_a_link_would_enable(include: str, taken: bool, expected: bool) -> None:
    host = MemoryHost({"/etc/nginx/nginx.conf": f"events {{}}\nhttp {{ include {include}; }}\n"})
    host.add("/etc/nginx/sites-available/off", "# off")
    host.add("/etc/nginx/sites-available/other", "# other")
    host.link("/etc/nginx/sites-enabled/off" if taken else "/etc/nginx/sites-enabled/on", "../sites-available/other")
    (site,) = (s for s in look(host).sites if s.path == "/etc/nginx/sites-available/off")
    assert (site.state, site.linkable) == ("not-enabled", expected)


def test_the_states_of_sites() -> None:
    host = machine(SITE, own="# own")
    host.add("/etc/nginx/sites-available/off", "# off")
    for name, text in {"same": "# x", "edited": "# old"}.items():
        host.add(f"/etc/nginx/sites-available/{name}", "# x")
        host.add(f"/etc/nginx/sites-enabled/{name}", text)
    host.link("/etc/nginx/sites-enabled/gone", "../sites-available/gone")
    nginx = look(host)
    states = {s.path.removeprefix("/etc/nginx/sites-"): s.state for s in nginx.sites}
    assert states == {
        "enabled/shop": "enabled",
        "enabled/own": "enabled",
        "enabled/same": "copy",
        "enabled/edited": "diverged-copy",
        "enabled/gone": "dangling",
        "available/off": "not-enabled",
    }
    assert [e.message for e in nginx.errors if e.fatal] == [
        'open() "/etc/nginx/sites-enabled/gone" failed: a link to nothing'
    ]


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("shop.bak", "shop"), ("shop~", "shop"), ("shop.conf.save", "shop.conf"), ("shop.conf.save.1", "shop.conf"),
        ("shop.dpkg-old", "shop"), ("shop.bak2", "shop"), ("shop.bak.20240101", "shop"), ("shop", ""),
        ("shop.conf", ""),
        ("old.shop.test", ""), ("shop2", ""), ("bak", ""),
    ],
)  # fmt: skip
def test_leftovers_by_name(name: str, original: str) -> None:
    assert original_of(name) == original


# Processes and times

START = BOOT + 1000


def changed(host: MemoryHost) -> object:
    return look(host).newer_files


def running(site_text: str = SITE) -> MemoryHost:
    host = machine(site_text)
    host.run_nginx(START)
    return host


def test_nothing_changed_since_the_start() -> None:
    assert isinstance(changed(running()), Absent)


def test_a_file_written_after_the_oldest_worker_started() -> None:
    host = running()
    host.touch("/etc/nginx/sites-available/shop", mtime=START + 10)  # the second worker is younger than that
    found = changed(host)
    assert isinstance(found, Known)
    assert found.value == ("/etc/nginx/sites-available/shop",)
    assert "pid 101" in found.places[-1].note


def test_a_switched_link_and_a_new_site() -> None:
    host = running()
    host.link("/etc/nginx/sites-enabled/new", "../sites-available/shop", time=START + 5)
    found = changed(host)
    assert isinstance(found, Known)
    assert found.value == ("/etc/nginx/sites-enabled/new",)


def test_a_removed_site_is_seen_by_the_directory_of_links() -> None:
    host = running()
    host.touch("/etc/nginx/sites-enabled", mtime=START + 5)
    found = changed(host)
    assert isinstance(found, Known)
    assert found.value == ("/etc/nginx/sites-enabled",)


def test_a_changed_directory_of_files_proves_nothing() -> None:
    host = running()
    host.add("/etc/nginx/conf.d/a.conf", "")
    host.touch("/etc/nginx/conf.d", mtime=START + 5)
    assert isinstance(changed(host), Unknown)


def test_a_file_put_in_place_keeps_its_time_but_not_that_of_its_directory() -> None:
    host = running()
    host.touch("/etc/nginx/sites-available/shop", ctime=START + 5)
    assert isinstance(changed(host), Absent)  # chmod
    host.touch("/etc/nginx/sites-available", mtime=START + 5.01)
    assert isinstance(changed(host), Known)  # mv


def test_workers_that_shut_down_do_not_count() -> None:
    host = machine(SITE)
    host.run_nginx(START, old=BOOT + 1)
    host.touch("/etc/nginx/nginx.conf", mtime=START - 10)
    nginx = look(host)
    assert isinstance(nginx.newer_files, Absent)
    assert isinstance(nginx.old_workers, Known)
    assert [p.pid for p in nginx.old_workers.value] == [99]
    assert isinstance(nginx.workers, Known)
    assert [p.pid for p in nginx.workers.value] == [101, 102]
    assert nginx.uid == Known(33, nginx.uid.places)


def test_the_user_when_nginx_does_not_run() -> None:
    nginx = look(machine(SITE))
    assert isinstance(nginx.master, Absent)
    assert isinstance(nginx.user, Known)
    assert nginx.user.value == "www-data"
    assert isinstance(nginx.uid, Known)
    assert isinstance(nginx.gids, Known)
    assert (nginx.uid.value, nginx.gids.value) == (33, frozenset({33, 1001}))


def test_an_nginx_in_a_container_is_another_one() -> None:
    host = machine(SITE)
    host.process_of(1, 0, "/sbin/init", BOOT, comm="systemd", unit="init.scope")
    host.process_of(500, 400, "nginx: master process nginx -g daemon off;", START, unit="docker-abc.scope", mounts=7)
    assert isinstance(look(host).master, Absent)
    host.process_of(600, 1, "nginx: master process /usr/sbin/nginx", START, unit="nginx.service", mounts=8)
    master = look(host).master
    assert isinstance(master, Known)
    assert master.value.pid == 600


def test_the_main_file_of_the_running_master() -> None:
    host = machine(SITE)
    host.add("/opt/nginx/nginx.conf", "events {}\nhttp { server { server_name opt.test; } }\n")
    host.process_of(100, 1, "nginx: master process /usr/sbin/nginx -c /opt/nginx/nginx.conf", START)
    assert only(look(host)).names == ("opt.test",)


def test_an_nginx_below_a_prefix_of_its_own() -> None:
    """The nginx on the path is another one, or there is none: what that says of itself does not hold here."""
    host = machine(SITE)
    host.add("/opt/nginx/conf/nginx.conf", "error_log logs/e.log;\nhttp { include vhosts/*; }\n")
    host.add("/opt/nginx/conf/vhosts/opt", "server { server_name opt.test; root html; }\n")
    host.process_of(100, 1, "nginx: master process /opt/nginx/sbin/nginx", START)
    found = look(host)
    assert only(found).names == ("opt.test",)
    assert isinstance(found.version, Unknown)
    assert isinstance(found.error_log, Known)
    assert found.error_log.value == "/opt/nginx/logs/e.log"
    host.table.clear()
    host.process_of(100, 1, "nginx: master process /opt/nginx/sbin/nginx -p /srv/web/ -c conf/shop.conf", START)
    host.add("/srv/web/conf/shop.conf", "http { server { server_name web.test; } }\n")
    found = look(host)
    assert only(found).names == ("web.test",)
    assert isinstance(found.error_log, Known)
    assert found.error_log.value == "/srv/web/logs/error.log"


def test_an_nginx_runs_whose_files_are_not_found() -> None:
    host = MemoryHost()
    host.process_of(100, 1, "nginx: master process /opt/nginx/sbin/nginx", START)
    found = look(host)
    assert isinstance(found.main_file, Unknown)
    assert isinstance(found.error_log, Unknown)


def test_no_nginx_at_all() -> None:
    host = MemoryHost()
    host.version = Missing()
    nginx = look(host)
    assert isinstance(nginx.version, Absent)
    assert isinstance(nginx.main_file, Absent)
    assert nginx.servers == ()
    assert nginx.errors == ()


def test_what_cannot_be_seen_is_unknown() -> None:
    host = machine(SITE)
    host.version = Unseen("timed out after 5 s", Cause.TIMED_OUT)
    host.processes = lambda: Unseen("permission denied", Cause.NEEDS_ROOT)  # type: ignore[method-assign]
    nginx = look(host)
    assert isinstance(nginx.version, Unknown)
    assert isinstance(nginx.master, Unknown)
    assert isinstance(nginx.newer_files, Unknown)
    assert isinstance(nginx.listen_conflict, Unknown)


def test_a_failed_unit_says_why() -> None:
    unit = make(
        Unit,
        name="nginx.service",
        active_state=Known("failed"),
        result=Known("exit-code"),
        exec_main_status=Known(1),
    )
    host = machine(SITE)
    failed = collect(host, Known(unit), table(host)).unit_failed
    assert isinstance(failed, Known)
    assert failed.value == "nginx.service failed (exit-code, status 1)"
    assert isinstance(look(machine(SITE)).unit_failed, Absent)


def test_another_process_on_the_port() -> None:
    host = machine(SITE)
    row = "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0\n"
    host.add("/proc/net/tcp", "  sl  local_address ...\n" + row)
    host.process_of(77, 1, "/usr/sbin/apache2", BOOT, comm="apache2", sockets=(4242,))
    conflict = look(host).listen_conflict
    assert isinstance(conflict, Known)
    assert conflict.value == "port 80 is held by apache2 (pid 77)"
    # It runs and was told of that port later: it reloads in vain.
    host.run_nginx(START)
    assert isinstance(look(host).listen_conflict, Known)
    host.table = [replace(record, sockets=(4242,)) if record.line.pid == 100 else record for record in host.table]
    assert isinstance(look(host).listen_conflict, Absent)


# Repositories


def repository(**files: str) -> Nginx:
    paths = {"/repo/" + path.replace("__", "/"): text for path, text in files.items()}
    host = MemoryHost(paths, kind=TargetKind.TREE)
    return collect(host, Absent(), table(host))


def test_a_site_of_a_repository() -> None:
    nginx = repository(deploy__shop=SITE)
    location = locate(nginx, "/")
    assert addresses(location)[0] == "unix:/run/shop/gunicorn.sock"
    assert isinstance(nginx.newer_files, Unknown)
    assert nginx.errors == ()


def test_a_file_of_locations_is_a_server_without_names() -> None:
    server = only(repository(deploy__shop="location / { proxy_pass http://127.0.0.1:1; }"))
    assert (server.names, server.listens) == ((), ())
    assert addresses(server.locations[0]) == ["127.0.0.1:1"]


def test_an_included_file_is_not_judged_twice() -> None:
    nginx = repository(
        deploy__shop="server { listen 80; include snippets/app.conf; }",
        deploy__snippets__app="",
        deploy__app="",
        **{"deploy__snippets__app.conf": "location / { proxy_pass http://127.0.0.1:1; }"},
    )
    served = [s for s in nginx.servers if s.locations]
    assert len(served) == 1
    assert addresses(served[0].locations[0]) == ["127.0.0.1:1"]


def test_debians_proxy_params_are_known_in_a_repository() -> None:
    headers = locate(
        repository(deploy__shop="server { location / { include proxy_params; proxy_pass http://127.0.0.1:1; } }"), "/"
    ).headers
    assert isinstance(headers, Known)
    assert dict(headers.value)["x-forwarded-proto"] == "$scheme"
    assert headers.places[0].line == 1


def test_an_include_that_is_not_in_the_repository_leaves_values_unknown() -> None:
    body = "location / { include snippets/proxy-headers.conf; proxy_pass http://127.0.0.1:1; }"
    nginx = repository(deploy__shop=f"server {{ include /etc/letsencrypt/options-ssl-nginx.conf; {body} }}")
    location = locate(nginx, "/")
    assert isinstance(location.headers, Unknown)
    assert addresses(location) == ["127.0.0.1:1"]
    assert nginx.errors == ()


def test_alternatives_in_a_repository_do_not_shadow_or_clash() -> None:
    text = "server { listen 80 default_server; server_name shop.test; location / { proxy_pass http://127.0.0.1:1; } }"
    nginx = repository(a__nginx=text, b__nginx=text)
    assert nginx.errors == ()
    assert all(isinstance(s.shadowed, Absent) for s in nginx.servers)


def test_a_main_file_and_its_sites_in_a_repository() -> None:
    nginx = repository(
        **{
            "deploy__nginx.conf": "events {}\nhttp { client_max_body_size 9m; include /etc/nginx/sites-enabled/*; }",
            "deploy__sites-available__shop": SITE,
        }
    )
    limit = locate(nginx, "/").body_limit
    assert isinstance(limit, Known)
    assert limit.value == 9 << 20


def test_fatal_in_a_repository_too() -> None:
    nginx = repository(
        deploy__a="http { server { listen 443 ssl; } }", deploy__b="server { location / { proxy_pass 127.0.0.1:1; } }"
    )
    assert [e.fatal for e in nginx.errors] == [True, True]


# Small things


@pytest.mark.parametrize(
    ("written", "value"), [("60", 60.0), ("1m30s", 90.0), ("500ms", 0.5), ("2h", 7200.0), ("1d 12h", 129600.0)]
)
def test_times(written: str, value: float) -> None:
    assert seconds((written,)) == value


@pytest.mark.parametrize("written", ["", "x", "1x", "1s1m", "m", "-1", "1.5s"])
def test_no_times(written: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is what was written
        seconds((written,))


@pytest.mark.parametrize(("written", "value"), [("0", 0), ("8k", 8192), ("16M", 16 << 20), ("1g", 1 << 30)])
def test_sizes(written: str, value: int) -> None:
    assert size((written,)) == value


def test_variables_without_end_are_expanded_to_an_end() -> None:
    assert expand("http://$a", {"$a": ("$b",), "$b": ("$a",)}).startswith("http://$")


def _questions(monkeypatch: pytest.MonkeyPatch, sites: int) -> int:
    host = machine()
    for i in range(sites):
        host.add(f"/etc/nginx/sites-enabled/site{i}", SITE.replace("shop", f"shop{i}"))
    asked = 0
    read = host.read

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        return read(*arguments, **options)

    monkeypatch.setattr(host, "read", counted)
    nginx = look(host)
    assert len(nginx.servers) == sites
    assert nginx.errors == ()
    return asked


def test_each_site_is_read_as_often_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = _questions(monkeypatch, 50), _questions(monkeypatch, 200)
    assert many - few <= 150 * 3


def test_includes_that_multiply_come_to_an_end() -> None:
    host = machine()
    for i in range(30):
        inner = f"include /etc/nginx/n/{i + 1};\n" * 2 if i < 29 else "add_header A b;"
        host.add(f"/etc/nginx/n/{i}", inner)
    host.add("/etc/nginx/conf.d/n.conf", "include /etc/nginx/n/0;\n")
    nginx = look(host)
    assert [error.message for error in nginx.errors if "includes multiply" in error.message]
    assert not any(error.fatal for error in nginx.errors)


def test_blocks_in_one_another_come_to_an_end() -> None:
    host = machine()
    host.add("/etc/nginx/conf.d/n.conf", "server { listen 81; " + "location / { " * 5000 + "}" * 5000 + "}\n")
    assert look(host).servers


def test_braces_within_words_are_a_part_of_them() -> None:
    (directive,) = parse("/n", "set $a " + "x}" * 100_000 + ";\n").directives
    assert directive.args == ("$a", "x}" * 100_000)


@pytest.mark.parametrize("blank", ["\u00a0", "\u2028", "\x0b", "\x0c"])
def test_what_only_looks_blank_is_a_part_of_a_word(blank: str) -> None:
    first, second = parse("/n", f"server_name a{blank}b;\nlisten 80;\n").directives
    assert first.args == (f"a{blank}b",)
    assert second.place.text == "listen 80;"


def test_a_word_is_what_nginx_makes_of_its_backslashes() -> None:
    (directive,) = parse("/n", r"""return 200 "a\tb\\c\"d\.e";""").directives
    assert directive.args == ("200", 'a\tb\\c"d\\.e')


def test_a_site_that_only_root_may_read_is_no_fault_of_the_file(tmp_path: Path) -> None:
    """Asked by somebody who is not root, in a process of its own: the file is seen to be there."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    main, site = tmp_path / "nginx.conf", tmp_path / "shop.conf"
    main.write_text(f"http {{ include {site}; }}\n")
    site.write_text("server { listen 80; }\n")
    site.chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    assert include.load(LiveHost(), str(main)).errors == ()
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os.write(writing, repr(include.load(LiveHost(), str(main)).errors).encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    with open(reading) as told:
        message = f'"{site}" could not be read: permission denied reading {site} (run with sudo)'
        error = ConfigError(str(main), 1, message, fatal=False, cause=Cause.NEEDS_ROOT, about=str(site))
        assert told.read() == repr((error,))
