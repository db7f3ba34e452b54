"""Units as systemd runs them, and as they lie on disk.

On a machine the manager is asked (`systemctl show` for effective values, `systemctl cat` for the line
each one stands on); in a repository the unit files themselves are merged with systemd's rules.
"""

from __future__ import annotations

from doctor.cause import Cause
from doctor.facts.value import Absent, Place, Unknown
from doctor.hosts.base import Host, Machine, TargetKind, Unseen
from doctor.sources.systemd.model import (
    EnvironmentFileRef,
    ExecCommand,
    SocketUnit,
    Systemd,
    Unit,
    UnitProblem,
)
from doctor.sources.systemd.refused import faulty_lines

__all__ = [
    "EnvironmentFileRef",
    "ExecCommand",
    "SocketUnit",
    "Systemd",
    "Unit",
    "UnitProblem",
    "collect",
    "faulty_lines",
]


def collect(host: Host, also: frozenset[str] = frozenset()) -> Systemd:
    """Every web service, and nginx.

    `also` names services that own a process of interest: a package's own, whose file and name say nothing of the web.
    Of these too only what starts a web program counts: not the cron or supervisor that a Gunicorn came from.
    Without a manager that answers, the files in its search path are read: `available` then says why.
    """
    from doctor.sources.systemd.files import collect_disk, collect_repository
    from doctor.sources.systemd.machine import collect_machine

    if host.kind is TargetKind.TREE:
        return collect_repository(host)
    machine = host.machine()
    if isinstance(machine, Machine) and not machine.systemd:
        none = Unseen("systemd is not PID 1 here", Cause.NOT_FOUND)
        return collect_disk(host, also, Absent((Place(note="systemd is not PID 1 here"),)), none)
    answer = collect_machine(host, also)
    if isinstance(answer, Systemd):
        return answer
    return collect_disk(host, also, Unknown.of(answer), answer)
