"""In whose hands is a path? Everything on the way counts: whoever owns a directory or a link decides what is behind it.

Only for root, whose rights would otherwise be lent to whoever turns a link. The answer is made to be held against what
is then opened: where root itself reads, it is the file that was seen here, or it is not read.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Iterator
from contextlib import contextmanager

from doctor.frozen import frozen
from doctor.grammar.paths import parts
from doctor.hosts.credentials import NOBODY, Reader, reader_of, reading_as
from doctor.hosts.paths import LINK_LIMIT

_OTHERS_WRITE = 0o022


@frozen
class Holder:
    """Who decides what a path leads to. `reader`: somebody other than root; None: root alone.

    `found`: what is at its end where root alone decides.
    """

    reader: Reader | None
    found: os.stat_result | None = None


@contextmanager
def looking(path: str, reader: Reader | None, *, end: bool = True, manager: bool = False) -> Iterator[Holder]:
    """Look at a path with no more rights than the one has who can choose what it leads to.

    Args:
        path: what is to be looked at, inside the block.
        reader: who named it; None: root did, or nobody did, and the path itself decides.
        end: a link at its end is followed, and what is listed there belongs to the path.
        manager: root named it to systemd, which reads it as root: see `_Walk`.

    Raises:
        OSError: it does not exist, or nobody may look at it.
    """
    if os.geteuid() != 0:
        yield Holder(None)
        return
    holder = Holder(reader) if reader is not None else _Walk(path, end, manager).holder()
    if holder.reader is None or holder.reader.uid == 0:
        yield Holder(None, holder.found)
        return
    with reading_as(holder.reader):
        yield holder


def writer_of(path: str) -> Reader | None:
    """Somebody other than root who may write what a file says; None where root alone may, or it is not there."""
    if os.geteuid() != 0:
        return None
    walk = _Walk(path, True, False)
    try:
        holder = walk.holder()
    except OSError:
        return walk.exposed
    if holder.reader is not None or holder.found is None:
        return holder.reader
    return walk.exposed or _writer(holder.found)


def _writer(status: os.stat_result) -> Reader | None:
    if status.st_uid != 0:
        return reader_of(status.st_uid)
    if status.st_mode & 0o002:
        return NOBODY
    return Reader(NOBODY.uid, status.st_gid, (status.st_gid,)) if status.st_mode & 0o020 else None


class _Walk:
    """One path, component by component, as path_resolution(7) has it.

    - From the first link of somebody else on, and below the first directory of somebody else, all is his.
    - In a directory that others may write to (`exposed`) an entry belongs to who owns it: one of root's is not his to
      make, but he may have moved it there, so that it must be one that he could read, and have no second name.
    - `manager`: systemd reads the file as root, wherever it lies: a regular file of one name that no link of somebody
      else leads to may be read. What becomes visible of it are names of variables.
    """

    def __init__(self, path: str, end: bool, manager: bool) -> None:
        full = path if path.startswith("/") else os.path.join(os.getcwd(), path)
        self._path = path
        self._waiting = parts(full)[::-1]
        self._end = end
        self._manager = manager
        self._links = 0
        self._above = os.lstat("/")
        self.exposed: Reader | None = None
        """Who may put something else in the place of what lies on the way: others may write to a folder of root's."""
        self._owner: int | None = None
        """Of the first directory of somebody else, where only the manager goes on."""

    def holder(self) -> Holder:
        here, found = "/", self._above
        while self._waiting:
            part = self._waiting.pop()
            if part == "..":
                here = os.path.dirname(here)
                self._above = found = os.lstat(here)
                continue
            step = os.path.join(here, part)
            found = os.lstat(step)
            if stat_module.S_ISLNK(found.st_mode) and (self._waiting or self._end):
                if found.st_uid != 0:
                    return Holder(reader_of(found.st_uid))
                here = self._follow(step, here)
                continue
            if self._waiting or self._end:
                owner = self._entered(found)
                if owner is not None:
                    return Holder(owner)
            if self._waiting and found.st_uid == 0 and not found.st_mode & stat_module.S_ISVTX:
                self.exposed = self.exposed or _writer(found)
            here, self._above = (step, found) if self._waiting else (here, self._above)
        return self._at_end(found)

    def _follow(self, link: str, here: str) -> str:
        self._links += 1
        if self._links > LINK_LIMIT:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(link)
        self._waiting.extend(parts(target)[::-1])
        if not target.startswith("/"):
            return here
        self._above = os.lstat("/")
        return "/"

    def _entered(self, found: os.stat_result) -> Reader | None:
        """Whose a directory is that the path goes through, or ends at."""
        if not stat_module.S_ISDIR(found.st_mode) or found.st_uid == 0:
            return None
        if not self._manager:
            return reader_of(found.st_uid)
        self._owner = found.st_uid if self._owner is None else self._owner
        return None

    def _at_end(self, found: os.stat_result) -> Holder:
        regular = stat_module.S_ISREG(found.st_mode)
        if self._manager and regular and found.st_nlink == 1:
            return Holder(None, found)
        if self._owner is not None:
            return Holder(reader_of(self._owner))
        if regular and self._above.st_mode & _OTHERS_WRITE:
            if found.st_uid != 0:
                return Holder(reader_of(found.st_uid))
            if found.st_nlink > 1 or not self._open_to_writers(found):
                return Holder(NOBODY)
        return Holder(None, found)

    def _open_to_writers(self, found: os.stat_result) -> bool:
        """Who may write to the directory may read this file of root; in one like /tmp nobody moves it (sticky)."""
        if self._above.st_mode & stat_module.S_ISVTX:
            return True
        of_group = found.st_gid == self._above.st_gid and not self._above.st_mode & 0o002
        return bool(found.st_mode & (0o040 if of_group else 0o004))
