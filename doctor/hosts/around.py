"""The repository that a folder of configuration lies in: its code and Gunicorn's settings lie beside, not in it."""

from __future__ import annotations

import os
import stat

_PROJECT = (
    "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "requirements", "Pipfile", "poetry.lock", "uv.lock",
)  # fmt: skip
"""What says that a folder is a project where no version control does."""


def repository_around(paths: tuple[str, ...]) -> str:
    """The repository above all the paths, named as they are; "" where there is none, or one of them is it.

    The nearest folder that git knows; without one, the nearest that looks like a project. Never the root or a home, nor
    anything above a home, a mount point or a folder that everybody may write to.
    """
    real = [os.path.realpath(path) for path in paths]
    if not real:
        return ""
    start = os.path.commonpath([path if os.path.isdir(path) else os.path.dirname(path) for path in real])
    project, found = "", ""
    for folder in _upwards(start):
        if os.path.lexists(os.path.join(folder, ".git")):
            found = folder
            break
        if not project and any(os.path.lexists(os.path.join(folder, name)) for name in _PROJECT):
            project = folder
    found = found or project
    if not found or found in real:
        return ""
    return found if any(os.path.isabs(path) for path in paths) else os.path.relpath(found)


def _upwards(folder: str) -> list[str]:
    home, found = os.path.realpath(os.path.expanduser("~")), []
    while folder not in ("/", home) and not home.startswith(f"{folder}/"):
        try:
            mode = os.stat(folder).st_mode
        except OSError:
            break
        if mode & stat.S_IWOTH:
            break
        found.append(folder)
        if os.path.ismount(folder):
            break
        folder = os.path.dirname(folder)
    return found
