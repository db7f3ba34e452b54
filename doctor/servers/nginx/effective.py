"""Servers and locations with their effective values: what was written, inherited, or is nginx's default."""

from __future__ import annotations

from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.servers.nginx.include import Node
from doctor.servers.nginx.listen import default_listen, parse_listen
from doctor.servers.nginx.model import Location, Server, Upstream
from doctor.servers.nginx.scope import Scope, default, first, flag, places, seconds, size, text
from doctor.servers.nginx.upstream import PASSES, Names, resolve

_MODULES = {"http": "proxy", "https": "proxy", "grpcs": "grpc", "suwsgi": "uwsgi"}
"""Prefix of the directives of a scheme, where it is not the scheme itself."""

_ALONE = Unknown("the other server blocks were not compared yet", Cause.NOT_ASKED)
_MINUTE = default(60.0, "default of nginx, 60 s")
_BUFFER = default(4096, "default of nginx, one page of memory")
_BUFFERING = default(True, "default of nginx, on")
_BODY = default(1 << 20, "default of nginx, 1m")
_NO_HEADERS: Known[tuple[tuple[str, str], ...]] = default(
    (), "default of nginx, none but Host $proxy_host and Connection"
)
_NO_MODIFIERS = frozenset({"=", "^~", "~", "~*"})


@frozen
class Defaults:
    """What depends on the build.

    `root`: where `root html` lies; `access_log`, `error_log`: compiled-in paths; `prefix`: where relative ones begin,
    "" if that is not known.
    """

    root: str
    access_log: str
    error_log: str
    http_version: str = "1.0"
    prefix: str = ""


def build_server(scope: Scope, names: Names, defaults: Defaults, node: Node | None, place: Place) -> Server:
    """One server block with all its locations, nested ones after the one around them.

    `node` is None for a file of a repository that holds only locations.
    """
    listens = tuple(
        listen
        for directive in scope.own("listen")
        if not isinstance(listen := parse_listen(directive.args, directive.place), str)
    )
    label = server_label(scope, place)
    locations: list[Location] = []
    own = scope.own("root") or scope.own("return") or scope.own("try_files")
    if node is not None and own:
        locations.append(_location(scope, label, "", "", place, names, defaults))
    _collect(scope, label, -1, names, defaults, locations)
    return Server(
        names=server_names(scope),
        listens=listens or ((default_listen(place),) if node is not None else ()),
        locations=_delegated(locations),
        place=place,
        access_log=log_path(scope, "access_log", defaults.access_log, defaults.prefix),
        error_log=log_path(scope, "error_log", defaults.error_log, defaults.prefix),
        shadowed=_ALONE,
        unreachable=False,
    )


def server_names(scope: Scope) -> tuple[str, ...]:
    """Names as written; nginx compares them in lower case, without a dot at the end."""
    return tuple(name for directive in scope.own("server_name") for name in directive.args)


def server_label(scope: Scope, place: Place) -> str:
    """A short name for people: the first server name, or where the block stands."""
    names = server_names(scope)
    return names[0] if names else f"{place.path}:{place.line}"


def _collect(scope: Scope, label: str, parent: int, names: Names, defaults: Defaults, found: list[Location]) -> None:
    for node in scope.nodes:
        if node.name == "location" and node.block is not None:
            modifier, pattern = location_pattern(node.args)
            inner = Scope("location", node.block, scope)
            index = len(found)
            location = _location(inner, label, modifier, pattern, node.place, names, defaults)
            found.append(replace(location, parent=parent) if parent >= 0 else location)
            _collect_conditional(inner, found[index], index, names, defaults, found)
            _collect(inner, label, index, names, defaults, found)


def _collect_conditional(
    scope: Scope, location: Location, index: int, names: Names, defaults: Defaults, found: list[Location]
) -> None:
    """`if` and `limit_except` blocks that send requests elsewhere than the location around them."""
    for node in scope.nodes:
        if node.name in ("if", "limit_except") and node.block is not None:
            inner = Scope(node.name, node.block, scope)
            if any(inner.own(directive) for directive in PASSES):
                part = _location(
                    inner, location.server, location.modifier, location.pattern, node.place, names, defaults
                )
                found.append(replace(part, parent=index, conditional=True))


def location_pattern(args: tuple[str, ...]) -> tuple[str, str]:
    """Modifier and pattern of a location; "~/x" written together is nginx's shorthand for "~ /x"."""
    if len(args) >= 2:
        return (args[0], args[1]) if args[0] in _NO_MODIFIERS else ("", args[0])
    written = args[0] if args else ""
    if written.startswith("@"):
        return "@", written[1:]
    for modifier in ("^~", "~*", "~", "="):
        if written.startswith(modifier):
            return modifier, written[len(modifier) :]
    return "", written


