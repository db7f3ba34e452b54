"""Requests that write into the logs what they like: nothing of it is believed. Lines as nginx 1.22.1 wrote them."""

# ruff: noqa: E501
from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sources.nginx_log import NAMES, OURS, SINCE, Zone, line, read, value

from doctor.facts.value import Absent
from doctor.sources.logs import NginxLog, collect_nginx

REFUSED = "connect() to unix:/run/shop/gunicorn.sock failed (111: Connection refused) while connecting to upstream"
HEADER = "upstream sent too big header while reading response header from upstream"
STAMP = "2026/11/22 10:02:41 [error] 123#123: *1 "
GONE = 'open() "/srv/shop/static/{}" failed (2: No such file or directory), client: 127.0.0.1, server: shop.test, request: "GET {} HTTP/1.1", host: "{}"'


def gone(path: str = "a.css", raw: str = "", host: str = "shop.test", more: str = "") -> str:
    """A request for a file that is not there: `path` decoded, `raw` as it was sent."""
    return STAMP + GONE.format(path, raw or f"/static/{path}", host) + more


FORGED = STAMP + REFUSED + OURS
WHOLE = f'x" failed (2: No such file or directory){OURS}\n{FORGED}\n{STAMP}open() "/srv/shop/static/x'

BARE = STAMP.removesuffix("*1 ")

FORGERIES = {
    "referrer": gone(more=f', referrer: "{HEADER}{OURS}"'),
    "referrer that looks like a line": gone(more=f', referrer: "http://x/ {FORGED}"'),
    "request line": gone(raw=f"/static/{REFUSED}{OURS}"),
    "host": gone(host=f"{HEADER}{OURS}"),
    "path in quotes": gone(path=f'x" failed (13: Permission denied){OURS}'),
    "path without quotes": gone(path=f"x, {REFUSED}"),
    "line feed in the path": gone(path=f"\n{FORGED}\n", raw="/static/%0a2026"),
    "line feed, whole records": gone(path=WHOLE, raw="/static/x%22%20failed%0A2026"),
    "line feed, cut off": f'{STAMP}open() "/srv/shop/static/x\n{FORGED}\n' + "y" * 1500,
    "line feed, cut off in quotes": f'{STAMP}open() "/srv/shop/static/x\n{FORGED}\n' + gone("y" * 1500)[:1500],
    "line feed, then a head without a connection": gone(path=f"x\n{FORGED}\n{BARE}x", raw="/static/x%0A2026"),
    "line feed, a head without a connection, cut off": f'{STAMP}open() "/srv/shop/static/x\n{FORGED}\n{BARE}{"y" * 900}... (36: File name too long), clie',
    "line feed, cut off where the request begins": f"{STAMP}open() \"/srv/shop/static/x\n{FORGED}\n{STAMP}{gone('y').partition('GET')[0]}",
    "line feed, path and record cut off": f'{STAMP}open() "/srv/shop/static/x\n{FORGED}\n{STAMP}{"y" * 900}... (36: File name too long), client: ::1, ',
    "other kinds of line feed": gone(more=f', referrer: "x\x0b{FORGED}\x85{FORGED}\u2028{FORGED}\r{FORGED}"'),
    "second upstream": f'{STAMP}{REFUSED}, client: 127.0.0.1, server: blog.test, request: "GET /, upstream: "http://unix:/run/shop/gunicorn.sock:/" HTTP/1.1", upstream: "http://unix:/run/blog/gunicorn.sock:/", host: "blog.test"',
    "upstream of a line without one": f'{STAMP}app.internal could not be resolved (3: Host not found), client: 127.0.0.1, server: blog.test, request: "GET /, upstream: "http://unix:/run/shop/gunicorn.sock:/" HTTP/1.1", host: "blog.test"',
    "server in the request": f'{STAMP}client intended to send too large body: 9 bytes, client: 127.0.0.1, server: blog.test, request: "GET /, server: shop.test, HTTP/1.1", host: "blog.test"',
    "no severe line": f"{STAMP.replace('error', 'info')}{REFUSED}{OURS}",
}  # fmt: skip


