"""Finds every Gunicorn: running masters from the process table, and units that would start one."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from doctor.facts.address import Address
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.programs import is_shell
from doctor.hosts.base import Host, ProcessLine, Unseen
from doctor.servers.gunicorn import development
from doctor.servers.gunicorn.handover import reload_keeps_requests
from doctor.servers.gunicorn.launch import Launch
from doctor.servers.gunicorn.model import Gunicorn, Settings
from doctor.servers.gunicorn.plan import Plan, plan
from doctor.servers.gunicorn.preflight import with_preflight
from doctor.servers.gunicorn.program import running_version
from doctor.servers.gunicorn.rundir import with_run_directory
from doctor.servers.gunicorn.start import line_of, physical_directory, planned, started
from doctor.servers.gunicorn.taken import with_holders
from doctor.servers.gunicorn.tree import BOOT_TIME, Family, Table, families
from doctor.sources import lending, process
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import Row, located, table
from doctor.sources.sockets.model import CONTROL_SOCKET
from doctor.sources.systemd import Unit

_SECOND_LOOK = 0.2
"""Seconds between two looks at workers in motion."""
_YOUNG = 2.0
"""Seconds for which a worker beside older ones is taken for a replacement."""
_MOVING_STATES = ("activating", "reloading", "deactivating")


def collect(host: Host, units: tuple[Unit, ...]) -> tuple[Gunicorn, ...]:
    """Every Gunicorn and every Flask development server, those of units first, in the order of `units`.

    A unit whose commands start something else, and which no Gunicorn runs under, gives none. A unit under which
    two masters run (USR2, an orphan of an earlier start) gives two, its main process first.
    """
    plans = [plan(host, unit) for unit in units]
    of_unit = {unit.name: unit for unit in units}
    return tuple(
        _of_unit(host, found, of_unit[found.name]) if found.name in of_unit else found
        for found in _collect(host, plans)
    )


def _of_unit(host: Host, gunicorn: Gunicorn, unit: Unit) -> Gunicorn:
    return with_preflight(with_run_directory(lending.for_unit(host, unit), gunicorn, unit), unit)


def _collect(host: Host, plans: Sequence[Plan]) -> tuple[Gunicorn, ...]:
    lines = host.processes()
    if isinstance(lines, Unseen):
        nobody: Fact[Process] = Unknown(lines.reason)
        return tuple(_stopped(host, item, nobody, (), Unknown(lines.reason)) for item in plans if item.launch)
    return _Survey(host, plans).result()


class _Survey:
    """The running Gunicorns, looked at once more where workers are in motion."""

    def __init__(self, host: Host, plans: Sequence[Plan]) -> None:
        self._host = host
        self._plans = plans
        self._main = {item.unit.main_pid.value: item for item in plans if isinstance(item.unit.main_pid, Known)}
        self._look()

    def _look(self) -> None:
        lines = self._host.processes()
        self._table = Table.of(() if isinstance(lines, Unseen) else lines)
        listed = table(self._host)
        self._sockets: Mapping[int, Row] = listed.value.rows if isinstance(listed, Known) else {}
        self._families = families(self._host, self._table, self._sockets, frozenset(self._main))

    def result(self) -> tuple[Gunicorn, ...]:
        before = {family.master.pid: family.worker_pids for family in self._families if family.master}
        looked_twice = any(self._in_motion(family) for family in self._families)
        if looked_twice:
            self._host.pause(_SECOND_LOOK)
            self._look()
        running = [
            gunicorn
            for family in self._families
            if (gunicorn := self._running(family, before, looked_twice)) is not None
        ]
        servers = development.running(self._host, self._table, self._plans)
        return tuple(with_holders(self._host, self._joined([*running, *servers]), self._sockets))

    def _in_motion(self, family: Family) -> bool:
        """Whether the first look asks for a second one.

        It does where a worker less than 2 s old works beside older ones, where there are more or fewer workers
        than configured, and where the unit starts, reloads or stops.
        """
        if family.master is None:
            return False
        starts = [worker.started for worker in family.workers]
        if starts and self._host.now() - max(starts) < _YOUNG < max(starts) - min(starts):
            return True
        master = process.read(self._host, family.master.pid)
        if not isinstance(master, Known):
            return True
        item = self._plan_of(master.value)
        if item is not None and _moving(item.unit):
            return True
        configured = started(self._host, master.value, item).settings.workers
        return isinstance(configured, Known) and configured.value != len(family.workers)

    def _plan_of(self, master: Process) -> Plan | None:
        """The unit a process belongs to: by its control group, else by the main process it descends from."""
        if isinstance(master.unit, Known):
            for item in self._plans:
                if item.unit.name == master.unit.value:
                    return item
        chain = (master.pid, *(line.pid for line in self._table.ancestors(master.pid)))
        return next((self._main[pid] for pid in chain if pid in self._main), None)

    def _running(self, family: Family, before: Mapping[int, frozenset[int]], looked_twice: bool) -> Gunicorn | None:
        if family.master is None:
            return self._orphaned(family)
        found = process.read(self._host, family.master.pid)
        if not isinstance(found, Known):
            return None
        master = found.value
        item = self._plan_of(master)
        if item is not None and item.launch is not None and self._only_tried(family, master, item.unit):
            return None
        start = started(self._host, master, item)
        workers = _processes(self._host, family.workers)
        counted = Place(note=f"children of pid {master.pid}", text=", ".join(str(worker.pid) for worker in workers))
        changed = looked_twice and before.get(master.pid) != family.worker_pids
        changing = changed or (item is not None and _moving(item.unit)) or self._replacing(family, start.settings)
        version = running_version(start.program, master.started)
        return Gunicorn(
            name=item.unit.name if item is not None else f"pid {master.pid}",
            master=found,
            workers=Known(workers, (counted,)),
            worker_count=Known(len(workers), (counted,)),
            other_children=_processes(self._host, family.others),
            changing=Known(changing, (counted,)),
            settings=self._observed(start.settings, master, len(workers), changing, counted),
            program=start.program.program,
            python=start.program.python,
            venv=start.program.venv,
            version_running=version,
            version_installed=start.program.version,
            launcher=self._launcher(master, item, start.launch),
            directory=physical_directory(master),
            logical_directory=start.logical,
            listens=self._listens(master),
            reload_keeps_requests=reload_keeps_requests(start.settings.worker_class, version),
        )

    def _only_tried(self, family: Family, master: Process, unit: Unit) -> bool:
        """A try of systemd at what has failed before, which has not come to a worker yet: nobody serves.

        Whatever moment of the loop is looked at, it says the same then. With Type=simple a try counts as active at
        once, for what that is worth. A master of an earlier start, which the present one did not end, is no try.
        """
        started = unit.exec_main_started
        if family.workers or not isinstance(started, Known) or master.started < int(started.value):
            return False
        if unit.sub_state.is_("auto-restart"):
            return True
        young = self._host.now() - master.started < BOOT_TIME
        return unit.restarts.or_(0) > 0 and (young or unit.active_state.is_("activating"))

    def _replacing(self, family: Family, settings: Settings) -> bool:
        """More workers than configured and one of them new: old ones finish their requests."""
        if not isinstance(settings.workers, Known) or len(family.workers) <= settings.workers.value:
            return False
        return self._host.now() - max(worker.started for worker in family.workers) < _YOUNG

    def _observed(self, settings: Settings, master: Process, count: int, changing: bool, place: Place) -> Settings:
        """What the configuration does not tell, as the running process shows it."""
        if isinstance(settings.workers, Unknown) and count and not changing:
            seen = Known(count, (place, *settings.workers.places), Origin.OBSERVED)
            settings = replace(settings, workers=seen, workers_at_least=seen)
        if isinstance(settings.bind, Unknown):
            held = self._listens(master)
            if isinstance(held, Known) and held.value:
                settings = replace(settings, bind=held)
        return settings

    def _listens(self, master: Process) -> Fact[tuple[Address, ...]]:
        if not isinstance(master.sockets, Known):
            return master.sockets
        rows = [self._sockets[inode] for inode in sorted(master.sockets.value) if inode in self._sockets]
        rows = [row for row in rows if not row.address.path.endswith(CONTROL_SOCKET)]
        cwd = physical_directory(master)
        directory = cwd.or_("/")
        return Known(tuple(located(row.address, directory) for row in rows), tuple(row.place for row in rows))

    def _launcher(self, master: Process, item: Plan | None, launch: Launch | None) -> Fact[str]:
        """How it was started: the main process of the unit decides, where that is another one than the master."""
        place = Place(note=f"pid {master.pid}", text=line_of(master))
        own = launch.kind if launch is not None else "direct"
        if item is None:
            return Known(own, (place,))
        written = item.launch.kind if item.launch is not None else own
        main = item.unit.main_pid.or_(master.pid)
        above = next((line for line in self._table.ancestors(master.pid) if line.pid == main), None)
        if above is None:
            kind = "shell-exec" if written in ("shell", "script") else written
            return Known(kind, (item.place(""), place))
        shown = Place(note=f"pid {above.pid}", text=" ".join(above.argv))
        return Known(_above(above, written), (shown, item.place("")))

    def _orphaned(self, family: Family) -> Gunicorn | None:
        workers = _processes(self._host, family.workers)
        if not workers:
            return None
        item = self._plan_of(workers[0])
        start = started(self._host, workers[0], item)
        place = Place(note="no process of the table is their master")
        return Gunicorn(
            name=item.unit.name if item is not None else f"pid {workers[0].pid}",
            master=Absent((place,)),
            workers=Absent((place,)),
            worker_count=Known(0, (place,)),
            other_children=(),
            changing=Known(False, (place,)),
            settings=start.settings,
            program=start.program.program,
            python=start.program.python,
            venv=start.program.venv,
            version_running=Unknown("its master is gone"),
            version_installed=start.program.version,
            launcher=self._launcher(workers[0], item, start.launch),
            directory=physical_directory(workers[0]),
            logical_directory=start.logical,
            listens=self._listens(workers[0]),
            foreign_workers=workers,
        )

    def _joined(self, running: list[Gunicorn]) -> Iterable[Gunicorn]:
        """By unit, main process first; orphaned workers go to the master of their unit; strays last."""
        for item in self._plans:
            own = [gunicorn for gunicorn in running if gunicorn.name == item.unit.name]
            if not own:
                if item.launch is not None:
                    nobody = Absent((Place(note="no such process"),))
                    yield _stopped(self._host, item, nobody, (), Known(False))
                continue
            masters = [gunicorn for gunicorn in own if isinstance(gunicorn.master, Known)]
            lost = tuple(worker for gunicorn in own for worker in gunicorn.foreign_workers)
            masters.sort(key=lambda gunicorn: _pid(gunicorn) not in self._main)
            if masters:
                yield replace(masters[0], foreign_workers=lost)
                yield from masters[1:]
            else:
                yield own[0]
        names = {item.unit.name for item in self._plans}
        yield from (gunicorn for gunicorn in running if gunicorn.name not in names)


def _stopped(
    host: Host, item: Plan, master: Fact[Process], lost: tuple[Process, ...], changing: Fact[bool]
) -> Gunicorn:
    """What a unit would start; its process is not there, or nobody could look."""
    assert item.launch is not None
    start = planned(host, item, item.launch)
    nothing: Unknown | Absent = Unknown(master.reason) if isinstance(master, Unknown) else Absent(master.places)
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
        launcher=Known(item.launch.kind, (item.place(item.launch.program),)),
        directory=logical,
        logical_directory=logical,
        listens=nothing,
        foreign_workers=lost,
        taken=nothing,
    )


def _above(line: ProcessLine, written: str) -> str:
    """The kind of a launcher that stays above the master."""
    if written in ("shell", "script", "uv"):
        return written
    if line.argv and is_shell(line.argv[0]):
        return "shell" if "-c" in line.argv[1:3] or "-lc" in line.argv[1:3] else "script"
    return "uv" if line.argv and posixpath.basename(line.argv[0]) in ("uv", "uvx") else "other"


def _processes(host: Host, lines: Iterable[ProcessLine]) -> tuple[Process, ...]:
    found = (process.read(host, line.pid) for line in lines)
    return tuple(item.value for item in found if isinstance(item, Known))


def _moving(unit: Unit) -> bool:
    return isinstance(unit.active_state, Known) and unit.active_state.value in _MOVING_STATES


def _pid(gunicorn: Gunicorn) -> int:
    return gunicorn.master.value.pid if isinstance(gunicorn.master, Known) else 0
