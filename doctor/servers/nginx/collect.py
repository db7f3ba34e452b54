"""Joins everything about nginx: files, effective configuration, processes."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from functools import cache, partial

from doctor.cause import Cause
from doctor.facts.address import tcp
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.hosts.base import Content, Host, Missing, Stat, TargetKind, TextKind, Unseen
from doctor.servers.nginx import check, newer, sites
from doctor.servers.nginx.configured import read_model
from doctor.servers.nginx.conflict import listen_conflict
from doctor.servers.nginx.effective import Defaults, log_path
from doctor.servers.nginx.include import Node, load, load_documents
from doctor.servers.nginx.model import ConfigError, Nginx, Server
from doctor.servers.nginx.process import Build, Running, build, build_of, running, user_ids
from doctor.servers.nginx.scope import Scope, default, first
from doctor.servers.nginx.shadow import mark
from doctor.servers.nginx.upstream import parse_hosts
from doctor.sources.sockets.kernel import SocketTable
from doctor.sources.systemd import Unit

_MAIN = "/etc/nginx/nginx.conf"
_NOT_ASKED = Unknown("the journal of nginx was not asked", Cause.NOT_ASKED)
_REPOSITORY = "a repository has no running nginx"


def collect(host: Host, unit: Fact[Unit], table: Fact[SocketTable]) -> Nginx:
    """The nginx of a machine, or the nginx files of a repository.

    Args:
        host: where to look.
        unit: nginx's own unit, to tell its master from another and to say why it failed.
        table: who listens, to tell who keeps nginx from its ports.
    """
    if host.kind is TargetKind.TREE:
        return _repository(host)
    processes = running(host, unit)
    binary = build_of(processes, build(host))
    main = processes.main_file or binary.options.get("--conf-path", "") or _MAIN
    if not main.startswith("/"):
        main = posixpath.join(binary.options.get("--prefix", "/etc/nginx"), main)
    if isinstance(host.stat(main), Missing):
        return _without_files(processes, binary, unit, main)
    configuration = load(host, main)
    prefix = posixpath.dirname(main)
    interfaces = cache(partial(_interfaces, host))
    model = read_model(configuration, _defaults(binary), _hosts(host), _version(binary), interfaces, parts=False)
    errors = [
        *configuration.errors,
        *model.errors,
        *check.check_user(model.main, host),
        *check.check_certificates(model.servers, host, prefix),
    ]
    if not any(_has_unseen(root) for root in configuration.roots):
        errors.extend(error for root in configuration.roots for error in check.check_log_formats(root))
    servers = mark([server for server, _ in model.servers])
    user, group = _user(model.main, binary)
    uid, gids = _ids(host, processes, user, group)
    return Nginx(
        version=binary.version,
        main_file=Known(main, (Place(path=main),)),
        master=processes.master,
        workers=processes.workers,
        old_workers=processes.old_workers,
        user=user,
        uid=uid,
        gids=gids,
        servers=servers,
        errors=tuple(sorted(errors, key=lambda e: not e.fatal)),
        files=configuration.files,
        newer_files=newer.newer_files(host, configuration.files, configuration.directories, processes.workers),
        sites=sites.collect(host, prefix, configuration, servers, errors),
        error_log=log_path(
            model.main, "error_log", binary.options.get("--error-log-path", ""), binary.options.get("--prefix", "")
        ),
        unit=unit,
        unit_failed=unit_failed(unit),
        listen_conflict=listen_conflict(host, processes.master, servers, table),
        refusal=_refusal(host, errors),
        start_failure=_NOT_ASKED,
    )


def _repository(host: Host) -> Nginx:
    """The files alone: of a repository, or of a machine whose root file system lies in a folder."""
    whole = isinstance(host.stat(_MAIN), Stat)
    configuration = load(host, _MAIN) if whole else load_documents(host)
    unknown = Unknown(_REPOSITORY, Cause.OUTSIDE)
    model = read_model(configuration, _defaults(Build(unknown, {})), {}, (), parts=not whole)
    # The http block around a file made for inclusion is somewhere else, and may hold the certificates.
    own = [pair for pair in model.servers if not pair[1].root.kind]
    errors = [*configuration.errors, *model.errors, *check.check_certificates(own, None, "")]
    servers = _marked_by_root(model.servers)
    return Nginx(
        version=unknown,
        main_file=Known(_MAIN, (Place(path=_MAIN),)) if whole else unknown,
        master=unknown,
        workers=unknown,
        old_workers=unknown,
        user=unknown,
        uid=unknown,
        gids=unknown,
        servers=servers,
        errors=tuple(sorted(errors, key=lambda e: not e.fatal)),
        files=configuration.files,
        newer_files=unknown,
        sites=sites.collect(host, posixpath.dirname(_MAIN), configuration, servers, errors) if whole else (),
        error_log=unknown,
        unit_failed=unknown,
        listen_conflict=unknown,
        refusal=_refusal(host, errors, check.unseen_certificate(model.servers)),
        unit=ABSENT,
        start_failure=unknown,
    )


def _refusal(host: Host, errors: Sequence[ConfigError], doubt: Unknown | None = None) -> Fact[str]:
    """`doubt`: why nginx may refuse it although nothing is seen to be wrong."""
    fatal = next((error for error in errors if error.fatal), None)
    if fatal is None:
        return doubt or ABSENT
    content = host.read(fatal.path, TextKind.NGINX)
    lines = content.text.split("\n") if isinstance(content, Content) else []
    text = lines[fatal.line - 1].rstrip("\r") if 0 < fatal.line <= len(lines) else ""
    return Known(fatal.message, (Place(path=fatal.path, line=fatal.line, text=text),), Origin.COMPUTED)


def _without_files(processes: Running, binary: Build, unit: Fact[Unit], main: str) -> Nginx:
    """No main file: nginx is not installed, or runs with its files somewhere this host does not show."""
    gone = isinstance(processes.master, Absent)
    absent = (
        Absent((Place(path=main),))
        if gone
        else Unknown("the files of the nginx that runs were not found", Cause.NOT_FOUND)
    )
    return Nginx(
        version=binary.version,
        main_file=absent,
        master=processes.master,
        workers=processes.workers,
        old_workers=processes.old_workers,
        user=absent,
        uid=absent,
        gids=absent,
        servers=(),
        errors=(),
        files=(),
        newer_files=ABSENT,
        sites=(),
        error_log=absent,
        unit=unit,
        unit_failed=unit_failed(unit),
        listen_conflict=ABSENT,
        refusal=absent,
        start_failure=_NOT_ASKED,
    )


def _marked_by_root(servers: Sequence[tuple[Server, Scope]]) -> tuple[Server, ...]:
    """Files of a repository may be alternatives, so only servers of one configuration shadow each other."""
    by_root: dict[int, list[Server]] = {}
    for server, scope in servers:
        top = scope.parent or scope
        by_root.setdefault(id(top), []).append(server)
    return tuple(server for group in by_root.values() for server in mark(group))


def _has_unseen(nodes: Sequence[Node]) -> bool:
    return any(node.name == "include" or _has_unseen(node.block or ()) for node in nodes)


def _defaults(binary: Build) -> Defaults:
    prefix = binary.options.get("--prefix", "/usr/share/nginx")
    return Defaults(
        root=posixpath.join(prefix, "html"),
        access_log=binary.options.get("--http-log-path", "/var/log/nginx/access.log"),
        error_log=binary.options.get("--error-log-path", "/var/log/nginx/error.log"),
        prefix=binary.options.get("--prefix", ""),
    )


def _version(binary: Build) -> tuple[int, ...]:
    return tuple(int(part) for part in binary.version.or_("").split(".") if part.isdigit())


def _interfaces(host: Host) -> frozenset[str]:
    addresses = host.addresses()
    return frozenset() if isinstance(addresses, Unseen) else frozenset(tcp(ip, 0).host for ip in addresses)


def _hosts(host: Host) -> dict[str, tuple[str, ...]]:
    """/etc/hosts as getaddrinfo() reads it for nginx.

    With AI_ADDRCONFIG a family of which the machine has no address but loopback is left out, unless that holds for
    both (glibc, sysdeps/unix/sysv/linux/check_pf.c).
    """
    content = host.read("/etc/hosts")
    if not isinstance(content, Content):
        return {}
    names = parse_hosts(content.text)
    interfaces, routes = (host.read(f"/proc/net/{name}", TextKind.KERNEL) for name in ("if_inet6", "route"))
    six = isinstance(interfaces, Content) and any(
        x.split()[-1:] not in ([], ["lo"]) for x in interfaces.text.splitlines()
    )
    four = isinstance(routes, Content) and len(routes.text.splitlines()) > 1
    if six == four:
        return names
    kept = {name: tuple(ip for ip in ips if (":" in ip) == six) for name, ips in names.items()}
    return {name: ips for name, ips in kept.items() if ips}


def _user(main: Scope, binary: Build) -> tuple[Fact[str], str]:
    """The user workers are given, and the group when the directive names one."""
    nodes = main.own("user")
    if nodes and nodes[0].args:
        group = nodes[0].args[1] if len(nodes[0].args) > 1 else ""
        return main.value("user", first, ABSENT), group
    compiled = binary.options.get("--user", "")
    if compiled:
        return default(compiled, "compiled into nginx"), binary.options.get("--group", "")
    if isinstance(binary.version, Known):
        # auto/options: NGX_USER is "nobody", unless the build names another.
        return default("nobody", "compiled into nginx"), binary.options.get("--group", "")
    return Unknown("no user is written down, and the default of this build is not known", Cause.NOT_FOUND), ""


def _ids(host: Host, processes: Running, user: Fact[str], group: str) -> tuple[Fact[int], Fact[frozenset[int]]]:
    for worker in processes.workers.or_(())[:1]:
        return worker.uid, worker.gids
    return user_ids(host, user, group)


def unit_failed(unit: Fact[Unit]) -> Fact[str]:
    """Why the unit failed, in words; Absent when it did not."""
    if not isinstance(unit, Known):
        return ABSENT if isinstance(unit, Absent) else unit
    state = unit.value.active_state
    if isinstance(state, Unknown):
        return state
    if not state.is_("failed"):
        return Absent(state.places)
    result, status = unit.value.result, unit.value.exec_main_status.or_(0)
    why = result.or_("an unknown reason")
    if status:
        why += f", status {status}"
    return Known(f"{unit.value.name} failed ({why})", state.places + result.places, Origin.COMPUTED)
