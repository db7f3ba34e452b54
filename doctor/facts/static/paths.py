"""Static files: what nginx serves itself for an app."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from doctor.facts.access import Grant, grant, obstacle, physical
from doctor.facts.nginx.model import Location, Nginx, Server
from doctor.facts.nginx.select import location_for
from doctor.facts.sockets.socket import Obstacle
from doctor.facts.static.assets import cached_for, long_cache, missing_build, stale_build
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import FileType, Host, Stat, TargetKind

_SAMPLE = 200
"""Files of one directory that are looked at."""
_DEPTH = 3
_RELEASE_FOLDERS = frozenset({"releases", "versions", "deploys", "deployments", "builds"})
_REPOSITORY = "a repository does not hold the files of the machine"


@frozen
class StaticPath:
    """One location that serves files of an app."""

    url: str
    directory: Fact[str]
    """Where nginx looks, as written."""
    physical: Fact[str]
    exists: Fact[bool]
    obstacle: Fact[Obstacle]
    """What stops nginx's user from reading there; Absent when it may."""
    grant: Fact[Grant]
    """The mode that would let it, where the obstacle is the only one and opening it gives nothing else away."""
    mapping_problem: Fact[str]
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


def collect(
    host: Host,
    nginx: Nginx,
    server: Server,
    running: Fact[str],
    static_folder: Fact[str],
    static_url: Fact[str],
    own: Sequence[str] = (),
    others: Sequence[str] = (),
) -> tuple[StaticPath, ...]:
    """Every location of a server that answers from files of the app.

    Args:
        host: where to look.
        nginx: for the user that reads the files.
        server: one of the app.
        running: physical directory the workers run in.
        static_folder: the app's own folder of static files.
        static_url: the URL prefix of that folder.
        own: URL prefixes that this server hands to the app.
        others: those that it hands to other apps.
    """
    return tuple(
        _static_path(host, nginx, server, location, running, static_folder, static_url)
        for location in server.locations
        if _serves_files(location) and _reach(own, location.pattern) >= _reach(others, location.pattern)
    )


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
    directory = _directory(location)
    if host.kind is TargetKind.TREE:
        unknown = Unknown(_REPOSITORY, (location.place,))
        return StaticPath(
            url=location.pattern,
            directory=directory,
            physical=unknown,
            exists=unknown,
            obstacle=unknown,
            grant=unknown,
            mapping_problem=_slash_problem(location) or _written_twice(location, static_folder) or ABSENT,
            pinned_release=unknown,
            stale_build=unknown,
            missing_build=unknown,
            long_cache=unknown if isinstance(cached_for(location), Known) else cached_for(location),
            place=location.place,
        )
    where = physical(host, directory.value) if isinstance(directory, Known) else directory
    files = tuple(_sample(host, where.value)) if isinstance(where, Known) else ()
    stopped = _obstacle(host, nginx, directory, where, files)
    return StaticPath(
        url=location.pattern,
        directory=directory,
        physical=where,
        exists=_exists(where, directory),
        obstacle=stopped,
        grant=_grant(host, nginx, stopped, directory, where, files),
        mapping_problem=_unserved(host, location, where, static_folder, static_url)
        or _mapping_problem(host, server, location, where, files),
        pinned_release=_pinned(directory, running, location),
        stale_build=stale_build(host, where, running),
        missing_build=missing_build(host, where, [name for _, name in files], whole=len(files) < _SAMPLE // 2),
        long_cache=long_cache(host, location, where, files, static_folder),
        place=location.place,
    )


def _directory(location: Location) -> Fact[str]:
    """Directory of the files: the alias, or root with the location's prefix behind it; for a regex the root."""
    if isinstance(location.alias, Known):
        if location.modifier in ("~", "~*"):
            return Unknown("the alias of a regular expression depends on the request", location.alias.places)
        return location.alias
    if not isinstance(location.root, Known) or location.modifier in ("~", "~*"):
        return location.root
    return Known(location.root.value.rstrip("/") + location.pattern, location.root.places, location.root.origin)


def _exists(where: Fact[str], directory: Fact[str]) -> Fact[bool]:
    match where:
        case Known():
            return computed(True, *directory.places)
        case Absent():
            return computed(False, *directory.places, *where.places)
        case Unknown():
            return where


def _sample(host: Host, directory: str) -> Iterator[tuple[str, str]]:
    """(path, path from `directory` on) of files below it, breadth first, within bounds, following no link."""
    pending = [(directory, "", 0)]
    left = _SAMPLE
    while pending and left > 0:
        folder, prefix, depth = pending.pop(0)
        names = host.list(folder)
        for name in names if isinstance(names, tuple) else ():
            path = posixpath.join(folder, name)
            stat = host.stat(path)
            left -= 1
            if left <= 0:
                return
            if isinstance(stat, Stat) and stat.type is FileType.FILE:
                yield path, prefix + name
            elif isinstance(stat, Stat) and stat.type is FileType.DIRECTORY and depth < _DEPTH:
                pending.append((path, f"{prefix}{name}/", depth + 1))


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
        return fact if isinstance(fact, Unknown) else Unknown("the user nginx works as is not known")
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
        return stopped if isinstance(stopped, Unknown) else ABSENT
    if not isinstance(directory, Known) or not isinstance(where, Known) or len(files) >= _SAMPLE // 2:
        return ABSENT
    wanted = [(directory.value, "x"), *((path, "r") for path in _served(files))]
    return grant(host, wanted, nginx.uid.value, nginx.gids.value, where.value)


def _slash_problem(location: Location) -> Known[str] | None:
    """`location /static/ { alias /p/static; }` makes nginx open /p/staticapp.css."""
    if (
        isinstance(location.alias, Known)
        and location.modifier in ("", "^~")
        and location.pattern.endswith("/")
        and not location.alias.value.endswith("/")
    ):
        alias = location.alias.value
        sentence = f"alias {alias} has no slash at its end: {location.pattern}app.css becomes {alias}app.css"
        return Known(sentence, (*location.alias.places, location.place), Origin.COMPUTED)
    return None


def _repeats(location: Location) -> str:
    """Where nginx looks when root ends with what the URL begins with, "" when it does not."""
    if not isinstance(location.root, Known) or location.modifier not in ("", "^~"):
        return ""
    pattern = location.pattern.strip("/")
    if pattern and location.root.value.rstrip("/").endswith("/" + pattern):
        return f"{location.root.value.rstrip('/')}/{pattern}/"
    return ""


def _repetition(location: Location, looked: str) -> Known[str]:
    sentence = f"root repeats the URL: {location.pattern} is looked for in {looked}"
    return Known(sentence, (*location.root.places, location.place), Origin.COMPUTED)


def _written_twice(location: Location, static_folder: Fact[str]) -> Known[str] | None:
    """In a repository: root repeats the URL, and the app's own static folder has the same name."""
    looked = _repeats(location)
    if not looked or not isinstance(static_folder, Known):
        return None
    same = posixpath.basename(static_folder.value.rstrip("/")) == posixpath.basename(location.pattern.rstrip("/"))
    return _repetition(location, looked) if same else None


def _unserved(
    host: Host, location: Location, where: Fact[str], static_folder: Fact[str], static_url: Fact[str]
) -> Known[str] | None:
    """The URL of the app's own static files, and a directory that does not exist, while the app's has files."""
    if not isinstance(where, Absent) or not isinstance(static_folder, Known) or not isinstance(static_url, Known):
        return None
    if location.modifier not in ("", "^~") or location.pattern.rstrip("/") != static_url.value.rstrip("/"):
        return None
    if _slash_problem(location) or _repeats(location) or not next(_sample(host, static_folder.value), None):
        return None
    directory = _directory(location)
    looked = directory.or_("")
    sentence = f"{location.pattern} is looked for in {looked}, which does not exist; the app has {static_folder.value}"
    return Known(sentence, (*directory.places, *static_folder.places), Origin.COMPUTED)


def _mapping_problem(
    host: Host, server: Server, location: Location, where: Fact[str], files: Sequence[tuple[str, str]]
) -> Fact[str]:
    problem = _slash_problem(location)
    if problem:
        return problem
    looked = _repeats(location)
    if looked and isinstance(where, Absent) and isinstance(location.root, Known):
        root = host.stat(location.root.value.rstrip("/"))
        return _repetition(location, looked) if isinstance(root, Stat) else ABSENT
    if location.modifier == "":
        return _caught(host, server, location, files)
    return ABSENT


def _caught(host: Host, server: Server, location: Location, files: Sequence[tuple[str, str]]) -> Fact[str]:
    """A regular expression that answers for files that lie here, and looks for them where they are not."""
    if not any(x.modifier in ("~", "~*") for x in server.locations):
        return ABSENT
    for _, name in files:
        url = location.pattern.rstrip("/") + "/" + name
        answer = location_for(server, url)
        if isinstance(answer, Unknown):
            return answer
        if not isinstance(answer, Known) or answer.value.modifier not in ("~", "~*"):
            continue
        winner = answer.value
        if winner.parent >= 0 or not isinstance(winner.upstream, Absent) or not isinstance(winner.returns, Absent):
            continue
        if isinstance(winner.root, Known) and isinstance(physical(host, winner.root.value.rstrip("/") + url), Absent):
            opened = winner.root.value.rstrip("/") + url
            sentence = (
                f"{url} is answered by location {winner.modifier} {winner.pattern} "
                f"({winner.place.path}:{winner.place.line}), which looks for {opened}"
            )
            return Known(sentence, (location.place, winner.place), Origin.COMPUTED)
    return ABSENT


def _pinned(directory: Fact[str], running: Fact[str], location: Location) -> Fact[str]:
    """The path is written with a release in it, and the workers run in another."""
    if not isinstance(directory, Known):
        return directory
    served = _release_of(directory.value)
    if not served:
        return ABSENT
    if not isinstance(running, Known):
        return running
    release = _release_of(running.value)
    if not release or release == served or posixpath.dirname(release) != posixpath.dirname(served):
        return ABSENT
    return Known(
        f"{location.pattern} is served from {served} while the app runs {release}",
        (*directory.places, *running.places),
        Origin.COMPUTED,
    )


def _release_of(path: str) -> str:
    """The release a path lies in: /srv/shop/releases/7/static → /srv/shop/releases/7; "" for none."""
    parts = posixpath.normpath(path).split("/")
    for index, part in enumerate(parts[:-1]):
        if part in _RELEASE_FOLDERS:
            return "/".join(parts[: index + 2])
    return ""
