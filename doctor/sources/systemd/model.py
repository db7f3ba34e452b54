"""The dataclasses of units: see the package docstring."""

from __future__ import annotations

from doctor.facts.address import Address
from doctor.facts.value import Fact, Place
from doctor.frozen import frozen
from doctor.sources.variables import Variable


@frozen
class ExecCommand:
    """One command of Exec*=. `prefixes` are the special characters before the program (-, @, +, !, :)."""

    argv: tuple[str, ...]
    """The program and its arguments, quotes and specifiers resolved."""
    prefixes: str = ""
    """The special characters before the program, such as "-" or "+!"; "" without any."""
    place: Place = Place()
    """The line that holds it, and so each of its words."""


@frozen
class EnvironmentFileRef:
    """EnvironmentFile=; `optional` when written with a leading `-`. `place`: the line that names it."""

    path: str
    """The file, without the leading `-`."""
    optional: bool
    """It is written with a leading `-`: systemd starts the service without it."""
    place: Place = Place()
    """The line that names it."""


@frozen
class UnitProblem:
    """A line systemd ignores or refuses. `fatal`: the unit does not load."""

    message: str
    """What systemd says of the line, or would say."""
    fatal: bool
    """The unit does not load."""


@frozen
class SocketUnit:
    """A .socket unit that activates a service. `user` and `group` Absent: root; `listen` holds the streams."""

    name: str
    """Its name, such as "shop.socket"."""
    active_state: Fact[str]
    """ActiveState: active, inactive, failed …"""
    result: Fact[str]
    """Result: success, or why it failed."""
    listen: Fact[tuple[Address, ...]]
    """The addresses of its ListenStream=."""
    mode: Fact[int]
    """The permission bits of its socket file (SocketMode=)."""
    user: Fact[str]
    """The owner of its socket file (SocketUser=); Absent: root."""
    group: Fact[str]
    """The group of its socket file (SocketGroup=); Absent: root."""
    unit_file_state: Fact[str]
    """UnitFileState: enabled, disabled, static, masked …"""
    load_state: Fact[str]
    """LoadState: loaded, masked, not-found, error, bad-setting."""
    fragment: Fact[str]
    """The path of its file."""
    need_daemon_reload: Fact[bool]
    """NeedDaemonReload: its files changed since systemd read them."""


