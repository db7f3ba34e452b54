"""nginx: the configuration on disk, the effective values of each location, and the processes that run."""

from doctor.facts.nginx.collect import collect
from doctor.facts.nginx.select import location_for, server_for

__all__ = ["collect", "location_for", "server_for"]
