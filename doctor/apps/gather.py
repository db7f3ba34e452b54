"""Runs the collectors and joins what they found: `gather(host)` is the only way from a host to facts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from doctor.apps import answers, kept, logfiles, resting
from doctor.apps.candidates import candidates, is_rival, merge_groups, owned, unit_names
from doctor.apps.checkout import misspelt, relocated
from doctor.apps.checkout import placed as in_place
from doctor.apps.identity import told_apart
from doctor.apps.joining import Assigned, Candidate, Target
from doctor.apps.machines import Machines, machines
from doctor.apps.mixed import mixed_releases
from doctor.apps.routing import assign
from doctor.apps.topology import App, Broken, Facts, PeerState, Route
from doctor.apps.unjudged import left_out, unjudged
from doctor.conclusions import appcode, environment, release, static
from doctor.conclusions.service import drift, pidfile, placement, reread, runtimedir, stalled, supervision
from doctor.errors import where
from doctor.facts.address import Address, AddressKind
from doctor.facts.coverage import Assumption, NotJudged
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, absent_all, computed
from doctor.frozen import frozen
from doctor.hosts.base import DocumentKind, Host, Repository, TargetKind, Unseen
from doctor.later import Later
from doctor.servers import gunicorn, nginx
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx import families, limits
from doctor.servers.nginx.model import ConfigError, Nginx, Server
from doctor.sources import lending, logs, systemd
from doctor.sources.sockets import kernel, listeners
from doctor.sources.sockets.file import socket_file
from doctor.sources.sockets.kernel import SocketTable
from doctor.sources.sockets.model import SocketFile, Sockets
from doctor.sources.systemd import Unit

_DAY = 86400.0

_Prefixes: TypeAlias = Mapping[Place, Mapping[str, Sequence[str]]]
"""URL prefixes that each server block hands to each app, by where the block stands and by the app's name."""


@frozen
class Options:
    """`since`: how far back logs count, in seconds; None means since the last start. `app`: only this one."""

    since: float | None = None
    app: str = ""


_EVERYTHING = Options()


def gather(host: Host, options: Options = _EVERYTHING) -> Facts:
    """Look at everything once and join it. Independent observations run at the same time."""
    table = Later(lambda: _sockets(host))
    manager = systemd.collect(host)
    unfamiliar = gunicorn.services(host).difference(unit.name for unit in manager.units)
    if unfamiliar:
        manager = systemd.collect(host, unfamiliar)
    nginx_unit = _nginx_unit(manager.units)
    web_server = Later(lambda: nginx.collect(host, computed(nginx_unit) if nginx_unit else ABSENT, table.result()))
    repository = in_place(host, manager.units)
    gunicorns = gunicorn.collect(repository or host, manager.units)
    gunicorns = relocated(gunicorns, repository.origin) if repository is not None else gunicorns
    _ask_for_journals(host, manager.units, gunicorns, options)
    sockets = listeners.collect(host, table.result())
    web = _with_start_failure(host, web_server.result())
    elsewhere = kept.kept(host, web, sockets.listeners)
    apart = _machines(host, manager.units, gunicorns, web)
    found, routes, orphans = _joined(
        apart, web, candidates(manager.units, gunicorns, sockets.listeners), sockets, _addresses(elsewhere)
    )
    wanted = [c for c in found if not options.app or c.name == options.app or options.app in unit_names(c)]
    prefixes = _prefixes(routes)
    at_once = host.kind is TargetKind.TREE  # files are at hand, and there may be a thousand apps
    building = [
        Later(
            partial(
                _app,
                host,
                repository,
                c,
                routes[c.name],
                gunicorns,
                web,
                sockets,
                options,
                [unit for unit in manager.units if _beside(apart, unit, c)],
                prefixes,
            ),
            now=at_once,
        )
        for c in wanted
    ]
    apps, broken = _built(wanted, building)
    if not options.app:
        nobody = [Assigned(t, computed(PeerState.NOBODY, t.peer.place), ABSENT, ABSENT) for t in orphans]
        ways = (*_by_server(nobody), *_by_server([each.assigned for each in elsewhere]))
        apps.extend(_apps_of_nobody(host, web, sockets, ways, options, routes))
    machine = host.machine()
    return Facts(
        kind=host.kind,
        name=host.name,
        time=host.now(),
        machine=Unknown(machine.reason) if isinstance(machine, Unseen) else Known(machine),
        systemd=manager,
        nginx=web,
        apps=resting.marked(apps),
        access=answers.collect(host, web, apps, _since(host, options)),
        strays=tuple(g for g in gunicorns if not owned(g, manager.units)),
        unreadable=(
            *_unreadable(web, gunicorns),
            *systemd.faulty_lines(manager.units, host.kind),
            *(Unknown(reason) for reason in (host.overlooked() if isinstance(host, Repository) else ())),
        ),
        templates=tuple(d.path for d in host.documents() if d.kind is DocumentKind.TEMPLATE),
        assumed=_assumed(repository or host, manager.units, gunicorns),
        not_judged=(
            *_not_judged(host, repository, apart, manager.units, apps),
            *kept.not_judged(host, elsewhere),
            *kept.unmanaged(host, manager),
        ),
        broken=broken,
        managers=kept.managers(host) if orphans and host.kind is not TargetKind.TREE else (),
    )


