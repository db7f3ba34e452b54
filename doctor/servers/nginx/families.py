"""A peer by a name that stands for several addresses, of which the app listens on some."""

from __future__ import annotations

from doctor.facts.address import Address, reaches
from doctor.facts.edit import Edit
from doctor.facts.value import ABSENT, Fact, Known, computed
from doctor.servers.nginx.model import Peer


def unanswered(peer: Peer, binds: Fact[tuple[Address, ...]]) -> Fact[tuple[Address, ...]]:
    """Addresses of the peer's name at which the app does not listen; Absent when it listens on all, or on none."""
    if not isinstance(peer.addresses, Known) or not isinstance(binds, Known):
        return peer.addresses if not isinstance(peer.addresses, Known) else ABSENT
    dead = tuple(a for a in peer.addresses.value if not any(reaches(a, bind, here=peer.local) for bind in binds.value))
    if not dead or len(dead) == len(peer.addresses.value):
        return ABSENT
    return computed(dead, *peer.addresses.places)


def edit_to_address(peer: Peer, dead: Fact[tuple[Address, ...]]) -> Fact[Edit]:
    """The line of the peer with the one address that is left in the place of its name."""
    if not isinstance(dead, Known) or not isinstance(peer.addresses, Known):
        return ABSENT
    left = [address for address in peer.addresses.value if address not in dead.value]
    written = f"{peer.host}:{left[0].port}"
    if len(left) != 1 or peer.place.text.count(written) != 1:
        return ABSENT
    after = peer.place.text.replace(written, str(left[0]))
    return computed(Edit(peer.place.path, peer.place.line, peer.place.text, after), peer.place)
