"""nginx's error log: what became of requests to one app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

from doctor.facts.address import Address, AddressKind, parse_upstream, tcp
from doctor.facts.log.model import LogEvent, NginxLog
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Content, FileType, Host, Missing, Stat, TargetKind, TextKind, Unseen

TAIL = 1 << 20
"""Bytes read from the end of each log."""

_CONNECT = r"connect\(\)(?: to \S+)? failed \({}: [^)]*\) while connecting to upstream"

_UPSTREAM: Final = {
    "refused": _CONNECT.format(111),
    "missing": _CONNECT.format(2),
    "denied": _CONNECT.format(13),
    "backlog_full": _CONNECT.format(11),
    "timed_out": r"upstream timed out \(110: ",
    "closed": r"upstream prematurely closed (?:connection|FastCGI)",
    "reset": r"(?:recv|send|writev)\(\) failed \((?:104|32): .*upstream",
    "header_too_big": r"upstream sent too big header",
    "tls_mismatch": r"SSL_do_handshake\(\) failed .*while SSL handshaking to upstream|"
    r"peer closed connection in SSL handshake .*to upstream",
    "no_valid_header": r"upstream sent (?:no valid HTTP/\d\.\d header|invalid header|unsupported)",
    "no_live_upstreams": r"no live upstreams while connecting to upstream",
}
_SERVER: Final = {
    "body_too_large": r"client intended to send too large (?:chunked )?body",
    "static_denied": r'open\(\) "[^"]*" failed \(13: ',
    "static_missing": r'open\(\) "[^"]*" failed \(2: ',
    "not_a_directory": r'open\(\) "[^"]*" failed \(20: ',
}
_GLOBAL: Final = {
    "connections_exhausted": r"worker_connections are not enough|failed \(24: Too many open files\)",
}


@frozen
class _Line:
    """`stamp` as written: local time, comparable as text."""

    stamp: str
    pid: int
    message: str
    text: str


@cache
def _events() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern)) for name, pattern in {**_UPSTREAM, **_SERVER, **_GLOBAL}.items())


@cache
def _head() -> re.Pattern[str]:
    return re.compile(r"^(?P<stamp>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\w+\] (?P<message>(?P<pid>\d+)#.*)$")


@cache
def _upstream() -> re.Pattern[str]:
    return re.compile(r', upstream: "(?:\w+://)?(?P<target>unix:[^":]*|[^"/]*)')


@cache
def _server() -> re.Pattern[str]:
    return re.compile(r", server: (?P<name>[^,]*),")


def collect_nginx(
    host: Host,
    error_logs: tuple[str, ...] | Absent,
    since: float,
    peers: tuple[str, ...],
    server_names: tuple[str, ...],
    workers: frozenset[int] = frozenset(),
) -> NginxLog:
    """Read the end of nginx's error logs for one app.

    Args:
        host: where to look.
        error_logs: paths as in `error_log`; Absent where there is no nginx at all.
        since: seconds since the epoch, of the later start of nginx and the app: older lines accuse nobody.
        peers: what nginx sends this app's requests to: "unix:/run/x.sock", "127.0.0.1:8000", or the name of a group.
        server_names: of the server blocks that lead to this app, for lines that name no upstream.
        workers: pids whose lines count: a reload replaces the workers, and what the old ones wrote, and go on to write
            while they finish, tells of the configuration before. Empty: the lines of every process count.
    """
    if host.kind is TargetKind.TREE:
        return _all(Unknown("a repository has no logs of nginx"))
    if isinstance(error_logs, Absent):
        return _all(error_logs)
    zone = _zone(host)
    if isinstance(zone, Unknown):
        return _all(zone)
    wanted = _Wanted(peers, server_names)
    first = datetime.fromtimestamp(int(since), zone).strftime("%Y/%m/%d %H:%M:%S")
    found: dict[str, list[tuple[_Line, str]]] = {}
    unseen: Unknown | None = None if error_logs else Unknown("the error log of nginx is not known")
    for path in error_logs:
        lines = _lines(host, path, first)
        if isinstance(lines, Unknown):
            unseen = lines
            continue
        for line in lines:
            if workers and line.pid not in workers:
                continue
            name = _kind(line.message)
            if name and (name in _GLOBAL or wanted.concerns(line.message, name)):
                found.setdefault(name, []).append((line, path))
    nothing: Fact[LogEvent] = unseen or ABSENT
    return NginxLog(**{field.name: _event(found.get(field.name, []), zone) or nothing for field in fields(NginxLog)})


def _all(fact: Fact[LogEvent]) -> NginxLog:
    return NginxLog(**{field.name: fact for field in fields(NginxLog)})


def _lines(host: Host, path: str, first: str) -> list[_Line] | Unknown:
    """Lines no older than `first`, newest first."""
    if not path.startswith("/") or path in ("/dev/stderr", "/dev/stdout", "/dev/null"):
        return Unknown(f"nginx logs errors to {path}", (Place(note=f"error_log {path}"),))
    content = host.read(path, TextKind.LOG, limit=TAIL, tail=True)
    if isinstance(content, Missing):
        return []
    if isinstance(content, Unseen):
        return Unknown(content.reason, (Place(path=path),))
    return list(_newest(content, first))


def _newest(content: Content, first: str) -> Iterator[_Line]:
    """From the end to the first line that is too old; the workers write in order but for a second or so."""
    for text in reversed(content.text.splitlines()):
        match = _head().match(text)
        if match is None:
            continue
        if match["stamp"] < first:
            return
        yield _Line(match["stamp"], int(match["pid"]), match["message"], text)


def _kind(message: str) -> str:
    return next((name for name, pattern in _events() if pattern.search(message)), "")


class _Wanted:
    """Tells whether a line speaks of this app."""

    def __init__(self, peers: tuple[str, ...], server_names: tuple[str, ...]) -> None:
        self._peers = {canonical for peer in peers for canonical in _canonical(peer)}
        # Of a time-out nginx logs socket and path without the ":" between them: the peer is freed by then
        # (ngx_http_upstream_next, ngx_http_log_error_handler).
        self._sockets = tuple(
            f"{peer.path}/" for peer in self._peers if isinstance(peer, Address) and peer.kind is AddressKind.UNIX
        )
        self._names = {name.lower() for name in server_names}

    def concerns(self, message: str, kind: str) -> bool:
        target = _upstream().search(message)
        if target:
            names = _canonical(target["target"])
            if self._peers & names:
                return True
            if any(isinstance(name, Address) and name.path.startswith(self._sockets) for name in names):
                return True
        if target and kind != "no_live_upstreams":
            return False
        server = _server().search(message)
        return bool(server) and server is not None and server["name"].lower() in self._names


def _canonical(peer: str) -> frozenset[Address | str]:
    """A peer in every form nginx may log it: names are resolved by then, so localhost is each of its addresses."""
    try:
        address = parse_upstream(peer)
    except ValueError:
        return frozenset({peer})
    names: set[Address | str] = {address}
    if address.host == "localhost":
        names |= {tcp("127.0.0.1", address.port), tcp("::1", address.port)}
    if ":" not in peer:
        names.add(peer)
    return frozenset(names)


def _event(lines: list[tuple[_Line, str]], zone: tzinfo) -> Known[LogEvent] | None:
    if not lines:
        return None
    lines.sort(key=lambda item: item[0].stamp)
    (oldest, _), (newest, path) = lines[0], lines[-1]
    return Known(
        LogEvent(len(lines), _time(oldest.stamp, zone), _time(newest.stamp, zone), newest.text),
        (Place(path=path, text=newest.text),),
    )


def _time(stamp: str, zone: tzinfo) -> float:
    return datetime.strptime(stamp, "%Y/%m/%d %H:%M:%S").replace(tzinfo=zone).timestamp()


def _zone(host: Host) -> tzinfo | Unknown:
    """The time zone of the machine, in which nginx logs. Without /etc/localtime it is UTC (tzset(3))."""
    link = host.stat("/etc/localtime")
    if isinstance(link, Missing):
        return timezone.utc
    name = ""
    if isinstance(link, Stat) and link.type is FileType.LINK:
        name = link.target.rpartition("zoneinfo/")[2]
    if not name or name.startswith(("/", ".")):
        written = host.read("/etc/timezone", limit=256)
        name = written.text.strip() if isinstance(written, Content) else ""
    if name.removeprefix("Etc/") in ("UTC", "UCT", "Universal", "Zulu", "GMT"):
        return timezone.utc
    if not name:
        return Unknown("the time zone nginx logs in is not known")
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return _fixed(name) or Unknown(f"the time zone {name} is not known here")


def _fixed(name: str) -> tzinfo | None:
    """Etc/GMT+3 and the like need no database; the sign is the other way round there."""
    match = re.fullmatch(r"Etc/GMT([+-]\d{1,2})", name)
    return timezone(timedelta(hours=-int(match[1]))) if match else None
