"""What logs tell, as facts."""

from __future__ import annotations

from doctor.facts.value import Fact
from doctor.frozen import frozen


@frozen
class LogEvent:
    """One kind of event, counted. `last` in seconds since the epoch, `text` the newest line (secrets removed)."""

    count: int
    """How many there are."""
    first: float
    """When the first was logged, in seconds since the epoch."""
    last: float
    """When the last was logged, in seconds since the epoch."""
    text: str
    """The newest line, with secrets taken out."""


@frozen
class UnitLog:
    """What the journal of a unit says since its last start (before it, for a unit that does not run: of the last try).

    Each event is Absent when the journal was read and has none, Unknown when it could not be read.
    """

    failure: Fact[str]
    """Why the last try ended, one phrase: "it ended with status 1: OSError: …"; Absent: it runs, or was stopped."""
    boot_error: Fact[str]
    """Last line of the traceback that stopped a worker from booting: "ModuleNotFoundError: No module named 'x'"."""
    boot_error_place: Fact[str]
    """file:line of the innermost frame that is the app's own."""
    boot_traceback_missing_module: Fact[str]
    """The module that a worker could not import while it booted, from the traceback."""
    boot_missing_package: Fact[str]
    """The first part of that name: what would have to be installed."""
    boot_missing_variable: Fact[str]
    """The environment variable that the app missed while it booted, from the traceback."""
    bind_error: Fact[LogEvent]
    """Gunicorn could not bind (permission, missing directory); a taken address is `address_in_use`."""
    address_in_use: Fact[LogEvent]
    """Gunicorn could not bind because the address is taken (EADDRINUSE)."""
    entry_error: Fact[LogEvent]
    """Gunicorn did not find the app: its module, the name in it, or something that can be called."""
    worker_timeouts: Fact[LogEvent]
    """The master killed a worker that gave no sign of life ("WORKER TIMEOUT")."""
    worker_killed: Fact[LogEvent]
    """SIGKILL that neither a time-out of Gunicorn nor a stop by systemd explains: out of memory, most often."""
    hups: Fact[LogEvent]
    """The master was told to reload ("Handling signal: hup")."""
    hup_then_halt: Fact[LogEvent]
    """A reload after which the whole master stopped."""
    pidfile_error: Fact[LogEvent]
    """Gunicorn refused or could not write its PID file."""
    env_file_error: Fact[LogEvent]
    """systemd could not load an environment file."""
    start_limit: Fact[LogEvent]
    """systemd gave up: the unit was started too often within StartLimitIntervalSec=."""
    spawn_error: Fact[LogEvent]
    """systemd's own failure before exec: 200/CHDIR, 203/EXEC, 217/USER, …"""
    reloads: Fact[LogEvent]
    """systemd reloaded the unit ("Reloaded …")."""
    restarts: Fact[LogEvent]
    """Automatic restarts of the chain that led to the last start."""
    halts: Fact[LogEvent]
    """Gunicorn gave up because a worker could not boot or the app could not be loaded."""
    dependency_error: Fact[LogEvent]
    """The boot failed because a database, cache or other service did not answer."""
    dependency_lost: Fact[LogEvent]
    """Requests ended because a database, cache or other service did not answer, since the app was last loaded."""
    worker_class_error: Fact[LogEvent]
    """Gunicorn could not load its worker class."""
    worker_crashed: Fact[LogEvent]
    """A worker died of a signal of its own making (SEGV, ABRT, BUS, ILL, FPE) or ended with an unusual status."""
    worker_got_hup: Fact[LogEvent]
    """A HUP was sent to a worker, which kills it."""
    control_server_error: Fact[LogEvent]
    """The control socket of Gunicorn >= 25.1 could not be made: harmless."""
    refused_requests: Fact[LogEvent]
    """Requests or headers Gunicorn's parser refused."""
    notify_refused: Fact[LogEvent]
    """READY=1 came from a process other than the main one."""
    start_timeout: Fact[LogEvent]
    """systemd ended a start that took longer than TimeoutStartSec=."""
    stop_killed: Fact[LogEvent]
    """systemd killed it with SIGKILL because it did not stop in time."""
    watchdog: Fact[LogEvent]
    """systemd ended it because it gave no sign of life within WatchdogSec=; of the chain of automatic restarts."""
    out_of_memory: Fact[LogEvent]
    """systemd saw the kernel kill a process of the unit for memory; of the chain of automatic restarts."""
    ignored_variables: Fact[LogEvent]
    """Lines of environment files or Environment= that systemd ignored."""
    read_only: Fact[LogEvent]
    """The app could not write to a read-only file system (EROFS)."""
    too_many_files: Fact[LogEvent]
    """The app ran out of open files (EMFILE)."""
    disk_full: Fact[LogEvent]
    """The app could not write because no space is left (ENOSPC)."""
    fork_unsafe: Fact[LogEvent]
    """Errors of connections shared between forked processes."""
    development_server: Fact[LogEvent]
    """Flask's development server announced itself."""
    listening: Fact[LogEvent]
    """Gunicorn has bound."""
    request_errors: Fact[LogEvent]
    """Exceptions that ended a request, since the app was last loaded; `text` is the line above one and its last."""


@frozen
class AccessLog:
    """What an access log of nginx says of answers that fail, since those who are asked last started."""

    path: str
    """The log file."""
    apps: tuple[str, ...]
    """Names of the apps that its requests go to."""
    internal_errors: Fact[LogEvent]
    """500."""
    bad_gateways: Fact[LogEvent]
    """502."""
    gateway_timeouts: Fact[LogEvent]
    """504."""


@frozen
class NginxLog:
    """What nginx's error logs say about requests to one app, since nginx and the app last started."""

    refused: Fact[LogEvent]
    """connect() failed (111)."""
    missing: Fact[LogEvent]
    """connect() failed (2)."""
    denied: Fact[LogEvent]
    """connect() failed (13)."""
    backlog_full: Fact[LogEvent]
    """connect() failed (11): the queue of a unix socket is full."""
    timed_out: Fact[LogEvent]
    """upstream timed out (110)."""
    closed: Fact[LogEvent]
    """upstream prematurely closed connection."""
    reset: Fact[LogEvent]
    """recv() or send() failed (104): the upstream cut the connection."""
    header_too_big: Fact[LogEvent]
    """upstream sent too big header: it did not fit into proxy_buffer_size."""
    body_too_large: Fact[LogEvent]
    """client intended to send too large body: more than client_max_body_size (413)."""
    tls_mismatch: Fact[LogEvent]
    """The TLS handshake with the upstream failed."""
    no_valid_header: Fact[LogEvent]
    """upstream sent no valid HTTP header, or one that nginx does not accept."""
    no_live_upstreams: Fact[LogEvent]
    """no live upstreams: every server of the group had failed."""
    static_denied: Fact[LogEvent]
    """open() failed (13): nginx may not read a static file."""
    static_missing: Fact[LogEvent]
    """open() failed (2): a static file is not there."""
    not_a_directory: Fact[LogEvent]
    """open() failed (20): a part of the path of a static file is no directory."""
    connections_exhausted: Fact[LogEvent]
    """worker_connections or the limit of open files reached; of nginx as a whole."""
    failed: Fact[LogEvent]
    """Requests that nginx answered with an error of its own for any other reason."""
