"""Finds every Gunicorn: running masters from the process table, and units that would start one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown
from doctor.hosts.base import Host, Unseen
from doctor.servers.gunicorn import development
from doctor.servers.gunicorn.address_in_use import with_holders
from doctor.servers.gunicorn.look import Look, in_motion, look
from doctor.servers.gunicorn.model import Gunicorn
from doctor.servers.gunicorn.plan import Plan
from doctor.servers.gunicorn.preflight import with_preflight
from doctor.servers.gunicorn.rundir import with_run_directory
from doctor.servers.gunicorn.running import running
from doctor.servers.gunicorn.start import planned
from doctor.sources import lending
from doctor.sources.process import Process

_SECOND_LOOK = 0.2
"""Seconds between two looks at workers in motion."""


def collect(host: Host, plans: Collection[Plan]) -> tuple[Gunicorn, ...]:
    """Every Gunicorn and every Flask development server, those of units first, in the order of `plans`.

    A unit whose commands start something else, and which no Gunicorn runs under, gives none. A unit under which
    two masters run (USR2, an orphan of an earlier start) gives two, its main process first.
    """
    by_name = {item.unit.name: item for item in plans}
    return tuple(
        _of_unit(host, found, by_name[found.name]) if found.name in by_name else found
        for found in _collect(host, plans)
    )


def _of_unit(host: Host, gunicorn: Gunicorn, item: Plan) -> Gunicorn:
    return with_preflight(with_run_directory(lending.for_unit(host, item.unit), gunicorn, item.unit), item)


def _collect(host: Host, plans: Collection[Plan]) -> tuple[Gunicorn, ...]:
    lines = host.processes()
    if isinstance(lines, Unseen):
        nobody: Fact[Process] = Unknown.of(lines)
        return tuple(_stopped(host, item, nobody, (), Unknown.of(lines)) for item in plans if item.launch)
    seen, before = look(host, plans), None
    if in_motion(host, seen):
        host.pause(_SECOND_LOOK)
        seen, before = look(host, plans), seen
    found = [g for member in seen.members if (g := running(host, seen, member, before)) is not None]
    found += development.running(host, seen.table, plans)
    return tuple(with_holders(host, _joined(host, plans, seen, found), seen.sockets))


def _joined(host: Host, plans: Collection[Plan], seen: Look, found: Sequence[Gunicorn]) -> Iterator[Gunicorn]:
    """By unit, main process first; orphaned workers go to the master of their unit; strays last."""
    for item in plans:
        own = [gunicorn for gunicorn in found if gunicorn.name == item.unit.name]
        if not own:
            if item.launch is not None:
                nobody = Absent((Place(note="no such process"),))
                yield _stopped(host, item, nobody, (), Known(False))
            continue
        masters = [gunicorn for gunicorn in own if isinstance(gunicorn.master, Known)]
        lost = tuple(worker for gunicorn in own for worker in gunicorn.foreign_workers)
        masters.sort(key=lambda gunicorn: _pid(gunicorn) not in seen.main_pids)
        if masters:
            yield replace(masters[0], foreign_workers=lost)
            yield from masters[1:]
        else:
            yield own[0]
    names = {item.unit.name for item in plans}
    yield from (gunicorn for gunicorn in found if gunicorn.name not in names)


def _stopped(
    host: Host, item: Plan, master: Fact[Process], lost: tuple[Process, ...], changing: Fact[bool]
) -> Gunicorn:
    """What a unit would start; its process is not there, or nobody could look."""
    assert item.launch is not None
    start = planned(host, item, item.launch)
    nothing: Unknown | Absent = Unknown.of(master) if isinstance(master, Unknown) else Absent(master.places)
    flask = item.launch.kind == "flask"
    logical = start.logical
    return Gunicorn(
        name=item.unit.name,
        master=master,
        workers=nothing,
        worker_count=nothing if isinstance(nothing, Unknown) else Known(0, nothing.places),
        other_children=(),
        changing=changing,
        settings=development.settings(item.launch, item.variables, item.place) if flask else start.settings,
        program=start.program.program,
        python=start.program.python,
        venv=start.program.venv,
        version_running=nothing,
        version_installed=start.program.version,
        launcher=Known(item.launch.kind, (item.place,)),
        directory=logical,
        logical_directory=logical,
        listens=nothing,
        foreign_workers=lost,
        address_in_use=nothing,
        socket_dir_not_writable=ABSENT,
        preflight=ABSENT,
        reload_keeps_requests=ABSENT,
    )


def _pid(gunicorn: Gunicorn) -> int:
    return gunicorn.master.map(lambda it: it.pid).or_(0)
