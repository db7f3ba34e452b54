"""Why nginx did not start the last time: its own word, in the journal of its unit."""

from __future__ import annotations

import re
from functools import cache

from doctor.cause import Cause, doubt
from doctor.facts.value import ABSENT, Fact, Known, Origin, Unknown
from doctor.hosts import commands
from doctor.hosts.base import Host, Missing, Output, Stat, Unseen
from doctor.sources.logs.entries import Entry, from_journal
from doctor.sources.systemd import Unit

_LINES = 200
_LOOK_BACK = 30 * 86_400.0
"""Seconds: a server that was never restarted since its last fault is not rare."""
_ENDED_WHILE_IT_RAN = frozenset({"signal", "core-dump", "oom-kill", "watchdog"})
"""Results (Result=) of a service that had started."""


def start_failure(host: Host, unit: Unit, *, ports_free: bool) -> Fact[str]:
    """What a unit of nginx that has failed did not start of, in nginx's words, at the line of its journal.

    Absent: it had started and was killed, or the reason is known to be gone: a port that was taken is free
    (`ports_free`), or the file that nginx names was written since. Unknown: the journal does not tell.
    """
    if unit.result.or_("") in _ENDED_WHILE_IT_RAN:
        return ABSENT
    output = host.run(commands.journal(unit.name, max(host.now() - _LOOK_BACK, 0.0), _LINES, newest=True))
    if not isinstance(output, Output):
        return Unknown.of(doubt(output, "journalctl is not installed", Cause.NOT_FOUND))
    oldest_first = "\n".join(reversed(output.stdout.splitlines()))
    entries = [entry for entry in from_journal(oldest_first, unit.name) if entry.invocation]
    last = entries[-1].invocation if entries else ""
    own = [entry for entry in entries if entry.invocation == last and not entry.manager]
    said = [(entry, match) for entry in own if (match := _emergency().search(entry.message))]
    if not said:
        return Unknown(f"the journal of {unit.name} does not say why it failed", Cause.NOT_FOUND)
    entry, match = said[-1]
    if (ports_free and match["bind"]) or _written_since(host, match["path"] or "", entry):
        return ABSENT
    return Known(match["what"], (entry.place,), Origin.OBSERVED)


@cache
def _emergency() -> re.Pattern[str]:
    """`nginx: [emerg] host not found in upstream "x" in /etc/nginx/sites-enabled/shop:2` (ngx_conf_log_error).

    Once its log is open it begins with the time and the process: `2026/11/30 23:09:50 [emerg] 190#190: host …`.
    """
    return re.compile(
        r"^(?:nginx: \[emerg\] |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[emerg\] \d+#\d+: )(?!still could not bind)"
        r"(?P<what>(?P<bind>bind\(\) to \S{1,120} failed \(98)?.{1,1000}?(?: in (?P<path>/[^\s:]{1,250}):\d+)?)$"
    )


def _written_since(host: Host, path: str, entry: Entry) -> bool:
    seen: Stat | Missing | Unseen = host.stat(path) if path else Missing()
    return isinstance(seen, Stat) and seen.mtime > entry.time
