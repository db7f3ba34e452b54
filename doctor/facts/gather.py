"""Runs the collectors and joins what they found: `gather(host)` is the only way from a host to facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Generic, TypeVar

from doctor.facts import appcode, drift, environment, gunicorn, log, nginx, placement, release, socket, static, systemd
from doctor.facts.address import Address, AddressKind
from doctor.facts.candidates import candidates, is_rival_of, merge_groups, owned, unit_names
from doctor.facts.gunicorn import Gunicorn
from doctor.facts.nginx.model import Nginx, Server
from doctor.facts.routing import Assigned, Candidate, Target, assign
from doctor.facts.systemd import Unit
from doctor.facts.topology import App, Facts, PeerState, Route
from doctor.facts.value import Absent, Fact, Known, Place, Unknown, absent_all, computed
from doctor.hosts.base import Host, Unseen

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """`since`: how far back logs count, in seconds; None means since the last start. `app`: only this one."""

    since: float | None = None
    app: str = ""


def gather(host: Host, options: Options = Options()) -> Facts:
    """Look at everything once and join it. Independent observations run at the same time."""
    table = _Later(host.processes)
    manager = systemd.collect(host)
    table.result()
    nginx_unit = next((u for u in manager.units if u.name == "nginx.service"), None)
    web_server = _Later(lambda: nginx.collect(host, computed(nginx_unit) if nginx_unit else Absent()))
    gunicorns = gunicorn.collect(host, manager.units)
    sockets = socket.collect(host)
    web = web_server.result()
    found = candidates(manager.units, gunicorns, sockets)
    routes, orphans = assign(web, found, sockets.listeners)
    found = merge_groups(found, routes)
    wanted = [c for c in found if not options.app or c.name == options.app or options.app in unit_names(c)]
    building = [
        _Later(lambda c=c: _app(host, c, routes[c.name], gunicorns, web, options))  # type: ignore[misc]
        for c in wanted
    ]
    apps = [later.result() for later in building]
    if not options.app:
        apps.extend(_app_of_nobody(host, web, group, options) for group in _by_server(orphans))
    machine = host.machine()
    return Facts(
        kind=host.kind,
        name=host.name,
        time=host.now(),
        machine=Unknown(machine.reason) if isinstance(machine, Unseen) else Known(machine),
        systemd=manager,
        nginx=web,
        apps=tuple(sorted(apps, key=lambda app: app.name)),
        strays=tuple(g for g in gunicorns if not owned(g, manager.units)),
        unreadable=_unreadable(web, gunicorns),
    )


class _Later(Generic[T]):
    """A computation in a thread of its own; `result` waits, and raises what the computation raised."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._value: T
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, args=(compute,), daemon=True)
        self._thread.start()

    def _run(self, compute: Callable[[], T]) -> None:
        try:
            self._value = compute()
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


def _app(
    host: Host,
    candidate: Candidate,
    assigned: Sequence[Assigned],
    gunicorns: Sequence[Gunicorn],
    web: Nginx,
    options: Options,
) -> App:
    """Everything of one app that needs more than one source."""
    unit = _worst_unit(candidate.units)
    unit_fact: Fact[Unit] = computed(unit) if unit else Absent()
    own = next((g for g in candidate.gunicorns if unit and g.name == unit.name), candidate.gunicorns[0])
    since = host.now() - options.since if options.since is not None else None
    code_release = release.collect(host, own, unit_fact, _served_elsewhere(gunicorns, candidate))
    declared = environment.collect(host, unit_fact, own.master, Absent())
    code = appcode.collect(host, own, unit_fact, code_release.configured, declared.expected)
    variables = environment.collect(host, unit_fact, own.master, code.missing_variables)
    unit_log = log.collect_unit(host, unit, since, own.settings.error_log) if unit else absent_all(log.UnitLog)
    servers = _distinct_servers(assigned)
    return App(
        name=candidate.name,
        units=candidate.units,
        unit=unit_fact,
        gunicorns=candidate.gunicorns,
        gunicorn=computed(own),
        routes=tuple(_route(host, a, web) for a in assigned),
        rivals=tuple(g for g in gunicorns if g not in candidate.gunicorns and is_rival_of(g, candidate)),
        binds=_binds(candidate),
        socket_activated=any(u.triggered_by for u in candidate.units),
        changed_since_start=drift.collect(host, unit_fact, own),
        placement=placement.collect(host, unit_fact, own, code_release),
        mixed_releases=_mixed_releases(candidate, assigned),
        release=code_release,
        code=code,
        environment=variables,
        static=tuple(
            path
            for server in servers
            for path in static.collect(host, web, server, code_release.running, code.static_folder, code.static_url)
        ),
        log=unit_log,
        nginx_log=_nginx_log(host, web, assigned, own, options),
    )


def _served_elsewhere(gunicorns: Iterable[Gunicorn], candidate: Candidate) -> tuple[str, ...]:
    """Directories other apps run in: code there is not a lost copy of this one."""
    others = (g for g in gunicorns if g not in candidate.gunicorns)
    return tuple(fact.value for g in others for fact in (g.directory, g.logical_directory) if isinstance(fact, Known))


