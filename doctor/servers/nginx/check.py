"""What `nginx -t` would refuse, where that can be told with certainty from the text and the files it names.

Each message repeats nginx's own words, so that people can search for it. What only nginx can know (a module's
directive, a name in DNS, a variable) is never reported.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence

from doctor.cause import Cause
from doctor.facts.access import physical
from doctor.facts.accounts import Accounts
from doctor.facts.address import AddressKind, parse_upstream
from doctor.facts.value import Absent, Known, Unknown
from doctor.hosts.base import Host
from doctor.servers.nginx.effective import location_pattern
from doctor.servers.nginx.grammar import ARGUMENTS, CONTEXTS, LISTEN_OPTIONS, LISTEN_SOCKET, ONCE, typo_of
from doctor.servers.nginx.include import Node
from doctor.servers.nginx.listen import parse_listen
from doctor.servers.nginx.model import ConfigError, Listen, Server
from doctor.servers.nginx.scope import Scope, flag, seconds, size
from doctor.servers.nginx.select import default_server, groups
from doctor.servers.nginx.upstream import PASSES, Names, split_target, uses_variables

_JUDGED = frozenset({"", "http", "server", "location", "if", "limit_except", "upstream", "events"})
"""Blocks whose content is looked at; the inside of the others (map, types, stream, …) has a grammar of its own."""

_VALUES: tuple[tuple[frozenset[str], Callable[[tuple[str, ...]], object]], ...] = (
    (frozenset({"proxy_read_timeout", "proxy_connect_timeout", "proxy_send_timeout", "client_body_timeout"}), seconds),
    (frozenset({"client_max_body_size", "proxy_buffer_size"}), size),
    (frozenset({"proxy_buffering", "proxy_request_buffering", "sendfile", "tcp_nopush", "tcp_nodelay", "gzip"}), flag),
)


def check_nodes(
    nodes: Sequence[Node], context: str | None, names: Names, location: str = "", *, parts: bool = False
) -> Iterator[ConfigError]:
    """Every block from the inside out. `context` is the block around, None where it is not known.

    `location` tells in what kind of location the nodes are: "", "prefix", "regex", "named", "if", "limit_except".
    `parts`: files of a repository, of which not all need be in use at a time.
    """
    yield from _duplicates(nodes, parts=parts)
    for node in nodes:
        yield from _check_place_and_arguments(node, context)
        if node.name == "listen" and isinstance(reason := parse_listen(node.args, node.place), str):
            yield refused(node, reason)
        if node.name in PASSES and node.block is None and node.args and not uses_variables(node):
            yield from _check_pass(node, names, location)
        if node.block is not None and node.name in _JUDGED:
            if node.name == "location":
                yield from _check_nested(node)
            yield from check_nodes(node.block, node.name, names, _location_kind(node, location), parts=parts)


def refused(node: Node, message: str) -> ConfigError:
    """A directive nginx refuses."""
    return ConfigError(node.directive.source.path, node.directive.line, message, True)


def _location_kind(node: Node, around: str) -> str:
    if node.name == "location":
        modifier = location_pattern(node.args)[0]
        return "regex" if modifier in ("~", "~*") else "named" if modifier == "@" else "prefix"
    return node.name if node.name in ("if", "limit_except") else around


def _check_place_and_arguments(node: Node, context: str | None) -> Iterator[ConfigError]:
    typo = typo_of(node.name)
    if typo or not node.name.replace("_", "").replace("-", "").isalnum():
        yield refused(node, f'unknown directive "{node.name}"' + (f" (meant: {typo}?)" if typo else ""))
    if node.name == "return" and not _returns(node.args):
        yield refused(node, f'invalid return code "{node.args[0]}"')
    allowed = CONTEXTS.get(node.name)
    if allowed is not None and context is not None and context not in allowed:
        yield refused(node, f'"{node.name}" directive is not allowed here')
    elif node.name == "server" and node.block is None:
        if context == "http":
            yield refused(node, 'directive "server" has no opening "{"')
    elif node.name == "location" and context == "location" and location_pattern(node.args)[0] == "@":
        yield refused(node, f'named location "{node.args[0]}" can be on the server level only')
    elif node.name in ARGUMENTS:
        least, most = ARGUMENTS[node.name]
        if not least <= len(node.args) <= most:
            yield refused(node, f'invalid number of arguments in "{node.name}" directive')
        yield from _check_value(node)


def _check_nested(node: Node) -> Iterator[ConfigError]:
    """A location within a location must lie within it (ngx_http_core_location)."""
    modifier, pattern = location_pattern(node.args)
    for inner in node.block or ():
        if inner.name != "location" or inner.block is None or not inner.args:
            continue
        inner_modifier, inner_pattern = location_pattern(inner.args)
        if modifier in ("=", "@"):
            kind = "exact" if modifier == "=" else "named"
            yield refused(inner, f'location "{inner_pattern}" cannot be inside the {kind} location "{pattern}"')
        elif inner_modifier in ("", "=", "^~") and not inner_pattern.startswith(pattern):
            yield refused(inner, f'location "{inner_pattern}" is outside location "{pattern}"')


def _check_value(node: Node) -> Iterator[ConfigError]:
    """Times, sizes and switches that cannot be read as such."""
    read = next((read for names, read in _VALUES if node.name in names), None)
    if read is None or len(node.args) != 1 or "$" in node.args[0]:
        return
    try:
        read(node.args)
    except ValueError:
        yield refused(node, f'"{node.name}" directive invalid value')


def _returns(args: tuple[str, ...]) -> bool:
    """A code up to 999, or one argument that is a URL (ngx_http_rewrite_return)."""
    if not args or (len(args) == 1 and args[0].startswith(("http://", "https://", "$scheme"))):
        return True
    return args[0].isascii() and args[0].isdigit() and len(args[0]) <= 3


def _duplicates(nodes: Sequence[Node], *, parts: bool) -> Iterator[ConfigError]:
    seen: dict[object, Node] = {}
    for node in nodes:
        key: object = None
        if node.name in ("root", "alias"):
            key = "root"
        elif node.name in ONCE:
            key = node.name
        elif node.name == "location" and node.block is not None:
            modifier, pattern = location_pattern(node.args)
            if modifier in ("", "=", "^~"):
                key = ("location", "=" if modifier == "=" else "", pattern)
        elif node.name == "upstream" and node.block is not None and node.args:
            key = ("upstream", node.args[0].lower())
        if key is None:
            continue
        first = seen.setdefault(key, node)
        if first is not node and not (parts and node.place.path != first.place.path):
            yield refused(node, _duplicate(node, first))


def _duplicate(node: Node, first: Node) -> str:
    where = f"{first.directive.source.path}:{first.directive.line}"
    if node.name == "location":
        return f'duplicate location "{location_pattern(node.args)[1]}" (the first is {where})'
    if node.name == "upstream":
        return f'duplicate upstream "{node.args[0]}" (the first is {where})'
    return f'"{node.name}" directive is duplicate (the first is {where})'


def _check_pass(node: Node, names: Names, location: str) -> Iterator[ConfigError]:
    target = split_target(node.name, node.args[0])
    if target is None:
        if node.name == "proxy_pass":
            yield refused(node, f'invalid URL prefix in "{node.args[0]}": proxy_pass needs http:// or https://')
        return
    group = names.groups.get(target.host.partition(":")[0].lower())
    try:
        parse_upstream(target.host)
    except ValueError as error:
        yield refused(node, str(error))
        return
    if group is not None and ":" in target.host and not target.host.startswith("unix:"):
        yield refused(node, f'upstream "{group.args[0]}" may not have port {target.host.partition(":")[2]}')
    if node.name == "proxy_pass" and target.uri and location in ("regex", "named", "if", "limit_except"):
        yield refused(
            node,
            '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, '
            'or inside "if" statement, or inside "limit_except" block',
        )


def check_upstreams(names: Names) -> Iterator[ConfigError]:
    """Groups without a server, and members whose address nginx cannot read."""
    for group in names.groups.values():
        members = [n for n in group.block or () if n.name == "server"]
        unseen = any(n.name == "include" for n in group.block or ())
        if not members and not unseen:
            yield refused(group, f'no servers are inside upstream "{"".join(group.args[:1])}"')
        for member in members:
            written = member.args[0] if member.args else ""
            try:
                parse_upstream(written)
            except ValueError as error:
                yield refused(member, f'invalid server of upstream "{group.args[0]}": {error}')


def check_listens(servers: Sequence[tuple[Server, Scope]]) -> Iterator[ConfigError]:
    """Addresses that a server has twice, that have two default servers, or socket options in two places."""
    options: dict[str, Listen] = {}
    defaults: dict[str, Listen] = {}
    for _, scope in servers:
        seen: set[str] = set()
        for directive in scope.own("listen"):
            listen = parse_listen(directive.args, directive.place)
            if isinstance(listen, str) or not _literal(listen):
                continue
            key = f"{listen.address} quic" if listen.udp else str(listen.address)
            if key in seen:
                yield refused(directive, f"a duplicate listen {key}")
                continue
            seen.add(key)
            if listen.default and defaults.setdefault(key, listen) is not listen:
                yield refused(directive, f"a duplicate default server for {key} (the first is {_where(defaults[key])})")
            has_options = any(p in LISTEN_SOCKET or p.startswith(LISTEN_OPTIONS) for p in directive.args[1:])
            if has_options and options.setdefault(key, listen) is not listen:
                yield refused(
                    directive, f"duplicate listen options for {key} (the first are in {_where(options[key])})"
                )


def _literal(listen: Listen) -> bool:
    host = listen.address.host
    return listen.address.kind is not AddressKind.TCP or not host or ":" in host or host.replace(".", "").isdigit()


def _where(listen: Listen) -> str:
    return f"{listen.place.path}:{listen.place.line}"


def check_user(main: Scope, host: Host) -> Iterator[ConfigError]:
    """Workers are to run as a user who is nobody here."""
    node = next(iter(main.own("user")), None)
    if node is not None and node.args:
        exists = Accounts(host).user_exists(node.args[0])
        if isinstance(exists, Known) and not exists.value:
            yield refused(node, f'getpwnam("{node.args[0]}") failed: there is no such user')


def check_certificates(
    servers: Sequence[tuple[Server, Scope]], host: Host | None, prefix: str
) -> Iterator[ConfigError]:
    """TLS without a certificate, a certificate without its key, and files that are not there.

    nginx demands a certificate only of the default server of an address (ngx_http_ssl_init).

    Args:
        servers: all servers with their blocks.
        host: where certificate files are looked for; None when they lie on another machine than the text.
        prefix: directory that relative paths start from.
    """
    for listen, scope in _uncertified(servers):
        if not scope.gap("ssl_certificate"):
            message = 'no "ssl_certificate" is defined for the "listen ... ssl" directive'
            yield ConfigError(listen.place.path, listen.place.line, message, True)
    missing: dict[tuple[str, str], bool] = {}
    reported: set[tuple[str, int]] = set()
    for _, scope in servers:
        for error in _check_files(scope, host, prefix, missing):
            if (error.path, error.line) not in reported:
                reported.add((error.path, error.line))
                yield error


def unseen_certificate(servers: Sequence[tuple[Server, Scope]]) -> Unknown | None:
    """Why nobody can tell whether a server has its certificate: it may stand in a file that is not there to be read."""
    for listen, scope in _uncertified(servers):
        holder = scope.gap("ssl_certificate")
        where = f"{holder}, which nginx includes there," if holder else "an http block that includes this file"
        if holder or scope.root.kind:
            return Unknown(
                f"whether a certificate stands in {where}, which is not at hand, decides",
                Cause.AMBIGUOUS,
                (listen.place,),
            )
    return None


def _uncertified(servers: Sequence[tuple[Server, Scope]]) -> Iterator[tuple[Listen, Scope]]:
    """TLS of the default server of an address, without a certificate in sight."""
    scopes = {id(server): scope for server, scope in servers}
    asked: set[int] = set()
    listed = [server for server, _ in servers]
    for group in (*groups(listed).values(), *groups(listed, udp=True).values()):
        tls = next((listen for _, listen in group if listen.tls), None)
        server = default_server(group)
        scope = scopes[id(server)]
        if tls is None or id(server) in asked:
            continue
        asked.add(id(server))
        certificates, _ = scope.inherited("ssl_certificate")
        rejects, _ = scope.inherited("ssl_reject_handshake")
        if not certificates and not any(n.args == ("on",) for n in rejects):
            yield tls, scope


def _check_files(
    scope: Scope, host: Host | None, prefix: str, missing: dict[tuple[str, str], bool]
) -> Iterator[ConfigError]:
    """`missing`: what is known, by the file that names a path, and the path. Each is looked up as who may write it."""
    certificates, _ = scope.inherited("ssl_certificate")
    keys, _ = scope.inherited("ssl_certificate_key")
    if certificates and not keys and not scope.gap("ssl_certificate_key"):
        yield refused(
            certificates[0], f'no "ssl_certificate_key" is defined for certificate "{certificates[0].args[0]}"'
        )
    if host is None:
        return
    for node, what in (*((n, "certificate") for n in certificates), *((n, "certificate key") for n in keys)):
        written = node.args[0] if node.args else ""
        if not written or "$" in written or written.partition(":")[0] in ("data", "engine", "store"):
            continue
        path = posixpath.join(prefix, written)
        named = (node.place.path, path)
        if named not in missing:
            missing[named] = isinstance(physical(host.named_in(node.place.path), path), Absent)
        if missing[named]:
            yield refused(node, f'cannot load {what} "{path}": no such file')


def check_log_formats(nodes: Iterable[Node]) -> Iterator[ConfigError]:
    """Access logs in a format that nothing defines."""
    formats = {"combined"}
    logs: list[Node] = []
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node.name == "log_format" and node.args:
            formats.add(node.args[0])
        elif node.name == "access_log" and len(node.args) > 1 and node.args[0] != "off":
            logs.append(node)
        elif node.block is not None and node.name in _JUDGED:
            pending.extend(node.block)
    for log in logs:
        if "=" not in log.args[1] and log.args[1] not in formats:
            yield refused(log, f'unknown log format "{log.args[1]}"')