@frozen
class LoadedUnit:
    """One service unit with the values in force, by itself. Durations in seconds; `inf` for infinity."""

    name: str
    """Its name, such as "shop.service"."""
    load_state: Fact[str]
    """LoadState: loaded, masked, not-found, error, bad-setting."""
    active_state: Fact[str]
    """ActiveState: active, reloading, inactive, failed, activating or deactivating."""
    sub_state: Fact[str]
    """SubState, finer than `active_state`: running, exited, dead, auto-restart …"""
    result: Fact[str]
    """Result of the last run: success, exit-code, signal, timeout, start-limit-hit …"""
    unit_file_state: Fact[str]
    """UnitFileState: enabled, disabled, static, masked …"""
    fragment: Fact[str]
    """The path of its unit file (FragmentPath)."""
    drop_ins: Fact[tuple[str, ...]]
    """Paths of its drop-ins, in the order in which they are applied (DropInPaths)."""
    need_daemon_reload: Fact[bool]
    """NeedDaemonReload: its files changed since systemd read them."""
    can_reload: Fact[bool]
    """CanReload: it has an ExecReload=, or its Type= brings a way to reload."""
    type: Fact[str]
    """Type=: simple, exec, notify, notify-reload, forking, oneshot …"""
    notify_access: Fact[str]
    """NotifyAccess=: whose messages systemd listens to: none, main, exec or all."""
    main_pid: Fact[int]
    """Absent when there is no main process."""
    exec_main_code: Fact[str]
    """How the last main process ended: exited, killed, dumped; Absent when it has not."""
    exec_main_status: Fact[int]
    """Exit status or signal number of the last main process; systemd's own 200 and above included (203 EXEC)."""
    exec_main_started: Fact[float]
    """When the last main process was started, in seconds since the epoch."""
    restarts: Fact[int]
    """NRestarts: how often systemd has restarted it by itself."""
    restart: Fact[str]
    """Restart=: when systemd starts it again: no, on-failure, always …"""
    restart_delay: Fact[float]
    """RestartSec=, in seconds: the wait before an automatic restart."""
    start_limit_interval: Fact[float]
    """StartLimitIntervalSec=, in seconds: the time in which starts are counted; 0: they are not."""
    start_limit_burst: Fact[int]
    """StartLimitBurst=: how many starts are allowed in that time."""
    timeout_start: Fact[float]
    """TimeoutStartSec=, in seconds: how long a start may take."""
    timeout_stop: Fact[float]
    """TimeoutStopSec=, in seconds: how long a stop may take before SIGKILL."""
    kill_mode: Fact[str]
    """KillMode=: whom a stop signals: control-group, mixed, process or none."""
    kill_signal: Fact[str]
    """KillSignal=: the signal of a stop, such as "SIGTERM"."""
    send_sigkill: Fact[bool]
    """SendSIGKILL=: what is left after `timeout_stop` is killed."""
    watchdog: Fact[float]
    """0: none."""
    oom_policy: Fact[str]
    """OOMPolicy=: what becomes of the unit when the kernel kills a process of it for memory."""
    user: Fact[str]
    """Absent: root."""
    group: Fact[str]
    """Group=; Absent: the main group of the user."""
    dynamic_user: Fact[bool]
    """DynamicUser=: systemd makes up a user for each run."""
    user_exists: Fact[bool]
    """The machine knows the user that User= names."""
    group_exists: Fact[bool]
    """The machine knows the group that Group= names."""
    umask: Fact[int]
    """UMask=: the bits that are taken from the mode of the files it creates."""
    working_directory: Fact[str]
    """As written, links kept; "/" where none is set."""
    working_directory_optional: Fact[bool]
    """WorkingDirectory= is written with a leading `-`: a missing one is no failure."""
    root_directory: Fact[str]
    """RootDirectory=, in which its paths are looked up; Absent without one."""
    environment: Fact[tuple[Variable, ...]]
    """Of Environment=; values are tokens. A later one of the same name wins."""
    environment_files: Fact[tuple[EnvironmentFileRef, ...]]
    """Its EnvironmentFile= lines, in order."""
    exec_start: Fact[tuple[ExecCommand, ...]]
    """The commands of ExecStart=."""
    exec_reload: Fact[tuple[ExecCommand, ...]]
    """The commands of ExecReload=."""
    exec_start_pre: Fact[tuple[ExecCommand, ...]]
    """The commands of ExecStartPre=, which run before each start."""
    exec_stop: Fact[tuple[ExecCommand, ...]]
    """The commands of ExecStop=."""
    pid_file: Fact[str]
    """PIDFile=, an absolute path; Absent without one."""
    runtime_directories: Fact[tuple[str, ...]]
    """Absolute, such as /run/shop."""
    runtime_directory_mode: Fact[int]
    """RuntimeDirectoryMode=: the permission bits of `runtime_directories`."""
    runtime_directory_preserve: Fact[str]
    """RuntimeDirectoryPreserve=: whether they outlast a stop: no, yes or restart."""
    private_tmp: Fact[bool]
    """PrivateTmp=: it has a /tmp of its own, which no other process sees."""
    protect_home: Fact[str]
    """ProtectHome=: how homes look to it: no, yes, read-only or tmpfs."""
    protect_system: Fact[str]
    """ProtectSystem=: what of the system is read-only to it: no, yes, full or strict."""
    read_write_paths: Fact[tuple[str, ...]]
    """ReadWritePaths=: paths that it may write to all the same."""
    triggered_by: tuple[SocketUnit, ...]
    """The socket units that start it."""
    control_group: Fact[str]
    """The path of its control group."""
    invocation: Fact[str]
    """The id of its last start, 32 hexadecimal digits; entries of the journal bear it."""
    wanted_by: Fact[tuple[str, ...]]
    """Targets that start it; of files alone: those that would once it is enabled."""
    after: Fact[tuple[str, ...]]
    """After=: the units that are started before it."""
    problems: tuple[Fact[UnitProblem], ...]
    """Lines of its files that systemd ignores or refuses, each with its place."""
    reload_kind: Fact[str]
    """What `systemctl reload` does to Gunicorn: none, hup, graceful, restart, quit, kill, wrong-process, second-master
    (USR2), custom; no-effect: nothing, for certain; fails: the signal is sent to no process at all."""
    reload_preflight: Fact[bool]
    """An earlier ExecReload line can refuse (gunicorn --check-config, a test command)."""
    template: bool
    """A template (shop@.service) seen only as a file, not as an instance."""
    second_command: Fact[str]
    """A further ExecStart= of a service that may have only one, with its line: systemd refuses the unit."""
    pass_environment: Fact[tuple[str, ...]]
    """Names taken over from the manager's own environment, where it has them."""
    unset_environment: Fact[tuple[str, ...]]
    """UnsetEnvironment=: names, or NAME=value pairs, taken out of all the others."""
    supplementary_groups: Fact[tuple[str, ...]]
    """SupplementaryGroups=: groups it has besides its own."""


@frozen
class Unit(LoadedUnit):
    """One service unit, with what only the other units and the files on disk tell of it."""

    unread: Fact[tuple[str, ...]]
    """Settings that shape the process and that the files say otherwise than the manager knows them: without a
    daemon-reload the next start is the old one. Absent: none, or the manager has read its files."""
    not_started_at_boot: Fact[str]
    """Why no boot starts it, by itself or through another unit: "it is disabled"; Absent: one does."""
    enabling_starts_it: Fact[bool]
    """`systemctl enable` of it alone makes every boot start it."""
    start_blocker: Fact[str]
    """Why systemd would not start it: a line that it refuses, or "Requires= of shop.service names db.service, which has
    failed"."""
    set_after_ours: tuple[str, ...]
    """Keys of [Service] in drop-ins that are applied after the one a fix would write."""


@frozen
class Systemd:
    """The manager. `units`: every service that is Gunicorn's, nginx's or a stranger's the topology asked for."""

    available: Fact[bool]
    """systemd answers; where it does not, the reason."""
    version: Fact[int]
    """The number of its version, such as 252."""
    units: tuple[Unit, ...]
    """Every service that is Gunicorn's, nginx's or that somebody asked for."""