def _worst_unit(units: Sequence[Unit]) -> Unit | None:
    """The first that is not active, or else the first."""
    down = (u for u in units if not (isinstance(u.active_state, Known) and u.active_state.value == "active"))
    return next(down, units[0] if units else None)


def _binds(candidate: Candidate) -> Fact[tuple[Address, ...]]:
    if candidate.holds:
        places = tuple(p for g in candidate.gunicorns for p in _fact_places(g.settings.bind))
        return Known(candidate.holds, places)
    return candidate.configured


def _fact_places(fact: Fact[tuple[Address, ...]]) -> tuple[Place, ...]:
    return fact.places


def _mixed_releases(candidate: Candidate, assigned: Sequence[Assigned]) -> Fact[str]:
    """Members of one upstream group that run in different directories of code; backups do not count."""
    serving = {
        a.answered_by.value
        for a in assigned
        if a.target.upstream.group and not a.target.peer.backup and isinstance(a.answered_by, Known)
    }
    places: list[Place] = []
    directories: dict[str, str] = {}
    for g in candidate.gunicorns:
        if g.name in serving and isinstance(g.master, Known) and isinstance(g.directory, Known):
            directories[g.name] = g.directory.value
            places.extend(g.directory.places)
    if len(set(directories.values())) < 2:
        return Absent()
    return computed(", ".join(f"{name} runs {path}" for name, path in sorted(directories.items())), *places)


def _distinct_servers(assigned: Iterable[Assigned]) -> tuple[Server, ...]:
    found: list[Server] = []
    for a in assigned:
        if a.target.server not in found:
            found.append(a.target.server)
    return tuple(found)


def _route(host: Host, assigned: Assigned, web: Nginx) -> Route:
    target = assigned.target
    address = target.peer.address
    socket_file: Fact[socket.SocketFile] = Absent()
    if isinstance(address, Known) and address.value.kind is AddressKind.UNIX:
        socket_file = computed(socket.socket_file(host, address.value, web.uid, web.gids), target.peer.place)
    return Route(
        server=target.server,
        location=target.location,
        upstream=target.upstream,
        peer=target.peer,
        state=assigned.state,
        answered_by=assigned.answered_by,
        socket_file=socket_file,
        correction=assigned.correction,
        configured=assigned.configured,
    )


def _nginx_log(
    host: Host, web: Nginx, assigned: Sequence[Assigned], own: Gunicorn | None, options: Options
) -> log.NginxLog:
    """Lines since nginx and the app last started: older ones speak of a fault that may be gone."""
    starts = [
        process.value.started for process in (web.master, own.master if own else Absent()) if isinstance(process, Known)
    ]
    since = host.now() - options.since if options.since is not None else max(starts, default=0.0)
    logs = {fact.value for a in assigned for fact in (a.target.server.error_log,) if isinstance(fact, Known)}
    if isinstance(web.error_log, Known):
        logs.add(web.error_log.value)
    peers = {str(a.target.peer.address.value) for a in assigned if isinstance(a.target.peer.address, Known)}
    names = {name for a in assigned for name in a.target.server.names}
    return log.collect_nginx(host, tuple(sorted(logs)), since, tuple(sorted(peers)), tuple(sorted(names)))


def _app_of_nobody(host: Host, web: Nginx, group: Sequence[Target], options: Options) -> App:
    """Nginx sends requests to a local address where nobody listens, and no Gunicorn was meant for it."""
    server = group[0].server
    assigned = [Assigned(t, computed(PeerState.NOBODY, t.peer.place), Absent(), Absent()) for t in group]
    name = next((n for n in server.names if n not in {"_", "localhost"}), str(group[0].upstream.name))
    return App(
        name=name,
        units=(),
        unit=Absent(),
        gunicorns=(),
        gunicorn=Absent(),
        routes=tuple(_route(host, a, web) for a in assigned),
        rivals=(),
        binds=Absent(),
        socket_activated=False,
        changed_since_start=Absent(),
        placement=absent_all(placement.Placement),
        mixed_releases=Absent(),
        release=absent_all(release.Release),
        code=absent_all(appcode.AppCode),
        environment=environment.Environment((), Absent(), Absent(), Absent(), Absent(), Absent()),
        static=(),
        log=absent_all(log.UnitLog),
        nginx_log=_nginx_log(host, web, assigned, None, options),
    )


def _by_server(orphans: Sequence[Target]) -> list[list[Target]]:
    groups: dict[tuple[str, int], list[Target]] = {}
    for target in orphans:
        groups.setdefault((target.server.place.path, target.server.place.line), []).append(target)
    return list(groups.values())


def _unreadable(web: Nginx, gunicorns: Iterable[Gunicorn]) -> tuple[Fact[str], ...]:
    """Configuration files that could not be parsed; what `nginx -t` would refuse is nginx's own affair."""
    found: list[Fact[str]] = [
        computed(error.message, Place(path=error.path, line=error.line)) for error in web.errors if not error.fatal
    ]
    for g in gunicorns:
        if isinstance(g.settings.config_error, Known):
            found.append(g.settings.config_error)
    return tuple(found)
