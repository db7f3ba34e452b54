"""Paths as text: nothing here looks at a machine."""

from __future__ import annotations

import posixpath

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
