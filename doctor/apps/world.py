"""What every app of a target is held against: seen once, shared by all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doctor.apps.checkout import Finder
from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.hosts.base import Host
from doctor.hosts.repository import Repository
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.servers.nginx.model import Nginx
from doctor.sources.sockets.model import Sockets


@frozen
class World:
    """One target."""

    host: Host
    repository: Repository | None
    """Where the code of the apps is found, of a repository; None for a machine."""
    finder: Finder | None
    """Of that repository."""
    web: Nginx
    sockets: Sockets
    gunicorns: Sequence[Gunicorn]
    """All of them, those without an app as well."""
    plans: Mapping[str, Plan]
    """How each unit starts its Gunicorn, by the unit's name."""
    since: float | None
    """From when on logs count; None: since the last start."""
    prefixes: Mapping[Place, Mapping[str, Sequence[str]]]
    """URL prefixes that each server block hands to each app, by where the block stands and by the app's name."""
