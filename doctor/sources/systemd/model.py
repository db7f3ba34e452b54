"""The dataclasses of units: see the package docstring."""

from __future__ import annotations

from doctor.facts.address import Address
from doctor.facts.value import Fact
from doctor.frozen import frozen


@frozen
class ExecCommand:
    """One command of Exec*=. `prefixes` are the special characters before the program (-, @, +, !, :)."""

    argv: tuple[str, ...]
    prefixes: str = ""


@frozen
class EnvironmentFileRef:
    """EnvironmentFile=; `optional` when written with a leading `-`."""

    path: str
    optional: bool


@frozen
class UnitProblem:
    """A line systemd ignores or refuses. `fatal`: the unit does not load."""

    message: str
    fatal: bool


@frozen
class SocketUnit:
    """A .socket unit that activates a service. `user` and `group` Absent: root; `listen` holds the streams."""

    name: str
    active_state: Fact[str]
    result: Fact[str]
    listen: Fact[tuple[Address, ...]]
    mode: Fact[int]
    user: Fact[str]
    group: Fact[str]
    unit_file_state: Fact[str]
    load_state: Fact[str]
    fragment: Fact[str]
    need_daemon_reload: Fact[bool]


@frozen
class LoadedUnit:
    """One service unit with the values in force, by itself. Durations in seconds; `inf` for infinity."""

    name: str
    load_state: Fact[str]
    active_state: Fact[str]
    sub_state: Fact[str]
    result: Fact[str]
    unit_file_state: Fact[str]
    fragment: Fact[str]
    drop_ins: Fact[tuple[str, ...]]
    need_daemon_reload: Fact[bool]
    can_reload: Fact[bool]
    type: Fact[str]
    notify_access: Fact[str]
    main_pid: Fact[int]
    """Absent when there is no main process."""
    exec_main_code: Fact[str]
    """How the last main process ended: exited, killed, dumped; Absent when it has not."""
    exec_main_status: Fact[int]
    """Exit status or signal number of the last main process; systemd's own 200 and above included (203 EXEC)."""
    exec_main_started: Fact[float]
    restarts: Fact[int]
    restart: Fact[str]
    restart_delay: Fact[float]
    start_limit_interval: Fact[float]
    start_limit_burst: Fact[int]
    timeout_start: Fact[float]
    timeout_stop: Fact[float]
    kill_mode: Fact[str]
    kill_signal: Fact[str]
    send_sigkill: Fact[bool]
    watchdog: Fact[float]
    """0: none."""
    oom_policy: Fact[str]
    user: Fact[str]
    """Absent: root."""
    group: Fact[str]
    dynamic_user: Fact[bool]
    user_exists: Fact[bool]
    group_exists: Fact[bool]
    umask: Fact[int]
    working_directory: Fact[str]
    """As written, links kept; "/" where none is set."""
    working_directory_optional: Fact[bool]
    root_directory: Fact[str]
    environment: Fact[tuple[tuple[str, str], ...]]
    """Of Environment=; values are tokens. A later pair of one name wins."""
    environment_files: Fact[tuple[EnvironmentFileRef, ...]]
    exec_start: Fact[tuple[ExecCommand, ...]]
    exec_reload: Fact[tuple[ExecCommand, ...]]
    exec_start_pre: Fact[tuple[ExecCommand, ...]]
    exec_stop: Fact[tuple[ExecCommand, ...]]
    pid_file: Fact[str]
    runtime_directories: Fact[tuple[str, ...]]
    """Absolute, such as /run/shop."""
    runtime_directory_mode: Fact[int]
    runtime_directory_preserve: Fact[str]
    private_tmp: Fact[bool]
    protect_home: Fact[str]
    protect_system: Fact[str]
    read_write_paths: Fact[tuple[str, ...]]
    triggered_by: tuple[SocketUnit, ...]
    control_group: Fact[str]
    invocation: Fact[str]
    wanted_by: Fact[tuple[str, ...]]
    """Targets that start it; of files alone: those that would once it is enabled."""
    after: Fact[tuple[str, ...]]
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


@frozen
class Unit(LoadedUnit):
    """One service unit, with what only the other units and the files on disk tell of it."""

    unread: Fact[tuple[str, ...]]
    """Settings that shape the process and that the files say otherwise than the manager knows them: without a
    daemon-reload the next start is the old one. Absent: none, or the manager has read its files."""
    missed_at_boot: Fact[str]
    """Why no boot starts it, by itself or through another unit: "it is disabled"; Absent: one does."""
    enabling_starts_it: Fact[bool]
    """`systemctl enable` of it alone makes every boot start it."""
    hindrance: Fact[str]
    """Why systemd would not start it: a line that it refuses, or "Requires= of shop.service names db.service, which has
    failed"."""
    set_after_ours: tuple[str, ...]
    """Keys of [Service] in drop-ins that are applied after the one a fix would write."""


@frozen
class Systemd:
    """The manager. `units`: every service that is Gunicorn's, nginx's or a stranger's the topology asked for."""

    available: Fact[bool]
    version: Fact[int]
    units: tuple[Unit, ...]
