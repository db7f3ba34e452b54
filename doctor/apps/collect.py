"""Runs the collectors and joins what they found: `collect_facts(host)` is the only way from a host to facts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from doctor.apps import answers, kept, resting
from doctor.apps.build import AppBuilder
from doctor.apps.candidates import candidates, unit_names
from doctor.apps.checkout import Finder, relocated
from doctor.apps.checkout import placed as in_place
from doctor.apps.join import beside, joined, machines_of, twins
from doctor.apps.joining import Assigned, Candidate, Routes
from doctor.apps.machines import Machines
from doctor.apps.nobody import apps_of_nobody
from doctor.apps.topology import App, Broken, Facts, PeerState
from doctor.apps.unjudged import left_out, unjudged
from doctor.apps.world import World
from doctor.errors import where
from doctor.facts.address import Address
from doctor.facts.broken import BrokenFile, Flaw, Reader
from doctor.facts.coverage import Assumption, NotJudged
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import DocumentKind, Host, TargetKind, Unseen
from doctor.hosts.repository import Repository
from doctor.parallel import ahead, begin
from doctor.servers import gunicorn, nginx
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.servers.nginx.model import ConfigError, Nginx
from doctor.sources import logs, systemd
from doctor.sources.sockets import kernel, listeners
from doctor.sources.sockets.kernel import SocketTable
from doctor.sources.systemd import Unit


@frozen
class Options:
    """`since`: how far back logs count, in seconds; None means since the last start. `app`: only this one."""

    since: float | None = None
    app: str = ""


_EVERYTHING = Options()


def collect_facts(host: Host, options: Options = _EVERYTHING) -> Facts:
    """Look at everything once and join it. Independent observations run at the same time."""
    table = begin(lambda: _sockets(host))
    manager = systemd.collect(host)
    unfamiliar = gunicorn.services(host).difference(unit.name for unit in manager.units)
    if unfamiliar:
        manager = systemd.collect(host, unfamiliar)
    nginx_unit = _nginx_unit(manager.units)
    web_server = begin(lambda: nginx.collect(host, computed(nginx_unit) if nginx_unit else ABSENT, table.result()))
    plans = gunicorn.plans(host, manager.units)
    repository = in_place(host, plans.values())
    if repository is not None:  # where the first plans say that files lie, they are found now
        plans = gunicorn.plans(repository, manager.units)
    gunicorns = gunicorn.collect(repository or host, plans.values())
    gunicorns = relocated(gunicorns, repository.origin) if repository is not None else gunicorns
    _ask_for_journals(host, manager.units, gunicorns, options)
    sockets = listeners.collect(host, table.result())
    web = _with_start_failure(host, web_server.result())
    elsewhere = kept.kept(host, web, sockets.listeners)
    apart = machines_of(host, manager.units, gunicorns, web)
    making = candidates(manager.units, gunicorns, sockets.listeners)
    found, routes, orphans = joined(apart, web, making, sockets, _addresses(elsewhere))
    since = _since(host, options)
    finder = Finder(repository) if repository is not None else None
    world = World(host, repository, finder, web, sockets, gunicorns, plans, since, _prefixes(routes))
    wanted = [c for c in found if not options.app or c.name == options.app or options.app in unit_names(c)]
    at_once = host.kind is TargetKind.TREE  # files are at hand, and there may be a thousand apps
    builders = (AppBuilder(world, c, routes[c.name], beside(apart, manager.units, c)) for c in wanted)
    building = [begin(builder.build, now=at_once) for builder in builders]
    apps, broken = _built(wanted, building)
    if not options.app:
        nobody = [Assigned(t, computed(PeerState.NOBODY, t.peer.place), ABSENT, ABSENT, ABSENT) for t in orphans]
        apps.extend(apps_of_nobody(world, (nobody, [each.assigned for each in elsewhere]), routes))
    machine = host.machine()
    return Facts(
        kind=host.kind,
        name=host.name,
        time=host.now(),
        machine=Unknown.of(machine) if isinstance(machine, Unseen) else Known(machine),
        systemd=manager,
        nginx=web,
        apps=resting.marked(apps),
        access=answers.collect(host, web, apps, since),
        unreadable=(
            *_unreadable(web, gunicorns),
            *systemd.faulty_lines(manager.units, host.kind),
            *(Unknown.of(unseen) for unseen in (host.overlooked() if isinstance(host, Repository) else ())),
        ),
        templates=tuple(d.path for d in host.documents() if d.kind is DocumentKind.TEMPLATE),
        assumed=_assumed(plans, gunicorns),
        not_judged=(
            *_not_judged(host, repository, apart, manager.units, apps),
            *kept.not_judged(host, elsewhere),
            *kept.unmanaged(host, manager),
        ),
        broken=broken,
        managers=kept.managers(host) if orphans and host.kind is not TargetKind.TREE else (),
    )


def _addresses(elsewhere: Iterable[kept.Kept]) -> frozenset[Address]:
    return frozenset(each.address.value for each in elsewhere if isinstance(each.address, Known))


def _not_judged(
    host: Host, repository: Repository | None, apart: Machines, units: Iterable[Unit], apps: Iterable[App]
) -> tuple[NotJudged, ...]:
    """In order of path, each once."""
    missing = left_out(repository, apps) if repository is not None else ()
    found = dict.fromkeys((*unjudged(host), *twins(apart, units), *missing))
    return tuple(sorted(found, key=lambda each: (each.path, each.reason)))


def _assumed(plans: Mapping[str, Plan], gunicorns: Sequence[Gunicorn]) -> tuple[Assumption, ...]:
    """Of the units that run Gunicorn; what several assume of one file is told once."""
    found: dict[str, Assumption] = {}
    for name, plan in plans.items():
        if any(g.name == name for g in gunicorns):
            for assumption in gunicorn.assumptions(plan.unit, plan.environment):
                found.setdefault(assumption.what, assumption)
    return tuple(found.values())


def _built(wanted: Sequence[Candidate], building: Sequence[Future[App]]) -> tuple[list[App], tuple[Broken, ...]]:
    """The apps, and those that one of our own bugs kept from being looked at: the others are reported all the same."""
    apps: list[App] = []
    broken: list[Broken] = []
    for candidate, future in zip(wanted, building, strict=True):
        try:
            apps.append(future.result())
        except Exception as error:
            broken.append(Broken(candidate.name, type(error).__name__, where(error)))
    return apps, tuple(broken)


def _with_start_failure(host: Host, web: Nginx) -> Nginx:
    """The journal of nginx is asked for where its unit has failed, and nowhere else."""
    if isinstance(web.master, Known) or not isinstance(web.unit_failed, Known) or not isinstance(web.unit, Known):
        return replace(web, start_failure=ABSENT)
    free = isinstance(web.listen_conflict, Absent)
    return replace(web, start_failure=logs.start_failure(host, web.unit.value, ports_free=free))


def _prefixes(routes: Routes) -> dict[Place, dict[str, list[str]]]:
    found: dict[Place, dict[str, list[str]]] = {}
    for name, assigned in routes.items():
        for a in assigned:
            found.setdefault(a.target.server.place, {}).setdefault(name, []).append(a.target.location.pattern)
    return found


def _nginx_unit(units: Sequence[Unit]) -> Unit | None:
    """The service that starts nginx: of the distribution, or one's own; one that runs before one that does not."""
    found = [u for u in units if u.name == "nginx.service" or _starts_nginx(u)]
    found.sort(key=lambda u: (not isinstance(u.main_pid, Known), u.name != "nginx.service"))
    return next(iter(found), None)


