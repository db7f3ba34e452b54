"""Builds a `Unit` or `SocketUnit` from its settings. Nothing here asks the machine but for users and groups."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from doctor.cause import Cause
from doctor.facts.accounts import Accounts
from doctor.facts.address import Address, parse_listen_stream
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown, both, computed
from doctor.grammar.unitfile import Assignment, boolean, duration, integer, is_template, mode, signal_name
from doctor.sources.systemd.lists import commands, environment, environment_files, words
from doctor.sources.systemd.model import ExecCommand, LoadedUnit, SocketUnit
from doctor.sources.systemd.problems import find_problems, second_start
from doctor.sources.systemd.reload import classify
from doctor.sources.systemd.settings import Settings, place_of

TYPES = ("simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle")
RESTARTS = ("no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always")
KILL_MODES = ("control-group", "process", "mixed", "none")


def _one_of(*words: str) -> Callable[[str], str | None]:
    return lambda text: text if text in words else None


def _flag_or(*words: str) -> Callable[[str], str | None]:
    """A boolean that knows further words: yes, no, or one of `words`."""

    def parse(text: str) -> str | None:
        if text in words:
            return text
        flag = boolean(text)
        return None if flag is None else "yes" if flag else "no"

    return parse


def _timeout(text: str) -> float | None:
    """Zero means no limit."""
    seconds = duration(text)
    return inf if seconds == 0 else seconds


def _watchdog(text: str) -> float | None:
    """A watchdog that never fires is none; systemctl prints it as infinity or 0."""
    seconds = duration(text)
    return 0.0 if seconds == inf else seconds


def _path(text: str) -> str | None:
    return text if text.startswith("/") else None


def _directory(text: str) -> str | None:
    """WorkingDirectory= without its marker ("-" in files, "!" in systemctl show)."""
    text = text.lstrip("-!")
    return text.rstrip("/") or "/" if text.startswith("/") else text if text == "~" else None


def _runtime_directories(text: str) -> tuple[str, ...]:
    return tuple(f"/run/{word.partition(':')[0].rstrip('/')}" for word in words(text) if not word.startswith("/"))


def _plain_paths(text: str) -> tuple[str, ...]:
    return tuple(word.lstrip("-+") for word in words(text))


def build_unit(
    settings: Settings, accounts: Accounts, sockets: tuple[SocketUnit, ...], version: int | None
) -> LoadedUnit:
    """One service unit by itself."""
    shown = settings.shown
    exec_start = commands(settings, "ExecStart")
    exec_reload = commands(settings, "ExecReload")
    default_type = "dbus" if settings.merged.value("Service", "BusName") else "simple"
    if exec_start.is_(()):
        default_type = "oneshot"
    type_ = settings.scalar(("Type",), _one_of(*_types(version)), default_type)
    oneshot = type_.is_("oneshot")
    # Until the service has started, systemctl shows no watchdog whatever the files say.
    running = shown.raw("MainPID") not in {None, "0"}
    watchdog = settings.scalar(("WatchdogSec",), _watchdog, 0.0, "WatchdogUSec" if running else "not shown")
    notify = type_.meets(lambda it: it in {"notify", "notify-reload"}) or watchdog.meets(lambda it: it > 0)
    dynamic = settings.scalar(("DynamicUser",), boolean, False)
    is_dynamic = dynamic.or_(False)
    user, group = _accounts(settings, is_dynamic)
    private_tmp = settings.scalar(("PrivateTmp",), _private_tmp, is_dynamic)
    reload_kind, reload_preflight = _reload(exec_reload, type_)
    optional = settings.merged.value("Service", "WorkingDirectory", valid=_directory)
    interval, interval_section = _limit_section(
        settings, "StartLimitInterval", "StartLimitIntervalSec", "StartLimitInterval"
    )
    burst, burst_section = _limit_section(settings, "StartLimitBurst", "StartLimitBurst")
    return LoadedUnit(
        name=settings.name,
        load_state=shown.text("LoadState"),
        active_state=shown.text("ActiveState"),
        sub_state=shown.text("SubState"),
        result=shown.text("Result"),
        unit_file_state=shown.text("UnitFileState"),
        fragment=_fragment(settings),
        drop_ins=_drop_ins(settings),
        need_daemon_reload=_need_reload(settings),
        can_reload=_can_reload(settings, exec_reload, type_),
        type=type_,
        notify_access=settings.scalar(
            ("NotifyAccess",), _one_of("none", "main", "exec", "all"), "main" if notify else "none"
        ),
        main_pid=shown.main_pid(),
        exec_main_code=shown.exit_code(),
        exec_main_status=shown.exit_status(),
        exec_main_started=shown.time("ExecMainStartTimestamp"),
        restarts=shown.number("NRestarts"),
        restart=settings.scalar(("Restart",), _one_of(*RESTARTS), "no"),
        restart_delay=settings.scalar(("RestartSec",), duration, 0.1, "RestartUSec"),
        start_limit_interval=settings.scalar(
            interval, duration, 10.0, "StartLimitIntervalUSec", section=interval_section
        ),
        start_limit_burst=settings.scalar(burst, integer, 5, section=burst_section),
        timeout_start=settings.scalar(
            ("TimeoutStartSec", "TimeoutSec"), _timeout, inf if oneshot else 90.0, "TimeoutStartUSec"
        ),
        timeout_stop=settings.scalar(("TimeoutStopSec", "TimeoutSec"), _timeout, 90.0, "TimeoutStopUSec"),
        kill_mode=settings.scalar(("KillMode",), _one_of(*KILL_MODES), "control-group"),
        kill_signal=settings.scalar(("KillSignal",), signal_name, "SIGTERM"),
        send_sigkill=settings.scalar(("SendSIGKILL",), boolean, True),
        watchdog=watchdog,
        oom_policy=settings.scalar(("OOMPolicy",), _one_of("continue", "stop", "kill"), "stop"),
        user=user,
        group=group,
        dynamic_user=dynamic,
        user_exists=_exists(user, accounts.user_exists, is_dynamic),
        group_exists=_exists(group, accounts.group_exists, is_dynamic),
        umask=settings.scalar(("UMask",), mode, 0o022),
        working_directory=_working_directory(settings, user, accounts),
        working_directory_optional=_optional_directory(settings, optional),
        root_directory=settings.scalar(("RootDirectory",), _path, ABSENT),
        environment=environment(settings),
        environment_files=environment_files(settings),
        exec_start=exec_start,
        exec_reload=exec_reload,
        exec_start_pre=commands(settings, "ExecStartPre"),
        exec_stop=commands(settings, "ExecStop"),
        pid_file=settings.scalar(("PIDFile",), _pid_file, ABSENT),
        runtime_directories=settings.sequence(("RuntimeDirectory",), _runtime_directories, normal=frozenset),
        runtime_directory_mode=settings.scalar(("RuntimeDirectoryMode",), mode, 0o755),
        runtime_directory_preserve=settings.scalar(("RuntimeDirectoryPreserve",), _flag_or("restart"), "no"),
        private_tmp=private_tmp,
        protect_home=settings.scalar(
            ("ProtectHome",), _flag_or("read-only", "tmpfs"), "read-only" if is_dynamic else "no"
        ),
        protect_system=settings.scalar(
            ("ProtectSystem",), _flag_or("full", "strict"), "strict" if is_dynamic else "no"
        ),
        read_write_paths=settings.sequence(("ReadWritePaths", "ReadWriteDirectories"), _plain_paths),
        triggered_by=sockets,
        control_group=shown.text("ControlGroup"),
        invocation=shown.text("InvocationID"),
        wanted_by=settings.sequence(("WantedBy",), words, section="Install", normal=lambda _: None),
        after=settings.sequence(("After",), words, section="Unit", normal=lambda _: None),
        problems=find_problems(settings, version),
        second_command=_second_command(settings),
        reload_kind=reload_kind,
        reload_preflight=reload_preflight,
        template=is_template(settings.name),
        pass_environment=settings.sequence(("PassEnvironment",), words),
        unset_environment=_unset(settings),
        supplementary_groups=settings.sequence(("SupplementaryGroups",), words),
    )


def _types(version: int | None) -> tuple[str, ...]:
    """notify-reload came with systemd 253; an older one ignores the line."""
    return tuple(word for word in TYPES if word != "notify-reload" or version is None or version >= 253)


def _private_tmp(text: str) -> bool | None:
    return True if text in {"connected", "disconnected"} else boolean(text)


def _second_command(settings: Settings) -> Fact[str]:
    second = second_start(settings)
    return ABSENT if second is None else Known(second.value, (place_of(second),), Origin.EXPLICIT)


def _pid_file(text: str) -> str | None:
    """A relative path is below /run."""
    return text if text.startswith("/") else f"/run/{text}" if text else None


def _unset(settings: Settings) -> Fact[tuple[str, ...]]:
    """Not among the properties that are asked for: only files tell."""
    assignments = settings.merged.values("Service", "UnsetEnvironment")
    return settings.written_list(
        assignments, tuple(word for item in assignments for word in words(settings.expanded(item)))
    )


def _limit_section(settings: Settings, legacy: str, *keys: str) -> tuple[tuple[str, ...], str]:
    """Start limits stood in [Service] before systemd 230, and their old names are still read there."""
    if settings.merged.values("Service", legacy) and not settings.merged.values("Unit", *keys):
        return (legacy,), "Service"
    return keys, "Unit"


def _accounts(settings: Settings, dynamic: bool) -> tuple[Fact[str], Fact[str]]:
    """User and group. A dynamic user has the name of the unit, its group that of the user (service_add_extras)."""
    user = settings.scalar(("User",), str, ABSENT)
    group = settings.scalar(("Group",), str, ABSENT)
    if dynamic and isinstance(user, Absent):
        name = settings.name.rpartition(".")[0].partition("@")[0]
        user = Known(name, (Place(note="dynamic user"),), Origin.DEFAULT)
    if dynamic and isinstance(group, Absent) and isinstance(user, Known):
        group = Known(user.value, (Place(note="group of the dynamic user"),), Origin.DEFAULT)
    return user, group


def _exists(name: Fact[str], look: Callable[[str], Fact[bool]], dynamic: bool) -> Fact[bool]:
    if dynamic:
        return Known(True, (Place(note="DynamicUser=yes makes it at start"),), Origin.COMPUTED)
    if isinstance(name, Absent):
        return look("root")
    return name if isinstance(name, Unknown) else look(name.value)


def _working_directory(settings: Settings, user: Fact[str], accounts: Accounts) -> Fact[str]:
    directory = settings.scalar(("WorkingDirectory",), _directory, "/", empty_resets=True)
    if isinstance(directory, Known) and directory.origin is Origin.DEFAULT:
        written = settings.merged.value("Service", "WorkingDirectory")
        if written is not None and written.value and not written.value.startswith("-") and not settings.asked:
            return Unknown(
                f"WorkingDirectory={written.value} is not absolute", Cause.NOT_UNDERSTOOD, (place_of(written),)
            )
    if not directory.is_("~"):
        return directory
    if isinstance(user, Absent):
        return directory.map(lambda _: "/root")
    return both(directory, user.then(accounts.home)).map(lambda pair: pair[1])


def _optional_directory(settings: Settings, assignment: Assignment | None) -> Fact[bool]:
    if settings.gone:
        return Absent(settings.gone)
    raw = settings.shown.raw("WorkingDirectory")
    if settings.asked and raw is not None:
        place = settings.shown.place("WorkingDirectory") if assignment is None else place_of(assignment)
        return Known(raw.startswith("!"), (place,))
    if assignment is None:
        return Known(False, (settings.default_place(),), Origin.DEFAULT)
    return Known(settings.expanded(assignment).startswith("-"), (place_of(assignment),), Origin.EXPLICIT)


def _fragment(settings: Settings) -> Fact[str]:
    if settings.shown.properties is not None:
        return settings.shown.text("FragmentPath")
    fragment = next((file.path for file in settings.merged.files if not file.path.endswith(".conf")), None)
    if fragment is None:
        return ABSENT
    return Known(fragment, (Place(path=fragment),))


def _drop_ins(settings: Settings) -> Fact[tuple[str, ...]]:
    if settings.shown.properties is not None:
        value = tuple((settings.shown.raw("DropInPaths") or "").split())
        return Known(value, (settings.shown.place("DropInPaths"),))
    value = tuple(file.path for file in settings.merged.files if file.path.endswith(".conf"))
    return Known(value, tuple(Place(path=path) for path in value))


def _need_reload(settings: Settings) -> Fact[bool]:
    """The manager's word, but for drop-ins it overlooked."""
    if settings.asked and settings.unread:
        return Known(True, tuple(Place(path=path) for path in settings.unread))
    return settings.shown.flag("NeedDaemonReload")


