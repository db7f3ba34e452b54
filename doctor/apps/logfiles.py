"""Nginx's error log of an app: which of its files may be read, from when on, and which lines are the app's."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from doctor.apps.joining import Assigned
from doctor.facts.value import Absent, Fact, Known, Unknown
from doctor.hosts.base import Host, TargetKind, Unseen
from doctor.servers.nginx.model import Nginx, Server
from doctor.sources.logs import NginxLog, collect_nginx

_DAY = 86400.0


def error_log(
    host: Host,
    web: Nginx,
    assigned: Sequence[Assigned],
    since: float | None,
    started: Iterable[float] = (),
) -> NginxLog:
    """Lines of a day at most, since nginx and the app were last started or reloaded: older faults may be gone.

    Or, with `since`, since that time. `started`: when the app was.
    """
    if host.kind is TargetKind.TREE:
        return collect_nginx(host, (), 0.0, (), ())
    if isinstance(web.main_file, Absent):
        return collect_nginx(host, web.main_file, 0.0, (), ())
    workers = web.workers.value if isinstance(web.workers, Known) and since is None else ()
    running = web.master.map(lambda it: [it.started]).or_([])
    begin = since if since is not None else max((host.now() - _DAY, *running, *started))
    paths, refused = readable(host, web.error_log, (a.target.server.error_log for a in assigned))
    peers = {str(a.target.peer.address.value) for a in assigned if isinstance(a.target.peer.address, Known)}
    servers = {(a.target.server.place, _logged_name(a.target.server)) for a in assigned}
    # What a line says of a name that another block has as well, it may say of that one.
    others = {_logged_name(s) for s in web.servers if _proxies(s) and (s.place, _logged_name(s)) not in servers}
    names = {name for _, name in servers} - others
    pids = frozenset(worker.pid for worker in workers)
    found = collect_nginx(host, tuple(sorted(paths)), begin, tuple(sorted(peers)), tuple(sorted(names)), pids)
    return without(found, refused)


def _logged_name(server: Server) -> str:
    """How nginx calls a server block in its log: by the first of its names (ngx_http_core_merge_srv_conf)."""
    name = server.names[0].lower() if server.names else ""
    return name[1:] if name.startswith(("~", ".")) else name


def _proxies(server: Server) -> bool:
    return not server.unreachable and any(not isinstance(x.upstream, Absent) for x in server.locations)


def readable(host: Host, own: Fact[str], named: Iterable[Fact[str]]) -> tuple[frozenset[str], Unknown | None]:
    """Paths of the logs, and why one is not among them.

    nginx opens its logs as root, and whoever may write a file that it includes can name any file as one: such a path
    is left out unless that user may read it, or it lies where nginx keeps its `own` error log.
    """
    paths = own.map(lambda it: {it}).or_(set[str]())
    folder = own.map(posixpath.dirname).or_("")
    refused: Unknown | None = None
    for fact in named:
        if not isinstance(fact, Known) or fact.value in paths:
            continue
        view = host.named_in(*(place.path for place in fact.places if place.path))
        if view.reader is not None and posixpath.dirname(posixpath.normpath(fact.value)) != folder:
            answer = view.read(fact.value, limit=1)
            if isinstance(answer, Unseen):
                refused = Unknown.of(answer, fact.places)
                continue
        paths.add(fact.value)
    return frozenset(paths), refused


def without(found: NginxLog, refused: Unknown | None) -> NginxLog:
    """The same, where one log could not be read: that nothing was found in the others proves nothing."""
    if refused is None:
        return found
    silent = [field.name for field in fields(found) if isinstance(getattr(found, field.name), Absent)]
    return replace(found, **dict.fromkeys(silent, refused))
