"""Servers that are not asked, because another block answers for their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from doctor.facts.address import Address
from doctor.facts.value import ABSENT, Fact, Known, Origin, Place
from doctor.servers.nginx.model import Listen, Server, Shadow
from doctor.servers.nginx.select import default_server, groups, named

_NOBODY = frozenset({"", "_", "-", "__", "!@#"})
"""Names no browser sends: a server with nothing else answers only as the default of its address."""
_ONE_NAME = re.compile(r"~\^((?:[a-z0-9-]|\\\.)+)\$", re.IGNORECASE)
"""A regular expression that only one name fits."""
_REDIRECTS = frozenset({"301", "302", "303", "307", "308"})


def mark(servers: Sequence[Server]) -> tuple[Server, ...]:
    """The servers with `shadowed` and `unreachable` told: the first block with a name on an address answers for it.

    A server whose only names are no names ("_", none at all) answers only as default server of an address; when
    another block is the default of each of its addresses, it is shadowed too. Regular expressions come last: one that
    a single name fits is shadowed by whatever else takes that name. A default server takes no name away from anybody,
    and a block that redirects to another name does what it is there for.
    """
    by_address = groups(servers)
    winners: dict[tuple[Address, str], Server] = {}
    for address, group in by_address.items():
        for server, _ in group:
            for name in server.names or ("",):
                winners.setdefault((address, name.lower()), server)
    defaults = {address: default_server(group) for address, group in by_address.items()}
    winners |= {
        (address, written.lower()): winner
        for address, group in by_address.items()
        for server, _ in group
        for written in server.names
        if (one := _ONE_NAME.fullmatch(written)) and (winner := named(group, one[1].replace("\\", "")))
    }
    return tuple(_marked(server, winners, defaults) for server in servers)


def _listens(server: Server) -> list[Listen]:
    """Those of TCP: who comes by HTTP/3 was sent there by a server of the same name."""
    return [listen for listen in server.listens if not listen.udp]


def _marked(server: Server, winners: dict[tuple[Address, str], Server], defaults: dict[Address, Server]) -> Server:
    listens = _listens(server)
    if any(defaults[listen.address] is server for listen in listens):
        return replace(server, shadowed=_shadow(server, _lost(server, winners)))
    lost = _lost(server, winners)
    names = [name for name in server.names if name.lower() not in _NOBODY]
    if not names and listens:
        lost = [("every name that no server has", x, defaults[x.address]) for x in listens]
    unreachable = bool(listens) and len(lost) == len(names or ("",)) * len(listens)
    return replace(server, shadowed=_shadow(server, lost), unreachable=unreachable)


def _lost(server: Server, winners: dict[tuple[Address, str], Server]) -> list[tuple[str, Listen, Server]]:
    return [
        (f'"{name}"', listen, winner)
        for name in server.names
        for listen in _listens(server)
        if name.lower() not in _NOBODY and (winner := winners[(listen.address, name.lower())]) is not server
    ]


def _shadow(server: Server, lost: Sequence[tuple[str, Listen, Server]]) -> Fact[Shadow]:
    for what, listen, winner in lost:
        if not _redirects(winner):
            same = bool(_peers(server)) and _peers(server) == _peers(winner)
            shadow = Shadow(what, listen.address, winner.place.path, winner.place.line, same)
            place = Place(path=server.place.path, line=listen.place.line, text=listen.place.text)
            return Known(shadow, (place, winner.place), Origin.COMPUTED)
    return ABSENT


def _redirects(server: Server) -> bool:
    """The block as a whole sends people elsewhere."""
    own = next((x for x in server.locations if not x.modifier and not x.pattern), None)
    code = own.returns.or_("").split()[:1] if own is not None else []
    return bool(code) and (code[0] in _REDIRECTS or not code[0].isdigit())


def _peers(server: Server) -> frozenset[Address]:
    return frozenset(
        peer.address.value
        for location in server.locations
        if isinstance(location.upstream, Known)
        for peer in location.upstream.value.peers
        if isinstance(peer.address, Known)
    )
