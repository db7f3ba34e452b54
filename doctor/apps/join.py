"""Apps in the making with their ways: each machine of a repository by itself, a real machine as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from doctor.apps.candidates import merge_groups, owned
from doctor.apps.joining import Assigned, Candidate, Routes, Target
from doctor.apps.machines import Machines, machines
from doctor.apps.routing import assign
from doctor.facts.address import Address
from doctor.facts.coverage import NotJudged
from doctor.facts.value import Known
from doctor.hosts.base import Host
from doctor.hosts.repository import Repository
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Nginx
from doctor.sources.sockets.model import Sockets
from doctor.sources.systemd import Unit


def machines_of(host: Host, units: Iterable[Unit], gunicorns: Sequence[Gunicorn], web: Nginx) -> Machines:
    """Which folders of a repository are a machine each."""
    if not isinstance(host, Repository) or not host.folders():
        return Machines()
    starting = (
        u.fragment.value for u in units if isinstance(u.fragment, Known) and any(owned(g, (u,)) for g in gunicorns)
    )
    return machines(starting, (server.place.path for server in web.servers))


def joined(
    apart: Machines, web: Nginx, found: Sequence[Candidate], sockets: Sockets, elsewhere: frozenset[Address]
) -> tuple[list[Candidate], Routes, list[Target]]:
    """Apps in the making, their routes by name, and targets of nobody: each machine by itself."""
    if not apart.folders:
        routes, orphans = assign(web, found, sockets.listeners, elsewhere)
        return (*merge_groups(found, routes), orphans)
    made: list[Candidate] = []
    every: dict[str, tuple[Assigned, ...]] = {}
    lost: list[Target] = []
    for folder in (*sorted(apart.folders), ""):
        servers = tuple(server for server in web.servers if apart.of(server.place.path) == folder)
        mine = [candidate for candidate in found if _at(apart, *candidate.units) == folder]
        routes, orphans = assign(replace(web, servers=servers), mine, sockets.listeners, elsewhere)
        merged, ways = merge_groups(mine, routes)
        made += merged
        every.update(ways)
        lost += orphans
    return made, every, lost


def beside(apart: Machines, units: Iterable[Unit], candidate: Candidate) -> tuple[Unit, ...]:
    """Units on the machine of an app: none of another environment, nor another file for a unit of its own."""
    own, names = {unit.name for unit in candidate.units}, {_file_name(unit) for unit in candidate.units}
    machine = _at(apart, *candidate.units)
    return tuple(
        unit for unit in units if _at(apart, unit) == machine and (unit.name in own or _file_name(unit) not in names)
    )


def _file_name(unit: Unit) -> str:
    return unit.name.rpartition("/")[2]


def twins(apart: Machines, units: Iterable[Unit]) -> Iterator[NotJudged]:
    """Unit files of one name for one machine, which can have only one of them."""
    named: dict[tuple[str, str], list[str]] = {}
    for unit in units:
        if isinstance(unit.fragment, Known):
            where = unit.fragment.value
            named.setdefault((apart.of(where), _file_name(unit)), []).append(where)
    for (_, name), paths in named.items():
        if len(paths) > 1:
            reason = f"{name} exists {'twice' if len(paths) == 2 else f'{len(paths)} times'}, and a machine has one"
            yield from (NotJudged(path, "unit", reason) for path in paths)


def _at(apart: Machines, *units: Unit) -> str:
    return next((apart.of(unit.fragment.value) for unit in units if isinstance(unit.fragment, Known)), "")
