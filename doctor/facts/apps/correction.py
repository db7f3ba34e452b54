"""The line of an nginx file that would lead to an app, where another address stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.facts.address import Address, AddressKind
from doctor.facts.edit import Edit
from doctor.facts.nginx.model import Peer
from doctor.facts.value import ABSENT, Fact, Known, Place, computed

if TYPE_CHECKING:
    from doctor.facts.apps.routing import Candidate, Target


def address_of(target: Target) -> Address | None:
    """Where it leads, where that is written down."""
    return target.peer.address.or_(None)


def correction(target: Target, candidate: Candidate) -> Fact[Edit]:
    """The nginx line with this app's address in the place of the wrong one; only where there is exactly one address."""
    addresses = candidate.holds
    # What one that runs is set up for and does not hold, it cannot have.
    if not addresses and not candidate.running and isinstance(candidate.configured, Known):
        addresses = candidate.configured.value
    wrong = address_of(target)
    # Nginx takes "@name" for a path.
    if len(addresses) != 1 or wrong is None or addresses[0].kind is AddressKind.ABSTRACT:
        return ABSENT
    place: Place = target.peer.place
    written = next((w for w in _spellings(wrong, target.peer) if w in place.text), None)
    if written is None:
        return ABSENT
    right = _reachable(addresses[0])
    if wrong.kind is AddressKind.TCP and addresses[0].kind is AddressKind.UNIX and not target.upstream.group:
        right = f"{right}:" if place.text.split(written, 1)[1].startswith("/") else right
    after = place.text.replace(written, right, 1)
    return computed(Edit(place.path, place.line, place.text, after), place)


def redirection(target: Target, candidate: Candidate) -> Fact[Edit]:
    """The line that names the group, which others use as well, with this app's address in the place of the name."""
    place = next(iter(target.location.upstream.places), Place())
    written = f"://{target.upstream.name}"
    if len(candidate.holds) != 1 or candidate.holds[0].kind is AddressKind.ABSTRACT or place.text.count(written) != 1:
        return ABSENT
    before, _, after = place.text.partition(written)
    if after[:1] not in (";", "/"):
        return ABSENT
    end = ":" if candidate.holds[0].kind is AddressKind.UNIX and after.startswith("/") else ""
    right = _reachable(candidate.holds[0])
    return computed(Edit(place.path, place.line, place.text, f"{before}://{right}{end}{after}"), place)


def _reachable(bind: Address) -> str:
    """How nginx on the same machine is told of a bind."""
    return str(bind).replace("0.0.0.0", "127.0.0.1").replace("[::]", "127.0.0.1")


def _spellings(address: Address, peer: Peer) -> tuple[str, ...]:
    """How an address may stand in an nginx file."""
    if address.kind is AddressKind.UNIX:
        return (str(address), f"unix:/var{address.path}", f"unix:{address.path.lstrip('/')}")
    return (f"{peer.host}:{address.port}", str(address), peer.host)
