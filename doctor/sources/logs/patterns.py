"""The lines that matter, in the words of three generations of Gunicorn (20, 21 to 24, 25 and later) and of systemd.

Compiled once, when the first log is read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_ARBITER: Final = {
    "worker_timeouts": (r"WORKER TIMEOUT \(pid:\d+\)",),
    "hups": (r"Handling signal: hup",),
    # With several workers the second failure can end the master before it names its reason (gunicorn 27.0.1).
    "halts": (r"Reason: (?:Worker|App) failed to \w+\.",),
    "control_server_error": (r"Control server error: .*",),
    "worker_got_hup": (r"Worker \(pid:\d+\) was sent SIGHUP!.*", r"Worker with pid \d+ was terminated due to signal 1"),
}
"""Whole messages in the log of Gunicorn's master."""

_REFUSED: Final = (r"Invalid request from ip=.*", r"Invalid HTTP [Hh]eader.*", r"Error parsing headers: .*")
_RAISED: Final = r"(?:\w[\w.]*: )?(?:\w[\w.]*(?:Error|Exception): )?(?:\([\w.]+\) )?"
"""How the last line of a traceback begins, also within a line of Gunicorn's log."""

_PRINTED: Final = {
    "entry_error": (
        r"Failed to find attribute '\S+' in '\S+'\.",
        r"Failed to find application, did you mean .*",
        r"Failed to find application object.*",
        r"(?:gunicorn: error: |Error: )?No application module specified.*",
        r"Failed to parse '.*' as an attribute name.*",
        r"Function reference must use.*",
        r"Application object must be callable.*",
    ),
    "halts": (r"gunicorn\.errors\.HaltServer: <HaltServer '(?:Worker|App) failed to .*",),
    "pidfile_error": (
        r"Error: \S+ doesn't exist\. Can't create pidfile\.",
        r"(?:RuntimeError: |Error: )?Already running on PID \d+ \(or pid file '.*' is stale\)",
        r"(?:PermissionError|OSError): .*\.pid'?",
    ),
    "dependency_error": (
        _RAISED + r"[\w.]*\b(?:OperationalError|InterfaceError|ConnectionRefusedError|ServerSelectionTimeoutError)\b.*",
        r"OSError: \[Errno 11[13]\].*",
        r"redis\.exceptions\.(?:Connection|Timeout|BusyLoading)Error\b.*",
        _RAISED + r"could not (?:connect to server|translate host name).*",
    ),
    "worker_class_error": (
        r"Error: class uri '.*' invalid or not found.*",
        r"RuntimeError: \w+ worker requires \S+ \S+.*",
        r"RuntimeError: You need \w+ (?:installed|[\d.]+ or).*",
    ),
    "read_only": (_RAISED + r"\[Errno 30\] Read-only file system(?:: .*')?",),
    "too_many_files": (_RAISED + r"\[Errno 24\] Too many open files(?:: .*')?",),
    "disk_full": (_RAISED + r"\[Errno 28\] No space left on device(?:: .*')?",),
    "fork_unsafe": (
        r"\w[\w.]*: .*decryption failed or bad record mac.*",
        r"(?:\w[\w.]*: )?lost synchronization with server.*",
        r"\w[\w.]*: .*SSL SYSCALL error: EOF detected.*",
    ),
    "development_server": (
        r"\W*(?:\[[\d;]*m)*WARNING: This is a development server\. Do not use it in a production deployment\."
        r"(?: Use a production WSGI server instead\.)?(?:\W*\[0m)?",
    ),
}
"""Whole lines that Gunicorn, Python or the development server print without a head of Gunicorn's."""

_SYSTEMD: Final = {
    "env_file_error": (r"Failed to load environment files: ",),
    "start_limit": (r"Start request repeated too quickly\.", r"Failed with result 'start-limit-hit'"),
    "spawn_error": (
        r"Failed at step \w+ spawning ",
        r"Changing to the requested working directory failed: ",
        r"Failed to (?:locate|find) executable ",
        r"Unable to locate executable ",
        r"Failed to determine (?:user|group) credentials: ",
        r"Failed to set up mount namespacing: ",
        r"(?:Main|Control) process exited, code=exited, status=2[0-4]\d/[A-Z_0-9]+",
    ),
    "reloads": (r"^Reloaded ",),
    "restarts": (r"Scheduled restart job, restart counter is at ",),
    "notify_refused": (r"Got notification message from PID \d+, but reception only permitted for ",),
    "start_timeout": (r"[Ss]tart operation timed out\. Terminating\.",),
    "stop_killed": (r"State '(?:stop|final)-sig\w+' timed out\. Killing\.",),
    "watchdog": (r"Watchdog timeout \(limit ",),
    "out_of_memory": (r"has been killed by the OOM killer\.", r"Failed with result 'oom-kill'"),
    "ignored_variables": (r"Ignoring invalid environment assignment ", r"Invalid environment assignment, ignoring: "),
}

