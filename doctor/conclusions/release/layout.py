"""Links on the way to the code, and the folder releases lie in."""

from __future__ import annotations

import posixpath
import re
from functools import cache

from doctor.frozen import frozen
from doctor.hosts.base import FileType, Host, Stat, Unseen
from doctor.hosts.paths import resolve

_LINKS = 200
"""Names looked at in search of a link or a release."""
_CURRENT = ("current", "live", "active")
REVISION_FILES = ("REVISION", ".revision", "RELEASE", "GIT_SHA", "COMMIT", "revision.txt")
"""Files that name the release they lie in. A version is no such name: it may stay the same over many releases."""
MARKERS = (*REVISION_FILES, "VERSION", "BUILD", "version.txt")
"""Files by which somebody can tell which release lies there."""
_FOLDERS = frozenset({"releases", "release", "versions", "builds", "deploys", "deployments"})


@frozen
class Link:
    """A link on a path. `target` is physical, "" when it points to nothing; `text` is what is written in it.

    `switched`: when it, or a link that it leads to, was written last; `written` is that link. `seen`: False for what
    a repository only names; neither target nor time is known then.
    """

    path: str
    target: str
    switched: float
    written: str = ""
    seen: bool = True
    text: str = ""


@frozen
class Folder:
    """A folder of releases, names newest first. `ordered`: by name, not by time of modification."""

    path: str
    names: tuple[str, ...]
    ordered: bool


def link_on(host: Host, path: str) -> Link | Unseen | None:
    """The link that switches releases on the way along `path`: the last one that leads to one of several siblings.

    A link such as /var/www → /srv/www higher up is none of those; without siblings anywhere the last link counts.
    """
    links: list[Link] = []
    parts = [part for part in path.split("/") if part]
    for length in range(1, len(parts) + 1):
        here = "/" + "/".join(parts[:length])
        stat = host.stat(here)
        if isinstance(stat, Unseen):
            return stat
        if not isinstance(stat, Stat):
            break
        if stat.type is FileType.LINK:
            links.append(_link(host, here, stat))
    releases = [link for link in links if not link.target or folder_of(host, link.target)]
    # The folder that holds all is often a link itself (/srv, /home on another disk): it switches nothing.
    releases = releases or [link for link in links if link.path.rpartition("/")[2] in _CURRENT]
    return releases[-1] if releases else None


def link_named(path: str) -> Link | None:
    """The component of a path that is by its name the link of a release, where no file system can be asked."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part in _CURRENT:
            return Link("/".join(parts[: index + 1]), "", 0.0, seen=False)
    return None


def _link(host: Host, path: str, stat: Stat) -> Link:
    found = resolve(host, path)
    links = [part for part in found.components if part.stat.type is FileType.LINK]
    first = next((i for i, part in enumerate(links) if part.stat.inode == stat.inode), len(links))
    written, switched = max(((part.path, part.stat.mtime) for part in links[first + 1 :]), key=_time, default=("", 0.0))
    if switched <= stat.mtime:
        written, switched = path, stat.mtime
    target = found.physical if isinstance(found.physical, str) else ""
    return Link(path, target, switched, written, text=stat.target)


def _time(link: tuple[str, float]) -> float:
    return link[1]


def folder_of(host: Host, release: str) -> Folder | None:
    """The folder a release lies in, if others lie beside it that look like it or the folder is named for releases."""
    parent, _, name = release.rpartition("/")
    names = host.list(parent) if parent else ()
    if not isinstance(names, tuple) or name not in names:
        return None
    shape = _shape(name)
    named = parent.rpartition("/")[2].lower() in _FOLDERS
    if not named and shape == "":
        return None
    alike = [n for n in names if not n.startswith(".") and (named or _shape(n) == shape)][-_LINKS:]
    releases = [n for n in alike if isinstance(s := host.stat(f"{parent}/{n}"), Stat) and s.type is FileType.DIRECTORY]
    if name not in releases or (len(releases) < 2 and not named):
        return None
    return _sorted(host, parent, releases)


def _sorted(host: Host, parent: str, names: list[str]) -> Folder:
    shapes = {_shape(name) for name in names}
    if len(shapes) == 1 and shapes <= {"date", "version", "number"}:
        return Folder(parent, tuple(sorted(names, key=_order, reverse=True)), True)
    times = {name: stat.mtime for name in names if isinstance(stat := host.stat(f"{parent}/{name}"), Stat)}
    return Folder(parent, tuple(sorted(names, key=lambda name: (-times.get(name, 0.0), name))), False)


def _order(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _digits().findall(name))


def _shape(name: str) -> str:
    """What a name looks like: date, version, number, sha, "" for any other."""
    return next((shape for shape, pattern in _shapes() if pattern.fullmatch(name)), "")


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return (
        (
            "date",
            re.compile(
                r"(?:\D*[-_])?20\d\d[-_.]?\d\d[-_.]?\d\d(?:[-_.T]?\d\d[-_.:]?\d\d(?:[-_.:]?\d\d)?(?:Z|\d{3,6})?)?"
            ),
        ),
        ("version", re.compile(r"(?:v|release-|r)?\d+(?:\.\d+)+", re.IGNORECASE)),
        ("number", re.compile(r"(?:v|release-?|r|build-?)?\d{1,16}", re.IGNORECASE)),
        ("sha", re.compile(r"[0-9a-f]{7,40}")),
    )


@cache
def _digits() -> re.Pattern[str]:
    return re.compile(r"\d+")


def link_inside(host: Host, release: str, folder: Folder) -> str:
    """A link in `release` named like a sibling and leading to it, "" when there is none.

    `ln -s /srv/shop/releases/new /srv/shop/current` makes it when `current` is there already, for ln follows the link
    (coreutils manual, ln, --no-dereference).
    """
    own = release.rpartition("/")[2]
    for name in folder.names:
        path = f"{release}/{name}"
        stat = host.stat(path)
        linked = name != own and isinstance(stat, Stat) and stat.type is FileType.LINK
        if linked and resolve(host, path).physical == f"{folder.path}/{name}":
            return path
    return ""


def link_beside(host: Host, folder: Folder) -> Link | None:
    """A link beside the releases folder, or in it, that points into it."""
    above = folder.path.rpartition("/")[0]
    for place in (above, folder.path):
        names = host.list(place)
        if not isinstance(names, tuple):
            continue
        for name in names[:_LINKS]:
            stat = host.stat(f"{place}/{name}")
            if isinstance(stat, Stat) and stat.type is FileType.LINK and name.lower() in _CURRENT:
                link = _link(host, f"{place}/{name}", stat)
                if link.target.startswith(f"{folder.path}/"):
                    return link
    return None


def release_root(path: str, folder: Folder | None) -> str:
    """The release a directory belongs to: itself, but for a subdirectory of an entry of the releases folder."""
    return (entry_of(path, folder.path) if folder else "") or path


def entry_of(path: str, folder: str) -> str:
    """The entry of a folder that a path is or lies in, "" for a path outside."""
    if not path.startswith(f"{folder}/"):
        return ""
    return f"{folder}/{path.removeprefix(f'{folder}/').partition('/')[0]}"


def named_release(path: str) -> str:
    """The release a path is written with: /srv/shop/releases/7/static → /srv/shop/releases/7; "" for none."""
    parts = posixpath.normpath(path).split("/")
    for index, part in enumerate(parts[:-1]):
        if part.lower() in _FOLDERS:
            return "/".join(parts[: index + 2])
    return ""
