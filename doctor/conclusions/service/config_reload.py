"""Has Gunicorn read its configuration file since it was changed?

It reads the file when the master starts and at each HUP, which replaces every worker (gunicorn/arbiter.py, reload). So
a file that is newer than a worker that takes requests has not been read since.
"""

from __future__ import annotations

from doctor.cause import Cause, doubt
from doctor.conclusions.release.serving import TOLERANCE, serving
from doctor.facts import access
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.grammar.outline import Outline
from doctor.hosts.base import Host, Stat
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process

_AT_START = frozenset(
    ("backlog", "daemon", "logger_class", "on_starting", "preload_app", "reuse_port", "statsd_host", "umask",
     "when_ready")
)  # fmt: skip
"""Settings that count when sockets are made or the master starts. `bind` is compared with where it listens."""
_LOGGING = frozenset(
    ("accesslog", "access_log_format", "capture_output", "errorlog", "logconfig", "logconfig_dict", "logconfig_json",
     "loglevel", "syslog", "syslog_addr")
)  # fmt: skip
_LOGGING_RELOADED = (26, 1)
"""The version since which a HUP brings settings of the log (gunicorn #3353)."""


@frozen
class UnreadConfig:
    """A configuration file that was changed since Gunicorn read it. Times in seconds since the epoch."""

    path: str
    """The configuration file of Gunicorn."""
    changed: Fact[float]
    """When it was last modified."""
    read: Fact[float]
    """When the worker started that shows it: at that time at the latest."""
    restart_only: tuple[str, ...]
    """Settings in it that a HUP does not bring into force; whether it is they that changed is not known."""


def collect(host: Host, gunicorn: Gunicorn) -> Fact[UnreadConfig]:
    """The configuration file, where it is newer than what Gunicorn runs with; Absent where it is not.

    Unknown where only its time of change is newer: it was replaced by a file with an older time, or its mode or owner
    was changed.
    """
    file = gunicorn.settings.config_file
    if not isinstance(gunicorn.master, Known) or not isinstance(file, Known):
        unknown = next((fact for fact in (gunicorn.master, file) if isinstance(fact, Unknown)), None)
        return unknown or ABSENT
    if gunicorn.changing.or_(False):
        return Unknown("a reload is in progress", Cause.VANISHED, gunicorn.changing.places)
    worker = _witness(gunicorn)
    if not isinstance(worker, Known):
        return worker
    real = access.physical(host, file.value)
    if not isinstance(real, Known):
        return real if isinstance(real, Unknown) else Unknown(f"{file.value} is gone", Cause.VANISHED, real.places)
    stat = host.stat(real.value)
    if not isinstance(stat, Stat):
        return Unknown.of(doubt(stat, f"{file.value} is gone", Cause.VANISHED), real.places)
    started = worker.value.started
    places = (Place(path=file.value), Place(note=f"worker, pid {worker.value.pid}"))
    if stat.mtime > started + TOLERANCE:
        found = UnreadConfig(
            path=file.value,
            changed=Known(stat.mtime, places[:1]),
            read=Known(started, places[1:]),
            restart_only=tuple(_restart_only(host, gunicorn, file.value)),
        )
        return computed(found, *places)
    if stat.ctime > started + TOLERANCE:
        reason = f"{file.value} was replaced, or had only its mode or owner changed, after the workers started"
        return Unknown(f"{reason}; its time of modification is older", Cause.AMBIGUOUS, places)
    return Absent(places)


def _witness(gunicorn: Gunicorn) -> Fact[Process]:
    """The worker that shows when the file was read at the latest.

    The oldest that takes requests; where those that only finish one cannot be told from it, the newest of all.
    """
    workers, configured = gunicorn.workers, gunicorn.settings.workers
    if not isinstance(workers, Known):
        return workers
    if not workers.value:
        return Absent(workers.places)
    counted = isinstance(configured, Known) and configured.origin is not Origin.OBSERVED
    if counted and configured.meets(lambda it: len(workers.value) >= it):
        taking = serving(gunicorn)
        return Known(taking.value[0], workers.places) if isinstance(taking, Known) else taking
    return Known(workers.value[-1], workers.places)


def _restart_only(host: Host, gunicorn: Gunicorn, path: str) -> list[str]:
    outline = host.outline(path)
    written = {item.name for item in outline.assignments} if isinstance(outline, Outline) else set()
    if isinstance(outline, Outline):
        written |= {item.name for item in outline.definitions}
    version = gunicorn.version_running
    reloads_logging = version.meets(lambda it: _numbers(it) >= _LOGGING_RELOADED)
    names = written & (_AT_START if reloads_logging else _AT_START | _LOGGING)
    bind, listens = gunicorn.settings.bind, gunicorn.listens
    if not (isinstance(bind, Known) and isinstance(listens, Known) and set(bind.value) == set(listens.value)):
        names.add("bind")
    if gunicorn.settings.config_is_module.or_(False):
        names.add("config")
    return sorted(names)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
