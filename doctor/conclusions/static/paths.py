"""Static files: what nginx serves itself for an app."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence

from doctor.cause import Cause
from doctor.conclusions.release.layout import named_release
from doctor.conclusions.static.assets import cached_for, long_cache, manifest_in, missing_build, stale_build
from doctor.conclusions.static.mapping import (
    SAMPLE,
    MappingProblem,
    directory_of,
    mapping_problem,
    sample,
    written_wrong,
)
from doctor.facts.access import Grant, Obstacle, grant, obstacle, physical
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Host, TargetKind, Unseen
from doctor.servers.nginx.model import Location, Nginx, Server

_REPOSITORY = "a repository does not hold the files of the machine"


@frozen
class StaticPath:
    """One location that serves files of an app."""

    url: str
    """The URL prefix of the location, such as /static/."""
    directory: Fact[str]
    """Where nginx looks, as written."""
    physical: Fact[str]
    """`directory` without links; Absent when it does not exist."""
    exists: Fact[bool]
    """The directory is there."""
    obstacle: Fact[Obstacle]
    """What stops nginx's user from reading there; Absent when it may."""
    grant: Fact[Grant]
    """The mode that would let it, where the obstacle is the only one and opening it gives nothing else away."""
    mapping_problem: Fact[MappingProblem]
    """Why a URL maps to a wrong path; Absent when it is right.

    An alias without slash, a root that repeats the URL, a regular expression that wins."""
    pinned_release: Fact[str]
    """It serves from a release other than the one the app runs; Absent when they agree."""
    stale_build: Fact[str]
    """A build manifest older than the sources it is made of; Absent when fresh or there is none."""
    missing_build: Fact[str]
    """A file that a build manifest names and that is not there; Absent when all are, or there is none."""
    long_cache: Fact[float]
    """Seconds that clients may keep files whose names do not change with their content; Absent without."""
    place: Place
    """The location block in the configuration of nginx."""


def collect(
    host: Host,
    nginx: Nginx,
    server: Server,
    running: Fact[str],
    static_folder: Fact[str],
    static_url: Fact[str],
    own: Sequence[str] = (),
    others: Sequence[str] = (),
    besides: Callable[[Sequence[str]], Sequence[Host]] = lambda _paths: (),
) -> tuple[StaticPath, ...]:
    """Every location of a server that answers from files of the app.

    Args:
        host: where to look, as one who may be shown the files.
        nginx: for the user that reads the files.
        server: one of the app.
        running: physical directory the workers run in.
        static_folder: the app's own folder of static files.
        static_url: the URL prefix of that folder.
        own: URL prefixes that this server hands to the app.
        others: those that it hands to other apps.
        besides: who else may be shown a folder, given the files that name it, and itself: where `host` does not see
            it, the first that does looks.
    """
    return tuple(
        _static_path(_seeing(host, besides, location), nginx, server, location, running, static_folder, static_url)
        for location in server.locations
        if _serves_files(location) and _reach(own, location.pattern) >= _reach(others, location.pattern)
    )


def _seeing(host: Host, besides: Callable[[Sequence[str]], Sequence[Host]], location: Location) -> Host:
    directory = directory_of(location)
    if host.kind is TargetKind.TREE or not isinstance(directory, Known) or _sees(host, directory.value):
        return host
    naming = (location.place, *directory.places)
    others = besides((*(place.path for place in naming if place.path), directory.value))
    return next((view for view in others if _sees(view, directory.value)), host)


def _sees(view: Host, directory: str) -> bool:
    where = physical(view, directory)
    return isinstance(where, Absent) or (isinstance(where, Known) and not isinstance(view.list(where.value), Unseen))


def _reach(prefixes: Sequence[str], url: str) -> int:
    """Length of the longest prefix of a URL: its app is the one that would answer if there were no such file."""
    return max((len(prefix) for prefix in prefixes if url.startswith(prefix)), default=0)


def _serves_files(location: Location) -> bool:
    """It has a directory of its own, or at least one that was written further out, and does not proxy.

    Single files (=), challenges of certificate authorities, and what only error pages reach are left out: nobody
    misses them.
    """
    if not isinstance(location.upstream, Absent) or not isinstance(location.returns, Absent):
        return False
    if location.conditional or location.internal or location.modifier in ("=", "@") or not location.pattern:
        return False
    if ".well-known" in location.pattern:
        return False
    return isinstance(location.alias, Known) or (
        isinstance(location.root, Known) and location.root.origin is not Origin.DEFAULT
    )


