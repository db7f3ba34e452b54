"""One look at the Gunicorns of the process table: who is whose child, and how each was started."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from doctor.facts.value import Fact, Known
from doctor.frozen import frozen
from doctor.hosts.base import Host, ProcessLine, Unseen
from doctor.servers.gunicorn.plan import Plan
from doctor.servers.gunicorn.start import Start, started
from doctor.servers.gunicorn.tree import Family, Table, families
from doctor.sources import process
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import Row, table
from doctor.sources.systemd import Unit

YOUNG = 2.0
"""Seconds for which a worker beside older ones is taken for a replacement."""
_MOVING_STATES = ("activating", "reloading", "deactivating")


@frozen
class Member:
    """A family whose first process could be read: its master, or the oldest of workers without one."""

    family: Family
    head: Known[Process]
    plan: Plan | None
    """Of its unit; None for a stray."""
    start: Start


@frozen
class Look:
    """What one look found."""

    table: Table
    sockets: Mapping[int, Row]
    """Listening sockets by inode."""
    main_pids: frozenset[int]
    """Main processes of units."""
    members: tuple[Member, ...]
    vanished: bool
    """A master ended between being listed and being read."""

    @property
    def worker_pids(self) -> Mapping[int, frozenset[int]]:
        """Pids of the HTTP workers, by pid of their master."""
        return {m.head.value.pid: m.family.worker_pids for m in self.members if m.family.master}


def look(host: Host, plans: Collection[Plan]) -> Look:
    """Look at all processes, and at each Gunicorn in depth."""
    main = {item.unit.main_pid.value: item for item in plans if isinstance(item.unit.main_pid, Known)}
    lines = host.processes()
    processes = Table.of(() if isinstance(lines, Unseen) else lines)
    listed = table(host)
    sockets = listed.map(lambda it: it.rows).or_({})
    found = families(host, processes, sockets, frozenset(main))
    heads = [(family, _head(host, family)) for family in found]
    members = (
        _member(host, family, head, _plan_of(head.value, processes, plans, main))
        for family, head in heads
        if isinstance(head, Known)
    )
    vanished = any(family.master is not None and not isinstance(head, Known) for family, head in heads)
    return Look(processes, sockets, frozenset(main), tuple(members), vanished)


def _head(host: Host, family: Family) -> Fact[Process] | None:
    if family.master is not None:
        return process.read(host, family.master.pid)
    return next((found for line in family.workers if isinstance(found := process.read(host, line.pid), Known)), None)


def _member(host: Host, family: Family, head: Known[Process], item: Plan | None) -> Member:
    return Member(family, head, item, started(host, head.value, item))


def _plan_of(head: Process, processes: Table, plans: Iterable[Plan], main: Mapping[int, Plan]) -> Plan | None:
    """The unit a process belongs to: by its control group, else by the main process it descends from."""
    for item in plans:
        if head.unit.is_(item.unit.name):
            return item
    chain = (head.pid, *(line.pid for line in processes.ancestors(head.pid)))
    return next((main[pid] for pid in chain if pid in main), None)


def in_motion(host: Host, seen: Look) -> bool:
    """Whether a look asks for a second one.

    It does where a worker less than 2 s old works beside older ones, where there are more or fewer workers
    than configured, and where the unit starts, reloads or stops.
    """
    return seen.vanished or any(_moves(host, member) for member in seen.members if member.family.master)


def _moves(host: Host, member: Member) -> bool:
    starts = [worker.started for worker in member.family.workers]
    if starts and host.now() - max(starts) < YOUNG < max(starts) - min(starts):
        return True
    if member.plan is not None and moving(member.plan.unit):
        return True
    configured = member.start.settings.workers
    return configured.meets(lambda it: it != len(member.family.workers))


def moving(unit: Unit) -> bool:
    """It starts, reloads or stops."""
    return unit.active_state.meets(lambda it: it in _MOVING_STATES)


def read_all(host: Host, lines: Iterable[ProcessLine]) -> tuple[Process, ...]:
    """Those of them that are still there."""
    found = (process.read(host, line.pid) for line in lines)
    return tuple(item.value for item in found if isinstance(item, Known))
