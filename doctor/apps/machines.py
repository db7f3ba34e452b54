"""Which files of a repository are meant for one machine.

Staging and production, or one folder for each host of an inventory, hold the same unit and site once for each: folders
beside each other that have both are machines of their own. What lies in none of them is one machine together.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping

from doctor.frozen import frozen


@frozen
class Machines:
    """`folders`: those that are a machine each, the deepest first."""

    folders: tuple[str, ...] = ()

    def of(self, path: str) -> str:
        """The folder of the machine that a file is meant for; "" for the one of all that is left."""
        return next((folder for folder in self.folders if path.startswith(f"{folder}/")), "")


def machines(units: Iterable[str], sites: Iterable[str]) -> Machines:
    """By the paths of unit files that start an app, and of nginx files with a server block."""
    starting, serving = _around(units), _around(sites)
    whole = starting.keys() & serving.keys()
    beside: Mapping[str, set[str]] = defaultdict(set)
    for folder in whole - {""}:
        beside[posixpath.dirname(folder)].add(folder)
    found: set[str] = set()
    for parent, children in beside.items():
        own = parent in whole and starting[parent] & {""} and serving[parent] & {""}
        if len(children) > 1 or own:
            found |= children
    return Machines(tuple(sorted(found, key=lambda folder: (-folder.count("/"), folder))))


def _around(paths: Iterable[str]) -> dict[str, set[str]]:
    """All folders above files, each with the folders in it that lead to one ("" where a file lies in it directly)."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        folder, below = posixpath.dirname(path), ""
        while True:
            found[folder].add(below)
            if folder in ("", "/"):
                break
            folder, below = posixpath.dirname(folder), folder
    return dict(found)
