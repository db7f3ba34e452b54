"""nginx's access logs: answers of the 5xx kind that a broken app gives, where it can be told whose they are.

Read in nginx's own format `combined`, which escapes what clients send: a quote in it is nginx's. 503 is said on purpose
(a limit, maintenance) and no failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from doctor.facts.value import ABSENT, Fact, Known, Place
from doctor.hosts.base import Content, Host, TextKind
from doctor.sources.logs.model import AccessLog, LogEvent

TAIL = 1 << 16
"""Bytes read from the end of each log."""
_LONGEST = 4096


@cache
def _line() -> re.Pattern[str]:
    return re.compile(
        r'[^ ]+ - [^"]*\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "[^"]*" '
        r'(?P<status>\d{3}) \d+ "[^"]*" "[^"]*"(?: "[^"]*")?'
    )


def collect(host: Host, path: str, apps: tuple[str, ...], since: float) -> AccessLog | None:
    """Answers since `since` (seconds since the epoch) that an access log has; None where it cannot be read.

    `apps`: to whom the requests of this log go, by name.
    """
    content = host.read(path, TextKind.LOG, limit=TAIL, tail=True)
    if not isinstance(content, Content):
        return None
    found: dict[str, list[tuple[float, str]]] = {"500": [], "502": [], "504": []}
    for time, status, text in _newest(content.text, since):
        if status in found:
            found[status].append((time, text))
    return AccessLog(
        path=path,
        apps=apps,
        internal_errors=_event(found["500"], path),
        bad_gateways=_event(found["502"], path),
        gateway_timeouts=_event(found["504"], path),
    )


def _newest(text: str, since: float) -> Iterator[tuple[float, str, str]]:
    """Time, status and the line; from the end to the first that is too old."""
    for line in reversed(text.split("\n")):
        match = _line().fullmatch(line) if len(line) <= _LONGEST else None
        if match is None:
            continue
        try:
            time = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        except (ValueError, OverflowError):
            continue
        if time < since:
            return
        yield time, match["status"], line


def _event(lines: list[tuple[float, str]], path: str) -> Fact[LogEvent]:
    """`lines` newest first."""
    if not lines:
        return ABSENT
    (newest, text), (oldest, _) = lines[0], lines[-1]
    return Known(LogEvent(len(lines), oldest, newest, text), (Place(path=path, text=text),))
