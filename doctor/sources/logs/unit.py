"""The journal of a unit, and the log file of its Gunicorn: what happened since the last start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import pairwise

from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown
from doctor.hosts.base import Host
from doctor.sources.logs import failure, patterns
from doctor.sources.logs.entries import Entry
from doctor.sources.logs.journal import journal, last_run, looping, own_file
from doctor.sources.logs.model import LogEvent, UnitLog
from doctor.sources.logs.speakers import Speakers, of_client
from doctor.sources.logs.tracebacks import Traceback, tracebacks
from doctor.sources.systemd import Unit

_HALT_AFTER_HUP = 60.0
_CRASHES = {"4": "ILL", "6": "ABRT", "7": "BUS", "8": "FPE", "11": "SEGV"}
_KILL = ("9", "SIGKILL")
_OF_REQUESTS_TOO = ("read_only", "too_many_files", "disk_full", "fork_unsafe")
"""Printed errors that a start and a request can end in."""


def collect_unit(host: Host, unit: Unit, since: float | None, error_log: Fact[str] = ABSENT) -> UnitLog:
    """Read the journal of a unit, and Gunicorn's own log file where it writes one.

    Args:
        host: where to look.
        unit: whose journal. Its invocation and start decide which lines count.
        since: seconds since the epoch; older lines do not count either. None: the last start alone decides.
        error_log: Gunicorn's --error-logfile; a path that is not absolute ("-") is the journal.

    Returns:
        Every event Known, Absent (the logs were read and have none) or Unknown with the reason.
    """
    chain = journal(host, unit, since)
    written = own_file(host, unit, chain, since, error_log)
    if isinstance(chain, Unknown):
        found = (
            _unread(chain) if not isinstance(written, tuple) or not written else _judge(unit, (), written, chain, None)
        )
        return replace(found, failure=failure.unread(unit, chain))
    missing = written if isinstance(written, Unknown) else None
    return _judge(unit, chain, written if isinstance(written, tuple) else (), None, missing, host.now())


def _unread(reason: Unknown) -> UnitLog:
    return UnitLog(**{field.name: reason for field in fields(UnitLog)})


def _judge(
    unit: Unit,
    chain: Sequence[Entry],
    written: Sequence[Entry],
    no_journal: Unknown | None,
    no_file: Unknown | None,
    now: float = 0.0,
) -> UnitLog:
    """`no_journal`, `no_file`: why a source is missing, so that finding nothing there proves nothing."""
    last = [*last_run(chain, now), *written]
    last.sort(key=lambda entry: entry.time)
    whole = sorted([*chain, *written], key=lambda entry: entry.time)
    no_gunicorn: Fact[LogEvent] = no_journal or no_file or ABSENT
    no_systemd: Fact[LogEvent] = no_journal or ABSENT
    speakers = Speakers(whole)
    bound = _bind_faults(last, speakers)
    systemd = patterns.systemd_events()
    arbiter = [entry for entry in last if speakers.arbiter(entry)]
    booting = [entry for entry in last if speakers.booting(entry)]
    events: dict[str, Fact[LogEvent]] = {
        "hup_then_halt": _event(_hup_then_halt(whole, speakers)) or no_gunicorn,
        "worker_killed": _event(_deaths(last, speakers, _was_killed)) or no_gunicorn,
        "worker_crashed": _event(_deaths(last, speakers, _crashed)) or no_gunicorn,
        "bind_error": _bind_error(bound[0]) or no_gunicorn,
        "address_in_use": _event(bound[1]) or no_gunicorn,
        "listening": _event([e for e in arbiter if patterns.listening().match(e.message)]) or no_gunicorn,
        "refused_requests": _event([e for e in last if e.headed and patterns.refused().fullmatch(e.message)])
        or no_gunicorn,
    }
    for name in {**patterns.arbiter_events(), **patterns.printed_events()}:
        logged, printed = patterns.arbiter_events().get(name), patterns.printed_events().get(name)
        found = [e for e in arbiter if logged and logged.fullmatch(e.message)]
        found += [e for e in booting if printed and printed.fullmatch(e.message.strip())]
        found += _not_called(last) if name == "entry_error" else []
        found.sort(key=lambda entry: entry.time)
        events[name] = _event(found) or no_gunicorn
    loaded = _since_loaded(last, events["hups"])
    requests = [found for found in _tracebacks(loaded) if patterns.request_failed().search(found[0].heading)]
    events["request_errors"] = _event(_request_errors(loaded, requests)) or no_gunicorn
    events["dependency_lost"] = _event(_ended_by("dependency_error", requests)) or no_gunicorn
    for name in _OF_REQUESTS_TOO:
        during = _event(_ended_by(name, requests))
        events[name] = during if during and isinstance(events[name], Absent) else events[name]
    for name, pattern in systemd.items():
        lines = whole if name in patterns.CHAIN else last
        events[name] = _event([e for e in lines if e.manager and pattern.search(e.message)]) or no_systemd
    events["spawn_error"] = _telling(_spawn_errors(last)) or no_systemd
    boot = _boot_failure(booting)
    if boot is None and isinstance(events["halts"], Absent):
        events["dependency_error"] = ABSENT if isinstance(no_gunicorn, Absent) else no_gunicorn
    unseen: Unknown | Absent = no_journal or no_file or ABSENT
    return UnitLog(
        failure=failure.failure(whole, unit, looping=looping(chain, now)),
        boot_error=_boot_error(boot, last, events) or unseen,
        boot_error_place=_boot_place(boot) or unseen,
        boot_traceback_missing_module=_part(boot, lambda t: t.missing_module) or unseen,
        boot_missing_package=_part(boot, lambda t: t.missing_module.partition(".")[0]) or unseen,
        boot_missing_variable=_part(boot, lambda t: t.missing_variable) or unseen,
        **events,
    )


def _event(entries: Sequence[Entry]) -> Known[LogEvent] | None:
    if not entries:
        return None
    newest = entries[-1]
    return Known(LogEvent(len(entries), entries[0].time, newest.time, newest.line), (newest.place,))


def _bind_error(entries: Sequence[Entry]) -> Known[LogEvent] | None:
    """With the newest line that says why."""
    event = _event(entries)
    told = next((entry for entry in reversed(entries) if patterns.bind_refused().match(entry.message)), None)
    return Known(replace(event.value, text=told.line), (told.place,)) if event and told else event


def _spawn_errors(entries: Sequence[Entry]) -> list[Entry]:
    """Lines of systemd about a failure of its own; a status alone tells that only where no program has spoken."""
    pattern = patterns.systemd_events()["spawn_error"]
    found = [entry for entry in entries if entry.manager and pattern.search(entry.message)]
    told = any("process exited" not in entry.message for entry in found)
    return found if told or all(entry.manager for entry in entries) else []


def _telling(entries: Sequence[Entry]) -> Known[LogEvent] | None:
    """Failures before exec: each ends in "Main process exited", the lines above it say why."""
    exits = [entry for entry in entries if "process exited" in entry.message]
    event = _event(exits or entries)
    if event is None:
        return None
    text, place = next(
        ((e.line, e.place) for e in reversed(entries) if e not in exits), (event.value.text, event.places[0])
    )
    return Known(replace(event.value, text=text), (place, *event.places))


def _bind_faults(entries: Sequence[Entry], speakers: Speakers) -> tuple[list[Entry], list[Entry]]:
    """Failures to bind and addresses in use, since Gunicorn last managed to bind.

    "Can't connect to X" ends five tries of either kind; the tries say which it was.
    """
    faults: list[Entry] = []
    taken: list[Entry] = []
    for entry in entries:
        if not speakers.booting(entry):
            continue
        if speakers.arbiter(entry) and patterns.listening().search(entry.message):
            faults, taken = [], []
        elif (speakers.arbiter(entry) or not entry.headed) and patterns.in_use().fullmatch(entry.message):
            taken.append(entry)
        elif speakers.arbiter(entry) and patterns.bind_failed().search(entry.message):
            (taken if taken and entry.message.startswith("Can't connect") else faults).append(entry)
    return faults, taken


def _deaths(entries: Sequence[Entry], speakers: Speakers, wanted: Callable[[str, str], bool]) -> list[Entry]:
    """Ends of workers by signal or status that neither a time-out nor a stop explains."""
    explained: set[str] = set()
    stopping = False
    found: list[Entry] = []
    for entry in entries:
        if entry.manager:
            stopping = stopping or bool(patterns.stopped_by_systemd().search(entry.message))
            continue
        if not speakers.arbiter(entry):
            continue
        late = patterns.timed_out().search(entry.message)
        if late:
            explained.add(late["pid"])
        if patterns.stopped_by_signal().search(entry.message):
            stopping = True
        elif patterns.listening().search(entry.message):
            stopping = False
        match = patterns.died().search(entry.message)
        if match is None or stopping:
            continue
        pid = match["pid1"] or match["pid2"] or match["pid3"]
        if pid not in explained and wanted(match["number"] or match["name"] or "", match["code"] or ""):
            found.append(entry)
    return found


def _was_killed(signal: str, code: str) -> bool:
    return not code and signal in _KILL


def _crashed(signal: str, code: str) -> bool:
    """Status 3 and 4 are a worker that could not boot (gunicorn/arbiter.py); 0 is a wanted end."""
    if code:
        return code not in ("0", "3", "4")
    return signal in _CRASHES or signal.removeprefix("SIG") in _CRASHES.values()


def _hup_then_halt(entries: Sequence[Entry], speakers: Speakers) -> list[Entry]:
    """HUP lines of the last reload that was followed by the end of the master within a minute."""
    logged, printed = patterns.arbiter_events(), patterns.printed_events()
    marks = [
        (entry, is_hup)
        for entry in entries
        if (is_hup := speakers.arbiter(entry) and bool(logged["hups"].fullmatch(entry.message)))
        or (speakers.arbiter(entry) and logged["halts"].fullmatch(entry.message))
        or (speakers.booting(entry) and printed["halts"].fullmatch(entry.message))
    ]
    return [
        end
        for (start, is_hup), (end, again) in pairwise(marks)
        if is_hup and not again and end.time - start.time <= _HALT_AFTER_HUP
    ]


def _boot_failure(entries: Iterable[Entry]) -> tuple[Traceback, Entry] | None:
    """The newest traceback that stopped the app from being loaded. Workers write at once: each is read by itself."""
    found = [
        (traceback, entry)
        for traceback, entry in _tracebacks(entries)
        if traceback.boot and not traceback.exception.startswith("gunicorn.errors.HaltServer")
    ]
    return max(found, key=lambda item: item[1].time, default=None)


def _tracebacks(entries: Iterable[Entry]) -> Iterator[tuple[Traceback, Entry]]:
    """Each with the line it ends with. Workers write at once: each is read by itself."""
    by_writer: dict[int, list[Entry]] = {}
    pid = 0
    for entry in entries:
        pid = entry.pid or pid
        by_writer.setdefault(pid, []).append(entry)
    for lines in by_writer.values():
        for traceback in tracebacks([entry.message for entry in lines]):
            yield traceback, lines[traceback.index]


def _since_loaded(entries: Sequence[Entry], hups: Fact[LogEvent]) -> list[Entry]:
    """What the app itself has written since it was last loaded."""
    loaded = hups.map(lambda it: it.last).or_(0.0)
    return [entry for entry in entries if not entry.manager and entry.time >= loaded and not of_client(entry)]


def _request_errors(entries: Sequence[Entry], requests: Iterable[tuple[Traceback, Entry]]) -> list[Entry]:
    """Ends of requests; `line` with what stood above the traceback."""
    found = [replace(entry, line=f"{traceback.heading} … {traceback.exception}") for traceback, entry in requests]
    found += [entry for entry in entries if entry.headed and patterns.misconfigured().fullmatch(entry.message)]
    found.sort(key=lambda entry: entry.time)
    return found


def _ended_by(name: str, requests: Iterable[tuple[Traceback, Entry]]) -> list[Entry]:
    """Ends of requests whose exception is one of these."""
    pattern = patterns.printed_events()[name]
    found = [
        replace(entry, line=traceback.exception)
        for traceback, entry in requests
        if pattern.fullmatch(traceback.exception)
    ]
    return sorted(found, key=lambda entry: entry.time)


def _not_called(entries: Sequence[Entry]) -> list[Entry]:
    """Ends of tracebacks in which no line is the app's: what was to be called is no application."""
    return [
        entry
        for traceback, entry in _tracebacks(e for e in entries if not e.manager)
        if traceback.place is None and patterns.not_called().match(traceback.exception)
    ]


def _boot_error(
    boot: tuple[Traceback, Entry] | None, entries: Sequence[Entry], events: dict[str, Fact[LogEvent]]
) -> Known[str] | None:
    if boot:
        return Known(boot[0].exception, (boot[1].place,))
    entry_error, halts = events["entry_error"], events["halts"]
    if isinstance(halts, Known) and isinstance(entry_error, Known):
        return Known(entry_error.value.text, entry_error.places)
    return None


def _boot_place(boot: tuple[Traceback, Entry] | None) -> Known[str] | None:
    frame = boot[0].place if boot else None
    if frame is None:
        return None
    return Known(f"{frame.path}:{frame.line}", (Place(path=frame.path, line=frame.line, text=frame.text),))


def _part(boot: tuple[Traceback, Entry] | None, part: Callable[[Traceback], str]) -> Known[str] | None:
    value = part(boot[0]) if boot else ""
    return Known(value, (boot[1].place,)) if boot and value else None
