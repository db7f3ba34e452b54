"""Modules that a build makes: a repository lacks them, and the machine has them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from doctor.hosts.base import Content, Host

_MADE = re.compile(r"_pb2(?:_grpc)?$|^_?_?version_?_?$|^_generated|_generated$|^(?:local_?settings|secrets?|instance)$")
"""What protoc, setuptools-scm and people who keep settings out of version control make."""
_ABOVE = 4
"""Folders upwards in which a .gitignore may name it."""


def made_by_a_build(host: Host, folders: Iterable[str], name: str) -> bool:
    """Whether a module may be there on the machine though no source of it is in the repository."""
    return _MADE.search(name) is not None or any(
        _has_source(host, folder, name) or _ignored(host, folder, name) for folder in folders
    )


def _has_source(host: Host, folder: str, name: str) -> bool:
    """Something it is made from, or a stub that describes it."""
    names = host.list(folder)
    return isinstance(names, tuple) and any(each.startswith(f"{name}.") for each in names)


def _ignored(host: Host, folder: str, name: str) -> bool:
    files = (f"{name}.py", name)
    for _ in range(_ABOVE):
        answer = host.read(posixpath.join(folder, ".gitignore"))
        lines = answer.text.splitlines() if isinstance(answer, Content) else []
        patterns = (line.strip().rstrip("/").rpartition("/")[2] for line in lines if not line.startswith(("#", "!")))
        if any(fnmatchcase(file, pattern) for pattern in patterns if pattern for file in files):
            return True
        folder = posixpath.dirname(folder.rstrip("/"))
        if not folder:
            break
    return False
