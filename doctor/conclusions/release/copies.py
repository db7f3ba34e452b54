"""A newer copy of the same app where nobody runs it: the deploy went to another directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from doctor.cause import Cause
from doctor.conclusions.release.age import CODE
from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Fact, Known, Place, Unknown, computed
from doctor.grammar.paths import VENV_NAMES, is_below
from doctor.hosts.base import FileType, Host, Scan, Stat
from doctor.sources.systemd import Unit

_ROOTS = ("/srv", "/var/www", "/opt")
_CANDIDATES = 200
_NEWER = 60.0
"""Seconds. A copy made by the same deploy is not newer by more."""
_ALIKE = 0.8
"""Share of the names at the top of two trees that must be in both."""
_NOISE = frozenset(
    {*VENV_NAMES, "instance", "logs", "log", "tmp", "media", "uploads", "node_modules", "build", "dist", "REVISION"}
)


def other_copy(
    host: Host, unit: Fact[Unit], directory: str, entry: str, kept: tuple[str, ...], served: tuple[str, ...]
) -> Fact[str]:
    """The newest tree elsewhere with the same entry module and the same names at its top, newer than `directory`.

    Args:
        host: where to look.
        unit: whose user's home is looked at too.
        directory: where the app runs, physical.
        entry: file of the entry module, relative to it: "wsgi.py".
        kept: trees that belong to the app: its releases folder.
        served: directories other Gunicorns run in.
    """
    running = host.scan(directory, CODE)
    if not isinstance(running, Scan) or not running.newest:
        return Unknown(f"no code was seen in {directory}", Cause.NOT_FOUND)
    newest = running.newest[0]
    taken = (directory, *kept, *served)
    found: list[tuple[float, str, str]] = []
    for path in _candidates(host, unit, directory):
        if any(is_below(path, other) or is_below(other, path) for other in taken):
            continue
        stat = host.stat(f"{path}/{entry}")
        if not isinstance(stat, Stat) or stat.type is not FileType.FILE or not _alike(host, path, directory):
            continue
        scan = host.scan(path, CODE)
        if not isinstance(scan, Scan) or not scan.newest:
            continue
        if scan.newest[0].mtime > newest.mtime + _NEWER and _differs(host, scan, path, directory):
            found.append((scan.newest[0].mtime, path, scan.newest[0].path))
    if not found:
        return ABSENT
    _, path, file = max(found)
    return computed(path, Place(path=file), Place(path=newest.path))


def _candidates(host: Host, unit: Fact[Unit], directory: str) -> Iterator[str]:
    """Folders beside the app, in the usual places, and in the home of its user; links are not followed."""
    seen = {directory}
    parent = directory.rpartition("/")[0]
    for root in (parent, *_ROOTS, _home(host, unit)):
        names = host.list(root) if root else ()
        for name in (names if isinstance(names, tuple) else ())[:_CANDIDATES]:
            path = f"{root}/{name}"
            if path in seen or name.startswith(".") or _aside().search(name):
                continue
            seen.add(path)
            stat = host.stat(path)
            if isinstance(stat, Stat) and stat.type is FileType.DIRECTORY:
                yield path


def _home(host: Host, unit: Fact[Unit]) -> str:
    user = unit.value.user if isinstance(unit, Known) else ABSENT
    return user.map(lambda it: Accounts(host).home(it).or_("").rstrip("/")).or_("")


def _differs(host: Host, scan: Scan, path: str, directory: str) -> bool:
    """One of its newest files is another than the one that runs, by size: `cp -r` makes new times of old code."""
    for file in scan.newest:
        stat = host.stat(f"{directory}/{file.path.removeprefix(f'{path}/')}")
        if not isinstance(stat, Stat) or stat.size != file.size:
            return True
    return False


@cache
def _aside() -> re.Pattern[str]:
    """Names of copies that are not meant to run: shop.bak, shop-staging, shop_old."""
    return re.compile(
        r"(?:^|[-_.~])(?:bak|backups?|old|orig|save|saved|copy|archive|stag(?:e|ing)|dev|devel|test|testing|demo|sandbox|"
        r"preview|tmp|temp)(?:[-_.]?\d+)?$|~$",
        re.IGNORECASE,
    )


def _alike(host: Host, one: str, other: str) -> bool:
    a, b = _top(host, one), _top(host, other)
    return bool(a) and bool(b) and len(a & b) >= _ALIKE * len(a | b)


def _top(host: Host, path: str) -> set[str]:
    names = host.list(path)
    if not isinstance(names, tuple):
        return set()
    return {
        n
        for n in names
        if not n.startswith((".", "__")) and n not in _NOISE and not n.endswith((".sock", ".pid", ".log"))
    }
