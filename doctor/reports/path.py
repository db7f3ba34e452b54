"""The request path of an app: one row for each hop that has something to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from doctor.apps.topology import App, Facts, Hop, PeerState, Route
from doctor.engine.rule import Severity
from doctor.facts.address import Address, AddressKind, reaches
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar import durations
from doctor.hosts.base import TargetKind
from doctor.reports.model import HopReport, HopState
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process

_ORDER = {hop: number for number, hop in enumerate(Hop)}


@frozen
class _Sight:
    """What was seen at a hop. `up`: it is as a request needs it; None when that could not be seen."""

    hop: Hop
    label: str
    detail: str
    up: bool | None = True


@frozen
class Mark:
    """The finding that the chain breaks of at a hop."""

    rule: str
    title: str


def request_path(
    app: App, facts: Facts, worst: Mapping[str, Severity], marks: Mapping[str, Mark]
) -> tuple[HopReport, ...]:
    """The rows for `app`; `worst` is the gravest severity among its findings at each hop, `marks` the cause there.

    A hop with a cause has a row even where nothing was seen of it: it says what is wrong.
    """
    rows: list[HopReport] = []
    sights = list(_sights(app, facts))
    seen = {sight.hop.value for sight in sights}
    sights += [_Sight(Hop(hop), "", mark.title, up=None) for hop, mark in marks.items() if hop not in seen]
    for sight in sorted(sights, key=lambda sight: _ORDER[sight.hop]):
        hop = sight.hop.value
        if sight.up is None and facts.kind is TargetKind.TREE and hop not in worst:
            continue  # files never show a process; saying so for every row would hide what they do show
        rule = marks[hop].rule if hop in marks else None
        rows.append(HopReport(hop, sight.label, _state(sight, worst), sight.detail, rule))
    return tuple(rows)


def _state(sight: _Sight, worst: Mapping[str, Severity]) -> HopState:
    here = worst.get(sight.hop.value)
    if here is Severity.ERROR or (sight.up is False and Severity.ERROR in worst.values()):
        return HopState.BROKEN
    if here is Severity.WARNING or sight.up is False:
        return HopState.AT_RISK
    return HopState.UNKNOWN if sight.up is None else HopState.OK


def url(app: App) -> str | None:
    """Where people reach the app: the first name of the server block, and the prefix of a location below "/"."""
    route = _chosen(app)
    if route is None:
        return None
    name = _server_name(route)
    listen = next((each for each in route.server.listens if each.tls), None) or next(iter(route.server.listens), None)
    below = route.location.pattern if route.location.modifier in ("", "^~") else ""
    below = "" if below == "/" else below
    if listen is None:
        return f"http://{name}{below}"
    scheme, usual = ("https", 443) if listen.tls else ("http", 80)
    port = "" if listen.address.port in (usual, 0) else f":{listen.address.port}"
    return f"{scheme}://{name}{port}{below}"


def _server_name(route: Route) -> str:
    return next((name for name in route.server.names if name not in ("", "_")), "localhost")


def _chosen(app: App) -> Route | None:
    """The route that does not arrive, unless others do in its place; or else the one of the main location."""
    routes = [r for r in app.routes if not r.spared]
    astray = (r for r in routes if isinstance(r.state, Known) and r.state.value is not PeerState.OURS)
    main = app.limits.main
    usual = (r for r in routes if isinstance(main, Known) and r.location is main.value)
    return next(astray, None) or next(usual, None) or next(iter(routes), None)


def _sights(app: App, facts: Facts) -> Iterator[_Sight]:
    route = _chosen(app)
    if route is not None:
        yield from _web(route, live=facts.kind is not TargetKind.TREE)
    yield from _socket(app, route)
    yield from _unit(app)
    if isinstance(app.gunicorn, Known):
        yield from _processes(app.gunicorn.value, app, facts.time)
    yield from _files(app)


def _web(route: Route, *, live: bool) -> Iterator[_Sight]:
    listen = next(iter(route.server.listens), None)
    port = f":{listen.address.port}" if listen is not None and listen.address.port else ""
    yield _Sight(Hop.SERVER, f"{_server_name(route)}{port}", _at(route.server.place))
    location = f"{route.location.modifier} {route.location.pattern}".strip()
    if location:
        yield _Sight(Hop.LOCATION, location, _at(route.location.place))
    address = route.peer.address
    label = str(address.value) if isinstance(address, Known) else route.peer.host or route.upstream.name
    answering = route.answered_by.or_("")
    match route.state:
        case Known(value=PeerState.OURS) if _astray(route):
            yield _Sight(Hop.UPSTREAM, label, "nobody accepts here", up=False)
        case Known(value=PeerState.OURS):
            said = f"{answering} {'listens' if live else 'binds it'}" if answering else ""
            yield _Sight(Hop.UPSTREAM, label, said)
        case Known(value=PeerState.NOBODY):
            yield _Sight(Hop.UPSTREAM, label, "nobody listens here" if live else "nothing here binds this", up=False)
        case Known(value=PeerState.STRANGER):
            yield _Sight(
                Hop.UPSTREAM,
                label,
                f"{answering or 'something else'} {'answers here' if live else 'binds it'}",
                up=False,
            )
        case Known(value=PeerState.REMOTE):
            yield _Sight(Hop.UPSTREAM, label, "on another machine")
        case Unknown(reason=reason):
            yield _Sight(Hop.UPSTREAM, label, reason, up=None)
        case Absent():
            yield _Sight(Hop.UPSTREAM, label, "", up=None)


def _astray(route: Route) -> bool:
    """The path that nginx goes to leads to no socket that listens, whatever the app holds open."""
    file = route.socket_file
    return isinstance(file, Known) and isinstance(file.value.state, Known) and file.value.state.value != "listening"


def _socket(app: App, route: Route | None) -> Iterator[_Sight]:
    """Where Gunicorn listens, or would; the state of a socket file is known where nginx goes to it."""
    if not isinstance(app.binds, Known) or not app.binds.value:
        return
    meets = next((bind for bind in app.binds.value if route is not None and _arrives(route, bind)), None)
    address, asked = meets or app.binds.value[0], meets is not None
    label = address.path if address.kind is AddressKind.UNIX else str(address)
    if asked and route is not None and isinstance(route.socket_file, Known):
        state = route.socket_file.value.state
        if isinstance(state, Known):
            obstacle = route.socket_file.value.obstacle
            if isinstance(obstacle, Known):
                here = obstacle.value.path == address.path
                met = "nginx may not connect" if here else f"nginx may not pass {obstacle.value.path}"
                yield _Sight(Hop.SOCKET, label, met, up=False)
            else:
                yield _socket_file(label, state.value, silent=route.state.is_(PeerState.NOBODY))
            return
    running = isinstance(app.gunicorn, Known) and isinstance(app.gunicorn.value.master, Known)
    if running or app.socket_activated:
        unsure = asked or route is None or isinstance(route.state, Unknown)
        yield _Sight(Hop.SOCKET, label, "listening" if unsure else "listening, nobody asks")
    else:
        yield _Sight(Hop.SOCKET, label, "", up=None)


def _socket_file(label: str, state: str, *, silent: bool) -> _Sight:
    """`silent`: the table of listening sockets, which was read at another moment, has nobody there."""
    if silent and state == "listening":
        return _Sight(Hop.SOCKET, label, "listening at one look only", up=None)
    return _Sight(Hop.SOCKET, label, state.replace("-", " "), up=state == "listening")


def _arrives(route: Route, bind: Address) -> bool:
    """A connect of the route ends there."""
    address = route.peer.address
    return isinstance(address, Known) and reaches(address.value, bind, here=route.peer.local)


def _unit(app: App) -> Iterator[_Sight]:
    if not isinstance(app.unit, Known):
        return
    unit = app.unit.value
    if not isinstance(unit.active_state, Known):
        yield _Sight(Hop.UNIT, unit.name, _reason(unit.active_state), up=None)
        return
    detail = unit.active_state.value
    if isinstance(unit.sub_state, Known):
        detail += f" ({unit.sub_state.value})"
    if isinstance(unit.result, Known) and unit.result.value not in ("", "success"):
        detail += f", {unit.result.value}"
    good = unit.active_state.value in ("active", "reloading", "activating") or app.socket_activated
    yield _Sight(Hop.UNIT, unit.name, detail, up=good and unit.active_state.value != "failed")


def _is_woken(app: App) -> bool:
    """A socket unit listens for it, or nobody could see whether one does."""
    states = [socket.active_state for unit in app.units for socket in unit.triggered_by]
    return any(not isinstance(state, Known) or state.value not in ("inactive", "failed") for state in states)


def _processes(gunicorn: Gunicorn, app: App, now: float) -> Iterator[_Sight]:
    version = _first(gunicorn.version_running, gunicorn.version_installed)
    match gunicorn.master:
        case Known(value=master):
            yield _Sight(Hop.MASTER, ", ".join(part for part in (version, f"master {master.pid}") if part), "")
        case Absent():
            sleeping = app.socket_activated and _is_woken(app)
            detail = "starts with the first request" if sleeping else "does not run"
            yield _Sight(Hop.MASTER, version or gunicorn.name, detail, up=sleeping)
            return
        case Unknown(reason=reason):
            yield _Sight(Hop.MASTER, version or gunicorn.name, reason, up=None)
            return
    if isinstance(gunicorn.workers, Known):
        yield _workers(gunicorn, gunicorn.workers.value, now)
    else:
        yield _Sight(Hop.WORKERS, "workers", _reason(gunicorn.workers), up=None)


def _workers(gunicorn: Gunicorn, workers: tuple[Process, ...], now: float) -> _Sight:
    kind = gunicorn.settings.worker_class
    name = f"{kind.value} worker" if isinstance(kind, Known) else "worker"
    if not workers:
        return _Sight(Hop.WORKERS, f"no {name}", "", up=False)
    oldest = min(worker.started for worker in workers)
    count = f"{len(workers)} {name}{'' if len(workers) == 1 else 's'}"
    return _Sight(Hop.WORKERS, f"{count}, up {durations.rough(now - oldest)}", "")


def _files(app: App) -> Iterator[_Sight]:
    gunicorn = app.gunicorn.or_(None)
    if gunicorn is not None and isinstance(gunicorn.directory, Known):
        logical = gunicorn.logical_directory
        written = logical.or_(gunicorn.directory.value)
        physical = "" if written == gunicorn.directory.value else f"is {gunicorn.directory.value}"
        yield _Sight(Hop.DIRECTORY, written, physical)
    for file in app.environment.files[:1]:
        state = file.state
        good = None if isinstance(state, Unknown) else state.is_("read")
        detail = _reason(state) if not isinstance(state, Known) else state.value if good is False else ""
        yield _Sight(Hop.ENVIRONMENT, file.path, detail, up=True if file.optional and good is False else good)
    release = app.release
    here = _first(release.running, release.configured)
    if here:
        yield _Sight(Hop.RELEASE, here, _release_detail(app, here))
    entry = app.code.entry
    if isinstance(entry, Known):
        unsure = isinstance(app.code.syntax_error, Unknown) and not app.code.syntax_error.outside
        label = f"{entry.value.module}:{entry.value.callable}"
        yield _Sight(Hop.CODE, label, entry.value.file, up=None if unsure else True)
    for static in app.static[:1]:
        if isinstance(static.directory, Known):
            yield _Sight(Hop.STATIC, static.directory.value, f"serves {static.url}")


def _release_detail(app: App, here: str) -> str:
    """What runs, and where the link points: at a sibling by its name, which is what tells releases apart."""
    release = app.release
    said: list[str] = []
    if isinstance(release.running, Known):
        said.append("deleted in use" if release.running_deleted.is_(True) else "in use")
    if isinstance(release.link, Known) and isinstance(release.link_target, Known):
        link = release.link.value.rpartition("/")[2]
        target = release.link_target.value
        folder, _, name = target.rpartition("/")
        other = name if folder == here.rpartition("/")[0] else target
        said.append(f"{link} points here" if target == here else f"{link} is {other}")
    return "; ".join(said)


def _first(*facts: Fact[str]) -> str:
    return next((fact.value for fact in facts if isinstance(fact, Known)), "")


def _reason(fact: Known[str] | Absent | Unknown) -> str:
    return fact.reason if isinstance(fact, Unknown) else ""


def _at(place: Place) -> str:
    return f"{place.path}:{place.line}" if place.path and place.line else place.path
