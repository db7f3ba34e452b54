"""The way of a request to an app, link by link, and what was seen at each. Decided here; a report only draws it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from doctor.apps.topology import App, Facts, Hop, PeerState, Route
from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind, reaches
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar import durations
from doctor.hosts.base import TargetKind
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process


class Seen(str, Enum):
    """How a link was seen."""

    OK = "ok"
    """As a request needs it."""
    DOWN = "down"
    UNKNOWN = "unknown"
    """It could not be seen."""


@frozen
class Link:
    """A link of the way. `label` says what it is (an address, a unit, a directory), `detail` what was seen there."""

    hop: Hop
    label: str
    detail: str
    seen: Seen = Seen.OK


def request_path(app: App, facts: Facts) -> tuple[Link, ...]:
    """Every link that has something to show, in the order a request meets them."""
    order = {hop: number for number, hop in enumerate(Hop)}
    return tuple(sorted(_links(app, facts), key=lambda link: order[link.hop]))


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
    routes = [r for r in app.routes if not r.has_healthy_sibling]
    astray = (r for r in routes if r.state.meets(lambda it: it is not PeerState.OURS))
    main = app.limits.main
    usual = (r for r in routes if isinstance(main, Known) and r.location is main.value)
    return next(astray, None) or next(usual, None) or next(iter(routes), None)


def _links(app: App, facts: Facts) -> Iterator[Link]:
    route = _chosen(app)
    if route is not None:
        yield from _web(route, live=facts.kind is not TargetKind.TREE)
    yield from _socket(app, route)
    yield from _unit(app)
    if isinstance(app.gunicorn, Known):
        yield from _processes(app.gunicorn.value, app, facts.time)
    yield from _files(app)


def _web(route: Route, *, live: bool) -> Iterator[Link]:
    listen = next(iter(route.server.listens), None)
    port = f":{listen.address.port}" if listen is not None and listen.address.port else ""
    yield Link(Hop.SERVER, f"{_server_name(route)}{port}", _at(route.server.place))
    location = f"{route.location.modifier} {route.location.pattern}".strip()
    if location:
        yield Link(Hop.LOCATION, location, _at(route.location.place))
    address = route.peer.address
    label = str(address.value) if isinstance(address, Known) else route.peer.host or route.upstream.name
    answering = route.answered_by.or_("")
    match route.state:
        case Known(value=PeerState.OURS) if _astray(route):
            yield Link(Hop.UPSTREAM, label, "nobody accepts here", Seen.DOWN)
        case Known(value=PeerState.OURS):
            said = f"{answering} {'listens' if live else 'binds it'}" if answering else ""
            yield Link(Hop.UPSTREAM, label, said)
        case Known(value=PeerState.NOBODY):
            yield Link(Hop.UPSTREAM, label, "nobody listens here" if live else "nothing here binds this", Seen.DOWN)
        case Known(value=PeerState.STRANGER):
            yield Link(
                Hop.UPSTREAM,
                label,
                f"{answering or 'something else'} {'answers here' if live else 'binds it'}",
                Seen.DOWN,
            )
        case Known(value=PeerState.REMOTE):
            yield Link(Hop.UPSTREAM, label, "on another machine")
        case Unknown(reason=reason):
            yield Link(Hop.UPSTREAM, label, reason, Seen.UNKNOWN)
        case Absent():
            yield Link(Hop.UPSTREAM, label, "", Seen.UNKNOWN)


def _seen(up: bool) -> Seen:
    return Seen.OK if up else Seen.DOWN


def _astray(route: Route) -> bool:
    """The path that nginx goes to leads to no socket that listens, whatever the app holds open."""
    file = route.socket_file
    return isinstance(file, Known) and isinstance(file.value.state, Known) and file.value.state.value != "listening"


def _socket(app: App, route: Route | None) -> Iterator[Link]:
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
                yield Link(Hop.SOCKET, label, met, Seen.DOWN)
            else:
                yield _socket_file(label, state.value, silent=route.state.is_(PeerState.NOBODY))
            return
    running = isinstance(app.gunicorn, Known) and isinstance(app.gunicorn.value.master, Known)
    if running or app.service.socket_activated:
        unsure = asked or route is None or isinstance(route.state, Unknown)
        yield Link(Hop.SOCKET, label, "listening" if unsure else "listening, nobody asks")
    else:
        yield Link(Hop.SOCKET, label, "", Seen.UNKNOWN)


def _socket_file(label: str, state: str, *, silent: bool) -> Link:
    """`silent`: the table of listening sockets, which was read at another moment, has nobody there."""
    if silent and state == "listening":
        return Link(Hop.SOCKET, label, "listening at one look only", Seen.UNKNOWN)
    return Link(Hop.SOCKET, label, state.replace("-", " "), _seen(state == "listening"))


def _arrives(route: Route, bind: Address) -> bool:
    """A connect of the route ends there."""
    address = route.peer.address
    return address.meets(lambda it: reaches(it, bind, here=route.peer.local))


def _unit(app: App) -> Iterator[Link]:
    if not isinstance(app.unit, Known):
        return
    unit = app.unit.value
    if not isinstance(unit.active_state, Known):
        yield Link(Hop.UNIT, unit.name, _reason(unit.active_state), Seen.UNKNOWN)
        return
    detail = unit.active_state.value
    if isinstance(unit.sub_state, Known):
        detail += f" ({unit.sub_state.value})"
    if isinstance(unit.result, Known) and unit.result.value not in ("", "success"):
        detail += f", {unit.result.value}"
    good = unit.active_state.value in ("active", "reloading", "activating") or app.service.socket_activated
    yield Link(Hop.UNIT, unit.name, detail, _seen(good and unit.active_state.value != "failed"))


def _is_woken(app: App) -> bool:
    """A socket unit listens for it, or nobody could see whether one does."""
    states = [socket.active_state for unit in app.units for socket in unit.triggered_by]
    return any(not isinstance(state, Known) or state.value not in ("inactive", "failed") for state in states)


def _processes(gunicorn: Gunicorn, app: App, now: float) -> Iterator[Link]:
    version = _first(gunicorn.version_running, gunicorn.version_installed)
    match gunicorn.master:
        case Known(value=master):
            yield Link(Hop.MASTER, ", ".join(part for part in (version, f"master {master.pid}") if part), "")
        case Absent():
            sleeping = app.service.socket_activated and _is_woken(app)
            detail = "starts with the first request" if sleeping else "does not run"
            yield Link(Hop.MASTER, version or gunicorn.name, detail, _seen(sleeping))
            return
        case Unknown(reason=reason):
            yield Link(Hop.MASTER, version or gunicorn.name, reason, Seen.UNKNOWN)
            return
    if isinstance(gunicorn.workers, Known):
        yield _workers(gunicorn, gunicorn.workers.value, now)
    else:
        yield Link(Hop.WORKERS, "workers", _reason(gunicorn.workers), Seen.UNKNOWN)


def _workers(gunicorn: Gunicorn, workers: tuple[Process, ...], now: float) -> Link:
    kind = gunicorn.settings.worker_class
    name = kind.map(lambda it: f"{it} worker").or_("worker")
    if not workers:
        return Link(Hop.WORKERS, f"no {name}", "", Seen.DOWN)
    oldest = min(worker.started for worker in workers)
    count = f"{len(workers)} {name}{'' if len(workers) == 1 else 's'}"
    return Link(Hop.WORKERS, f"{count}, up {durations.rough(now - oldest)}", "")


def _files(app: App) -> Iterator[Link]:
    gunicorn = app.gunicorn.or_(None)
    if gunicorn is not None and isinstance(gunicorn.directory, Known):
        logical = gunicorn.logical_directory
        written = logical.or_(gunicorn.directory.value)
        physical = "" if written == gunicorn.directory.value else f"is {gunicorn.directory.value}"
        yield Link(Hop.DIRECTORY, written, physical)
    for file in app.environment.files[:1]:
        state = file.state
        read = state.is_("read")
        detail = _reason(state) if not isinstance(state, Known) else "" if read else state.value
        unread = Seen.UNKNOWN if isinstance(state, Unknown) else _seen(file.optional)
        yield Link(Hop.ENVIRONMENT, file.path, detail, Seen.OK if read else unread)
    release = app.release
    here = _first(release.running, release.configured)
    if here:
        yield Link(Hop.RELEASE, here, _release_detail(app, here))
    entry = app.code.entry
    if isinstance(entry, Known):
        unsure = isinstance(app.code.syntax_error, Unknown) and app.code.syntax_error.cause is not Cause.OUTSIDE
        label = f"{entry.value.module}:{entry.value.callable}"
        yield Link(Hop.CODE, label, entry.value.file, Seen.UNKNOWN if unsure else Seen.OK)
    for static in app.static[:1]:
        if isinstance(static.directory, Known):
            yield Link(Hop.STATIC, static.directory.value, f"serves {static.url}")


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
