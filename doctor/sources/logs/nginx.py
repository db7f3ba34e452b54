"""nginx's error log: what became of requests to one app."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from itertools import takewhile
from typing import Final

from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind, parse_upstream, tcp
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Content, FileType, Host, Missing, Stat, TargetKind, TextKind, Unseen
from doctor.sources.logs.model import LogEvent, NginxLog
from doctor.sources.logs.nginx_lines import Record, records

TAIL = 1 << 20
"""Bytes read from the end of each log."""

_FAILED = r"[a-z0-9_]+\(\)(?: (?:to )?(?:[^ \"]+|\"[^\"]*\"))? failed \({}: [^)]*\)"
_TO_UPSTREAM = r"[A-Za-z ]*\bupstream"


@frozen
class _Kind:
    """One kind of event: the whole of what nginx says, and during which action, as regular expressions."""

    field: str
    what: str
    action: str = ".*"


_KINDS: Final = (
    _Kind("refused", _FAILED.format(111), "connecting to upstream"),
    _Kind("missing", _FAILED.format(2), "connecting to upstream"),
    _Kind("denied", _FAILED.format(13), "connecting to upstream"),
    _Kind("backlog_full", _FAILED.format(11), "connecting to upstream"),
    _Kind("timed_out", r"upstream timed out \(110: [^)]*\)"),
    _Kind("closed", r"upstream prematurely closed (?:connection|FastCGI \w+)"),
    _Kind("reset", _FAILED.format("(?:104|32)"), _TO_UPSTREAM),
    _Kind("header_too_big", r"upstream sent too big header"),
    _Kind("tls_mismatch", r"SSL_do_handshake\(\) failed .*", "SSL handshaking to upstream"),
    _Kind("tls_mismatch", r"peer closed connection in SSL handshake.*", "SSL handshaking to upstream"),
    _Kind("no_valid_header", r"upstream sent (?:no valid HTTP/\d\.\d header|invalid header|unsupported).*"),
    _Kind("no_live_upstreams", "no live upstreams", "connecting to upstream"),
    _Kind("body_too_large", r"client intended to send too large (?:chunked )?body: [\d+]+ bytes"),
    _Kind("static_denied", r'open\(\) "[^"]*" failed \(13: [^)]*\)', ""),
    _Kind("static_missing", r'open\(\) "[^"]*" failed \(2: [^)]*\)', ""),
    _Kind("not_a_directory", r'open\(\) "[^"]*" failed \(20: [^)]*\)', ""),
    _Kind("connections_exhausted", r"(?:\d+ )?worker_connections are not enough.*"),
    _Kind("connections_exhausted", _FAILED.format(24)),
    _Kind("failed", r"[^\"]+", _TO_UPSTREAM),
    _Kind("failed", r"no resolver defined to resolve .*|.+ could not be resolved \(\d+: [^)]*\)"),
    _Kind("failed", r"(?:no host|invalid (?:port|host)) in upstream .*|invalid URL prefix in .*"),
    _Kind("failed", r"rewrite or internal redirection cycle.*"),
    _Kind("failed", _FAILED.format("(?:13|28|30)"), r"reading (?:client request body|upstream)"),
)
"""The first that fits names the event; those of `failed` are what remains of failed requests."""

_GLOBAL: Final = frozenset({"connections_exhausted"})
"""Of nginx as a whole."""


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    return tuple((kind.field, re.compile(kind.what), re.compile(kind.action)) for kind in _KINDS)


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
        return _all(Unknown("a repository has no logs of nginx", Cause.OUTSIDE))
    if isinstance(error_logs, Absent):
        return _all(error_logs)
    zone = _zone(host)
    if isinstance(zone, Unknown):
        return _all(zone)
    wanted = _Wanted(peers, server_names)
    first = datetime.fromtimestamp(int(since), zone).strftime("%Y/%m/%d %H:%M:%S")
    found: dict[str, list[tuple[Record, str]]] = {}
    unseen: Unknown | None = None if error_logs else Unknown("the error log of nginx is not known", Cause.NOT_FOUND)
    for path in error_logs:
        lines = _lines(host, path, first)
        if isinstance(lines, Unknown):
            unseen = lines
            continue
        for line in lines:
            if workers and line.pid not in workers:
                continue
            name = _kind(line)
            if name and (name in _GLOBAL or wanted.concerns(line, name)):
                found.setdefault(name, []).append((line, path))
    nothing: Fact[LogEvent] = unseen or ABSENT
    return NginxLog(**{field.name: _event(found.get(field.name, []), zone) or nothing for field in fields(NginxLog)})


def _all(fact: Fact[LogEvent]) -> NginxLog:
    return NginxLog(**{field.name: fact for field in fields(NginxLog)})


def _lines(host: Host, path: str, first: str) -> list[Record] | Unknown:
    """What nginx wrote at `first` and later, newest first. The workers write in order but for a second or so."""
    if not path.startswith("/") or path in ("/dev/stderr", "/dev/stdout", "/dev/null"):
        return Unknown(f"nginx logs errors to {path}", Cause.ELSEWHERE, (Place(note=f"error_log {path}"),))
    content = host.read(path, TextKind.LOG, limit=TAIL, tail=True)
    if isinstance(content, Missing):
        return []
    if isinstance(content, Unseen):
        return Unknown.of(content, (Place(path=path),))
    return list(takewhile(lambda record: record.stamp >= first, records(content.text)))


def _kind(record: Record) -> str:
    if not record.severe:
        return ""
    return next(
        (name for name, what, action in _patterns() if what.fullmatch(record.what) and action.fullmatch(record.action)),
        "",
    )


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

    def concerns(self, record: Record, kind: str) -> bool:
        if record.upstream:
            names = _canonical(record.upstream)
            if self._peers & names:
                return True
            if any(isinstance(name, Address) and name.path.startswith(self._sockets) for name in names):
                return True
        if record.upstream and kind != "no_live_upstreams":
            return False
        return record.server in self._names


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


def _event(lines: list[tuple[Record, str]], zone: tzinfo) -> Known[LogEvent] | None:
    if not lines:
        return None
    lines.sort(key=lambda item: item[0].stamp)
    (oldest, _), (newest, path) = lines[0], lines[-1]
    return Known(
        LogEvent(len(lines), _time(oldest.stamp, zone), _time(newest.stamp, zone), newest.text),
        (Place(path=path, text=newest.text),),
    )


def _time(stamp: str, zone: tzinfo) -> float:
    """Seconds since the epoch; 0 for a day that no calendar has."""
    try:
        return datetime.strptime(stamp, "%Y/%m/%d %H:%M:%S").replace(tzinfo=zone).timestamp()
    except ValueError:
        return 0.0


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
        return Unknown("the time zone nginx logs in is not known", Cause.NOT_FOUND)
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return _fixed(name) or Unknown(f"the time zone {name} is not known here", Cause.NOT_FOUND)


def _fixed(name: str) -> tzinfo | None:
    """Etc/GMT+3 and the like need no database; the sign is the other way round there."""
    match = re.fullmatch(r"Etc/GMT([+-]\d{1,2})", name)
    return timezone(timedelta(hours=-int(match[1]))) if match else None