CHAIN = frozenset({"restarts", "hup_then_halt", "start_limit", "watchdog", "out_of_memory"})
"""Events that span automatic restarts, so are looked for in the whole chain that led to the last start."""


@cache
def arbiter_events() -> dict[str, re.Pattern[str]]:
    """Pattern by field of `UnitLog`, for whole messages of Gunicorn's master."""
    return {name: _joined(patterns) for name, patterns in _ARBITER.items()}


@cache
def printed_events() -> dict[str, re.Pattern[str]]:
    """Pattern by field of `UnitLog`, for whole lines of a process of the unit."""
    return {name: _joined(patterns) for name, patterns in _PRINTED.items()}


@cache
def refused() -> re.Pattern[str]:
    """Whole messages of a worker about requests that its parser refused."""
    return _joined(_REFUSED)


@cache
def worker_boots() -> re.Pattern[str]:
    """A worker says that it is there, before it loads the app (gunicorn/arbiter.py, spawn_worker)."""
    return re.compile(r"Booting worker with pid: \d+")


@cache
def not_called() -> re.Pattern[str]:
    """What Python says when a worker calls something else than an application, which a server finds at a request."""
    return re.compile(r"TypeError: \w+\(\) (?:missing|takes|got an unexpected).*")


@cache
def request_failed() -> re.Pattern[str]:
    """Above the traceback of a request: of Flask (`log_exception`) in any format of a log, or of Gunicorn's workers."""
    return re.compile(
        r"(?:^|[^\w])Exception on /|^Error handling request (?!\(no URI read\))|^Socket error processing request\.$"
    )


@cache
def misconfigured() -> re.Pattern[str]:
    """A request that Gunicorn >= 22 answers with 500 for the sake of its own environment (SCRIPT_NAME)."""
    return re.compile(r"Invalid request from ip=[0-9a-fA-F.:]*: Configuration problem: .*")


@cache
def systemd_events() -> dict[str, re.Pattern[str]]:
    """Pattern by field of `UnitLog`, for lines of systemd."""
    return {name: _joined(patterns) for name, patterns in _SYSTEMD.items()}


def _joined(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


@cache
def listening() -> re.Pattern[str]:
    """Gunicorn has bound: what failed before was tried again with success."""
    return re.compile(r"^Listening at: ")


@cache
def booting() -> re.Pattern[str]:
    """A set of workers is about to import the app: a start, or a reload."""
    return re.compile(r"^(?:Starting gunicorn |Handling signal: hup$)")


@cache
def in_use() -> re.Pattern[str]:
    """The address is taken. A second Gunicorn on a unix path would take it over instead, without an error."""
    return re.compile(
        r"Connection in use: .*|connection to .+ failed: \[Errno 98\].*|"
        r"(?:OSError: )?\[Errno 98\] Address already in use(?:: .*')?"
    )


@cache
def bind_failed() -> re.Pattern[str]:
    """Any other failure to bind (gunicorn/sock.py, create_sockets)."""
    return re.compile(r"^connection to .+ failed: \[Errno |^Can't connect to |^Invalid address: ")


@cache
def bind_refused() -> re.Pattern[str]:
    """A try to bind that says why it failed; up to Gunicorn 22 only at the level DEBUG."""
    return re.compile(r"^connection to .+ failed: \[Errno ")


@cache
def died() -> re.Pattern[str]:
    """The end of a worker: `sig` or `code`."""
    return re.compile(
        r"^(?:Worker with pid (?P<pid1>\d+) was terminated due to signal (?P<number>\d+)"
        r"|Worker \(pid:(?P<pid2>\d+)\) was sent (?P<name>SIG\w+)!"
        r"|Worker \(pid:(?P<pid3>\d+)\) exited with code (?P<code>\d+))"
    )


@cache
def timed_out() -> re.Pattern[str]:
    """A worker Gunicorn is about to kill."""
    return re.compile(r"^WORKER TIMEOUT \(pid:(?P<pid>\d+)\)$")


@cache
def stopped_by_systemd() -> re.Pattern[str]:
    """Everything is being ended: workers killed after this line were not killed for memory."""
    return re.compile(r"^Stopping |State 'stop-sig\w+' timed out\. Killing\.")


@cache
def stopped_by_signal() -> re.Pattern[str]:
    """The same, as Gunicorn's master says it."""
    return re.compile(r"^Handling signal: (?:term|quit|int)$")
