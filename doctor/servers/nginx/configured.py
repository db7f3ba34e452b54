"""The servers that a configuration makes: of the main file's http block, or of the files of a repository."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.servers.nginx import check
from doctor.servers.nginx.effective import Defaults, build_server
from doctor.servers.nginx.include import Configuration, Node
from doctor.servers.nginx.model import ConfigError, Server
from doctor.servers.nginx.scope import Scope
from doctor.servers.nginx.upstream import Names, collect_variables, usual_values

_KEEPALIVE_BY_DEFAULT = (1, 29, 7)
"""Since this version upstreams are spoken to in HTTP/1.1 and 32 idle connections are kept (nginx CHANGES)."""


@frozen
class Model:
    """What nginx would make of a configuration."""

    main: Scope
    """The top of the main file."""
    servers: tuple[tuple[Server, Scope], ...]
    errors: tuple[ConfigError, ...]


def read_model(
    configuration: Configuration,
    defaults: Defaults,
    hosts: dict[str, tuple[str, ...]],
    version: tuple[int, ...],
    interfaces: Callable[[], frozenset[str]] = frozenset,
    *,
    parts: bool,
) -> Model:
    """Servers and errors. `parts`: the roots are files of a repository, each perhaps made for inclusion in another."""
    tops = [_top(root, parts=parts) for root in configuration.roots]
    http = [scope for top in tops for scope in _http_scopes(top)]
    groups: dict[str, Node] = {}
    for scope in http:
        for node in scope.own("upstream"):
            if node.block is not None and node.args:
                groups.setdefault(node.args[0].lower(), node)
    usual = usual_values(node for scope in http for kind in ("map", "split_clients") for node in scope.own(kind))
    shared = Names(groups, {}, hosts, 32 if version >= _KEEPALIVE_BY_DEFAULT else 0, usual, interfaces)
    maps = collect_variables(node for scope in http for node in scope.nodes if node.name != "server")
    defaults = replace(defaults, http_version="1.1") if version >= _KEEPALIVE_BY_DEFAULT else defaults
    servers: list[tuple[Server, Scope]] = []
    errors: list[ConfigError] = []
    for top in tops:
        if top.kind != "stream":
            errors.extend(check.check_nodes(top.nodes, _context(top, parts=parts), shared, parts=parts))
    for scope in http:
        # Files of a repository may be variants of one another: a group of the same file counts first.
        own = {node.args[0].lower(): node for node in scope.own("upstream") if node.block is not None and node.args}
        near = ChainMap(own, groups) if parts else groups
        for node in scope.own("server"):
            if node.block is not None:
                inner = Scope("server", node.block, scope)
                names = replace(shared, groups=near, variables=maps | collect_variables(node.block))
                servers.append((build_server(inner, names, defaults, node, node.place), inner))
    for top in tops:
        if top.kind == "server":
            place = Place(path=top.nodes[0].directive.source.path, line=top.nodes[0].directive.line)
            names = replace(shared, variables=maps | collect_variables(top.nodes))
            servers.append((build_server(top, names, defaults, None, place), top))
    errors.extend(check.check_upstreams(shared))
    if parts:
        # Files of a repository may be alternatives: an address may be claimed twice by two files, not by one.
        for path in configuration.files:
            errors.extend(check.check_listens([pair for pair in servers if pair[0].place.path == path]))
    else:
        errors.extend(check.check_listens(servers))
    return Model(tops[0] if tops else Scope("", ()), tuple(servers), tuple(errors))


def _top(root: Sequence[Node], *, parts: bool) -> Scope:
    """The top of a file: of a main file; in a repository also of a file made for inclusion in http or in a server."""
    names = {node.name for node in root}
    if not parts or names & {"http", "events", "worker_processes"}:
        return Scope("", root)
    if any(_forwards_streams(node) for node in root):
        return Scope("stream", root)
    if "server" in names or "upstream" in names or "location" not in names:
        return Scope("http", root)
    return Scope("server", root)


def _forwards_streams(node: Node) -> bool:
    """A server of the stream module: its proxy_pass stands in no location and names no scheme."""
    inner = node.block if node.name == "server" and node.block is not None else ()
    return any(n.name == "proxy_pass" and n.args and "://" not in n.args[0] for n in inner) and not any(
        n.name in ("location", "server_name", "root") for n in inner
    )


def _http_scopes(top: Scope) -> Iterator[Scope]:
    if top.kind == "http":
        yield top
    else:
        for node in top.own("http"):
            if node.block is not None:
                yield Scope("http", node.block, top)


def _context(top: Scope, *, parts: bool) -> str | None:
    """What a misplaced directive is measured against; a file for inclusion may be meant for any block."""
    return "" if not parts or top.kind == "" else None
