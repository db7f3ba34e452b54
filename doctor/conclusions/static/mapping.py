"""From a URL to a file: where a location looks, and why that is not where the files are."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from enum import Enum

from doctor.cause import Cause
from doctor.facts.access import physical
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import FileType, Host, Stat
from doctor.servers.nginx.model import Location, Server
from doctor.servers.nginx.select import location_for

SAMPLE = 200
"""Files of one directory that are looked at."""
_DEPTH = 3


class MappingKind(str, Enum):
    """What sends nginx to a wrong path."""

    NO_SLASH = "no-slash"
    """An alias without the slash that its location has."""
    REPEATED = "repeated"
    """A root that ends with what the URL begins with."""
    ELSEWHERE = "elsewhere"
    """A directory that does not exist, while the app has the files in another one."""
    EXPRESSION = "expression"
    """A location with a regular expression, which wins over this one."""


@frozen
class MappingProblem:
    """Why the URLs of static files lead to wrong paths.

    `url` is asked for, and nginx looks at `looked` for it. `instead`: of ELSEWHERE the app's own directory, of
    EXPRESSION the location that answers.
    """

    kind: MappingKind
    """Which of the known mistakes it is."""
    url: str
    """The URL that is asked for."""
    looked: str
    """The path at which nginx looks."""
    instead: str = ""
    """The directory of the app, or the location that answers; "" for other kinds."""

    def __str__(self) -> str:
        if self.kind is MappingKind.NO_SLASH:
            return f"alias {self.looked} has no slash at its end: {self.url}app.css becomes {self.looked}app.css"
        if self.kind is MappingKind.REPEATED:
            return f"root repeats the URL: {self.url} is looked for in {self.looked}"
        if self.kind is MappingKind.ELSEWHERE:
            return f"{self.url} is looked for in {self.looked}, which does not exist; the app has {self.instead}"
        return f"{self.url} is answered by location {self.instead}, which looks for {self.looked}"


def directory_of(location: Location) -> Fact[str]:
    """Directory of the files: the alias, or root with the location's prefix behind it; for a regex the root."""
    if isinstance(location.alias, Known):
        if location.modifier in ("~", "~*"):
            return Unknown(
                "the alias of a regular expression depends on the request", Cause.RUN_TIME, location.alias.places
            )
        return location.alias
    if not isinstance(location.root, Known) or location.modifier in ("~", "~*"):
        return location.root
    return Known(location.root.value.rstrip("/") + location.pattern, location.root.places, location.root.origin)


def sample(host: Host, directory: str) -> Iterator[tuple[str, str]]:
    """(path, path from `directory` on) of files below it, breadth first, within bounds, following no link."""
    pending = [(directory, "", 0)]
    left = SAMPLE
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


def mapping_problem(
    host: Host,
    server: Server,
    location: Location,
    where: Fact[str],
    files: Sequence[tuple[str, str]],
    static_folder: Fact[str],
    static_url: Fact[str],
) -> Fact[MappingProblem]:
    """Why its URLs lead to wrong paths; Absent when they lead to right ones.

    Args:
        host: where to look.
        server: the location is one of it.
        location: serves files.
        where: the physical directory it looks in.
        files: a sample of what is there, from `sample`.
        static_folder: the app's own folder of static files.
        static_url: the URL prefix of that folder.
    """
    problem = _unserved(host, location, where, static_folder, static_url) or _slash_problem(location)
    if problem:
        return problem
    looked = _repeats(location)
    if looked and isinstance(where, Absent) and isinstance(location.root, Known):
        root = host.stat(location.root.value.rstrip("/"))
        return _repetition(location, looked) if isinstance(root, Stat) else ABSENT
    if location.modifier == "":
        return _caught(host, server, location, files)
    return ABSENT


def written_wrong(location: Location, static_folder: Fact[str]) -> Fact[MappingProblem]:
    """The same as far as the configuration alone tells, in a repository."""
    return _slash_problem(location) or _written_twice(location, static_folder) or ABSENT


def _slash_problem(location: Location) -> Known[MappingProblem] | None:
    """`location /static/ { alias /p/static; }` makes nginx open /p/staticapp.css."""
    if (
        isinstance(location.alias, Known)
        and location.modifier in ("", "^~")
        and location.pattern.endswith("/")
        and not location.alias.value.endswith("/")
    ):
        problem = MappingProblem(MappingKind.NO_SLASH, location.pattern, location.alias.value)
        return Known(problem, (*location.alias.places, location.place), Origin.COMPUTED)
    return None


def _repeats(location: Location) -> str:
    """Where nginx looks when root ends with what the URL begins with, "" when it does not."""
    if not isinstance(location.root, Known) or location.modifier not in ("", "^~"):
        return ""
    pattern = location.pattern.strip("/")
    if pattern and location.root.value.rstrip("/").endswith("/" + pattern):
        return f"{location.root.value.rstrip('/')}/{pattern}/"
    return ""


def _repetition(location: Location, looked: str) -> Known[MappingProblem]:
    problem = MappingProblem(MappingKind.REPEATED, location.pattern, looked)
    return Known(problem, (*location.root.places, location.place), Origin.COMPUTED)


def _written_twice(location: Location, static_folder: Fact[str]) -> Known[MappingProblem] | None:
    """In a repository: root repeats the URL, and the app's own static folder has the same name."""
    looked = _repeats(location)
    if not looked or not isinstance(static_folder, Known):
        return None
    same = posixpath.basename(static_folder.value.rstrip("/")) == posixpath.basename(location.pattern.rstrip("/"))
    return _repetition(location, looked) if same else None


def _unserved(
    host: Host, location: Location, where: Fact[str], static_folder: Fact[str], static_url: Fact[str]
) -> Known[MappingProblem] | None:
    """The URL of the app's own static files, and a directory that does not exist, while the app's has files."""
    if not isinstance(where, Absent) or not isinstance(static_folder, Known) or not isinstance(static_url, Known):
        return None
    if location.modifier not in ("", "^~") or location.pattern.rstrip("/") != static_url.value.rstrip("/"):
        return None
    if _slash_problem(location) or _repeats(location) or not next(sample(host, static_folder.value), None):
        return None
    directory = directory_of(location)
    problem = MappingProblem(MappingKind.ELSEWHERE, location.pattern, directory.or_(""), static_folder.value)
    return Known(problem, (*directory.places, *static_folder.places), Origin.COMPUTED)


def _caught(host: Host, server: Server, location: Location, files: Sequence[tuple[str, str]]) -> Fact[MappingProblem]:
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
            rival = f"{winner.modifier} {winner.pattern} ({winner.place.path}:{winner.place.line})"
            problem = MappingProblem(MappingKind.EXPRESSION, url, opened, rival)
            return Known(problem, (location.place, winner.place), Origin.COMPUTED)
    return ABSENT
