"""renameat2(2), which Python does not offer: two names change places in one step."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any

_RENAME_EXCHANGE = 2
_NOT_OFFERED = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def exchange(directory: int, one: str, other: str) -> bool:
    """Let two names in a directory change places. False: this kernel, library or file system does not offer it.

    Raises OSError where it is offered and fails.
    """
    call = _renameat2()
    if call is None:
        return False
    if call(directory, os.fsencode(one), directory, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_OFFERED:
        return False
    raise OSError(number, os.strerror(number), other)


@cache
def _renameat2() -> Any:
    """Of the C library (glibc 2.28, musl 1.2.6); None where it is older."""
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "renameat2", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call