def _machines(host: Host, units: Iterable[Unit], gunicorns: Sequence[Gunicorn], web: Nginx) -> Machines:
    if not isinstance(host, Repository) or not host.folders():
        return Machines()
    starting = (
        u.fragment.value for u in units if isinstance(u.fragment, Known) and any(owned(g, (u,)) for g in gunicorns)
    )
    return machines(starting, (server.place.path for server in web.servers))


def _at(apart: Machines, *units: Unit) -> str:
    return next((apart.of(unit.fragment.value) for unit in units if isinstance(unit.fragment, Known)), "")


def _beside(apart: Machines, unit: Unit, candidate: Candidate) -> bool:
    """On the machine of an app: not one of another environment, nor another file for a unit of its own."""
    own = {each.name.rpartition("/")[2] for each in candidate.units}
    twin = unit.name.rpartition("/")[2] in own and all(unit.name != each.name for each in candidate.units)
    return _at(apart, unit) == _at(apart, *candidate.units) and not twin


def _addresses(elsewhere: Iterable[kept.Kept]) -> frozenset[Address]:
    return frozenset(each.address.value for each in elsewhere if isinstance(each.address, Known))


def _joined(
    apart: Machines, web: Nginx, found: Sequence[Candidate], sockets: Sockets, elsewhere: frozenset[Address]
) -> tuple[list[Candidate], dict[str, list[Assigned]], list[Target]]:
    """Apps in the making, their routes by name, and targets of nobody: each machine by itself."""
    if not apart.folders:
        routes, orphans = assign(web, found, sockets.listeners, elsewhere)
        return merge_groups(list(found), routes), routes, orphans
    made: list[Candidate] = []
    routes, orphans = {}, []
    for folder in (*sorted(apart.folders), ""):
        servers = tuple(server for server in web.servers if apart.of(server.place.path) == folder)
        mine = [candidate for candidate in found if _at(apart, *candidate.units) == folder]
        own, lost = assign(replace(web, servers=servers), mine, sockets.listeners, elsewhere)
        made += merge_groups(mine, own)
        routes.update(own)
        orphans += lost
    return made, routes, orphans


def _not_judged(
    host: Host, repository: Repository | None, apart: Machines, units: Iterable[Unit], apps: Iterable[App]
) -> tuple[NotJudged, ...]:
    """In order of path, each once."""
    missing = left_out(repository, apps) if repository is not None else ()
    found = dict.fromkeys((*unjudged(host), *_twins(apart, units), *missing))
    return tuple(sorted(found, key=lambda each: (each.path, each.reason)))


def _twins(apart: Machines, units: Iterable[Unit]) -> Iterator[NotJudged]:
    """Unit files of one name for one machine, which can have only one of them."""
    named: dict[tuple[str, str], list[str]] = {}
    for unit in units:
        if isinstance(unit.fragment, Known):
            where = unit.fragment.value
            named.setdefault((apart.of(where), unit.name.rpartition("/")[2]), []).append(where)
    for (_, name), paths in named.items():
        if len(paths) > 1:
            reason = f"{name} exists {'twice' if len(paths) == 2 else f'{len(paths)} times'}, and a machine has one"
            yield from (NotJudged(path, "unit", reason) for path in paths)


def _assumed(host: Host, units: Iterable[Unit], gunicorns: Sequence[Gunicorn]) -> tuple[Assumption, ...]:
    """Of the units that run Gunicorn; what several assume of one file is told once."""
    found: dict[str, Assumption] = {}
    for unit in units:
        if any(g.name == unit.name for g in gunicorns):
            for assumption in gunicorn.assumptions(host, unit):
                found.setdefault(assumption.what, assumption)
    return tuple(found.values())