def _location(
    scope: Scope, label: str, modifier: str, pattern: str, place: Place, names: Names, defaults: Defaults
) -> Location:
    upstream = _upstream(scope, names)
    module = upstream.map(lambda to: _MODULES.get(to.scheme, to.scheme)).or_("proxy")
    root, alias = _root(scope, defaults)
    return Location(
        server=label,
        modifier=modifier,
        pattern=pattern,
        place=place,
        upstream=upstream,
        read_timeout=scope.value(f"{module}_read_timeout", seconds, _MINUTE),
        connect_timeout=scope.value(f"{module}_connect_timeout", seconds, _MINUTE),
        send_timeout=scope.value(f"{module}_send_timeout", seconds, _MINUTE),
        buffer_size=scope.value(f"{module}_buffer_size", size, _BUFFER),
        buffering=scope.value(f"{module}_buffering", flag, _BUFFERING),
        body_limit=scope.value("client_max_body_size", size, _BODY),
        headers=_headers(scope, "grpc_set_header" if module == "grpc" else "proxy_set_header", module),
        http_version=scope.value("proxy_http_version", first, default(defaults.http_version, "default of nginx")),
        root=root,
        alias=alias,
        try_files=_arguments(scope, "try_files"),
        expires=scope.value("expires", text, ABSENT),
        cache_control=_cache_control(scope),
        proxy_cache=_enabled(scope.value(f"{module}_cache", first, ABSENT)),
        proxy_cache_valid=_cache_valid(scope, module),
        internal=bool(scope.own("internal")),
        returns=_arguments(scope, "return").map(" ".join),
        via=_handed_to(scope) if isinstance(upstream, Absent) and modifier != "@" and scope.kind != "if" else "",
        answered_by_nginx=_turned_away(scope),
    )


def _turned_away(scope: Scope) -> Fact[str]:
    """What answers each request before a target is asked.

    A `return` outside of any `if`, here or in the server block around, or access rules that shut everybody out.
    """
    around: Scope | None = scope
    rules: list[Node] | None = None
    while around is not None:
        node = next((node for node in around.nodes if node.name in ("return", "rewrite")), None)
        if node is not None and node.name == "return" and (around is scope or around.kind == "server"):
            return Known(" ".join((node.name, *node.args)), places(node), scope.origin(around))
        rules = rules or [node for node in around.nodes if node.name in ("allow", "deny")]
        around = around.parent
    if rules and rules[0].name == "deny" and rules[0].args == ("all",) and not scope.inherited("satisfy")[0]:
        return Known("deny all", places(rules[0]), Origin.COMPUTED)
    return ABSENT


def _upstream(scope: Scope, names: Names) -> Fact[Upstream]:
    """The target written in this very block: proxy_pass is not inherited by a nested location."""
    for directive in PASSES:
        nodes = scope.own(directive)
        if nodes:
            return resolve(nodes[0], names)
    if scope.unseen:
        return scope.unreadable()
    return ABSENT


def _root(scope: Scope, defaults: Defaults) -> tuple[Fact[str], Fact[str]]:
    """Effective root and alias: one replaces the other, the innermost block that has either counts."""
    holder: Scope | None = scope
    while holder is not None:
        for name in ("alias", "root"):
            nodes = holder.own(name)
            if nodes and nodes[0].args:
                value = _path(nodes[0], scope.origin(holder), defaults)
                return (ABSENT, value) if name == "alias" else (value, ABSENT)
        if holder.unseen:
            unknown = holder.unreadable()
            return unknown, unknown
        holder = holder.parent
    return default(defaults.root, "default of nginx, root html"), ABSENT


def _path(node: Node, origin: Origin, defaults: Defaults) -> Fact[str]:
    written = node.args[0]
    if "$" in written:
        return Unknown(f"{written} is only known while a request is served", Cause.RUN_TIME, places(node))
    if not written.startswith("/"):
        # ngx_conf_full_name with the prefix of the build, not of the configuration.
        written = f"{defaults.root.rpartition('/')[0]}/{written}"
    return Known(written, places(node), origin)


def _headers(scope: Scope, directive: str, module: str) -> Fact[tuple[tuple[str, str], ...]]:
    """All or nothing: a block with one header of its own inherits none (ngx_http_proxy_merge_loc_conf)."""
    if module not in ("proxy", "grpc"):
        return ABSENT
    nodes, holder = scope.inherited(directive)
    if holder is not None and holder.unseen:
        return holder.unreadable(*(n.place for n in nodes))
    if not nodes:
        return _NO_HEADERS
    pairs = tuple((n.args[0].lower(), n.args[1]) for n in nodes if len(n.args) == 2)
    found = dict.fromkeys(place for node in nodes for place in places(node))
    return Known(pairs, tuple(found), scope.origin(holder))


