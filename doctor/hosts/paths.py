"""Where a path really leads: links followed one component at a time, by asking a host.

Works for every host, so that what is said of a recording is what was true of the machine.
"""

from __future__ import annotations

import posixpath
from math import inf

from doctor.cause import Cause
from doctor.frozen import frozen
from doctor.grammar.paths import is_pattern, joined, matches, parts
from doctor.hosts.base import Answer, FileType, Host, Missing, Stat, Unseen

GLOB_LIMIT = 1000
"""Paths that a pattern may match, at each step of the way."""
LINK_LIMIT = 40
"""Links followed before giving up, as the kernel does (path_resolution(7))."""


@frozen
class Component:
    """One step of the walk: a physical path (its parents hold no link) and what is there."""

    path: str
    stat: Stat


@frozen
class Hop:
    """A link that was followed: its physical path, its target as written, and where that is (links kept)."""

    path: str
    target: str
    leads_to: str


@frozen
class Resolution:
    """The walk along one path.

    `physical` is the path without links, or why there is none; then `stopped_at` is the component that was missing
    or could not be looked at ("" otherwise). `components` holds every step from "/" on, links included, in order.
    """

    path: str
    physical: str | Answer
    components: tuple[Component, ...]
    hops: tuple[Hop, ...]
    stopped_at: str = ""

    @property
    def stat(self) -> Stat | Answer:
        """What is at the end."""
        if isinstance(self.physical, (Missing, Unseen)):
            return self.physical
        return self.components[-1].stat


def resolve(host: Host, path: str) -> Resolution:
    """Follow every link of an absolute path, the one at its end too."""
    if not path.startswith("/"):
        return Resolution(path, Unseen(f"{path} is not an absolute path", Cause.NOT_UNDERSTOOD), (), (), path)
    components: list[Component] = []
    hops: list[Hop] = []
    here = "/"
    waiting = parts(path)[::-1]

    def stop(answer: Answer, at: str) -> Resolution:
        return Resolution(path, answer, tuple(components), tuple(hops), at)

    root = host.stat("/")
    if isinstance(root, (Missing, Unseen)):
        return stop(root, "/")
    components.append(Component("/", root))
    while waiting:
        part = waiting.pop()
        if part == "..":
            here = posixpath.dirname(here)
            continue
        step = posixpath.join(here, part)
        stat = host.stat(step)
        if isinstance(stat, (Missing, Unseen)):
            return stop(stat, step)
        components.append(Component(step, stat))
        if stat.type is FileType.LINK:
            if len(hops) >= LINK_LIMIT:
                return stop(Unseen(f"too many links at {step}", Cause.UNREADABLE), step)
            if stat.uid != 0:
                host = host.named_in(step)  # what is behind it is his choice, and shown as far as he may see it
            hops.append(Hop(step, stat.target, joined(here, stat.target)))
            here = "/" if stat.target.startswith("/") else here
            waiting.extend(parts(stat.target)[::-1])
            continue
        if waiting and stat.type is not FileType.DIRECTORY:
            return stop(Missing(), posixpath.join(step, waiting[-1]))
        here = step
    return Resolution(path, here, tuple(components), tuple(hops))


@frozen
class Matches:
    """What a pattern names on a machine."""

    paths: tuple[str, ...]
    """Sorted."""
    folders: tuple[str, ...]
    """Those whose names were looked through."""
    unlisted: tuple[tuple[str, Unseen], ...]
    """Folders that could not be listed; the pattern itself, where it matches more than was allowed."""


def expand(host: Host, pattern: str, limit: float = inf) -> Matches:
    """Paths that match an absolute pattern as in glob(3), and the folders on the way; at most `limit` at each step."""
    found = [""]
    folders: dict[str, None] = {}
    unlisted: list[tuple[str, Unseen]] = []
    for part in parts(pattern):
        if not is_pattern(part):
            found = [f"{base}/{part}" for base in found]
            continue
        inner: list[str] = []
        for base in found:
            folder = base or "/"
            names = host.list(folder)
            if isinstance(names, Unseen):
                unlisted.append((folder, names))
            elif isinstance(names, tuple):
                folders[folder] = None
                inner += [f"{base}/{name}" for name in names if matches(name, part)]
            if len(inner) > limit:
                large = Unseen(f"{pattern} matches more than {limit} paths", Cause.TOO_MUCH)
                return Matches((), tuple(folders), (*unlisted, (pattern, large)))
        found = inner
    if not is_pattern(posixpath.basename(pattern)):
        found = [path for path in found if not isinstance(host.stat(path), Missing)]
    return Matches(tuple(sorted(found)), tuple(folders), tuple(unlisted))


def glob(host: Host, pattern: str) -> tuple[str, ...] | Unseen:
    """Paths that match an absolute pattern, sorted (glob(3)); or why a folder on the way could not be listed."""
    found = expand(host, pattern, GLOB_LIMIT)
    return found.unlisted[0][1] if found.unlisted else found.paths