def _built(wanted: Sequence[Candidate], building: Sequence[Later[App]]) -> tuple[list[App], tuple[Broken, ...]]:
    """The apps, and those that one of our own bugs kept from being looked at: the others are reported all the same."""
    apps: list[App] = []
    broken: list[Broken] = []
    for candidate, later in zip(wanted, building, strict=True):
        try:
            apps.append(later.result())
        except Exception as error:
            broken.append(Broken(candidate.name, type(error).__name__, where(error)))
    return apps, tuple(broken)


def _with_start_failure(host: Host, web: Nginx) -> Nginx:
    """The journal of nginx is asked for where its unit has failed, and nowhere else."""
    if isinstance(web.master, Known) or not isinstance(web.unit_failed, Known) or not isinstance(web.unit, Known):
        return web
    free = isinstance(web.listen_conflict, Absent)
    return replace(web, start_failure=logs.start_failure(host, web.unit.value, ports_free=free))


def _prefixes(routes: Mapping[str, Sequence[Assigned]]) -> _Prefixes:
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


def _app(
    host: Host,
    repository: Repository | None,
    candidate: Candidate,
    assigned: Sequence[Assigned],
    gunicorns: Sequence[Gunicorn],
    web: Nginx,
    sockets: Sockets,
    options: Options,
    everybody: Sequence[Unit],
    prefixes: _Prefixes,
) -> App:
    """Everything of one app that needs more than one source. `repository`: where its code is found, if in one."""
    unit = _worst_unit(candidate.units)
    unit_fact: Fact[Unit] = computed(unit) if unit else ABSENT
    own = next((g for g in candidate.gunicorns if unit and g.name == unit.name), candidate.gunicorns[0])
    since = _since(host, options)
    settings = own.settings
    mine = lending.for_app(host, unit_fact, own.master, own.logical_directory, own.directory, settings.config_file)
    served_by = lending.for_nginx(host, web.uid, web.gids)
    placed = repository or mine
    # In a repository nothing serves.
    others = () if host.kind is TargetKind.TREE else gunicorns
    compared = environment.compare(repository or host, unit_fact, own.master)
    directory = own.logical_directory if host.kind is TargetKind.TREE else release.configured(mine, own, unit_fact)
    pythonpath = gunicorn.pythonpath(repository or host, unit_fact)
    code = appcode.collect(placed, own, unit_fact, directory, compared.expected, pythonpath)
    served = _served_elsewhere(others, candidate)
    code_release = release.collect(mine, own, unit_fact, served, code.imports)
    variables = environment.collect(compared, code.missing_variables)
    unit_log = logs.collect_unit(mine, unit, since, settings.error_log) if unit else absent_all(logs.UnitLog)
    if repository is not None and unit is not None and (wrong := misspelt(repository, unit, own)) is not None:
        code = replace(code, entry_problem=wrong)
    if repository is not None and _moved(repository, own, variables):
        code, variables = relocated(code, repository.origin), relocated(variables, repository.origin)
    servers = _distinct_servers(assigned)
    nginx_log = _nginx_log(host, web, assigned, own, options, unit_log.hups)
    return App(
        name=candidate.name,
        units=candidate.units,
        unit=unit_fact,
        gunicorns=candidate.gunicorns,
        gunicorn=computed(own),
        routes=tuple(_route(host, a, web, sockets, candidate) for a in assigned),
        rivals=tuple(
            g for g in others if g not in candidate.gunicorns and is_rival(g, candidate, g.settings.bind.or_(()))
        ),
        binds=_binds(candidate),
        listening=bool(candidate.holds),
        socket_activated=any(u.triggered_by for u in candidate.units),
        changed_since_start=drift.collect(mine, unit_fact, own),
        placement=placement.collect(mine, unit_fact, own, code_release),
        unsupervised=supervision.collect(host, unit_fact, own),
        stalled=stalled.collect(own, unit_log, host.now()),
        pidfile_problem=pidfile.collect(mine, unit_fact, own),
        mixed_releases=mixed_releases(mine, candidate, assigned),
        release=code_release,
        code=code,
        environment=variables,
        static=tuple(
            path
            for server in servers
            for path in static.collect(
                served_by if mine.reader is None else mine,
                web,
                server,
                code_release.running,
                code.static_folder,
                code.static_url,
                own=prefixes[server.place].get(candidate.name, ()),
                others=[p for name, its in prefixes[server.place].items() if name != candidate.name for p in its],
                besides=lending.for_served(host, served_by),
            )
        ),
        log=unit_log,
        nginx_log=nginx_log,
        limits=limits.collect([(a.target.server, a.target.location) for a in assigned], nginx_log),
        unread_config=reread.collect(mine, own),
        doomed_socket=runtimedir.doomed(host, candidate.units, candidate.gunicorns, everybody),
    )


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
                Later(partial(logs.ask_ahead, host, unit, _since(host, options)))


