"""Why the last try to run a unit came to its end: systemd's verdict in words, and the line that says why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Unknown
from doctor.sources.logs import patterns
from doctor.sources.logs.entries import Entry
from doctor.sources.logs.speakers import of_client
from doctor.sources.systemd import Unit

_LONGEST = 240
_HEADED = re.compile(r"^\[\d{4}-\d\d-\d\d [\d:]+ [+-]\d{4}\] \[\d+\] \[(?P<level>[A-Z]+)\] ")
_LETTERS = re.compile(r"[^\W\d]")
_CALM = frozenset(("DEBUG", "INFO", "WARNING"))
_SAYS_NOTHING = re.compile(
    r"Control server error: |gunicorn\.errors\.HaltServer: |Reason: Worker failed |Worker \(pid:\d+\) |Shutting down: "
    r"|Traceback \(most recent call last\):|During handling of the above |The above exception was the direct cause |\s"
)
"""How lines begin that tell of the end, not of its cause; frames of a traceback are indented."""

_STATUS = {
    "CHDIR": "systemd could not change to its working directory",
    "EXEC": "systemd could not execute its command",
    "STDIN": "systemd could not set up its standard input",
    "STDOUT": "systemd could not open what StandardOutput= names",
    "STDERR": "systemd could not open what StandardError= names",
    "GROUP": "systemd could not change to its group",
    "USER": "systemd could not change to its user",
    "LIMITS": "systemd could not set its resource limits",
    "CAPABILITIES": "systemd could not set its capabilities",
    "SECCOMP": "systemd could not set its system call filter",
    "NAMESPACE": "systemd could not set up its file system namespace",
    "RUNTIME_DIRECTORY": "systemd could not make its RuntimeDirectory=",
    "STATE_DIRECTORY": "systemd could not make its StateDirectory=",
    "CACHE_DIRECTORY": "systemd could not make its CacheDirectory=",
    "LOGS_DIRECTORY": "systemd could not make its LogsDirectory=",
    "CONFIGURATION_DIRECTORY": "systemd could not make its ConfigurationDirectory=",
    "CREDENTIALS": "systemd could not set up its credentials",
    "CGROUP": "systemd could not set up its control group",
}
"""systemd's own statuses, 200 and above (systemd.exec(5), "Process exit codes")."""


@cache
def _ended() -> re.Pattern[str]:
    return re.compile(
        r"(?P<which>Main|Control) process exited, code=(?P<code>\w+), status=(?P<number>\d+)(?:/(?P<name>\w+))?"
    )


@cache
def _failed_start() -> re.Pattern[str]:
    return re.compile(
        r"(?P<timeout>[Ss]tart operation timed out\. Terminating\.)|(?P<watchdog>Watchdog timeout)"
        r"|(?P<environment>Failed to load environment files: )|(?P<dependency>^Dependency failed for )"
        r"|(?P<condition>was skipped because of an unmet condition check|^Condition check resulted in .* being skipped)"
        r"|(?P<assertion>^Assertion failed (?:for|on job for) |Starting requested but asserts failed)"
        r"|(?P<protocol>Failed with result 'protocol')|(?P<resources>Failed with result 'resources')"
    )


_PHRASES = {
    "timeout": "systemd waited in vain for it to say that it is ready, and ended it",
    "watchdog": "it gave no sign of life within WatchdogSec=, and systemd ended it",
    "environment": "systemd could not read its EnvironmentFile=",
    "dependency": "systemd did not start it, because a unit it depends on did not start",
    "condition": "systemd did not start it, because a condition of its unit does not hold",
    "assertion": "systemd did not start it, because an assertion (Assert…=) of its unit does not hold",
    "protocol": "its main process ended before it said that it is ready",
    "resources": "systemd lacks something to start it",
}
_UNMET = re.compile(r"\((Condition\w+=.*)\)")
_SAID_BY_SYSTEMD = re.compile(
    r"Failed at step \w+ spawning |Failed to set up |Changing to the requested working directory failed|"
    r"Failed to (?:locate|find) executable |Unable to locate executable |"
    r"reception only permitted for |Can't open PID file|Failed to (?:open|create|parse) "
)
"""Lines above the end that say more than the end itself."""


def failure(entries: Sequence[Entry], unit: Unit, *, looping: bool) -> Fact[str]:
    """How the newest try that has ended came to its end, and why, one phrase: "it ended with status 1: OSError …".

    Absent: it runs, or it was stopped. `looping`: it runs for a moment, as it did before. `entries` are those of the
    starts that systemd repeated by itself: a try that is still under way says nothing yet. Places are the line that
    says why and the end as systemd tells it.
    """
    if _runs(unit) and not looping:
        return ABSENT
    at = next((n for n in range(len(entries) - 1, -1, -1) if _is_end(entries[n])), None)
    if at is None:
        return ABSENT
    end = entries[at]
    run = [entry for entry in entries[:at] if entry.invocation in (end.invocation, "")]
    # What a process writes at its end may reach the journal after systemd's word about it.
    run += [entry for entry in entries[at + 1 :] if end.invocation and entry.invocation == end.invocation]
    phrase, told = _verdict(end, run, unit)
    if told is None and _own_status(end, run):
        # journald may lose the unit of a process that ends at once; a try before failed in the same way.
        told = _said_by_systemd([entry for entry in entries[:at] if entry.invocation not in (end.invocation, "")])
    if phrase == "":
        return Absent((end.place,))
    if told is None:
        return Known(_shortened(phrase), (end.place,), Origin.OBSERVED)
    return Known(_shortened(f"{phrase}: {_bare(told, unit)}"), (told.place, end.place), Origin.OBSERVED)