def _can_reload(settings: Settings, given: Fact[tuple[ExecCommand, ...]], type_: Fact[str]) -> Fact[bool]:
    if settings.asked:
        fact = settings.shown.flag("CanReload")
        if fact.or_(False) and given.or_(()):
            return Known(True, given.places)
        return fact
    notify = type_.is_("notify-reload")
    return given.then(lambda lines: computed(bool(lines) or notify, *given.places))


def _reload(given: Fact[tuple[ExecCommand, ...]], type_: Fact[str]) -> tuple[Fact[str], Fact[bool]]:
    told = given.then(lambda lines: computed(classify(lines, type_.or_("simple")), *given.places))
    return told.map(lambda pair: pair[0]), told.map(lambda pair: pair[1])


def build_socket(settings: Settings) -> SocketUnit:
    """One .socket unit."""
    shown = settings.shown
    return SocketUnit(
        name=settings.name,
        active_state=shown.text("ActiveState"),
        result=shown.text("Result"),
        listen=settings.sequence(("ListenStream",), _address, "Listen", shown_parse=_shown_address),
        mode=settings.scalar(("SocketMode",), mode, 0o666),
        user=settings.scalar(("SocketUser",), str, ABSENT),
        group=settings.scalar(("SocketGroup",), str, ABSENT),
        unit_file_state=shown.text("UnitFileState"),
        load_state=shown.text("LoadState"),
        fragment=_fragment(settings),
        need_daemon_reload=_need_reload(settings),
    )


def _shown_address(text: str) -> tuple[Address, ...]:
    address, _, kind = text.rpartition(" (")
    return _address(address) if kind == "Stream)" else ()


def _address(text: str) -> tuple[Address, ...]:
    """ListenStream= in canonical form; nothing for a form no web server is reached by (vsock)."""
    try:
        return (parse_listen_stream(text),)
    except ValueError:
        return ()
