"""Which lines of a unit's journal, and of its Gunicorn's own log file, count: of the last start and what led to it."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.cause import Cause
from doctor.facts.value import Fact, Known, Unknown
from doctor.hosts import commands
from doctor.hosts.base import Content, Host, Machine, Missing, Output, TextKind, Unseen
from doctor.sources.logs import patterns
from doctor.sources.logs.entries import Entry, from_file, from_journal
from doctor.sources.systemd import Unit

LINES = 1500
"""Journal entries read of one unit."""

_DAY = 86_400.0
_LOOK_BACK = 3_600.0
"""Seconds before the last start that are read too, for what led to it."""
_PAUSE = 2.0
_LONG_BOOT = 300.0
_TRIES = 2
"""Tries that fail before a service that runs for the moment counts as one that does not stay up."""
_READERS = ("systemd-journal", "adm", "wheel")
"""Groups that may read the journal of the system (systemd-journald.service(8), "Access control")."""


def ask_ahead(host: Host, unit: Unit, since: float | None) -> None:
    """Ask for the journal that `collect_unit` reads; the host keeps the answer."""
    host.run(commands.journal(unit.name, _oldest(host, unit, since), LINES))


def _oldest(host: Host, unit: Unit, since: float | None) -> float:
    started = unit.exec_main_started.or_(host.now() - _DAY)
    return max(started - _LOOK_BACK, since or 0.0, 0.0)


def journal(host: Host, unit: Unit, since: float | None) -> tuple[Entry, ...] | Unknown:
    """Entries of the chain of starts that led to the last one, oldest first."""
    started = unit.exec_main_started.or_(None)
    oldest = _oldest(host, unit, since)
    output = host.run(commands.journal(unit.name, oldest, LINES))
    text = output.stdout if isinstance(output, Output) else ""
    if text.count("\n") >= LINES:  # a talkative unit: what counts is the end
        output = host.run(commands.journal(unit.name, oldest, LINES, newest=True))
        text = "\n".join(reversed(output.stdout.splitlines())) if isinstance(output, Output) else ""
    if isinstance(output, Missing):
        return Unknown("journalctl is not installed", Cause.NOT_FOUND)
    if isinstance(output, Unseen):
        return Unknown.of(output)
    entries = from_journal(text, unit.name)
    if not entries:
        return _why_empty(host, output) or ()
    return tuple(entry for entry in _chain(entries, unit, started) if since is None or entry.time >= since)


def _why_empty(host: Host, output: Output) -> Unknown | None:
    """`journalctl --quiet` is silent about what it may not read; the groups of this process tell."""
    machine = host.machine()
    denied = Unknown("the journal is not readable (run with sudo, or join the group systemd-journal)", Cause.NEEDS_ROOT)
    if "insufficient permissions" in output.stderr.lower():
        return denied
    if isinstance(machine, Machine) and machine.euid == 0:
        if _kept(host):
            return None
        return Unknown("journald keeps no log on this machine", Cause.NOT_FOUND)
    if output.status != 0 or not _may_read(host):
        return denied
    return None


def _kept(host: Host) -> bool:
    """Does journald write files? Without any (Storage=none) an empty answer means nothing."""
    return any(
        isinstance(names := host.list(path), tuple) and names for path in ("/var/log/journal", "/run/log/journal")
    )


def _may_read(host: Host) -> bool:
    status = host.read("/proc/self/status", TextKind.KERNEL)
    groups = host.read("/etc/group")
    if not isinstance(status, Content) or not isinstance(groups, Content):
        return False
    mine = {
        gid for line in status.text.splitlines() if line.startswith(("Groups:", "Gid:")) for gid in line.split()[1:]
    }
    rows = (line.split(":") for line in groups.text.splitlines())
    return any(len(row) >= 3 and row[0] in _READERS and row[2] in mine for row in rows)


def _chain(entries: Sequence[Entry], unit: Unit, started: float | None) -> tuple[Entry, ...]:
    """From the last deliberate start on: starts that systemd repeated by itself belong together."""
    last = unit.invocation.or_("")
    runs = _runs(entries)
    recorded = any(run[0].invocation == last for run in runs if last)
    if not recorded and started is not None and _is_running(unit):
        runs = _runs([entry for entry in entries if entry.time >= int(started)])
    if not runs:
        return ()
    first = len(runs) - 1
    while first > 0 and _restarts_itself(runs[first - 1]):
        first -= 1
    return tuple(entry for run in runs[first:] for entry in run)


def _restarts_itself(run: Sequence[Entry]) -> bool:
    """Did systemd begin the next start by itself? The limit of starts ends a chain."""
    events = patterns.systemd_events()
    marks = [
        bool(events["restarts"].search(entry.message))
        for entry in run
        if entry.manager and (events["restarts"].search(entry.message) or events["start_limit"].search(entry.message))
    ]
    return bool(marks) and marks[-1]


def _is_running(unit: Unit) -> bool:
    return isinstance(unit.main_pid, Known)


def _runs(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries by invocation, in the order they began. A line without one belongs to what ran when it was written."""
    order: list[str] = []
    runs: dict[str, list[Entry]] = {}
    current = next((entry.invocation for entry in entries if entry.invocation), "")
    for entry in entries:
        current = entry.invocation or current
        if current not in runs:
            order.append(current)
            runs[current] = []
        runs[current].append(entry)
    return [runs[name] for name in order]


