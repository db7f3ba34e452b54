"""Where a report goes: standard output, with or without colour, and files."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from typing import TextIO

from doctor.errors import UserError
from doctor.reports.layout import Line, clean, encodable, plain

_WIDEST, _NARROWEST = 100, 60
_ELSEWHERE = "Name a file in a folder that you may write to and that has room."


def width(stream: TextIO, widest: int = _WIDEST) -> int:
    """Columns to lay a report out in: `widest`, or those of a narrower terminal, but never under 60."""
    if not stream.isatty():
        return widest
    return max(_NARROWEST, min(widest, shutil.get_terminal_size().columns))


def check_writable(path: str) -> None:
    """UserError where a file cannot be written to `path`: said before a look, not after it."""
    folder = os.path.dirname(os.path.abspath(path))
    target = path if os.path.exists(path) else folder
    reason = ""
    if not os.path.isdir(folder):
        reason = "no such folder"
    elif os.path.isdir(path):
        reason = "is a directory"
    elif os.statvfs(folder).f_flag & os.ST_RDONLY:
        reason = "read-only file system"
    elif not os.access(target, os.W_OK):
        reason = "permission denied"
    if reason:
        raise UserError(f"cannot write the output file ({reason})", path, _ELSEWHERE)


def wants_colour(stream: TextIO) -> bool:
    """A terminal does, unless NO_COLOR is set; FORCE_COLOR makes a pipe want it too (no-color.org, force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def emit_lines(lines: Iterable[Line]) -> None:
    """Write laid-out lines to standard output. A reader that has gone (`| head`) is no error; a full disk is."""
    stream = sys.stdout
    shown = encodable(lines, stream.encoding or "ascii")
    try:
        if wants_colour(stream):
            from doctor.reports.terminal import write

            write(shown, stream)
        else:
            stream.write(plain(shown))
        stream.flush()
    except OSError as error:
        _hang_up(error)


def emit_text(text: str) -> None:
    """Write text to standard output as UTF-8, which JSON is in any locale."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        _hang_up(error)


def complain(text: str) -> None:
    """Say something on standard error, which is no part of the report. Where nobody can hear it, the code tells all."""
    try:
        for row in text.splitlines():
            sys.stderr.write(f"{clean(row)}\n")
        sys.stderr.flush()
    except OSError:
        _to_nowhere(sys.stderr)


def _hang_up(error: OSError) -> None:
    """Nothing can be written any more: let the interpreter's last flush go nowhere instead of complaining."""
    _to_nowhere(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"cannot write to standard output ({reason})", "", "Send the output to a place that has room."
        ) from error


def _to_nowhere(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_file(path: str, text: str) -> None:
    """Write `text` to the file `path`; UserError when that cannot be done.

    A link at the end of `path` is not followed, nor a FIFO waited for: root may be writing into a folder that others
    can write too.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.ENXIO, "is no regular file")
            os.truncate(descriptor, 0)
            file.write(text)
    except OSError as error:
        reason = "is a symbolic link" if os.path.islink(path) else (error.strerror or str(error)).lower()
        if error.errno == errno.ENXIO:
            reason = "is no regular file"
        raise UserError(
            f"cannot write the output file ({reason})",
            path,
            _ELSEWHERE,
        ) from error
