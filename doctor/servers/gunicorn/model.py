"""The typed facts about Gunicorn."""

from __future__ import annotations

from doctor.cause import Cause
from doctor.facts.address import Address
from doctor.facts.value import Fact, Unknown
from doctor.frozen import frozen
from doctor.sources.process import Process


@frozen
class Shadowed:
    """A setting written in two sources, of which the later one wins: `value` is written, `winner` is in force."""

    setting: str
    """The name of the setting."""
    value: str
    """The value that is written and without effect."""
    winner: str
    """The value that is in force."""


@frozen
class Settings:
    """Effective settings. Durations in seconds. Unknown, with the expression as reason, where only a run could tell."""

    bind: Fact[tuple[Address, ...]]
    """As configured; see `Gunicorn.listens` for what the process holds (socket activation ignores the setting)."""
    workers: Fact[int]
    """How many worker processes the master keeps."""
    workers_at_least: Fact[int]
    """What `workers` is at the least: the same where it is known, 3 for `cpu_count() * 2 + 1`."""
    threads: Fact[int]
    """Threads for each worker."""
    worker_class: Fact[str]
    """As used: `sync` with threads > 1 is "gthread"."""
    timeout: Fact[int]
    """Seconds after which the master kills a worker that gave no sign of life; 0: never."""
    graceful_timeout: Fact[int]
    """Seconds that a worker has to finish its requests when it is told to stop or is replaced."""
    keepalive: Fact[int]
    """Seconds that a worker waits for another request on a connection."""
    backlog: Fact[int]
    """How many connections may wait to be accepted."""
    chdir: Fact[str]
    """Absolute. Absent: none given, the working directory at start is kept."""
    chdir_relative: Fact[bool]
    """It is written as a relative path, or worked out by an expression: each reload asks anew where that leads."""
    preload: Fact[bool]
    """The app is loaded in the master, before workers are forked (preload_app)."""
    reload: Fact[bool]
    """Workers are restarted when a file of the code changes, which is meant for development."""
    daemon: Fact[bool]
    """Gunicorn goes into the background."""
    pidfile: Fact[str]
    """The file that the master writes its process id to; Absent: none."""
    umask: Fact[int]
    """The bits that are taken from the mode of the files it creates, the unix socket among them."""
    user: Fact[str]
    """Absent: the user that started it."""
    group: Fact[str]
    """The group that workers run as; Absent: the group that started it."""
    max_requests: Fact[int]
    """The number of requests after which a worker is replaced; 0: never."""
    max_requests_jitter: Fact[int]
    """The most that is added at random to `max_requests` of each worker."""
    certfile: Fact[str]
    """The certificate with which Gunicorn speaks TLS itself; Absent: it speaks plain HTTP."""
    protocol: Fact[str]
    """http, uwsgi or fastcgi; other than http since Gunicorn 24."""
    proxy_protocol: Fact[bool]
    """It expects the PROXY protocol in front of each connection."""
    forwarded_allow_ips: Fact[str]
    """Comma-separated, as written."""
    pythonpath: Fact[str]
    """Directories, separated by commas, that it puts on the search path; Absent: none."""
    raw_env: Fact[tuple[str, ...]]
    """Names only."""
    access_log: Fact[str]
    """Absent: none is written."""
    error_log: Fact[str]
    """The file of its error log, or "-" for standard error."""
    wsgi_app: Fact[str]
    """module:callable as given."""
    config_file: Fact[str]
    """Absolute. Absent: none is given and there is no gunicorn.conf.py to be found by itself."""
    config_is_module: Fact[bool]
    """It is given as `python:module`: Gunicorn imports it once, and no reload reads it again."""
    config_error: Fact[str]
    """Why the configuration file cannot be read by Gunicorn. Absent: it can, or there is none."""
    argument_error: Fact[str]
    """Why Gunicorn refuses its command line ("unrecognized arguments: && echo"). Absent: it accepts it."""
    shadowed: Fact[tuple[Shadowed, ...]]
    """Settings written in two places with different values. Absent when none."""
    misnamed: Fact[tuple[str, ...]]
    """Names in the configuration file that are no setting but close to one ("worker"): ignored. Absent when none."""