def _moved(placed: Repository, own: Gunicorn, variables: environment.Environment) -> bool:
    """A file or folder of the repository stands in for one of the machine."""
    named = [fact.value for fact in (own.logical_directory, own.settings.config_file) if isinstance(fact, Known)]
    named += [file.path for file in variables.files]
    return any(placed.origin(path) != path for path in named)


def _served_elsewhere(gunicorns: Iterable[Gunicorn], candidate: Candidate) -> tuple[str, ...]:
    """Directories other apps run in: code there is not a lost copy of this one."""
    own = {id(g) for g in candidate.gunicorns}
    others = (g for g in gunicorns if id(g) not in own)
    return tuple(fact.value for g in others for fact in (g.directory, g.logical_directory) if isinstance(fact, Known))


def _worst_unit(units: Sequence[Unit]) -> Unit | None:
    """The first that is not active, or else the first."""
    down = (u for u in units if not u.active_state.is_("active"))
    return next(down, units[0] if units else None)


def _binds(candidate: Candidate) -> Fact[tuple[Address, ...]]:
    if candidate.holds:
        places = tuple(p for g in candidate.gunicorns for p in g.settings.bind.places)
        return Known(candidate.holds, places)
    return candidate.configured


def _distinct_servers(assigned: Iterable[Assigned]) -> tuple[Server, ...]:
    found: list[Server] = []
    for a in assigned:
        if a.target.server not in found:
            found.append(a.target.server)
    return tuple(found)


def _route(host: Host, assigned: Assigned, web: Nginx, sockets: Sockets, candidate: Candidate | None = None) -> Route:
    target, units = assigned.target, candidate.units if candidate else ()
    unanswered = families.unanswered(target.peer, _binds(candidate)) if candidate else ABSENT
    address = target.peer.address
    at: Fact[SocketFile] = ABSENT
    if isinstance(address, Known) and address.value.kind is AddressKind.UNIX:
        view = lending.for_peer(host, target.peer.place.path, web.uid, web.gids)
        file = socket_file(view, address.value, web.uid, web.gids, sockets)
        closed = runtimedir.closed(host, file.path, units, web.uid, web.gids)
        at = computed(replace(file, next_obstacle=closed), target.peer.place)
    return Route(
        server=target.server,
        location=target.location,
        upstream=target.upstream,
        peer=target.peer,
        state=_reached(assigned, web),
        answered_by=assigned.answered_by,
        socket_file=at,
        correction=assigned.correction,
        configured=assigned.configured,
        unanswered=unanswered,
        literal=families.literal(target.peer, unanswered),
        spared=assigned.spared,
        rests=resting.of_peer(target.peer, units, candidate.gunicorns if candidate else ()),
    )


def _reached(assigned: Assigned, web: Nginx) -> Fact[PeerState]:
    """What answers, unless nginx runs in another network (PrivateNetwork=): then nothing was seen of what it reaches,
    nor who reaches it.
    """
    if isinstance(web.master, Known) and not web.master.value.own_network:
        reason = f"nginx (pid {web.master.value.pid}) runs in a network of its own, which cannot be looked at"
        return Unknown(reason, web.master.places)
    return assigned.state


