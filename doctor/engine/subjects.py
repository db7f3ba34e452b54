"""What a rule can be about: for each kind of subject its names in expressions, and who they are on a machine.

Names always hold `host`; those of an app also `app`. A location or server that belongs to no app is a subject only
where no app was found at all (a repository with nothing but nginx files); its `app` is Absent. Several locations often
share one line that names a peer: a route is a subject once for each such line, under the first location that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from doctor.apps.topology import App, Facts, Route
from doctor.conclusions.static import StaticPath
from doctor.engine.types import Kind, Type
from doctor.facts.broken import BrokenFile
from doctor.facts.value import Absent, Fact, Known, Place
from doctor.frozen import frozen
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Location, Server, SiteFile
from doctor.sources.systemd import Unit


@frozen
class Instance:
    """One subject on a machine. `app` is the app's name, "" for what belongs to the host."""

    name: str
    app: str
    names: Mapping[str, Any]


@frozen
class Subject:
    """A kind of subject. `scope` types the names that `expand` fills."""

    scope: Mapping[str, Type]
    expand: Callable[[Facts], Iterable[Instance]]
    of_app: bool = True


def _of_apps(
    word: str, pick: Callable[[App], Iterable[Any]], name: Callable[[Any], str]
) -> Callable[[Facts], Iterator[Instance]]:
    def expand(facts: Facts) -> Iterator[Instance]:
        for app in _judged(facts):
            for item in pick(app):
                yield Instance(name(item), app.name, {"host": facts, "app": app, word: item})

    return expand


def _host(facts: Facts) -> Iterator[Instance]:
    yield Instance(facts.name, "", {"host": facts})


def _judged(facts: Facts) -> Iterator[App]:
    return (app for app in facts.apps if not app.resting)


def _apps(facts: Facts) -> Iterator[Instance]:
    for app in _judged(facts):
        yield Instance(app.name, app.name, {"host": facts, "app": app})


def _locations(facts: Facts) -> Iterator[Instance]:
    seen: set[tuple[str, Place]] = set()
    for app in facts.apps:
        for route in app.routes:
            key = (app.name, route.location.place)
            if key not in seen:
                seen.add(key)
                yield _location(facts, app, route.server, route.location)
    if not facts.apps:
        for server in facts.nginx.servers:
            for location in server.locations:
                if not isinstance(location.upstream, Absent):
                    yield _location(facts, None, server, location)


def _location(facts: Facts, app: App | None, server: Server, location: Location) -> Instance:
    words = (server_name(server), "location", location.modifier, location.pattern)
    name = " ".join(filter(None, words)) if location.pattern else server_name(server)
    names = {"host": facts, "app": app, "server": server, "location": location}
    return Instance(name, app.name if app else "", names)


def _routes(facts: Facts) -> Iterator[Instance]:
    for app in facts.apps:
        seen: set[Place] = set()
        for route in app.routes:
            if route.peer.place not in seen:
                seen.add(route.peer.place)
                yield Instance(route_name(route), app.name, {"host": facts, "app": app, "route": route})


def _servers(facts: Facts) -> Iterator[Instance]:
    seen: set[tuple[str, Place]] = set()
    for app in facts.apps:
        for route in app.routes:
            key = (app.name, route.server.place)
            if key not in seen:
                seen.add(key)
                names = {"host": facts, "app": app, "server": route.server}
                yield Instance(server_name(route.server), app.name, names)
    if not facts.apps:
        for server in facts.nginx.servers:
            yield Instance(server_name(server), "", {"host": facts, "app": None, "server": server})


def _sites(facts: Facts) -> Iterator[Instance]:
    for site in facts.nginx.sites:
        yield Instance(site.path, "", {"host": facts, "site": site})


def _files(facts: Facts) -> Iterator[Instance]:
    for file in facts.unreadable:
        yield Instance(_file_name(file), "", {"host": facts, "file": file})


def _file_name(file: Fact[BrokenFile]) -> str:
    return file.places[0].path if file.places else "file"


def server_name(server: Server) -> str:
    """What people call a server block: its first name, else its first address."""
    names = [name for name in server.names if name and name != "_"]
    return names[0] if names else str(server.listens[0].address) if server.listens else "server"


def route_name(route: Route) -> str:
    """Server, location and where its requests go."""
    address = route.peer.address
    target = str(address.value) if isinstance(address, Known) else route.peer.host or route.upstream.name
    return f"{server_name(route.server)} {route.location.pattern or '/'} → {target}"


def _subject(expand: Callable[[Facts], Iterable[Instance]], *, of_app: bool = True, **types: Type) -> Subject:
    scope = {"host": _object(Facts), **({"app": _object(App)} if of_app else {}), **types}
    return Subject(scope, expand, of_app)


def _object(cls: type) -> Type:
    return Type(Kind.OBJECT, cls)


SUBJECTS: Mapping[str, Subject] = {
    "host": _subject(_host, of_app=False),
    "app": _subject(_apps),
    "unit": _subject(_of_apps("unit", lambda app: app.units, lambda unit: unit.name), unit=_object(Unit)),
    "gunicorn": _subject(
        _of_apps("gunicorn", lambda app: app.gunicorns, lambda gunicorn: gunicorn.name), gunicorn=_object(Gunicorn)
    ),
    "location": _subject(_locations, server=_object(Server), location=_object(Location)),
    "route": _subject(_routes, route=_object(Route)),
    "static": _subject(_of_apps("static", lambda app: app.static, lambda path: path.url), static=_object(StaticPath)),
    "server": _subject(_servers, server=_object(Server)),
    "site": _subject(_sites, of_app=False, site=_object(SiteFile)),
    "file": _subject(_files, of_app=False, file=_object(BrokenFile)),
}
