"""The allow-list: every command that is ever run to look at a machine.

A `Command` can only be made by the functions here, each of which fixes the program, its verb and the
shape of its arguments. None of them changes anything. Programs are looked up by absolute path; the
environment is clean; there is no shell.
"""

from __future__ import annotations

from doctor.frozen import frozen

UNIT_PROPERTIES = (
    "Id", "Names", "Description", "LoadState", "LoadError", "ActiveState", "SubState", "Result", "UnitFileState",
    "UnitFilePreset", "FragmentPath", "SourcePath", "DropInPaths", "NeedDaemonReload", "CanReload", "Type",
    "NotifyAccess", "MainPID", "ExecMainPID", "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp",
    "ActiveEnterTimestamp", "InactiveEnterTimestamp", "StateChangeTimestamp", "NRestarts", "Restart", "RestartUSec",
    "StartLimitIntervalUSec", "StartLimitBurst", "TimeoutStartUSec", "TimeoutStopUSec", "KillMode", "KillSignal",
    "SendSIGKILL", "WatchdogUSec", "OOMPolicy", "User", "Group", "SupplementaryGroups", "UMask", "WorkingDirectory",
    "RootDirectory", "Environment", "EnvironmentFiles", "PassEnvironment", "ExecStart", "ExecReload",
    "ExecStartPre", "ExecStop", "PIDFile", "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve",
    "PrivateTmp", "PrivateNetwork", "ProtectHome", "ProtectSystem", "ReadWritePaths", "DynamicUser", "LimitNOFILE",
    "TriggeredBy", "Triggers", "Requires", "After", "WantedBy",
    "RequiredBy", "UpheldBy", "BoundBy", "ControlGroup", "InvocationID", "Listen",
    "SocketMode", "SocketUser", "SocketGroup", "Backlog", "RemoveOnStop", "JoinsNamespaceOf",
)  # fmt: skip


@frozen
class Command:
    """A command line from the allow-list. `timeout` in seconds, `limit` in bytes of standard output."""

    program: str
    arguments: tuple[str, ...]
    timeout: float = 5.0
    limit: int = 4 << 20

    @property
    def text(self) -> str:
        """As a person would type it, for evidence."""
        return " ".join((self.program, *self.arguments))


def list_units() -> Command:
    """Every loaded service and socket unit, one a line."""
    return Command(
        "systemctl",
        ("list-units", "--all", "--plain", "--full", "--no-legend", "--no-pager", "--type=service,socket"),
    )


def show_units(units: tuple[str, ...]) -> Command:
    """All properties the rules need of some units, blank line between units."""
    return Command("systemctl", ("show", "--no-pager", f"--property={','.join(UNIT_PROPERTIES)}", "--", *units))


def show_manager_environment() -> Command:
    """What the manager passes to every service: DefaultEnvironment= and `systemctl set-environment`."""
    return Command("systemctl", ("show", "--no-pager", "--property=Environment"))


def cat_units(units: tuple[str, ...]) -> Command:
    """Unit files and drop-ins as they lie on disk, each under a `# /path` line."""
    return Command("systemctl", ("cat", "--no-pager", "--", *units))


def journal(unit: str, since: float, lines: int, *, newest: bool = False) -> Command:
    """At most `lines` journal entries of a unit, no older than `since` (seconds since the epoch), as JSON lines.

    Of more, the first ones: `--lines=` counts from `--since=` on (seen with systemd 252). `newest`: the last ones,
    which come newest first.
    """
    return Command(
        "journalctl",
        (
            f"--unit={unit}", f"--since=@{int(since)}", f"--lines={lines}", "--output=json", "--no-pager", "--quiet",
            "--output-fields=MESSAGE,_PID,_SYSTEMD_INVOCATION_ID,INVOCATION_ID,PRIORITY,_COMM",
            *(("--reverse",) if newest else ()),
        ),
    )  # fmt: skip


def nginx_version() -> Command:
    """`nginx -V`: version and build options. Reads no configuration."""
    return Command("nginx", ("-V",))
