"""nginx's error log by its own grammar: what nginx says, kept apart from what clients send.

    2026/11/22 10:02:41 [error] 123#123: *7 MESSAGE while ACTION, client: A, server: N, request: "R", upstream: "U",
    host: "H", referrer: "F"

(`ngx_log_error_core`, `ngx_http_log_error`, `ngx_http_log_error_handler`). nginx escapes nothing: R, H and F are as the
client wrote them and may hold any of these words; a path in MESSAGE is decoded and may hold line feeds, and so whole
lines of any content. So only what a client cannot have written is taken: what stands before `, client: ` and, of the
fields, those that stand once. A line that may be a part of a longer record is no line of nginx's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from doctor.frozen import frozen

_LONGEST = 4096
"""Characters: a record has 2048 bytes (NGX_MAX_ERROR_STR), and taking secrets out may have made it longer."""
_SEVERE = frozenset({"error", "crit", "alert", "emerg"})
_FIELDS = (", client: ", ", server: ", ", upstream: ")


@frozen
class Record:
    """One line that nginx wrote. `stamp` as written: local time, comparable as text.

    `what` and `action` are MESSAGE and ACTION, "" without one. `server` is "" where the line has none, `upstream` also
    where a client may have written it.
    """

    stamp: str
    pid: int
    severe: bool
    """At [error] or above."""
    what: str
    action: str
    server: str
    upstream: str
    text: str


@cache
def _head() -> re.Pattern[str]:
    return re.compile(
        r"(?P<stamp>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]+)\] (?P<pid>\d{1,10})#\d+: (?P<conn>\*\d+ )?"
    )


@cache
def _context() -> re.Pattern[str]:
    return re.compile(r'(?P<client>[^,"]*)(?:, server: (?P<server>[^,"]*))?(?P<rest>, [a-z]+: ".*)?', re.DOTALL)


@cache
def _upstream() -> re.Pattern[str]:
    return re.compile(r', upstream: "(?:\w+://)?(?P<target>unix:[^":]*|[^"/]*)')


def records(text: str) -> Iterator[Record]:
    """What nginx wrote, newest first."""
    hidden = 0  # characters above this line that may belong to a record that ends below
    for line in reversed(text.split("\n")):
        size = len(line) + 1
        if line and _may_end_another(line):
            hidden = max(hidden, _LONGEST)
        elif not hidden and (record := _record(line)):
            yield record
        hidden = max(hidden - size, 0)


def _may_end_another(line: str) -> bool:
    """Does the record that ends here perhaps begin on a line above?

    It does without a head, and where it was cut off: in a field, or with "..." before the error (ngx_log_errno). A path
    with a line feed shows in the request as `%0a`. Who forges a head leaves out the number of the connection at will,
    but what nginx says without one never names a client.
    """
    head = _head().match(line)
    if head is None:
        return True
    said = line[head.end() :]
    if "... (" in said:
        return True
    if head["conn"] is None:
        return ", client: " in said
    return ('"' in said and not said.endswith('"')) or said.endswith(': "') or "%0a" in said.lower()


def _record(line: str) -> Record | None:
    head = _head().match(line)
    if head is None or len(line) > _LONGEST:
        return None
    message, client, rest = line[head.end() :].partition(", client: ")
    if client and any(f"{client}{rest}".count(field) > 1 for field in _FIELDS):
        return None  # one of them is a client's
    fields = _context().fullmatch(rest) if client else None
    if client and fields is None:
        return None
    what, action = message, ""
    if '"' not in message.rpartition(" while ")[2]:
        what, _, action = message.rpartition(" while ") if " while " in message else (message, "", "")
    # Before a peer is chosen the line has no such field of nginx's own (ngx_http_log_error_handler: u->peer.name).
    target = _upstream().search(fields["rest"] or "") if fields and action.endswith("upstream") else None
    return Record(
        stamp=head["stamp"],
        pid=int(head["pid"]),
        severe=head["level"] in _SEVERE,
        what=what,
        action=action,
        server=((fields["server"] or "") if fields else "").lower(),
        upstream=target["target"] if target else "",
        text=line,
    )
