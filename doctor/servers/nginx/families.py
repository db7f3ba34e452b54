"""A peer by a name that stands for several addresses, of which the app listens on some."""

from __future__ import annotations

from doctor.facts.address import Address, reaches
from doctor.facts.edit import Edit
from doctor.facts.value import ABSENT, Fact, computed
from doctor.servers.nginx.model import Peer


def unanswered(peer: Peer, binds: Fact[tuple[Address, ...]]) -> Fact[tuple[Address, ...]]:
    """Addresses of the peer's name at which the app does not listen; Absent when it listens on all, or on none."""
    open_ = binds.or_(())

    def unreached(addresses: tuple[Address, ...]) -> Fact[tuple[Address, ...]]:
        dead = tuple(a for a in addresses if not any(reaches(a, bind, here=peer.local) for bind in open_))
        return computed(dead, *peer.addresses.places) if dead and dead != addresses else ABSENT

    return peer.addresses.then(unreached)


def edit_to_address(peer: Peer, dead: Fact[tuple[Address, ...]]) -> Fact[Edit]:
    """The line of the peer with the one address that is left in the place of its name."""
    gone = dead.or_(())
    left = [address for address in peer.addresses.or_(()) if address not in gone]
    if not gone or len(left) != 1:
        return ABSENT
    written = f"{peer.host}:{left[0].port}"
    if peer.place.text.count(written) != 1:
        return ABSENT
    after = peer.place.text.replace(written, str(left[0]))
    return computed(Edit(peer.place.path, peer.place.line, peer.place.text, after), peer.place)
