"""Which systemd this is."""

from __future__ import annotations

import re

from doctor.facts.value import Known, Place
from doctor.hosts.base import Host

_LIBRARY = re.compile(r"libsystemd-shared-(\d+)")


def systemd_version(host: Host) -> Known[int] | None:
    """From the name of systemd's shared library, which every release changes."""
    for folder in (
        "/usr/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
        "/usr/lib64/systemd", "/lib/systemd",
    ):  # fmt: skip
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            found = _LIBRARY.match(name)
            if found:
                return Known(int(found.group(1)), (Place(path=f"{folder}/{name}"),))
    return None
