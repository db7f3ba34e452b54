"""What the join works on: apps in the making, and the ways of nginx that are to be theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from doctor.apps.topology import PeerState
from doctor.facts.address import Address
from doctor.facts.edit import Edit
from doctor.facts.value import Fact, Known
from doctor.frozen import frozen
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Location, Peer, Server, Upstream
from doctor.sources.systemd import Unit


@frozen
class Candidate:
    """An app in the making: units with their Gunicorns, or a Gunicorn without a unit."""

    name: str
    units: tuple[Unit, ...]
    gunicorns: tuple[Gunicorn, ...]
    holds: tuple[Address, ...]
    """Addresses its processes or its socket units hold now."""
    configured: Fact[tuple[Address, ...]]
    """Addresses it would listen on by its settings, or by its socket units."""
    inodes: frozenset[int] = frozenset()
    """Of the sockets behind `holds`."""
    word: str = ""
    """What people call it, which another may be called as well; its `name` is its own."""

    @property
    def running(self) -> bool:
        """One of its masters is alive."""
        return any(isinstance(g.master, Known) for g in self.gunicorns)


@frozen
class Target:
    """One peer that some location sends requests to."""

    server: Server
    location: Location
    upstream: Upstream
    peer: Peer


@frozen
class Assigned:
    """A target with what a connection to it meets."""

    target: Target
    state: Fact[PeerState]
    answered_by: Fact[str]
    edit_to_app: Fact[Edit]
    configured: Fact[bool]
    """The app is set up to listen there."""
    has_healthy_sibling: bool = False
    """Another server of the same group is the app's own, and answers."""


Routes: TypeAlias = Mapping[str, tuple[Assigned, ...]]
"""By name of the candidate; each has an entry."""
