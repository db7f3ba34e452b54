"""Where a location sends its requests: groups, single targets, and what literal variables stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace

from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind, is_loopback, parse_upstream, tcp
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.servers.nginx.include import Node
from doctor.servers.nginx.model import Peer, Upstream
from doctor.servers.nginx.scope import Scope, default

PASSES = {
    "proxy_pass": "http", "uwsgi_pass": "uwsgi", "fastcgi_pass": "fastcgi", "grpc_pass": "grpc", "scgi_pass": "scgi",
}  # fmt: skip
"""Directives that hand a request on, and the scheme of a target that names none."""

_URI_STARTS = ("/", "?", "$request_uri", "$uri", "$document_uri", "$is_args")
"""What ends the host of a target. The variables begin with a slash or a question mark, or are empty."""

_PORTS = {"https": 443, "grpcs": 443}
_SCHEMES = {
    "proxy_pass": ("http", "https"), "grpc_pass": ("grpc", "grpcs"), "uwsgi_pass": ("uwsgi", "suwsgi"),
    "fastcgi_pass": (), "scgi_pass": ("scgi",),
}  # fmt: skip


@frozen
class Names:
    """What names stand for: upstream groups, literal variables, and /etc/hosts.

    `variables`: every value that a `set`, `map` or `split_clients` gives a variable; None where one is no literal.
    `usual`: of these the value that a `map` or `split_clients` gives where nothing else fits. `own`: addresses of this
    machine's network interfaces. `keepalive`: connections kept to a group that does not say, 0 before nginx 1.29.7.
    """

    groups: Mapping[str, Node]
    variables: Mapping[str, tuple[str, ...] | None]
    hosts: Mapping[str, tuple[str, ...]]
    keepalive: int = 0
    usual: Mapping[str, str] = field(default_factory=dict)
    own: Callable[[], frozenset[str]] = frozenset


@frozen
class Target:
    """proxy_pass taken apart: http://shop/api is scheme "http", host "shop", uri "/api"."""

    scheme: str
    host: str
    uri: str


def split_target(directive: str, written: str) -> Target | None:
    """The parts of a target, None when its scheme is one that nginx refuses ("invalid URL prefix")."""
    scheme, separator, rest = written.partition("://")
    if not separator:
        if directive == "proxy_pass":
            return None
        return Target(PASSES[directive], written, "")
    if scheme.lower() not in _SCHEMES[directive]:
        return None
    if rest[:5].lower() == "unix:":
        path, _, uri = rest[5:].partition(":")
        return Target(scheme.lower(), "unix:" + path, uri)
    end = min((i for i in map(rest.find, _URI_STARTS) if i >= 0), default=len(rest))
    return Target(scheme.lower(), rest[:end], rest[end:])


def collect_variables(nodes: Iterable[Node]) -> dict[str, tuple[str, ...] | None]:
    """Values that `set`, `map` and `split_clients` give variables anywhere below some nodes; None: no fixed value."""
    found: dict[str, tuple[str, ...] | None] = {}
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node.name == "set" and len(node.args) == 2:
            _add(found, node.args[0], node.args[1:])
        elif node.name == "map" and len(node.args) == 2 and node.block is not None:
            flags = ("hostnames", "volatile", "include")
            values = [n.args[0] for n in node.block if len(n.args) == 1 and n.name not in flags]
            _add(found, node.args[1], values)
        elif node.name == "split_clients" and len(node.args) == 2 and node.block is not None:
            _add(found, node.args[1], [n.args[0] for n in node.block if len(n.args) == 1])
        elif node.name in ("geo", "perl_set", "js_set") and node.args:
            found[node.args[-1] if node.name == "geo" else node.args[0]] = None
        elif node.block is not None and node.name != "types":
            pending.extend(node.block)
    return found


def usual_values(nodes: Iterable[Node]) -> dict[str, str]:
    """What each `map` and `split_clients` of some nodes gives where nothing else fits, by the name of its variable."""
    rest = {"map": "default", "split_clients": "*"}
    return {
        node.args[1]: entry.args[0]
        for node in nodes
        if node.name in rest and len(node.args) == 2
        for entry in node.block or ()
        if entry.name == rest[node.name] and len(entry.args) == 1
    }


def _add(found: dict[str, tuple[str, ...] | None], name: str, values: Iterable[str]) -> None:
    known = found.get(name, ())
    if known is not None:
        found[name] = tuple(dict.fromkeys((*known, *values)))


def expand(written: str, variables: Mapping[str, tuple[str, ...] | None]) -> str:
    """`written` with each variable that has exactly one literal value replaced; others stay."""
    for _ in range(8):
        start = next((i for i in _dollars(written) if len(_values(written, i, variables)) == 1), -1)
        if start < 0:
            break
        name, end = _name(written, start)
        values = variables.get(name)
        written = written[:start] + (values[0] if values else "") + written[end:]
    return written


def _dollars(written: str) -> list[int]:
    return [i for i, char in enumerate(written) if char == "$"]


def _values(written: str, start: int, variables: Mapping[str, tuple[str, ...] | None]) -> tuple[str, ...]:
    return variables.get(_name(written, start)[0]) or ()


def _name(written: str, start: int) -> tuple[str, int]:
    """The variable at a dollar, with the dollar, and where its text ends."""
    if written[start + 1 : start + 2] == "{":
        end = written.find("}", start)
        if end > 0:
            return "$" + written[start + 2 : end], end + 1
    end = start + 1
    while end < len(written) and (written[end].isalnum() or written[end] == "_"):
        end += 1
    return written[start:end], end


