"""Which files of the configuration changed after nginx read them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from doctor.cause import Cause
from doctor.facts.access import physical
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown
from doctor.hosts.base import FileType, Host, Stat
from doctor.sources.process import Process

_SLACK = 0.1
"""Seconds: the start of a process is known to 0.02 s, the time of a file to one tick of the kernel (4 ms)."""
_TOGETHER = 0.2
"""Seconds between the ctime of a file and the mtime of its directory when both come from one rename."""


def newer_files(
    host: Host, files: Iterable[str], directories: Iterable[str], workers: Fact[tuple[Process, ...]]
) -> Fact[tuple[str, ...]]:
    """Files and links that changed since the oldest worker that still accepts was started: it has not read them.

    A reload replaces all workers, so the oldest one shows when the configuration was last read, while a worker that
    was born again after a crash does not. A file counts when its text was written since (mtime), or when another file
    was put in its place since: its inode then changed together with its directory (ctime, while `chmod` alone leaves
    the directory as it was). An entry removed from a directory of nothing but links counts too; where regular files
    lie, an editor's swap file changes the directory as much, and nothing is claimed.

    Args:
        host: where to look.
        files: paths as nginx opens them.
        directories: directories that include patterns looked into.
        workers: those that are not shutting down.

    Returns:
        Known(paths); Absent when all were read or nginx does not run; Unknown when it cannot be told.
    """
    if isinstance(workers, Absent):
        return ABSENT
    if isinstance(workers, Unknown):
        return workers
    oldest = min(process.started for process in workers.value)
    found: dict[str, Place] = {}
    doubts: list[str] = []
    for path in files:
        for candidate in _with_target(host, path):
            stat = host.stat(candidate)
            if not isinstance(stat, Stat):
                continue
            if stat.mtime > oldest + _SLACK:
                found[candidate] = _dated(candidate, stat.mtime)
            elif stat.ctime > oldest + _SLACK and _replaced(host, candidate, stat.ctime):
                found[candidate] = _dated(candidate, stat.ctime)
    changed = {posixpath.dirname(path) for path in found}
    for directory in directories:
        stat = host.stat(directory)
        if directory in changed or not isinstance(stat, Stat) or stat.mtime <= oldest + _SLACK:
            continue
        if _only_links(host, directory):
            found[directory] = _dated(directory, stat.mtime)
        else:
            doubts.append(directory)
    started = Place(
        note=f"oldest worker, pid {min(workers.value, key=lambda p: p.started).pid}, started {_time(oldest)}"
    )
    if found:
        return Known(tuple(found), (*found.values(), started))
    if doubts:
        return Unknown(
            f"a file may have been removed from {doubts[0]} after nginx read its configuration",
            Cause.VANISHED,
            (started,),
        )
    return Absent((started,))


def _with_target(host: Host, path: str) -> tuple[str, ...]:
    """The path itself, and the file it leads to when a link is on the way."""
    target = physical(host, path).or_(path)
    return (path,) if target == path else (path, target)


def _replaced(host: Host, path: str, ctime: float) -> bool:
    directory = host.stat(posixpath.dirname(path))
    return isinstance(directory, Stat) and abs(directory.mtime - ctime) <= _TOGETHER


def _only_links(host: Host, directory: str) -> bool:
    names = host.list(directory)
    if not isinstance(names, tuple):
        return False
    stats = [host.stat(posixpath.join(directory, name)) for name in names]
    return all(isinstance(stat, Stat) and stat.type is FileType.LINK for stat in stats)


def _dated(path: str, time: float) -> Place:
    return Place(path=path, text=f"changed {_time(time)}")


def _time(seconds: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
