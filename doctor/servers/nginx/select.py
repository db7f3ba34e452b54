"""Which server and which location answer, by nginx's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import ABSENT, Fact, Known, Unknown, computed
from doctor.servers.nginx.model import Listen, Location, Server


def groups(servers: Iterable[Server], *, udp: bool = False) -> dict[Address, list[tuple[Server, Listen]]]:
    """Servers by the address they listen on, in the order of the configuration; `udp`: for HTTP/3, else for TCP."""
    found: dict[Address, list[tuple[Server, Listen]]] = {}
    for server in servers:
        for listen in (listen for listen in server.listens if listen.udp is udp):
            found.setdefault(listen.address, []).append((server, listen))
    return found


def default_server(group: Sequence[tuple[Server, Listen]]) -> Server:
    """The server for a name that nobody has: the one that says default_server, or else the first."""
    return next((server for server, listen in group if listen.default), group[0][0])


def server_for(servers: Sequence[Server], name: str, address: Address) -> Server | None:
    """The server that answers a request for `name` that arrives at `address`; None when nobody listens there.

    A listen on the very address wins over one on every interface (ngx_http_init_connection).
    """
    by_address = groups(servers)
    wildcard = Address(AddressKind.TCP, host="::" if ":" in address.host else "", port=address.port)
    group = by_address.get(address) or by_address.get(wildcard)
    return None if not group else named(group, name) or default_server(group)


def named(group: Sequence[tuple[Server, Listen]], name: str) -> Server | None:
    """By name alone: exact, longest *.name, longest name.*, first regular expression (ngx_http_server_name)."""
    name = name.lower().removesuffix(".")
    exact: Server | None = None
    leading: tuple[int, Server | None] = (-1, None)
    trailing: tuple[int, Server | None] = (-1, None)
    for server, _ in group:
        for written in server.names or ("",):
            pattern = written.lower().removesuffix(".")
            if exact is None and (pattern == name or (pattern.startswith(".") and pattern[1:] == name)):
                exact = server
            if pattern.startswith((".", "*.")):
                suffix = pattern.removeprefix("*")
                if name.endswith(suffix) and len(name) > len(suffix) and len(suffix) > leading[0]:
                    leading = (len(suffix), server)
            elif pattern.endswith(".*") and name.startswith(pattern[:-1]) and len(pattern) > trailing[0]:
                trailing = (len(pattern), server)
    return exact or leading[1] or trailing[1] or _by_regex(group, name)


def _by_regex(group: Sequence[tuple[Server, Listen]], name: str) -> Server | None:
    for server, _ in group:
        for written in server.names:
            # Names are matched without regard to case (ngx_http_regex_compile with NGX_REGEX_CASELESS).
            pattern = compiled(written[1:], ignore_case=True) if written.startswith("~") else None
            if pattern is not None and pattern.search(name):
                return server
    return None


def location_for(server: Server, path: str) -> Fact[Location]:
    """The location that answers a path (decoded, without arguments), nested ones included.

    Absent: none, the server block itself answers. Unknown: a regular expression on the way is one that Python
    cannot read.
    """
    children: dict[int, list[int]] = {}
    for index, location in enumerate(server.locations):
        if not location.conditional and location.modifier != "@" and (location.pattern or location.modifier):
            children.setdefault(location.parent, []).append(index)
    try:
        index = _find(server.locations, children, -1, path)[0]
    except _UnreadableError as error:
        return Unknown(
            str(error), Cause.NOT_UNDERSTOOD, error.location.places if isinstance(error.location, Known) else ()
        )
    if index < 0:
        own = next((x for x in server.locations if not x.modifier and not x.pattern), None)
        return ABSENT if own is None else computed(own, own.place)
    return computed(server.locations[index], server.locations[index].place)


class _UnreadableError(Exception):
    def __init__(self, location: Location) -> None:
        super().__init__(f"the regular expression {location.pattern} cannot be evaluated here")
        self.location: Fact[Location] = computed(location, location.place)


def _find(locations: Sequence[Location], children: dict[int, list[int]], parent: int, path: str) -> tuple[int, bool]:
    """Index of the location below `parent` (which itself when none fits) and whether the search is over.

    The order of ngx_http_core_find_location: exact, then the longest prefix and what is nested in it, then
    regular expressions in the order they are written, unless the prefix says ^~.
    """
    best, length = parent, -1
    for index in children.get(parent, ()):
        location = locations[index]
        if location.modifier == "=" and location.pattern == path:
            return index, True
        if location.modifier in ("", "^~") and len(location.pattern) > length and path.startswith(location.pattern):
            best, length = index, len(location.pattern)
    if best != parent:
        inner, over = _find(locations, children, best, path)
        if over:
            return inner, True
        if locations[best].modifier == "^~":
            return inner, False
        best = inner
    for index in children.get(parent, ()):
        location = locations[index]
        if location.modifier in ("~", "~*"):
            pattern = compiled(location.pattern, ignore_case=location.modifier == "~*")
            if pattern is None:
                raise _UnreadableError(location)
            if pattern.search(path):
                return _find(locations, children, index, path)[0], True
    return best, False


def compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str] | None:
    """A regular expression of nginx (PCRE) for Python, None when Python cannot read it."""
    # Named groups are spelled otherwise.
    spelled = re.sub(r"\(\?<(?![=!])", "(?P<", pattern)
    try:
        return re.compile(spelled, re.IGNORECASE if ignore_case else 0)
    except re.error:
        return None
