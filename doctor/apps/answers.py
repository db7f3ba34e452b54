"""Which access logs tell about which apps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from doctor.apps import logfiles
from doctor.apps.topology import App
from doctor.facts.value import Absent, Known, Place
from doctor.hosts.base import Host, TargetKind
from doctor.servers.nginx.model import Nginx
from doctor.sources.logs import AccessLog
from doctor.sources.logs.access import collect as read

_DAY = 86400.0


def collect(host: Host, web: Nginx, apps: Sequence[App], since: float | None) -> tuple[AccessLog, ...]:
    """The access logs of servers that lead to these apps and to nobody else.

    A line does not say which server block it is from. Where one log serves a site that is none of these, nothing of it
    is taken. Lines count since nginx and the apps last started or were reloaded, or since `since`.
    """
    if host.kind is TargetKind.TREE or isinstance(web.main_file, Absent):
        return ()
    asked: dict[Place, list[App]] = {}
    for app in apps:
        for route in app.routes:
            asked.setdefault(route.server.place, []).append(app)
    shared: dict[str, list[App]] = {}
    foreign: set[str] = set()
    for server in web.servers:
        if isinstance(server.access_log, Known) and not server.unreachable:
            shared.setdefault(server.access_log.value, []).extend(asked.get(server.place, ()))
            if server.place not in asked and any(not isinstance(x.upstream, Absent) for x in server.locations):
                foreign.add(server.access_log.value)
    found = []
    allowed, _ = logfiles.readable(host, web.error_log, (server.access_log for server in web.servers))
    for path, owners in sorted(shared.items()):
        if owners and path in allowed and path not in foreign:
            names = tuple(dict.fromkeys(app.name for app in owners))
            oldest = since if since is not None else math.ceil(max(_starts(host, web, owners)))
            found.append(read(host, path, names, oldest))
    return tuple(log for log in found if log is not None)


def _starts(host: Host, web: Nginx, apps: Sequence[App]) -> Iterator[float]:
    """Times from which on answers count, in seconds since the epoch. A log tells whole seconds."""
    yield host.now() - _DAY
    workers = web.workers.or_(())
    yield max((worker.started for worker in workers), default=0.0)
    for app in apps:
        yield from (g.master.value.started for g in app.gunicorns if isinstance(g.master, Known))
        for event in (app.log.listening, app.log.hups):
            if isinstance(event, Known):
                yield event.value.last
