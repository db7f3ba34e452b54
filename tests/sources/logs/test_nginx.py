"""nginx's error log, lines as nginx 1.22.1 wrote them."""

# ruff: noqa: E501
from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from sources.nginx_log import CONTEXT, NAMES, OURS, PEERS, SINCE, Zone, line, read, value

from doctor.facts.value import Absent, Unknown
from doctor.sources.logs import NginxLog, collect_nginx


def test_without_nginx_there_is_nothing_to_read() -> None:
    log = collect_nginx(Zone("Etc/UTC"), Absent(), SINCE, PEERS, NAMES)
    assert isinstance(log.refused, Absent)
    assert isinstance(collect_nginx(Zone("Etc/UTC"), (), SINCE, PEERS, NAMES).refused, Unknown)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("missing", "connect() to unix:/run/shop/gunicorn.sock failed (2: No such file or directory) while connecting to upstream"),
        ("refused", "connect() to unix:/run/shop/gunicorn.sock failed (111: Connection refused) while connecting to upstream"),
        ("denied", "connect() to unix:/run/shop/gunicorn.sock failed (13: Permission denied) while connecting to upstream"),
        ("backlog_full", "connect() to unix:/run/shop/gunicorn.sock failed (11: Resource temporarily unavailable) while connecting to upstream"),
        ("timed_out", "upstream timed out (110: Connection timed out) while reading response header from upstream"),
        ("closed", "upstream prematurely closed connection while reading response header from upstream"),
        ("reset", "recv() failed (104: Connection reset by peer) while reading response header from upstream"),
        ("header_too_big", "upstream sent too big header while reading response header from upstream"),
        ("tls_mismatch", "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream"),
        ("no_valid_header", "upstream sent no valid HTTP/1.0 header while reading response header from upstream"),
    ],
)  # fmt: skip
def test_each_kind(tmp_path: Path, field: str, message: str) -> None:
    log = read(tmp_path, line(message + OURS), line(message + OURS, "10:03:00"))
    event = value(getattr(log, field))
    assert (event.count, event.first, event.last) == (2, SINCE + 161, SINCE + 180)
    assert event.text.startswith("2026/11/22 10:03:00 [error]")
    others = [name for name in (each.name for each in fields(NginxLog)) if name != field]
    assert all(isinstance(getattr(log, name), Absent) for name in others)


MISSING = "connect() to unix:/run/shop/gunicorn.sock failed (2: No such file or directory) while connecting to upstream"


def test_older_lines_and_other_apps_accuse_nobody(tmp_path: Path) -> None:
    other = CONTEXT.format("blog.test", "http://unix:/run/blog/gunicorn.sock:/")
    log = read(tmp_path, line(MISSING + OURS, "09:59:59"), line(MISSING.replace("shop", "blog") + other))
    assert isinstance(log.missing, Absent)


def test_lines_in_local_time(tmp_path: Path) -> None:
    berlin = read(tmp_path, line(MISSING + OURS, "10:59:59"), line(MISSING + OURS, "11:00:01"), zone="Europe/Berlin")
    assert value(berlin.missing).count == 1
    assert value(berlin.missing).last == SINCE + 1


def test_tcp_peers_and_localhost(tmp_path: Path) -> None:
    refused = "connect() failed (111: Connection refused) while connecting to upstream"
    v6 = line(refused + CONTEXT.format("shop.test", "http://[::1]:8000/"))
    v4 = line(refused + CONTEXT.format("shop.test", "http://127.0.0.1:8000/x"))
    assert value(read(tmp_path, v6, v4, peers=("localhost:8000",)).refused).count == 2
    assert value(read(tmp_path, v6, v4, peers=("127.0.0.1:8000",)).refused).count == 1
    assert isinstance(read(tmp_path, v4, peers=("127.0.0.1:80",)).refused, Absent)


def test_a_time_out_is_logged_without_a_colon_after_the_socket(tmp_path: Path) -> None:
    timed_out = "upstream timed out (110: Connection timed out) while reading response header from upstream"
    ours = CONTEXT.format("shop.test", "http://unix:/run/shop/gunicorn.sock/slow?seconds=4")
    other = CONTEXT.format("shop.test", "http://unix:/run/shop/gunicorn.sock2/slow")
    assert value(read(tmp_path, line(timed_out + ours)).timed_out).count == 1
    assert isinstance(read(tmp_path, line(timed_out + other)).timed_out, Absent)


def test_only_the_lines_of_living_workers_count(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_text(line(MISSING + OURS) + line(MISSING + OURS).replace("123#", "200#"))
    for workers, count in ((frozenset({200, 201}), 1), (frozenset[int](), 2)):
        seen = collect_nginx(Zone("Etc/UTC"), (str(log),), SINCE, PEERS, NAMES, workers)
        assert value(seen.missing).count == count


def test_var_run_is_run(tmp_path: Path) -> None:
    context = CONTEXT.format("shop.test", "http://unix:/var/run/shop/gunicorn.sock:/")
    assert value(read(tmp_path, line(MISSING + context)).missing).count == 1


def test_group_without_live_peers(tmp_path: Path) -> None:
    text = line("no live upstreams while connecting to upstream" + CONTEXT.format("shop.test", "http://shop_app/"))
    assert value(read(tmp_path, text).no_live_upstreams).count == 1
    assert value(read(tmp_path, text, names=(), peers=("shop_app",)).no_live_upstreams).count == 1
    assert isinstance(read(tmp_path, text, names=("blog.test",)).no_live_upstreams, Absent)


def test_lines_without_an_upstream_go_by_server(tmp_path: Path) -> None:
    tail = ', client: 127.0.0.1, server: {}, request: "POST /u HTTP/1.1", host: "shop.test"'
    big = "client intended to send too large body: 2097152 bytes"
    denied = 'open() "/home/shop/static/a.css" failed (13: Permission denied)'
    gone = 'open() "/srv/shop/statica.css" failed (2: No such file or directory)'
    log = read(
        tmp_path,
        *(line(m + tail.format("shop.test")) for m in (big, denied, gone)),
        line(big + tail.format("blog.test")),
    )
    assert value(log.body_too_large).count == 1
    assert value(log.static_denied).count == 1
    assert value(log.static_missing).count == 1


def test_logs_that_cannot_be_read(tmp_path: Path) -> None:
    assert isinstance(collect_nginx(Zone("Etc/UTC"), ("syslog:server=x",), SINCE, PEERS, NAMES).refused, Unknown)
    assert isinstance(collect_nginx(Zone("Etc/UTC"), (), SINCE, PEERS, NAMES).refused, Unknown)
    assert isinstance(collect_nginx(Zone("Etc/UTC"), (str(tmp_path / "none"),), SINCE, PEERS, NAMES).refused, Absent)
    assert isinstance(collect_nginx(Zone("Nowhere/None"), (), SINCE, PEERS, NAMES).refused, Unknown)


def test_a_large_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    with log.open("w") as file:
        for _ in range(30_000):
            file.write(line(MISSING + OURS, "10:01:00"))
        file.write(line(MISSING + OURS, "10:05:00"))
    event = value(collect_nginx(Zone("Etc/UTC"), (str(log),), SINCE, PEERS, NAMES).missing)
    assert 1000 < event.count < 30_000
    assert event.last == SINCE + 300
