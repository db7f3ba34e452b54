"""What the files of a unit say otherwise than the manager, which has not read them yet."""

from __future__ import annotations

from doctor.facts.value import Absent, Fact, Known, Origin, Place
from doctor.sources.systemd.model import LoadedUnit

_SHAPING = {
    "exec_start": "ExecStart", "exec_start_pre": "ExecStartPre", "exec_reload": "ExecReload", "user": "User",
    "group": "Group", "working_directory": "WorkingDirectory", "root_directory": "RootDirectory",
    "environment": "Environment", "environment_files": "EnvironmentFile", "runtime_directories": "RuntimeDirectory",
    "type": "Type", "dynamic_user": "DynamicUser", "private_tmp": "PrivateTmp", "protect_home": "ProtectHome",
    "protect_system": "ProtectSystem", "read_write_paths": "ReadWritePaths",
}  # fmt: skip
_UNSET_AT_FIRST = frozenset(("user", "group", "working_directory", "root_directory"))
"""No other file and no other setting gives these a value: where no line of the unit does, a line was taken out."""


def unread_settings(unit: LoadedUnit) -> Fact[tuple[str, ...]]:
    """`Unit.unread` of a unit whose other facts are there."""
    if not isinstance(unit.need_daemon_reload, Known):
        return unit.need_daemon_reload.untold()
    if not unit.need_daemon_reload.value:
        return Absent(unit.need_daemon_reload.places)
    found: dict[str, tuple[Place, ...]] = {}
    for field, key in _SHAPING.items():
        fact = getattr(unit, field)
        if isinstance(fact, (Known, Absent)) and _differs(field, fact):
            # The line on disk first: that is what somebody wrote.
            found[key] = (*fact.places[1:], *fact.places[:1])
    if not found:
        return Absent(unit.need_daemon_reload.places)
    return Known(tuple(found), tuple(place for places in found.values() for place in places), Origin.COMPUTED)


def _differs(field: str, fact: Known[object] | Absent) -> bool:
    """The manager's value counts (its command is the first place), and the files have another one or none."""
    if not fact.places or not fact.places[0].command.startswith("systemctl show"):
        return False
    if isinstance(fact, Absent):
        return len(fact.places) > 1
    return fact.origin is Origin.OBSERVED or (fact.origin is Origin.DEFAULT and field in _UNSET_AT_FIRST)
