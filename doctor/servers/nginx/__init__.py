"""nginx: the configuration on disk, the effective values of each location, and the processes that run."""

from doctor.servers.nginx.collect import collect
from doctor.servers.nginx.select import location_for, server_for

__all__ = ["collect", "location_for", "server_for"]
