"""Masters, their workers and other children, from the process table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from doctor.facts.value import ABSENT, Known
from doctor.frozen import frozen
from doctor.hosts.base import Host, ProcessLine, ProcessRecord, Unseen
from doctor.servers.gunicorn.launch import direct
from doctor.sources.keeper import Keeper, keeper_of, keeper_of_pid
from doctor.sources.process import Process, read, rewritten
from doctor.sources.sockets.kernel import Row

_TITLE = "gunicorn: "
"""util._setproctitle: "gunicorn: master [app]", "worker [app]", "dirty-arbiter", "dirty-worker [app]"."""
_DIRTY_SOCKET = "/gunicorn-dirty-"
"""Folder of the dirty arbiter's own socket (gunicorn/dirty/arbiter.py)."""
BOOT_TIME = 3.0
"""Seconds in which a master without workers is taken to be starting."""


@dataclass(slots=True)
class Family:
    """One master with its children. Without a master: workers that outlived theirs."""

    master: ProcessLine | None
    workers: list[ProcessLine] = field(default_factory=list)
    others: list[ProcessLine] = field(default_factory=list)

    @property
    def worker_pids(self) -> frozenset[int]:
        """Pids of the HTTP workers."""
        return frozenset(line.pid for line in self.workers)


@frozen
class Table:
    """The process table, indexed."""

    lines: Mapping[int, ProcessLine]
    children: Mapping[int, Sequence[ProcessLine]]

    @classmethod
    def of(cls, lines: Sequence[ProcessLine]) -> Table:
        """Index the rows by pid and by parent."""
        children: dict[int, list[ProcessLine]] = {}
        for line in lines:
            children.setdefault(line.ppid, []).append(line)
        return cls({line.pid: line for line in lines}, children)

    def ancestors(self, pid: int) -> list[ProcessLine]:
        """Parent, grandparent and so on, nearest first."""
        found: list[ProcessLine] = []
        line = self.lines.get(pid)
        while line is not None and (line := self.lines.get(line.ppid)) is not None and len(found) < 64:
            found.append(line)
        return found


def families(host: Host, table: Table, sockets: Mapping[int, Row], main_pids: frozenset[int]) -> list[Family]:
    """Every Gunicorn of the process table, by pid of the master; last the workers without a master.

    `sockets`: listening sockets by inode. `main_pids`: main processes of units, which are masters even before
    they have a worker.

    A master is a Gunicorn process whose parent is none of the same program; or one that its parent started by
    executing Gunicorn anew, on USR2: then its environment at exec has a GUNICORN_PID of its own, which a worker,
    being a mere fork, has not (arbiter.py, reexec). Zombies have no command line and are nobody here. What a container
    or a supervisor keeps is left out: see `kept`.
    """
    gunicorns = {pid: line for pid, line in table.lines.items() if _is_gunicorn(line)}
    found: list[Family] = []
    orphans: dict[tuple[str, ...], Family] = {}
    roots = (line for line in gunicorns.values() if not _same_program(line, gunicorns.get(line.ppid)))
    named = (line for line in roots if title_of(line.argv) in ("", "master", "worker"))
    pending = [line for line in named if not isinstance(keeper_of_pid(host, line.pid), Known)]
    while pending:
        line = pending.pop(0)
        kin = [child for child in table.children.get(line.pid, ()) if child.pid in gunicorns]
        if _is_orphan(host, line, kin, main_pids):
            orphans.setdefault(line.argv, Family(None)).workers.append(line)
            continue
        family = Family(line)
        for child in table.children.get(line.pid, ()):
            if child.pid not in gunicorns:
                if child.state not in ("Z", "X"):
                    family.others.append(child)
                continue
            own = [c for c in table.children.get(child.pid, ()) if c.pid in gunicorns]
            match _role(host, line, child, bool(own), sockets):
                case "master":
                    pending.append(child)
                case "worker":
                    family.workers.append(child)
                case _:
                    family.others.append(child)
        family.workers.sort(key=lambda worker: (worker.started, worker.pid))
        found.append(family)
    return [*sorted(found, key=lambda family: family.master.pid if family.master else 0), *orphans.values()]