def _arguments(scope: Scope, name: str) -> Fact[tuple[str, ...]]:
    nodes = scope.own(name)
    return Known(nodes[0].args, places(nodes[0]), Origin.EXPLICIT) if nodes else ABSENT


def _cache_control(scope: Scope) -> Fact[str]:
    """From add_header, which like proxy_set_header is inherited as a whole or not at all."""
    nodes, holder = scope.inherited("add_header")
    values = [n for n in nodes if len(n.args) >= 2 and n.args[0].lower() == "cache-control"]
    if not values:
        return ABSENT if nodes else scope.missing(holder) or ABSENT
    where = tuple(place for n in values for place in places(n))
    return Known(", ".join(n.args[1] for n in values), where, scope.origin(holder))


def _enabled(fact: Fact[str]) -> Fact[str]:
    return Absent(fact.places) if fact.is_("off") else fact


def _cache_valid(scope: Scope, module: str) -> Fact[float]:
    """The longest time a successful answer is kept: for 200, any, or no code at all."""
    nodes, holder = scope.inherited(f"{module}_cache_valid")
    found: list[tuple[float, Node]] = []
    for node in nodes:
        codes = node.args[:-1]
        if node.args and (not codes or "200" in codes or "any" in codes):
            try:
                found.append((seconds(node.args[-1:]), node))
            except ValueError:
                continue
    if not found:
        return scope.missing(holder) or ABSENT if not nodes else ABSENT
    longest, node = max(found, key=lambda pair: pair[0])
    return Known(longest, places(node), scope.origin(holder))


def log_path(scope: Scope, name: str, compiled: str, prefix: str = "") -> Fact[str]:
    """The file a log goes to. Absent: it is switched off; Unknown: it goes to syslog, to stderr or a computed path."""
    nodes, holder = scope.inherited(name)
    written = [n for n in nodes if n.args]
    if not written:
        missing = scope.missing(holder)
        if missing:
            return missing
        compiled = _below(prefix, compiled)
        if not compiled.startswith("/"):
            return Unknown(
                f"nginx writes this log to {compiled or 'a place chosen when it was built'}", Cause.AMBIGUOUS
            )
        return default(compiled, "compiled into nginx")
    for node in written:
        path = _below(prefix, node.args[0])
        if path.startswith("/") and "$" not in path:
            return Absent(places(node)) if path == "/dev/null" else Known(path, places(node), scope.origin(holder))
    node = written[0]
    if node.args[0] == "off":
        return Absent(places(node))
    return Unknown(f"{name} goes to {node.args[0].partition(':')[0]}", Cause.ELSEWHERE, places(node))


def _below(prefix: str, path: str) -> str:
    """A relative path begins at the prefix (ngx_conf_full_name); some words are no path."""
    if not prefix or not path or path == "off" or path == "stderr" or path.startswith(("/", "syslog:", "memory:")):
        return path
    return f"{prefix.rstrip('/')}/{path}"


def _handed_to(scope: Scope) -> str:
    """The named location that answers for files this location does not find, "" when there is none.

    By the last argument of try_files, or by error_page for 404 or 403.
    """
    files = scope.own("try_files")
    if files:
        last = files[0].args[-1:]
        return last[0] if last and last[0].startswith("@") else ""
    if scope.own("return"):
        return ""
    pages, _ = scope.inherited("error_page")
    return next(
        (p.args[-1] for p in pages if p.args[-1:] and p.args[-1].startswith("@") and {"404", "403"} & set(p.args[:-1])),
        "",
    )


def _delegated(locations: list[Location]) -> tuple[Location, ...]:
    """Locations that hand requests to a named one take over what is in force there.

    The limit on the body stays their own: nginx checks it before (ngx_http_core_find_config_phase).
    """
    named = {"@" + x.pattern: x for x in locations if x.modifier == "@" and not isinstance(x.upstream, Absent)}
    return tuple(_through(location, named.get(location.via)) if location.via else location for location in locations)


def _through(location: Location, named: Location | None) -> Location:
    if named is None:
        return replace(location, via="")
    return replace(
        location,
        upstream=named.upstream,
        read_timeout=named.read_timeout,
        connect_timeout=named.connect_timeout,
        send_timeout=named.send_timeout,
        buffer_size=named.buffer_size,
        buffering=named.buffering,
        headers=named.headers,
        http_version=named.http_version,
        proxy_cache=named.proxy_cache,
        proxy_cache_valid=named.proxy_cache_valid,
    )
