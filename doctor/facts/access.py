"""May a user reach a path? Every directory on the way counts, those behind links too, as for the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from doctor.cause import Cause
from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import FileType, Host, Missing, Stat, Unseen
from doctor.hosts.paths import resolve

_BITS = {"r": 4, "w": 2, "x": 1}
_ASSETS = (
    ".avif", ".css", ".eot", ".gif", ".ico", ".jpeg", ".jpg", ".js", ".map", ".mjs", ".mp4", ".otf", ".png", ".svg",
    ".ttf", ".wasm", ".webm", ".webmanifest", ".webp", ".woff", ".woff2",
)  # fmt: skip


@frozen
class Obstacle:
    """The first component of a path that stops a user, and the right that is missing ("x", "w", "r")."""

    path: str
    """The component of the path that stops the user, a physical path."""
    right: str
    """The right that is missing there: r, w or x."""
    mode: int
    """The permission bits it has."""
    uid: int
    """The number of its owner."""
    gid: int
    """The number of its group."""
    last: bool
    """It is the path itself, not a directory above it."""
    chosen: bool = False
    """A link leads there that belongs neither to root nor to the owner of what it leads to."""


@frozen
class Grant:
    """A mode, in octal digits, that lets a user through at `path`."""

    path: str
    """The file or directory whose mode has to change."""
    mode: str
    """The permission bits it needs, in octal digits such as "0751"."""


def physical(host: Host, path: str) -> Fact[str]:
    """`path` without links. Absent when something on the way does not exist, Unknown when it could not be looked at."""
    found = resolve(host, path)
    if isinstance(found.physical, Missing):
        return Absent((Place(path=found.stopped_at, text="does not exist"),))
    if isinstance(found.physical, Unseen):
        return Unknown.of(found.physical, (Place(path=found.stopped_at),))
    return computed(found.physical, Place(path=path))


def allowed(stat: Stat, uid: int, gids: frozenset[int], right: str) -> bool:
    """Mode bits let this user."""
    if uid == 0:
        return right != "x" or stat.type is FileType.DIRECTORY or bool(stat.mode & 0o111)
    return permitted(stat.mode, stat.uid, stat.gid, uid, gids, right)


def permitted(mode: int, owner: int, group: int, uid: int, gids: frozenset[int], right: str) -> bool:
    """The bits of `mode` let a user who is not root; only the first class that fits counts (path_resolution(7))."""
    shift = 6 if owner == uid else 3 if group in gids else 0
    return bool(mode >> shift & _BITS[right])


def obstacle(host: Host, path: str, uid: int, gids: frozenset[int], want: str = "x") -> Fact[Obstacle]:
    """The first component that stops a user: "x" on each directory above, then each letter of `want` on the path.

    Args:
        host: where to look.
        path: absolute.
        uid: of the user; 0 passes everywhere.
        gids: all groups of the user.
        want: what is needed of the path itself, such as "r", "w" or "rx".

    Returns:
        Known(Obstacle); Absent when nothing stops the user; Unknown where a component does not exist, could not be
        looked at, or has an access control list (the bits alone decide nothing then).
    """
    return next(iter(_obstacles(host, path, uid, gids, want)), Absent((Place(path=path),)))


def grant(
    host: Host, wanted: Iterable[tuple[str, str]], uid: int, gids: frozenset[int], on_the_way: str
) -> Fact[Grant]:
    """The one change of a mode that lets a user through, where a single one does.

    Args:
        host: where to look.
        wanted: paths, each with what is needed of it, as for `obstacle`.
        uid: of the user.
        gids: all groups of the user.
        on_the_way: directory that may be opened, or one above it; what is closed below it was meant to be.

    Returns:
        Absent where nothing or more than one thing stops the user, or where opening it would let others in who are
        kept out for good reason; Unknown where a path could not be looked at.
    """
    found: dict[tuple[str, str], Known[Obstacle]] = {}
    led: set[int] = set()
    for path, want in wanted:
        led.update(part.stat.uid for part in resolve(host, path).components if part.stat.type is FileType.LINK)
        for stop in _obstacles(host, path, uid, gids, want):
            if isinstance(stop, Unknown):
                return stop
            found[stop.value.path, stop.value.right] = stop
    if len(found) != 1:
        return ABSENT
    (stop,) = found.values()
    at = stop.value
    if led - {0, at.uid}:  # whoever may turn a link must not choose what is opened
        return Absent(stop.places)
    if not (_is_asset(at.path) if at.right == "r" else _may_be_opened(host, at, on_the_way)):
        return Absent(stop.places)
    shift = 6 if at.uid == uid else 3 if at.gid in gids else 0
    return computed(Grant(at.path, f"{at.mode | _BITS[at.right] << shift:04o}"), *stop.places)


def _may_be_opened(host: Host, at: Obstacle, on_the_way: str) -> bool:
    """No directory of the system, no folder of root's in which other people have their homes."""
    if at.right != "x" or at.path.count("/") < 2 or not f"{on_the_way}/".startswith(f"{at.path}/"):
        return False
    return at.uid != 0 or not any(home.startswith(f"{at.path}/") for home in Accounts(host).homes())


def _is_asset(path: str) -> bool:
    """A kind of file that browsers ask for: anything else may be kept from them on purpose."""
    return path.lower().endswith(_ASSETS)


def _obstacles(host: Host, path: str, uid: int, gids: frozenset[int], want: str) -> Iterator[Known[Obstacle] | Unknown]:
    """Everything that stops a user, from the top; Unknown where it cannot be told."""
    found = resolve(host, path)
    led = {0}
    for component in found.components:
        stat, last = component.stat, component.path == found.physical
        if stat.type is FileType.LINK:
            led.add(stat.uid)
            continue
        for right in want if last else "x":
            if stat.acl and uid not in (0, stat.uid):
                yield Unknown(
                    f"{component.path} has an access control list", Cause.AMBIGUOUS, (Place(path=component.path),)
                )
            elif not allowed(stat, uid, gids, right):
                place = Place(path=component.path, text=f"mode {stat.mode:04o}, uid {stat.uid}, gid {stat.gid}")
                chosen = bool(led - {0, stat.uid})
                yield Known(Obstacle(component.path, right, stat.mode, stat.uid, stat.gid, last, chosen), (place,))
    if isinstance(found.physical, Missing):
        yield Unknown(f"{found.stopped_at} does not exist", Cause.NOT_FOUND, (Place(path=found.stopped_at),))
    if isinstance(found.physical, Unseen):
        yield Unknown.of(found.physical, (Place(path=found.stopped_at),))