def _own_start(host: Host, unit: Unit, chain: Sequence[Entry] | Unknown) -> float:
    """From when on lines of Gunicorn's own file count: the last start, or the try before, where that counts too."""
    started = unit.exec_main_started.or_(0.0)
    last = [] if isinstance(chain, Unknown) else last_run(chain, host.now())
    return min(started, last[0].time) if last else started


def own_file(
    host: Host, unit: Unit, chain: Sequence[Entry] | Unknown, since: float | None, error_log: Fact[str]
) -> tuple[Entry, ...] | Unknown:
    """Lines of Gunicorn's --error-logfile since the last start; none where it writes to the journal."""
    if not isinstance(error_log, Known) or not error_log.value.startswith("/"):
        return ()
    content = host.read(error_log.value, TextKind.LOG, tail=True)
    if isinstance(content, Missing):
        return Unknown(f"Gunicorn's log {error_log.value} does not exist", Cause.NOT_FOUND, error_log.places)
    if isinstance(content, Unseen):
        return Unknown.of(content, error_log.places)
    oldest = max(int(_own_start(host, unit, chain)), since or 0.0)
    return tuple(entry for entry in from_file(content.text, error_log.value) if entry.time >= oldest)


def last_run(chain: Sequence[Entry], now: float) -> list[Entry]:
    """Lines of the last start; while that is younger than the one before it was when it failed to boot, of both.

    In a loop of restarts the last try may not have failed yet when it is looked at. A reload boots anew.
    """
    runs = _runs(chain)
    if not runs:
        return []
    if len(runs) > 1 and now - runs[-1][0].time <= _lifetime(runs[-2]) + _PAUSE:
        return [*runs[-2], *runs[-1]]
    return list(runs[-1])


def _lifetime(run: Sequence[Entry]) -> float:
    """Seconds from when it last booted to its end. One that lived for long did not fail to boot."""
    boots = [entry.time for entry in run if patterns.booting().search(entry.message)]
    seconds = run[-1].time - (boots[-1] if boots else run[0].time)
    return seconds if seconds <= _LONG_BOOT else 0.0


def looping(chain: Sequence[Entry], now: float) -> bool:
    """Several tries in a row ended soon, and the present one is not older than they became."""
    runs = _runs(chain)
    return len(runs) > _TRIES and all(
        (seconds := _lifetime(run)) > 0.0 and now - runs[-1][0].time <= seconds + _PAUSE
        for run in runs[-1 - _TRIES : -1]
    )