@frozen
class Holder:
    """A process that holds an address another one is set up for. `command` is its command line, `unit` its unit."""

    address: Address
    """The address that it holds."""
    pid: int
    """Its process id."""
    command: str
    """Its command line."""
    unit: Fact[str]
    """The unit it belongs to; Absent for a process of no unit."""
    started: float
    """When it started, in seconds since the epoch."""
    keeper: Fact[str]
    """The container it belongs to or holds the address for, or its supervisor."""


@frozen
class Unwritable:
    """A directory, the one of the socket or one above it, in which `user` can make nothing; or it is `missing`."""

    path: str
    """The directory in which nothing can be made, a physical path."""
    user: str
    """The name of the user that Gunicorn starts as."""
    missing: bool
    """The directory does not exist."""
    mode: int
    """0 where it is missing."""
    runtime_name: Fact[str]
    """What RuntimeDirectory= would have to say for systemd to make the directory of the socket at each start. Absent
    where it cannot (it does not lie in /run itself, one is set), or others have to do with that directory."""


@frozen
class Gunicorn:
    """One Gunicorn: a running master with its children, or only the command of a unit."""

    name: str
    """Of the unit, or "pid 122" for a stray."""
    master: Fact[Process]
    """Absent: it does not run."""
    workers: Fact[tuple[Process, ...]]
    """Live HTTP workers, oldest first; zombies are not counted."""
    worker_count: Fact[int]
    """The number of `workers`."""
    other_children: tuple[Process, ...]
    """Children of the master that are no HTTP workers, such as those of the app itself."""
    changing: Fact[bool]
    """Workers were replaced between two looks, or the unit is starting or reloading: judged from a second look."""
    settings: Settings
    """Its settings in force: command line, GUNICORN_CMD_ARGS, configuration file and defaults."""
    program: Fact[str]
    """The gunicorn script or module as started: /srv/shop/venv/bin/gunicorn."""
    python: Fact[str]
    """The interpreter of its virtual environment."""
    venv: Fact[str]
    """Absent: the system's Python."""
    version_running: Fact[str]
    """The version of the Gunicorn that runs."""
    version_installed: Fact[str]
    """The version that lies in its virtual environment now, which the next start would run."""
    launcher: Fact[str]
    """direct, module (python -m gunicorn), shell-exec (a shell that execs), shell (a shell that stays), script (one
    that stays), env, uv, flask (a development server), other."""
    directory: Fact[str]
    """Where it runs: physical cwd of the master, or what the unit and --chdir say."""
    logical_directory: Fact[str]
    """The same as written in unit or settings, links kept (/srv/shop/current)."""
    listens: Fact[tuple[Address, ...]]
    """Addresses of the listening sockets the master holds, its own or handed to it by systemd."""
    foreign_workers: tuple[Process, ...]
    """Workers whose master is gone (reparented)."""
    address_in_use: Fact[Holder]
    """Who holds a TCP address it is set up for, and does not listen on itself; Absent: nobody, or it does listen."""
    socket_dir_not_writable: Fact[Unwritable]
    """Where its next start could not make its unix socket; Absent: it could, or makes none. Of units alone."""
    preflight: Fact[str]
    """The command of its unit with --check-config, as ExecReload= would spell it. It imports the app when it runs."""
    reload_keeps_requests: Fact[bool]
    """Whether a reload loses no request, by worker class and version. Absent: it does not run."""


HOLDERS_NOT_ASKED = Unknown("who holds its addresses was not looked at", Cause.NOT_ASKED)
"""`Gunicorn.address_in_use` until `address_in_use.with_holders`."""
