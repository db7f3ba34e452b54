"""Has anybody written to a unit, or to a script it starts? Where nobody has, its process runs as they say."""

from __future__ import annotations

from doctor.facts.access import physical
from doctor.facts.value import Absent, Known
from doctor.grammar.unitfile import drop_in_folders
from doctor.hosts.base import FileType, Host, Missing, Stat
from doctor.sources.systemd.model import ExecCommand, Unit

_FOLDERS = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/etc/systemd/system", "/run/systemd/system",
    "/usr/local/lib/systemd/system",
)  # fmt: skip
"""Where people, and `systemctl edit` and `set-property`, keep what changes a unit."""

_SYSTEM = ("/usr/bin/", "/usr/sbin/", "/usr/lib", "/bin/", "/sbin/", "/lib")


def unchanged_since(host: Host, unit: Unit, time: float) -> bool:
    """Nobody has written, added or removed one of these files after a time; False also where that cannot be seen.

    What was removed shows in the folder it was in.
    """
    if not isinstance(unit.fragment, Known) or not isinstance(unit.drop_ins, (Known, Absent)):
        return False
    drop_ins = unit.drop_ins.or_(())
    folders = [f"{folder}/{name}" for folder in _FOLDERS for name in drop_in_folders(unit.name)]
    files = (_older(host, path, time) for path in (unit.fragment.value, *drop_ins))
    words = [part for command in _commands(unit) for word in command.argv for part in word.split()]
    if any(not word.startswith("/") and (word.startswith(".") or word.endswith(".sh")) for word in words):
        return False  # a script by a relative name: where it lies is the shell's affair
    named = [word for word in words if word.startswith("/") and not word.startswith(_SYSTEM)]
    return all(files) and all(_older(host, path, time, or_missing=True) for path in (*_FOLDERS, *folders, *named))


def _commands(unit: Unit) -> tuple[ExecCommand, ...]:
    return unit.exec_start.or_(())


def _older(host: Host, path: str, time: float, *, or_missing: bool = False) -> bool:
    """By the time of the last change of any kind: copies may keep the time of their content."""
    stat = host.stat(path)
    if isinstance(stat, Missing):
        return or_missing
    if not isinstance(stat, Stat) or max(stat.mtime, stat.ctime) > time:
        return False
    if stat.type is not FileType.LINK:
        return True
    real = physical(host, path)
    return real.meets(lambda it: _older(host, it, time))