def resolve(node: Node, names: Names) -> Fact[Upstream]:
    """The upstream of one proxy_pass, uwsgi_pass and so on."""
    place = node.place
    if not node.args:
        return Unknown(f"{node.name} names no target", Cause.NOT_UNDERSTOOD, (place,))
    written = node.args[0]
    expanded = expand(written, names.variables)
    several = next((i for i in _dollars(expanded) if len(_values(expanded, i, names.variables)) > 1), -1)
    if several >= 0:
        return _one_of(node, expanded, several, names)
    return _resolved(node, written, expanded, names)


def _one_of(node: Node, written: str, start: int, names: Names) -> Fact[Upstream]:
    """A target that a variable chooses among known ones: the peers of each, those of the usual one first."""
    variable, end = _name(written, start)
    values = _values(written, start, names.variables)
    usual = names.usual.get(variable)
    first: Upstream | None = None
    peers: list[Peer] = []
    for value in sorted(values, key=lambda value: value != usual):
        one = replace(names, variables={**names.variables, variable: (value,)})
        expanded = expand(written[:start] + value + written[end:], one.variables)
        upstream = _resolved(node, node.args[0], expanded, one)
        if isinstance(upstream, Known):
            first = first or upstream.value
            peers += (replace(peer, chosen=value != usual) for peer in upstream.value.peers)
    if first is None:
        return _resolved(node, node.args[0], written, names)
    told = Upstream(node.args[0], False, first.scheme, first.uri, tuple(peers), node.place, first.keepalive)
    return Known(told, (node.place,), Origin.EXPLICIT)


def _resolved(node: Node, written: str, expanded: str, names: Names) -> Fact[Upstream]:
    place = node.place
    if expanded.startswith("$") or ("$" in expanded and "://" not in expanded and node.name == "proxy_pass"):
        peer = Peer(_chosen(expanded, place), expanded, False, False, place, False, ABSENT)
        return Known(Upstream(written, False, PASSES[node.name], "", (peer,), place, ABSENT), (place,), Origin.EXPLICIT)
    target = split_target(node.name, expanded)
    if target is None:
        return Unknown(f'"{written}" does not begin with http:// or https://', Cause.NOT_UNDERSTOOD, (place,))
    group = names.groups.get(target.host.lower())
    if group is not None:
        peers = tuple(
            _peer(member, member.args[0], target.scheme, names)
            for member in group.block or ()
            if member.name == "server" and member.args
        )
        upstream = Upstream(
            group.args[0], True, target.scheme, target.uri, peers, group.place, _keepalive(group, names)
        )
        return Known(upstream, (place, group.place), Origin.EXPLICIT)
    peer = _peer(node, target.host, target.scheme, names)
    return Known(Upstream(written, False, target.scheme, target.uri, (peer,), place, ABSENT), (place,), Origin.EXPLICIT)


def _chosen(written: str, place: Place) -> Unknown:
    return Unknown(f"the target {written} is chosen for each request", Cause.RUN_TIME, (place,))


def _keepalive(group: Node, names: Names) -> Fact[int]:
    fallback = default(names.keepalive, "default since nginx 1.29.7") if names.keepalive else ABSENT
    scope = Scope("upstream", group.block or ())
    return scope.value("keepalive", lambda args: int(args[0]), fallback)


def _peer(node: Node, written: str, scheme: str, names: Names) -> Peer:
    """One target. A name is looked up in /etc/hosts only: what DNS says was decided when nginx started."""
    place = node.place
    flags = node.args[1:] if node.name == "server" else ()
    backup, down = "backup" in flags, "down" in flags
    if "$" in written:
        return Peer(_chosen(written, place), written, backup, down, place, written[:5].lower() == "unix:", ABSENT)
    try:
        address = parse_upstream(written, _PORTS.get(scheme, 80))
    except ValueError as error:
        return Peer(Unknown(str(error), Cause.NOT_UNDERSTOOD, (place,)), written, backup, down, place, False, ABSENT)
    if address.kind is not AddressKind.TCP:
        return Peer(Known(address, (place,), Origin.EXPLICIT), "", backup, down, place, True, ABSENT)
    host = address.host
    named = _named(host, address.port, place, names)
    if host in ("", "::") or is_loopback(address) or ":" in host or host.replace(".", "").isdigit():
        local = _is_here(address, names)
        known = Known(address, (place,), Origin.EXPLICIT)
        return Peer(known, host or "0.0.0.0", backup, down, place, local, named)
    if isinstance(named, Known):
        mapped = Known(named.value[0], named.places, Origin.COMPUTED)
        return Peer(mapped, host, backup, down, place, _is_here(named.value[0], names), named)
    reason = f"{host} is no upstream group, so that nginx has to look it up in DNS"
    return Peer(Unknown(reason, Cause.ELSEWHERE, (place,)), host, backup, down, place, False, ABSENT)


def _is_here(address: Address, names: Names) -> bool:
    return is_loopback(address) or address.host in ("", "::") or address.host in names.own()


def _named(host: str, port: int, place: Place, names: Names) -> Fact[tuple[Address, ...]]:
    """Nginx makes a peer of every address that getaddrinfo() gives for a name (ngx_inet_resolve_host)."""
    ips = names.hosts.get(host, ())
    if not ips:
        return Absent((place,))
    hosts = tuple(Place(path="/etc/hosts", text=f"{ip} {host}") for ip in ips)
    return Known(tuple(dict.fromkeys(tcp(ip, port) for ip in ips)), (place, *hosts), Origin.COMPUTED)


def parse_hosts(content: str) -> dict[str, tuple[str, ...]]:
    """/etc/hosts: addresses of each name, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for line in content.splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            found[name.lower()] = (*found.get(name.lower(), ()), words[0])
    return found


def uses_variables(node: Node) -> bool:
    """Its target holds variables: nginx checks it only when a request comes."""
    return bool(node.args) and "$" in node.args[0]