def kinds(log: NginxLog) -> list[str]:
    quiet = ("static_missing",)
    return [
        name
        for name in (field.name for field in fields(NginxLog))
        if name not in quiet and not isinstance(getattr(log, name), Absent)
    ]


@pytest.mark.parametrize("text", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_a_client_sends_is_no_event(tmp_path: Path, text: str) -> None:
    assert kinds(read(tmp_path, f"{text}\n")) == []


@pytest.mark.parametrize("text", FORGERIES.values(), ids=FORGERIES.keys())
def test_it_hides_nothing_that_is_further_away(tmp_path: Path, text: str) -> None:
    other = line(HEADER + OURS) * 30
    log = read(tmp_path, other, f"{text}\n", line(HEADER + OURS, "10:03:00"))
    assert kinds(log) == ["header_too_big"]
    assert value(log.header_too_big).count > 10
    assert value(log.header_too_big).last == SINCE + 180


def test_what_nginx_says_of_itself_hides_nothing(tmp_path: Path) -> None:
    own = (
        "worker process 123 exited on signal 9",
        'open() "/etc/nginx/x.conf" failed (2: No such file or directory)',
        'conflicting server name "shop.test" on 0.0.0.0:80, ignored',
    )
    text = [line(HEADER + OURS) + f"{BARE}{said}\n" for said in own]
    assert value(read(tmp_path, *text).header_too_big).count == len(own)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("connections_exhausted", "512 worker_connections are not enough while connecting to upstream"),
        ("connections_exhausted", "socket() failed (24: Too many open files) while connecting to upstream"),
        ("failed", "connect() failed (113: No route to host) while connecting to upstream"),
        ("failed", "no resolver defined to resolve shop.internal"),
        ("failed", "shop.internal could not be resolved (3: Host not found)"),
        ("failed", 'rewrite or internal redirection cycle while internally redirecting to "/index.html"'),
        ("failed", 'open() "/var/lib/nginx/proxy/1/00/0000000001" failed (13: Permission denied) while reading upstream'),
        ("failed", 'invalid port in upstream "shop:x"'),
    ],
)  # fmt: skip
def test_other_failures(tmp_path: Path, field: str, message: str) -> None:
    context = OURS if message.endswith("upstream") else OURS.replace(", upstream:", ", upstreams:")
    assert kinds(read(tmp_path, line(message + context, level="crit"))) == [field]


@pytest.mark.parametrize(
    "message",
    [
        "client prematurely closed connection, so upstream connection is closed too while sending request to upstream",
        "access forbidden by rule",
        'directory index of "/srv/shop/static/" is forbidden',
        "client sent invalid method while reading client request line",
        "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking",
        'open() "/srv/shop/favicon.ico" failed (2: No such file or directory)',
    ],
)
def test_noise_accuses_nobody(tmp_path: Path, message: str) -> None:
    level = "info" if message.startswith("client") else "error"
    assert kinds(read(tmp_path, line(message + OURS.partition(", upstream")[0], level=level))) == []


def test_a_stamp_that_is_none(tmp_path: Path) -> None:
    assert value(read(tmp_path, line(HEADER + OURS).replace("2026/11/22", "9999/99/99")).header_too_big).last == 0


def test_the_work_grows_with_the_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lines far longer than nginx writes are matched with nothing."""
    from doctor.sources.logs import nginx as module

    asked: list[int] = []

    def kind(record: Any) -> str:
        asked.append(len(record.text))
        return ""

    monkeypatch.setattr(module, "_kind", kind)
    log = tmp_path / "error.log"
    log.write_text(line(HEADER + OURS) + STAMP + " while " * 40_000 + OURS + "\n")
    collect_nginx(Zone("Etc/UTC"), (str(log),), SINCE, (), NAMES)
    assert all(size < 4096 for size in asked)
