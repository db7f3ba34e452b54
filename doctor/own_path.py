"""Whose modules are imported: of the installation, never of whoever owns the folder we happen to stand in.

`python -m` puts the working directory first, and PYTHONPATH comes with the environment; with either, a psutil.py of an
app's user would run as root. What the interpreter itself does before our first line (sitecustomize, PYTHONHOME, the
import of `runpy` before Python 3.11) is beyond reach: sudo takes those variables away. Only what is imported already
may be used here.
"""

from __future__ import annotations

import os
import sys

_OTHERS_WRITE = 0o022
_STICKY = 0o1000


def restrict() -> None:
    """Take folders off the search path from which nothing of ours may come.

    That is the working directory, and for root whatever of PYTHONPATH somebody else may write to; not the folder that
    holds this package.
    """
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    here = _working_directory()
    given = set(os.environ.get("PYTHONPATH", "").split(os.pathsep)) if not sys.flags.ignore_environment else set()
    sys.path[:] = [
        entry
        for entry in sys.path
        if entry == own or not (entry in ("", here) or (os.geteuid() == 0 and entry in given and not _of_root(entry)))
    ]


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it was removed


def _of_root(path: str) -> bool:
    """Root alone may change what lies there, links on the way resolved."""
    path = os.path.realpath(path)
    while True:
        try:
            status = os.lstat(path)
        except OSError:
            return False
        if status.st_uid != 0 or (status.st_mode & _OTHERS_WRITE and not status.st_mode & _STICKY):
            return False
        above = os.path.dirname(path)
        if above == path:
            return True
        path = above