def _static_path(
    host: Host,
    nginx: Nginx,
    server: Server,
    location: Location,
    running: Fact[str],
    static_folder: Fact[str],
    static_url: Fact[str],
) -> StaticPath:
    directory = directory_of(location)
    if host.kind is TargetKind.TREE:
        unknown = Unknown(_REPOSITORY, Cause.OUTSIDE, (location.place,))
        return StaticPath(
            url=location.pattern,
            directory=directory,
            physical=unknown,
            exists=unknown,
            obstacle=unknown,
            grant=unknown,
            mapping_problem=written_wrong(location, static_folder),
            pinned_release=unknown,
            stale_build=unknown,
            missing_build=unknown,
            long_cache=unknown if isinstance(cached_for(location), Known) else cached_for(location),
            place=location.place,
        )
    where = physical(host, directory.value) if isinstance(directory, Known) else directory
    files = where.map(lambda it: tuple(sample(host, it))).or_(())
    stopped = _obstacle(host, nginx, directory, where, files)
    manifest = manifest_in(host, where)
    return StaticPath(
        url=location.pattern,
        directory=directory,
        physical=where,
        exists=_exists(where, directory),
        obstacle=stopped,
        grant=_grant(host, nginx, stopped, directory, where, files),
        mapping_problem=mapping_problem(host, server, location, where, files, static_folder, static_url),
        pinned_release=_pinned(directory, running, location),
        stale_build=stale_build(host, manifest, where, running),
        missing_build=missing_build(manifest, where, [name for _, name in files], whole=len(files) < SAMPLE // 2),
        long_cache=long_cache(host, location, where, files, static_folder),
        place=location.place,
    )


def _exists(where: Fact[str], directory: Fact[str]) -> Fact[bool]:
    match where:
        case Known():
            return computed(True, *directory.places)
        case Absent():
            return computed(False, *directory.places, *where.places)
        case Unknown():
            return where


def _obstacle(
    host: Host, nginx: Nginx, directory: Fact[str], where: Fact[str], files: Sequence[tuple[str, str]]
) -> Fact[Obstacle]:
    """What stops nginx: a directory on the way, or the first of the files looked at that it may not read."""
    if isinstance(where, Absent):
        return ABSENT
    if not isinstance(directory, Known):
        return directory
    if not isinstance(nginx.uid, Known) or not isinstance(nginx.gids, Known):
        fact = nginx.uid if isinstance(nginx.uid, Unknown) else nginx.gids
        return fact if isinstance(fact, Unknown) else Unknown("the user nginx works as is not known", Cause.NOT_FOUND)
    uid, gids = nginx.uid.value, nginx.gids.value
    found = obstacle(host, directory.value, uid, gids, "x")
    if not isinstance(found, Absent):
        return found
    for path in _served(files):
        stopped = obstacle(host, path, uid, gids, "r")
        if isinstance(stopped, Known):
            return stopped
    return found


def _served(files: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What begins with a dot, or bears no suffix, is hardly meant to be served."""
    return (path for path, name in files if not name.startswith(".") and "." in posixpath.basename(name))


def _grant(
    host: Host,
    nginx: Nginx,
    stopped: Fact[Obstacle],
    directory: Fact[str],
    where: Fact[str],
    files: Sequence[tuple[str, str]],
) -> Fact[Grant]:
    """Only where every file was looked at."""
    if not isinstance(stopped, Known) or not isinstance(nginx.uid, Known) or not isinstance(nginx.gids, Known):
        return stopped.untold()
    if not isinstance(directory, Known) or not isinstance(where, Known) or len(files) >= SAMPLE // 2:
        return ABSENT
    wanted = [(directory.value, "x"), *((path, "r") for path in _served(files))]
    return grant(host, wanted, nginx.uid.value, nginx.gids.value, where.value)


def _pinned(directory: Fact[str], running: Fact[str], location: Location) -> Fact[str]:
    """The path is written with a release in it, and the workers run in another."""
    if not isinstance(directory, Known):
        return directory
    served = named_release(directory.value)
    if not served:
        return ABSENT
    if not isinstance(running, Known):
        return running
    release = named_release(running.value)
    if not release or release == served or posixpath.dirname(release) != posixpath.dirname(served):
        return ABSENT
    return Known(
        f"{location.pattern} is served from {served} while the app runs {release}",
        (*directory.places, *running.places),
        Origin.COMPUTED,
    )
