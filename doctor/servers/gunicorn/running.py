"""From a look at the process table to one running Gunicorn."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from math import inf

from doctor.cause import Cause
from doctor.facts.address import Address
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.programs import is_shell
from doctor.hosts.base import Host, ProcessLine
from doctor.servers.gunicorn.handover import reload_keeps_requests
from doctor.servers.gunicorn.look import YOUNG, Look, Member, moving, read_all
from doctor.servers.gunicorn.model import HOLDERS_NOT_ASKED, Gunicorn, Settings
from doctor.servers.gunicorn.program import running_version
from doctor.servers.gunicorn.start import line_of, physical_directory
from doctor.servers.gunicorn.tree import BOOT_TIME, Family
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import Row, located
from doctor.sources.sockets.model import CONTROL_SOCKET
from doctor.sources.systemd import Unit


def running(host: Host, seen: Look, member: Member, before: Look | None) -> Gunicorn | None:
    """A master with its children; None for a mere try of systemd. `before`: the look before, where there were two."""
    if member.family.master is None:
        return _orphaned(host, seen, member)
    family, master, item, start = member.family, member.head.value, member.plan, member.start
    if item is not None and item.launch is not None and _only_tried(host, family, master, item.unit):
        return None
    workers = read_all(host, family.workers)
    counted = Place(note=f"children of pid {master.pid}", text=", ".join(str(worker.pid) for worker in workers))
    changed = before is not None and before.worker_pids.get(master.pid) != family.worker_pids
    changing = changed or (item is not None and moving(item.unit)) or _replacing(host, family, start.settings)
    listens = _listens(master, seen.sockets)
    version = running_version(start.program, master.started)
    return Gunicorn(
        name=_name(member),
        master=member.head,
        workers=Known(workers, (counted,)),
        worker_count=Known(len(workers), (counted,)),
        other_children=read_all(host, family.others),
        changing=Known(changing, (counted,)),
        settings=_observed(start.settings, listens, len(workers), changing, counted),
        program=start.program.program,
        python=start.program.python,
        venv=start.program.venv,
        version_running=version,
        version_installed=start.program.version,
        launcher=_launcher(seen, member),
        directory=physical_directory(master),
        logical_directory=start.logical,
        listens=listens,
        foreign_workers=(),
        address_in_use=HOLDERS_NOT_ASKED,
        socket_dir_not_writable=ABSENT,
        preflight=ABSENT,
        reload_keeps_requests=reload_keeps_requests(start.settings.worker_class, version),
    )


def _orphaned(host: Host, seen: Look, member: Member) -> Gunicorn:
    """Workers that outlived their master."""
    first, start = member.head.value, member.start
    place = Place(note="no process of the table is their master")
    return Gunicorn(
        name=_name(member),
        master=Absent((place,)),
        workers=Absent((place,)),
        worker_count=Known(0, (place,)),
        other_children=(),
        changing=Known(False, (place,)),
        settings=start.settings,
        program=start.program.program,
        python=start.program.python,
        venv=start.program.venv,
        version_running=Unknown("its master is gone", Cause.VANISHED),
        version_installed=start.program.version,
        launcher=_launcher(seen, member),
        directory=physical_directory(first),
        logical_directory=start.logical,
        listens=_listens(first, seen.sockets),
        foreign_workers=read_all(host, member.family.workers),
        address_in_use=HOLDERS_NOT_ASKED,
        socket_dir_not_writable=ABSENT,
        preflight=ABSENT,
        reload_keeps_requests=ABSENT,
    )


def _name(member: Member) -> str:
    return member.plan.unit.name if member.plan is not None else f"pid {member.head.value.pid}"


def _only_tried(host: Host, family: Family, master: Process, unit: Unit) -> bool:
    """A try of systemd at what has failed before, which has not come to a worker yet: nobody serves.

    Whatever moment of the loop is looked at, it says the same then. With Type=simple a try counts as active at
    once, for what that is worth. A master of an earlier start, which the present one did not end, is no try.
    """
    started = unit.exec_main_started
    if family.workers or not isinstance(started, Known) or master.started < int(started.value):
        return False
    if unit.sub_state.is_("auto-restart"):
        return True
    young = host.now() - master.started < BOOT_TIME
    return unit.restarts.or_(0) > 0 and (young or unit.active_state.is_("activating"))


def _replacing(host: Host, family: Family, settings: Settings) -> bool:
    """More workers than configured and one of them new: old ones finish their requests."""
    if len(family.workers) <= settings.workers.or_(inf):
        return False
    return host.now() - max(worker.started for worker in family.workers) < YOUNG


def _observed(
    settings: Settings, held: Fact[tuple[Address, ...]], count: int, changing: bool, place: Place
) -> Settings:
    """What the configuration does not tell, as the running process shows it."""
    if isinstance(settings.workers, Unknown) and count and not changing:
        seen = Known(count, (place, *settings.workers.places), Origin.OBSERVED)
        settings = replace(settings, workers=seen, workers_at_least=seen)
    if isinstance(settings.bind, Unknown) and held.or_(()):
        settings = replace(settings, bind=held)
    return settings


def _listens(master: Process, sockets: Mapping[int, Row]) -> Fact[tuple[Address, ...]]:
    if not isinstance(master.sockets, Known):
        return master.sockets
    rows = [sockets[inode] for inode in sorted(master.sockets.value) if inode in sockets]
    rows = [row for row in rows if not row.address.path.endswith(CONTROL_SOCKET)]
    directory = physical_directory(master).or_("/")
    return Known(tuple(located(row.address, directory) for row in rows), tuple(row.place for row in rows))


def _launcher(seen: Look, member: Member) -> Fact[str]:
    """How it was started: the main process of the unit decides, where that is another one than the master."""
    head, item, launch = member.head.value, member.plan, member.start.launch
    place = Place(note=f"pid {head.pid}", text=line_of(head))
    own = launch.kind if launch is not None else "direct"
    if item is None:
        return Known(own, (place,))
    written = item.launch.kind if item.launch is not None else own
    main = item.unit.main_pid.or_(head.pid)
    above = next((line for line in seen.table.ancestors(head.pid) if line.pid == main), None)
    if above is None:
        kind = "shell-exec" if written in ("shell", "script") else written
        return Known(kind, (item.place, place))
    shown = Place(note=f"pid {above.pid}", text=" ".join(above.argv))
    return Known(_above(above, written), (shown, item.place))


def _above(line: ProcessLine, written: str) -> str:
    """The kind of a launcher that stays above the master."""
    if written in ("shell", "script", "uv"):
        return written
    if line.argv and is_shell(line.argv[0]):
        return "shell" if "-c" in line.argv[1:3] or "-lc" in line.argv[1:3] else "script"
    return "uv" if line.argv and posixpath.basename(line.argv[0]) in ("uv", "uvx") else "other"
