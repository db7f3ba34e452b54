"""Where nginx sends requests: the targets, and what a connection to one meets."""

from __future__ import annotations

from collections.abc import Iterable

from doctor.apps.joining import Target
from doctor.facts.address import Address, reaches
from doctor.facts.value import Known
from doctor.servers.nginx.model import Nginx, Peer
from doctor.sources.sockets.model import Listener

SPOKEN = frozenset({"http", "https"})
"""What Gunicorn speaks: php-fpm or uWSGI at an address of its own is nobody's mistake."""


def targets(nginx: Nginx) -> tuple[Target, ...]:
    """Every peer of every location that proxies; of those marked down only where all of a group are."""
    return tuple(
        Target(server, location, location.upstream.value, peer)
        for server in nginx.servers
        for location in server.locations
        if isinstance(location.upstream, Known)
        for peer in location.upstream.value.peers
        if not peer.down or all(other.down for other in location.upstream.value.peers)
    )


def listener_at(peer: Peer, address: Address, listeners: Iterable[Listener]) -> Listener | None:
    """The socket that a connection meets: the one of the very address before a wildcard."""
    met = [at for at in listeners if reaches(address, at.address, here=peer.local) and not at.displaced]
    return next((at for at in met if at.address == address), next(iter(met), None))


def wants_an_answer(target: Target) -> bool:
    """Requests do go there, in a protocol that Gunicorn speaks."""
    turned = target.location.answered_by_nginx
    return not target.server.unreachable and target.upstream.scheme in SPOKEN and not isinstance(turned, Known)


def is_remote(peer: Peer) -> bool:
    """At an address that is written down and is none of this machine."""
    return isinstance(peer.address, Known) and not peer.local
