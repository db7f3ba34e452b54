"""Processes: straight from /proc, so that " (deleted)" survives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from doctor.cause import Cause, doubt
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Host, Link, Missing, ProcessRecord, Stat, Unseen

T = TypeVar("T")

_UNIT_SUFFIXES = (".service", ".scope", ".socket", ".mount", ".swap")


@frozen
class WorkingDirectory:
    """`path` is physical: links are resolved. `deleted`: the directory was removed while the process stands in it."""

    path: str
    """The physical path."""
    deleted: bool
    """The directory was removed while the process stands in it."""
    inode: int
    """Its inode, by which it is known again under another name."""
    device: int
    """The device number of its file system."""


@frozen
class Process:
    """One process. `started` in seconds since the epoch."""

    pid: int
    """The process id."""
    ppid: int
    """The process id of its parent."""
    comm: str
    """The name the kernel has for it, of at most 15 characters."""
    state: str
    """One letter of /proc/PID/stat: R, S, D, T, Z (a zombie) …"""
    started: float
    """When it started, in seconds since the epoch."""
    argv: Fact[tuple[str, ...]]
    """Unknown when the process rewrote its title (setproctitle)."""
    uid: Fact[int]
    """The number of the user it runs as."""
    gids: Fact[frozenset[int]]
    """Its group and its supplementary groups."""
    unit: Fact[str]
    """The systemd unit by its control group ("shop.service"); Absent for a process of no unit."""
    cgroup: Fact[str]
    """The path of its control group."""
    cwd: Fact[WorkingDirectory]
    """Its working directory."""
    exe: Fact[str]
    """The physical path of the program it runs."""
    exe_deleted: Fact[bool]
    """The program was removed or replaced since it started."""
    environ: Fact[Mapping[str, str]]
    """Environment at exec; values are tokens but for harmless names."""
    sockets: Fact[frozenset[int]]
    """Inodes of the sockets it holds open."""
    mount_namespace: Fact[int]
    """The number of its mount namespace: processes that share it see the same files."""
    elsewhere: Fact[bool]
    """Its root directory is not the machine's own, as in a container: its paths mean other files."""
    own_network: bool = True
    """What it listens on and connects to is of the network that was looked at; so too where nobody could tell."""


def read(host: Host, pid: int) -> Fact[Process]:
    """One process in depth. Absent: there is no such process. Unknown: the process table cannot be read.

    Source: /proc/PID/{stat,status,cmdline,cgroup,cwd,exe,environ,fd,ns} through `Host.process`.
    """
    place = Place(note=f"pid {pid}")
    answer = host.process(pid)
    match answer:
        case Missing():
            return Absent((place,))
        case Unseen():
            return Unknown.of(answer, (place,))
        case ProcessRecord():
            return Known(_process(host, answer, place), (place,))


def rewritten(argv: tuple[str, ...]) -> bool:
    """The command line is a title the process gave itself ("gunicorn: master [app]", "nginx: worker process")."""
    return bool(argv) and ": " in argv[0] and not argv[0].startswith("/")


def unit_of(cgroup: str) -> str:
    """The unit that owns a control group, "" for none.

    As systemd's cg_path_get_unit (src/basic/cgroup-util.c): slices are skipped, the first thing below
    them is the unit. So a user's own services belong to "user@1000.service", and a container's processes
    to its scope. Names that clash with kernel files are escaped with one leading underscore.
    """
    for part in cgroup.split("/"):
        name = part.removeprefix("_")
        if not name or name == ".." or name.endswith(".slice"):
            continue
        return name if name.endswith(_UNIT_SUFFIXES) else ""
    return ""


