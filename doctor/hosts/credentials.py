"""Looking as somebody else: the kernel decides what that user may open, and nobody can change the answer in between.

Root's look is shown, recorded and sent around. Whoever can choose a path must see no more through it than by himself,
so that a path in another user's hands is opened with that user's rights: setfsuid(2), setfsgid(2) and setgroups(2) of
the calling thread alone. With a file system user other than root the kernel takes CAP_DAC_OVERRIDE,
CAP_DAC_READ_SEARCH and their like away (capabilities(7), "Effect of user ID changes on capabilities").
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from doctor.frozen import frozen

_NUMBERS = {
    "x86_64": (122, 123, 116),
    "aarch64": (151, 152, 159),
    "riscv64": (151, 152, 159),
    "loongarch64": (151, 152, 159),
    "ppc64le": (138, 139, 81),
    "s390x": (215, 216, 206),
}
"""setfsuid, setfsgid and setgroups by machine. The wrapper of the C library for the last one changes all threads."""
_PR_GET_SECUREBITS = 27
_NO_SETUID_FIXUP = 1 << 2
_UNCHANGED = -1


@frozen
class Reader:
    """With whose rights a path is looked at. `groups`: all of them, the first one too."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


NOBODY = Reader(65534, 65534)
"""What anybody may read."""


def reader_of(uid: int) -> Reader:
    """A user by number, with the groups of /etc/group; without any where /etc/passwd does not know it.

    The name services are not asked: nss-systemd waits for a manager that stands still, and others for a network.
    """
    known = next((row for row in _rows("/etc/passwd") if row[2:3] == [str(uid)] and row[3:4]), None)
    if known is None or not known[3].isdecimal():
        return Reader(uid, NOBODY.gid)
    own = int(known[3])
    others = {
        int(row[2])
        for row in _rows("/etc/group")
        if len(row) > 3 and row[2].isdecimal() and known[0] in row[3].split(",")
    }
    return Reader(uid, own, tuple(sorted({own, *others})))


def _rows(path: str) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return [line.rstrip("\n").split(":") for line in file]
    except OSError:
        return []


@contextmanager
def reading_as(reader: Reader) -> Iterator[None]:
    """Let this thread open files as `reader` while the block runs; raises OSError where that cannot be done.

    For root only. A block must do nothing but look: a process that it started would keep these rights.
    """
    call = _system_call()
    own = os.getgroups()
    try:
        _become(call, reader)
        yield
    finally:
        _restore(call, own)


def _become(call: _Call, reader: Reader) -> None:
    call.set_groups(reader.groups)
    call.set_fsgid(reader.gid)
    call.set_fsuid(reader.uid)
    # These two say what it was before, and nothing of failure: asked again, they tell what came of it.
    if (call.set_fsuid(_UNCHANGED), call.set_fsgid(_UNCHANGED)) != (reader.uid, reader.gid):
        raise OSError(errno.EINVAL, f"the kernel does not let us look as user {reader.uid}")


def _restore(call: _Call, groups: list[int]) -> None:
    call.set_fsuid(os.geteuid())
    call.set_fsgid(os.getegid())
    call.set_groups(tuple(groups))
    if call.set_fsuid(_UNCHANGED) != os.geteuid():
        raise RuntimeError("the rights of this thread could not be restored")


@frozen
class _Call:
    """The three system calls, for the calling thread."""

    set_fsuid: Callable[[int], int]
    set_fsgid: Callable[[int], int]
    set_groups: Callable[[tuple[int, ...]], None]


@cache
def _system_call() -> _Call:
    """Raises OSError on a machine whose numbers are not known, or where root keeps its rights as another user."""
    import ctypes

    numbers = _NUMBERS.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    if numbers is None:
        raise OSError(errno.ENOSYS, f"looking as another user is not possible on {os.uname().machine}")
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    if library.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0) & _NO_SETUID_FIXUP:
        raise OSError(errno.EPERM, "root keeps its rights as another user here (SECBIT_NO_SETUID_FIXUP)")
    fsuid, fsgid, setgroups = numbers

    def set_groups(groups: tuple[int, ...]) -> None:
        values = (ctypes.c_uint32 * len(groups))(*groups)
        if library.syscall(setgroups, ctypes.c_size_t(len(groups)), values):
            raise OSError(ctypes.get_errno(), "the groups of this thread cannot be changed")

    return _Call(
        lambda uid: int(library.syscall(fsuid, ctypes.c_long(uid))),
        lambda gid: int(library.syscall(fsgid, ctypes.c_long(gid))),
        set_groups,
    )