def unread(unit: Unit, reason: Unknown) -> Fact[str]:
    """The same where the journal could not be read: the status alone, as the manager knows it."""
    status, code = unit.exec_main_status, unit.exec_main_code
    if _runs(unit):
        return ABSENT
    if not isinstance(status, Known) or not isinstance(code, Known) or status.value == 0:
        return reason
    how = f"ended with status {status.value}" if code.value == "exited" else f"was killed by signal {status.value}"
    return Known(f"it {how}; the journal, which says why, could not be read", status.places)


def _runs(unit: Unit) -> bool:
    state = unit.active_state
    return state.meets(lambda it: it in {"active", "reloading"})


def _is_end(entry: Entry) -> bool:
    return entry.manager and bool(_ended().search(entry.message) or _failed_start().search(entry.message))


def _verdict(end: Entry, before: Sequence[Entry], unit: Unit) -> tuple[str, Entry | None]:
    """The phrase, "" for an end that was wanted, and the line that says why."""
    found = _ended().search(end.message)
    if found is None:
        return _of_systemd(end, before)
    hint = _said_by_systemd(before)
    if any("timed out. Terminating." in entry.message for entry in before if entry.manager):
        return _PHRASES["timeout"], hint
    if found["number"] == "0":
        return "", None
    who = "it" if found["which"] == "Main" else _control(before, unit)
    if found["code"] != "exited":
        return f"{who} was killed by SIG{found['name'] or found['number']}", None
    if _own_status(end, before):
        what = _STATUS.get(found["name"], "systemd could not prepare it")
        return f"{what} ({found['number']}/{found['name']})", hint
    return f"{who} ended with status {found['number']}", _last_words(before)


def _of_systemd(end: Entry, before: Sequence[Entry]) -> tuple[str, Entry | None]:
    match = _failed_start().search(end.message)
    assert match is not None
    kind = str(match.lastgroup)
    if kind == "condition":
        unmet = _UNMET.search(end.message)
        return f"{_PHRASES[kind]}{f': {unmet[1]}' if unmet else ''}", None
    if kind in {"dependency", "assertion"}:
        return _PHRASES[kind], None
    if kind == "environment":
        return _PHRASES[kind], end
    earlier = next((e for e in reversed(before) if e.manager and _ended().search(e.message)), None)
    hint = _said_by_systemd(before)
    return _PHRASES[kind], hint or earlier


def _own_status(end: Entry, run: Sequence[Entry]) -> bool:
    """It ended with one of systemd's own statuses, before any program of the unit ran.

    A program may end with any of them. systemd says at which step it failed itself; where journald lost that line,
    no program has said anything. 255 has a name too (EXCEPTION); Gunicorn's arbiter ends with it (sys.exit(-1)).
    """
    found = _ended().search(end.message)
    if found is None or found["code"] != "exited" or int(found["number"]) < 200 or found["name"] is None:
        return False
    if any(entry.manager and "Failed at step " in entry.message for entry in run):
        return True
    return found["number"] != "255" and all(entry.manager for entry in run)


def _control(before: Sequence[Entry], unit: Unit) -> str:
    """Whose process it was: until Gunicorn speaks, that of ExecStartPre=."""
    started = any(entry.message.startswith("Starting gunicorn ") for entry in before)
    named = unit.exec_start_pre.or_(())
    return "ExecStartPre=" if named and not started else "a command beside its main one"


def _said_by_systemd(before: Sequence[Entry]) -> Entry | None:
    lines = [entry for entry in before if entry.manager and _SAID_BY_SYSTEMD.search(entry.message)]
    # "Failed at step X spawning Y" repeats the error, and names the program.
    steps = [entry for entry in lines if "Failed at step" not in entry.message]
    return (steps or lines)[-1] if lines else None


def _last_words(before: Sequence[Entry]) -> Entry | None:
    """The newest line of the program that is no calm line of Gunicorn's log: the end of a traceback, a usage error."""
    for entry in reversed(before):
        if entry.manager or not _LETTERS.search(entry.message) or _SAYS_NOTHING.match(entry.message):
            continue
        headed = _HEADED.match(entry.line)
        if (headed is None and not of_client(entry)) or (headed and headed["level"] not in _CALM):
            return _reason(entry, before)
    return None


def _reason(last: Entry, before: Sequence[Entry]) -> Entry:
    """Of a failure to bind, which ends with "Can't connect to X", the newest try that says why."""
    if not last.message.startswith("Can't connect to "):
        return last
    return next((entry for entry in reversed(before) if patterns.bind_refused().match(entry.message)), last)


def _bare(entry: Entry, unit: Unit) -> str:
    return entry.message.strip().removeprefix(f"{unit.name}: ").rstrip(".")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
