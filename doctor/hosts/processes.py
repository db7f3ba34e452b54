"""The process table, straight from /proc (proc_pid_stat(5), proc_pid_status(5)).

psutil is not asked for these: it strips " (deleted)" from cwd and exe, which is the proof of a removed release.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping

from doctor.cause import Cause
from doctor.hosts.base import Answer, Link, Missing, ProcessLine, ProcessRecord, Unseen
from doctor.hosts.files import failure
from doctor.hosts.redact import Redactor

_DELETED = " (deleted)"
_COMMAND_LINE_LIMIT = 1 << 16
_ENVIRONMENT_LIMIT = 1 << 20
_DESCRIPTOR_LIMIT = 20_000
_ENTRY = re.compile(r"[^=\0]+=")
_REWRITTEN = Unseen("the process rewrote its title, which overwrites its environment", Cause.UNREADABLE)
_ENDED = Unseen("the process has ended", Cause.VANISHED)


def boot_time() -> float:
    """Seconds since the epoch. `btime` of /proc/stat is cut to whole seconds; this is good to a tick."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class ProcessTable:
    """Reads /proc. Times of one table share one boot time, so that they compare exactly."""

    def __init__(self, redactor: Redactor, booted: float) -> None:
        self._redactor = redactor
        self._booted = booted
        self._ticks = os.sysconf("SC_CLK_TCK")

    def lines(self) -> tuple[ProcessLine, ...] | Unseen:
        """Every process, by pid."""
        try:
            pids = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
        except OSError:
            return Unseen("/proc could not be listed", Cause.UNREADABLE)
        if 1 not in pids:
            return Unseen("/proc hides the processes of other users (run with sudo)", Cause.NEEDS_ROOT)
        lines = (self.line(pid) for pid in pids)
        return tuple(line for line in lines if line is not None)

    def line(self, pid: int) -> ProcessLine | None:
        """One row, None when the process has ended."""
        try:
            stat = _read(f"/proc/{pid}/stat", 4096).decode("utf-8", "replace")
            command_line = _read(f"/proc/{pid}/cmdline", _COMMAND_LINE_LIMIT)
        except OSError:
            return None
        # comm may hold spaces and parentheses: the last one closes it.
        opening, closing = stat.find("("), stat.rfind(")")
        fields = stat[closing + 2 :].split()
        if len(fields) < 20:
            return None
        words = os.fsdecode(command_line.rstrip(b"\0")).split("\0") if command_line.rstrip(b"\0") else []
        return ProcessLine(
            pid=pid,
            ppid=int(fields[1]),
            comm=stat[opening + 1 : closing],
            state=fields[0],
            started=round(self._booted + int(fields[19]) / self._ticks, 3),
            argv=self._redactor.argv(tuple(words)),
        )

    def record(self, pid: int) -> ProcessRecord | Answer:
        """One process in depth."""
        line = self.line(pid)
        if line is None:
            return Missing()
        try:
            status = _read(f"/proc/{pid}/status", 1 << 16).decode("utf-8", "replace")
            cgroups = _read(f"/proc/{pid}/cgroup", 1 << 16).decode("utf-8", "replace")
        except OSError as error:
            return failure(error, f"/proc/{pid}/status")
        fields = dict(row.split(":", 1) for row in status.splitlines() if ":" in row)
        ended = line.state in "ZX"
        sockets, open_files = (_ENDED, _ENDED) if ended else _descriptors(pid)
        return ProcessRecord(
            line=line,
            uid=_ids(fields, "Uid")[1],
            gid=_ids(fields, "Gid")[1],
            groups=_ids(fields, "Groups"),
            cgroup=_cgroup(cgroups),
            cwd=_ENDED if ended else _link(f"/proc/{pid}/cwd"),
            exe=_ENDED if ended else _link(f"/proc/{pid}/exe"),
            root=_ENDED if ended else _link(f"/proc/{pid}/root"),
            environ=_ENDED if ended else self._environ(pid),
            sockets=sockets,
            mount_namespace=_ENDED if ended else _mount_namespace(pid),
            open_files=open_files,
            own_network=ended or _shares_network(pid),
        )

    def _environ(self, pid: int) -> Mapping[str, str] | Unseen:
        path = f"/proc/{pid}/environ"
        try:
            data = _read(path, _ENVIRONMENT_LIMIT)
        except OSError as error:
            return _unseen(error, path)
        entries = [entry for entry in os.fsdecode(data).split("\0") if entry]
        if (data and not entries) or (entries and not _ENTRY.match(entries[0])):
            return _REWRITTEN
        pairs = (entry.partition("=") for entry in entries if _ENTRY.match(entry))
        return {name: self._redactor.token(name, value) for name, _, value in sorted(pairs)}


def _read(path: str, limit: int) -> bytes:
    """A file of /proc, which may come in pieces."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, limit)
        piece = data
        while piece and len(data) < limit:
            piece = os.read(descriptor, limit - len(data))
            data += piece
        return data
    finally:
        os.close(descriptor)


def _unseen(error: OSError, path: str) -> Unseen:
    """A part of a process that is no longer there means that the process ended."""
    answer = failure(error, path)
    return answer if isinstance(answer, Unseen) else _ENDED


def _ids(fields: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(int(word) for word in fields[name].split())


def _cgroup(text: str) -> str:
    """The unified hierarchy ("0::/path"), else systemd's own of a hybrid set-up ("1:name=systemd:/path")."""
    rows = [row.split(":", 2) for row in text.splitlines() if row.count(":") >= 2]
    unified = next((row[2] for row in rows if row[0] == "0"), "")
    named = next((row[2] for row in rows if row[1] == "name=systemd"), "")
    return named if unified in ("", "/") and named else unified


def _link(path: str) -> Link | Unseen:
    try:
        text = os.readlink(path)
        status = os.stat(path)
    except OSError as error:
        return _unseen(error, path)
    deleted = text.endswith(_DELETED) and not _is(text, status)
    return Link(text[: -len(_DELETED)] if deleted else text, deleted, status.st_ino, status.st_dev)


def _is(path: str, status: os.stat_result) -> bool:
    """A directory may really be called "x (deleted)"."""
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def _mount_namespace(pid: int) -> int | Unseen:
    path = f"/proc/{pid}/ns/mnt"
    try:
        return int(os.readlink(path).partition("[")[2].rstrip("]"))
    except OSError as error:
        return _unseen(error, path)
    except ValueError:
        return Unseen(f"{path} is in an unknown form", Cause.NOT_UNDERSTOOD)


def _shares_network(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError:
        return True


def _descriptors(pid: int) -> tuple[tuple[int, ...] | Unseen, int | Unseen]:
    """Inodes of open sockets, and the number of open files."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError as error:
        reason = _unseen(error, folder)
        return reason, reason
    inodes = set()
    for name in names[:_DESCRIPTOR_LIMIT]:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # closed since it was listed
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    return tuple(sorted(inodes)), len(names)