def services(host: Host) -> frozenset[str]:
    """Services of systemd in whose control groups a Gunicorn runs."""
    masters = (process for process in _masters(host) if not isinstance(keeper_of(host, process), Known))
    return frozenset(name for master in masters if (name := master.unit.or_("")).endswith(".service"))


def kept(host: Host) -> tuple[Keeper, ...]:
    """The containers and supervisors under which a Gunicorn runs, each once."""
    found = (keeper_of(host, process) for process in _masters(host))
    return tuple(dict.fromkeys(keeper.value for keeper in found if isinstance(keeper, Known)))


def _masters(host: Host) -> Iterator[Process]:
    lines = host.processes()
    gunicorns = {} if isinstance(lines, Unseen) else {line.pid: line for line in lines if _is_gunicorn(line)}
    for line in gunicorns.values():
        found = read(host, line.pid) if line.ppid not in gunicorns else ABSENT
        if isinstance(found, Known):
            yield found.value


def title_of(argv: Sequence[str]) -> str:
    """What a process calls itself by setproctitle: master, worker, dirty-arbiter, dirty-worker; "" for none."""
    if not argv or not argv[0].startswith(_TITLE):
        return ""
    return argv[0].removeprefix(_TITLE).split(" ", 1)[0].strip()


def _is_gunicorn(line: ProcessLine) -> bool:
    return bool(title_of(line.argv)) or (not rewritten(line.argv) and direct(line.argv) is not None)


def _same_program(line: ProcessLine, parent: ProcessLine | None) -> bool:
    if parent is None:
        return False
    if title_of(line.argv) or title_of(parent.argv):
        return True
    own, other = direct(line.argv), direct(parent.argv)
    return own is not None and other is not None and own.program == other.program


def _is_orphan(host: Host, line: ProcessLine, kin: Sequence[ProcessLine], main_pids: frozenset[int]) -> bool:
    """A worker whose master has gone: it has no Gunicorn below it, and somebody else adopted it.

    A worker notices within a second that it has another parent and leaves, but a request that is being
    served comes first (workers/base.py, is_parent_alive). A master without workers is one that starts.
    """
    title = title_of(line.argv)
    if title:
        return title != "master"
    if kin or line.pid in main_pids:
        return False
    if host.now() - line.started < BOOT_TIME:
        return False
    if line.ppid == 1:
        return True
    parent = host.process(line.ppid)
    return isinstance(parent, ProcessRecord) and parent.line.comm in ("systemd", "init", "tini")


def _role(host: Host, master: ProcessLine, child: ProcessLine, parental: bool, sockets: Mapping[int, Row]) -> str:
    """Master (a second one, by USR2), worker, or other. `parental`: it has Gunicorn children itself."""
    title = title_of(child.argv)
    if title == "master":
        return "master" if parental else "worker"  # a worker bears its master's title until it sets its own
    if title:
        return "worker" if title == "worker" else "other"
    record = host.process(child.pid)
    if not isinstance(record, ProcessRecord):
        return "worker"
    before = host.process(master.pid)
    if isinstance(before, ProcessRecord) and not isinstance(record.environ, Unseen):
        if not isinstance(before.environ, Unseen):
            own = record.environ.get("GUNICORN_PID")
            if own is not None and own != before.environ.get("GUNICORN_PID"):
                return "master"
    elif parental and isinstance(record.environ, Unseen):
        return "master"  # its environment cannot be read: a Gunicorn below a Gunicorn that has workers
    if not isinstance(record.sockets, Unseen):
        held = (sockets.get(inode) for inode in record.sockets)
        if any(row is not None and _DIRTY_SOCKET in row.address.path for row in held):
            return "other"
    return "worker"
