"""Drop-ins as they lie on disk: their folders, those the manager has not read, and those it never will."""

from __future__ import annotations

import re
from collections.abc import Mapping

from doctor.grammar.unitfile import SEARCH_PATH, drop_in_folders, order_drop_ins, parse
from doctor.hosts.base import Content, FileType, Host, Stat, TextKind
from doctor.sources.systemd.show import Properties, paths_of

Folders = Mapping[str, list[str]]
"""Drop-in folders by their name (shop.service.d), the strongest first."""

_LIKE_A_DROP_IN = re.compile(r"[\w@-]+(?:\.(?:cfg|cnf|config|ini|service|unit))?", re.ASCII)


def folders_of(host: Host) -> dict[str, list[str]]:
    """Every drop-in folder of the search path."""
    folders: dict[str, list[str]] = {}
    for folder in SEARCH_PATH:
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            if name.endswith(".d"):
                folders.setdefault(name, []).append(f"{folder}/{name}")
    return folders


def unread(host: Host, name: str, properties: Properties, folders: Folders) -> tuple[str, ...]:
    """Drop-ins on disk that the manager has not read, in the order they would be applied.

    NeedDaemonReload= misses the first drop-in of a unit where the manager remembers that there was no such folder
    (seen with systemd 252). Names are compared, for /lib and /usr/lib may be one folder.
    """
    known = {path.rpartition("/")[2] for path in paths_of(properties)}
    paths: list[str] = []
    for folder in drop_in_folders(name):
        for directory in folders.get(folder, ()):
            paths += (f"{directory}/{entry}" for entry in _entries(host, directory))
    return tuple(
        path for path in order_drop_ins(paths) if path.rpartition("/")[2] not in known and _is_file(host, path)
    )


def passed_over(host: Host, name: str, folders: Folders) -> tuple[str, ...]:
    """Files in the administrator's own drop-in folder of a unit that read like drop-ins and are none by their name.

    A copy that somebody set aside (override.conf.bak, override.conf.disabled, .override.conf.swp) is meant to be.
    """
    paths = [
        f"{directory}/{entry}"
        for directory in folders.get(f"{name}.d", ())
        if directory.startswith("/etc/")
        for entry in _entries(host, directory)
        if _LIKE_A_DROP_IN.fullmatch(entry)
    ]
    texts = {path: host.read(path, TextKind.UNIT) for path in paths}
    return tuple(
        path
        for path, content in texts.items()
        if isinstance(content, Content) and any(parse(content.text, path).assignments)
    )


def _entries(host: Host, directory: str) -> tuple[str, ...]:
    entries = host.list(directory)
    return entries if isinstance(entries, tuple) else ()


def _is_file(host: Host, path: str) -> bool:
    """A regular file, or a link to something: a link to /dev/null masks a drop-in."""
    stat = host.stat(path)
    return isinstance(stat, Stat) and stat.type in {FileType.FILE, FileType.LINK} and stat.target != "/dev/null"
