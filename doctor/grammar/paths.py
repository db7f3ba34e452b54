"""Paths as text: nothing here looks at a machine."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase

SOCKET_PATH_LIMIT = 107
"""Bytes of a socket's path (unix(7): sun_path holds 108 with the byte that ends it)."""

VENV_NAMES = ("venv", ".venv", "env", "virtualenv")
"""What folders with a virtual environment are called, the likeliest first."""


def is_below(path: str, directory: str) -> bool:
    """Whether a path is the directory or lies in it, both as written."""
    folder = directory.rstrip("/")
    return path.rstrip("/") == folder or path.startswith(f"{folder}/")


def joined(directory: str, path: str) -> str:
    """A path as it is meant in a directory, without "." and ".." (which leave a link's parent, not its target's)."""
    return posixpath.normpath(posixpath.join(directory, path))


def parts(path: str) -> list[str]:
    """The names in a path, ".." among them."""
    return [part for part in path.split("/") if part not in ("", ".")]


def is_pattern(part: str) -> bool:
    """It stands for several names (glob(7))."""
    return any(sign in part for sign in "*?[")


def matches(name: str, pattern: str) -> bool:
    """As glob(3) has it: a dot at the beginning is only matched by a dot, and a backslash makes the next sign plain."""
    if name.startswith(".") and not pattern.startswith((".", "\\.")):
        return False
    plain = re.sub(r"\\(.)", lambda sign: f"[{sign[1]}]" if sign[1] in "*?[" else sign[1], pattern)
    return fnmatchcase(name, plain)