def _process(host: Host, record: ProcessRecord, place: Place) -> Process:
    line = record.line
    unit = unit_of(record.cgroup)
    in_group = (Place(path=f"/proc/{line.pid}/cgroup", text=record.cgroup),)
    titled = rewritten(line.argv)
    return Process(
        pid=line.pid,
        ppid=line.ppid,
        comm=line.comm,
        state=line.state,
        started=line.started,
        argv=_argv(line.argv, titled, line.state, line.pid),
        uid=Known(record.uid, (place,)),
        gids=Known(frozenset((record.gid, *record.groups)), (place,)),
        unit=Known(unit, in_group) if unit else Absent(in_group),
        cgroup=Known(record.cgroup, in_group),
        cwd=_cwd(record.cwd, line.pid),
        exe=_link(record.exe, line.pid, "exe"),
        exe_deleted=_deleted(record.exe, line.pid),
        environ=_environ(record.environ, titled, line.pid),
        sockets=_seen(
            record.sockets if isinstance(record.sockets, Unseen) else frozenset(record.sockets),
            Place(path=f"/proc/{line.pid}/fd"),
        ),
        mount_namespace=_seen(record.mount_namespace, Place(path=f"/proc/{line.pid}/ns/mnt")),
        elsewhere=_elsewhere(host, record.root, line.pid),
        own_network=record.own_network,
    )


def _seen(value: T | Unseen, place: Place) -> Fact[T]:
    return Unknown.of(value, (place,)) if isinstance(value, Unseen) else Known(value, (place,))


def _argv(argv: tuple[str, ...], titled: bool, state: str, pid: int) -> Fact[tuple[str, ...]]:
    place = Place(path=f"/proc/{pid}/cmdline", text=" ".join(argv).rstrip())
    if titled:
        return Unknown("the process replaced its command line by a title (setproctitle)", Cause.UNREADABLE, (place,))
    if not argv and state in ("Z", "X"):
        return Unknown("the process has ended and waits to be reaped", Cause.VANISHED, (place,))
    return Known(argv, (place,))


def _environ(environ: Mapping[str, str] | Unseen, titled: bool, pid: int) -> Fact[Mapping[str, str]]:
    place = Place(path=f"/proc/{pid}/environ")
    # setproctitle writes the title over the memory of argv and of the environment behind it, so what
    # the kernel shows afterwards is zeros: nothing is known, which is not "no variable is set".
    if titled and not isinstance(environ, Unseen):
        return Unknown("the process wrote its title over its environment (setproctitle)", Cause.UNREADABLE, (place,))
    return _seen(environ, place)


def _cwd(link: Link | Unseen, pid: int) -> Fact[WorkingDirectory]:
    place = Place(path=f"/proc/{pid}/cwd", text=_shown(link))
    if isinstance(link, Unseen):
        return Unknown.of(link, (place,))
    return Known(WorkingDirectory(link.path, link.deleted, link.inode, link.device), (place,))


def _link(link: Link | Unseen, pid: int, name: str) -> Fact[str]:
    place = Place(path=f"/proc/{pid}/{name}", text=_shown(link))
    return Unknown.of(link, (place,)) if isinstance(link, Unseen) else Known(link.path, (place,))


def _deleted(link: Link | Unseen, pid: int) -> Fact[bool]:
    place = Place(path=f"/proc/{pid}/exe", text=_shown(link))
    return Unknown.of(link, (place,)) if isinstance(link, Unseen) else Known(link.deleted, (place,))


def _elsewhere(host: Host, root: Link | Unseen, pid: int) -> Fact[bool]:
    """By identity, not by name: the link reads "/" in a container too. A service with PrivateTmp= keeps its root."""
    place = Place(path=f"/proc/{pid}/root", text=_shown(root))
    if isinstance(root, Unseen):
        return Unknown.of(root, (place,))
    own = host.stat("/")
    if not isinstance(own, Stat):
        return Unknown.of(doubt(own, "there is no root directory", Cause.NOT_FOUND), (place,))
    return Known((root.inode, root.device) != (own.inode, own.device), (place,))


def _shown(link: Link | Unseen) -> str:
    if isinstance(link, Unseen):
        return ""
    return f"{link.path} (deleted)" if link.deleted else link.path