def _nginx_log(
    host: Host,
    web: Nginx,
    assigned: Sequence[Assigned],
    own: Gunicorn | None,
    options: Options,
    hups: Fact[logs.LogEvent] = ABSENT,
) -> logs.NginxLog:
    """Lines of a day at most, since nginx and the app were last started or reloaded: older faults may be gone."""
    if host.kind is TargetKind.TREE:
        return logs.collect_nginx(host, (), 0.0, (), ())
    if isinstance(web.main_file, Absent):
        return logs.collect_nginx(host, web.main_file, 0.0, (), ())
    workers = web.workers.value if isinstance(web.workers, Known) and options.since is None else ()
    starts = [host.now() - _DAY]
    starts += [x.value.started for x in (web.master, own.master if own else ABSENT) if isinstance(x, Known)]
    if isinstance(hups, Known):
        starts.append(hups.value.last)
    since = host.now() - options.since if options.since is not None else max(starts)
    readable, refused = logfiles.readable(host, web.error_log, (a.target.server.error_log for a in assigned))
    peers = {str(a.target.peer.address.value) for a in assigned if isinstance(a.target.peer.address, Known)}
    servers = {(a.target.server.place, _logged_name(a.target.server)) for a in assigned}
    # What a line says of a name that another block has as well, it may say of that one.
    others = {_logged_name(s) for s in web.servers if _proxies(s) and (s.place, _logged_name(s)) not in servers}
    names = {name for _, name in servers} - others
    pids = frozenset(worker.pid for worker in workers)
    found = logs.collect_nginx(host, tuple(sorted(readable)), since, tuple(sorted(peers)), tuple(sorted(names)), pids)
    return logfiles.without(found, refused)


def _logged_name(server: Server) -> str:
    """How nginx calls a server block in its log: by the first of its names (ngx_http_core_merge_srv_conf)."""
    name = server.names[0].lower() if server.names else ""
    return name[1:] if name.startswith(("~", ".")) else name


def _proxies(server: Server) -> bool:
    return not server.unasked and any(not isinstance(x.upstream, Absent) for x in server.locations)


def _apps_of_nobody(
    host: Host,
    web: Nginx,
    sockets: Sockets,
    groups: Sequence[Sequence[Assigned]],
    options: Options,
    taken: Iterable[str],
) -> Iterator[App]:
    """Named after what nginx calls them; where that is not enough, by the line of their server block too."""
    names = [_asked_for(group) for group in groups]
    places = [group[0].target.server.place for group in groups]
    known = list(taken)
    told = told_apart(
        [*known, *names],
        [*([()] * len(known)), *((f"{p.path}:{p.line}",) for p in places)],
        [*([True] * len(known)), *([False] * len(names))],
    )
    for group, name in zip(groups, told[len(known) :], strict=True):
        yield _app_of_nobody(host, web, sockets, group, options, name)


def _asked_for(group: Sequence[Assigned]) -> str:
    first = group[0].target
    return next((name for name in first.server.names if name not in {"_", "localhost"}), str(first.upstream.name))


def _app_of_nobody(
    host: Host, web: Nginx, sockets: Sockets, assigned: Sequence[Assigned], options: Options, name: str
) -> App:
    """Nginx sends requests of one server to a local address where no Gunicorn listens that can be judged, or nobody."""
    nginx_log = _nginx_log(host, web, assigned, None, options)
    return App(
        name=name,
        units=(),
        unit=ABSENT,
        gunicorns=(),
        gunicorn=ABSENT,
        routes=tuple(_route(host, a, web, sockets) for a in assigned),
        rivals=(),
        binds=ABSENT,
        listening=False,
        socket_activated=False,
        changed_since_start=ABSENT,
        placement=absent_all(placement.Placement),
        unsupervised=ABSENT,
        stalled=ABSENT,
        pidfile_problem=ABSENT,
        mixed_releases=ABSENT,
        release=absent_all(release.Release),
        code=absent_all(appcode.AppCode),
        environment=environment.Environment((), ABSENT, ABSENT, ABSENT, ABSENT, ABSENT),
        static=(),
        log=absent_all(logs.UnitLog),
        nginx_log=nginx_log,
        limits=limits.collect([(a.target.server, a.target.location) for a in assigned], nginx_log),
    )


def _by_server(assigned: Sequence[Assigned]) -> list[list[Assigned]]:
    groups: dict[tuple[str, int], list[Assigned]] = {}
    for each in assigned:
        place = each.target.server.place
        groups.setdefault((place.path, place.line), []).append(each)
    return list(groups.values())


def _fault(error: ConfigError) -> Fact[str]:
    place = Place(path=error.path, line=error.line)
    return Unknown(error.message, (place,)) if error.unseen else computed(error.message, place)


def _unreadable(web: Nginx, gunicorns: Iterable[Gunicorn]) -> tuple[Fact[str], ...]:
    """Configuration files that could not be parsed; what `nginx -t` would refuse is nginx's own affair."""
    found = [_fault(error) for error in web.errors if not error.fatal]
    for g in gunicorns:
        if isinstance(g.settings.config_error, Known):
            found.append(g.settings.config_error)
    return tuple(found)
