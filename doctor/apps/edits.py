"""The line of an nginx file that would lead to an app, where another address stands."""

from __future__ import annotations

from doctor.apps.joining import Candidate, Target
from doctor.facts.address import Address, AddressKind, reachable
from doctor.facts.edit import Edit
from doctor.facts.value import ABSENT, Fact, Known, Place, computed
from doctor.servers.nginx.model import Peer


def address_of(target: Target) -> Address | None:
    """Where it leads, where that is written down."""
    return target.peer.address.or_(None)


def edit_to_app(target: Target, candidate: Candidate) -> Fact[Edit]:
    """The nginx line with this app's address in the place of the wrong one.

    Absent where the app has not exactly one address, and where it is the one that stands there.
    """
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
    right = str(reachable(addresses[0]))
    if right == str(wrong):
        return ABSENT
    if wrong.kind is AddressKind.TCP and addresses[0].kind is AddressKind.UNIX and not target.upstream.group:
        right = f"{right}:" if place.text.split(written, 1)[1].startswith("/") else right
    after = place.text.replace(written, right, 1)
    return computed(Edit(place.path, place.line, place.text, after), place)


def edit_group_to_app(target: Target, candidate: Candidate) -> Fact[Edit]:
    """The line that names the group, which others use as well, with this app's address in the place of the name."""
    place = next(iter(target.location.upstream.places), Place())
    written = f"://{target.upstream.name}"
    if len(candidate.holds) != 1 or candidate.holds[0].kind is AddressKind.ABSTRACT or place.text.count(written) != 1:
        return ABSENT
    before, _, after = place.text.partition(written)
    if after[:1] not in (";", "/"):
        return ABSENT
    end = ":" if candidate.holds[0].kind is AddressKind.UNIX and after.startswith("/") else ""
    right = reachable(candidate.holds[0])
    return computed(Edit(place.path, place.line, place.text, f"{before}://{right}{end}{after}"), place)


def _spellings(address: Address, peer: Peer) -> tuple[str, ...]:
    """How an address may stand in an nginx file."""
    if address.kind is AddressKind.UNIX:
        return (str(address), f"unix:/var{address.path}", f"unix:{address.path.lstrip('/')}")
    return (f"{peer.host}:{address.port}", str(address), peer.host)