def _starts_nginx(unit: Unit) -> bool:
    commands = unit.exec_start.or_(())
    return any(posixpath.basename(command.argv[0]) in ("nginx", "openresty") for command in commands)


def _sockets(host: Host) -> Fact[SocketTable]:
    """After the processes, so that no socket of theirs is missing."""
    host.processes()
    return kernel.table(host)


def _since(host: Host, options: Options) -> float | None:
    return host.now() - options.since if options.since is not None else None


def _ask_for_journals(host: Host, units: Sequence[Unit], gunicorns: Sequence[Gunicorn], options: Options) -> None:
    """They take their time, and meanwhile there is enough to look at. Of one app alone it is asked in its turn."""
    own = {gunicorn.name for gunicorn in gunicorns}
    if host.kind is TargetKind.LIVE and not options.app:
        for unit in units:
            if unit.name in own:
                ahead(partial(logs.ask_ahead, host, unit, _since(host, options)))


def _broken(error: ConfigError) -> Fact[BrokenFile]:
    place = Place(path=error.path, line=error.line)
    if error.cause is not None:
        return Unknown(error.message, error.cause, (place,))
    return computed(BrokenFile(Reader.NGINX, error.flaw, error.message), place)


def _unreadable(web: Nginx, gunicorns: Iterable[Gunicorn]) -> Iterator[Fact[BrokenFile]]:
    """Configuration files that could not be parsed; what `nginx -t` would refuse is nginx's own affair."""
    yield from (_broken(error) for error in web.errors if not error.fatal)
    for g in gunicorns:
        if isinstance(error := g.settings.config_error, Known):
            yield Known(BrokenFile(Reader.GUNICORN, Flaw.REFUSED, error.value), error.places, error.origin)
