"""Looking at the local file system without being held up, misled or changed by it.

Shared by the hosts that look at real files. Nothing here follows a link while walking, opens a FIFO or a
device, or reads without a bound. With whose rights is told by `reader`: the one who named the path, or None where it
was root; then the path itself decides (`doctor.hosts.holders`).
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections import deque
from functools import lru_cache
from itertools import islice

from doctor.cause import Cause
from doctor.grammar.paths import VENV_NAMES
from doctor.hosts.base import Answer, FileType, Missing, Scan, ScannedFile, Stat, Unseen
from doctor.hosts.credentials import Reader
from doctor.hosts.holders import looking

LIST_LIMIT = 10_000
"""Names taken from one directory."""

EARLIEST, LATEST = -62135596800.0, 253402300799.0
"""The years 1 to 9999."""

NEWEST = 20
"""Files named by a scan."""

_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER_FLAGS = _OPEN_FLAGS | os.O_DIRECTORY

SKIPPED_DIRECTORIES = frozenset(
    {
        ".bzr", ".cache", ".eggs", ".git", ".hg", ".idea", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache",
        ".svn", ".tox", ".vscode", "__pycache__", "instance", "log", "logs", "media",
        "node_modules", "site-packages", "tmp", "uploads", *VENV_NAMES,
    }
)  # fmt: skip
"""Directories that hold no code of the app, or whose content changes while it runs."""

_FILE_TYPES = {
    stat_module.S_IFREG: FileType.FILE,
    stat_module.S_IFDIR: FileType.DIRECTORY,
    stat_module.S_IFLNK: FileType.LINK,
    stat_module.S_IFSOCK: FileType.SOCKET,
    stat_module.S_IFIFO: FileType.FIFO,
}
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


def failure(error: OSError | ValueError, path: str, doing: str = "reading", reader: Reader | None = None) -> Answer:
    """What an error of the operating system means for the one who asked. A path no file can have is `Missing`."""
    if not isinstance(error, OSError) or error.errno in _MISSING:
        return Missing()
    if error.errno in (errno.EACCES, errno.EPERM):
        if os.geteuid() == 0:
            if reader is None or reader.uid == 0:
                return Unseen(f"permission denied {doing} {path}", Cause.UNREADABLE)
            return Unseen(f"permission denied {doing} {path} as user {reader.uid}, who named it", Cause.DENIED)
        return Unseen(f"permission denied {doing} {path} (run with sudo)", Cause.NEEDS_ROOT)
    if error.errno == errno.ELOOP:
        return Unseen(f"too many links at {path}", Cause.UNREADABLE)
    return Unseen(f"{(error.strerror or str(error)).lower()} {doing} {path}", Cause.UNREADABLE)


def file_type(mode: int) -> FileType:
    """The type in the bits of `st_mode`; character and block devices are one."""
    return _FILE_TYPES.get(stat_module.S_IFMT(mode), FileType.DEVICE)


@lru_cache(maxsize=1)
def _kernel_devices() -> frozenset[int]:
    """Device numbers of /proc and /sys, whose files may hold secrets of processes (environ, cmdline)."""
    devices = set()
    for path in ("/proc", "/sys"):
        try:
            devices.add(os.stat(path).st_dev)
        except OSError:
            continue
    return frozenset(devices)


def read_bytes(
    path: str,
    limit: int,
    *,
    tail: bool = False,
    kernel: bool = False,
    manager: bool = False,
    reader: Reader | None = None,
) -> tuple[bytes, bool] | Answer:
    """At most `limit` bytes of a regular file and whether more were there.

    A bounded read is cut at a line boundary where there is one. `kernel` allows files of /proc and /sys, which
    are refused otherwise wherever a link leads. `manager`: systemd reads it as root, and only names are shown of it.
    """
    try:
        opened = os.open(path, _OPEN_FLAGS) if kernel else _open(path, _OPEN_FLAGS, reader, manager)
    except (OSError, ValueError) as error:
        return failure(error, path, "reading", reader)
    if isinstance(opened, Unseen):
        return opened
    try:
        status = os.fstat(opened)
        if not stat_module.S_ISREG(status.st_mode):
            return Unseen(f"{path} is a {file_type(status.st_mode).value}, not a regular file", Cause.UNREADABLE)
        if not kernel and status.st_dev in _kernel_devices():
            return Unseen(f"{path} is a file of the kernel", Cause.UNREADABLE)
        skipped = max(0, status.st_size - limit) if tail else 0
        if skipped:
            os.lseek(opened, skipped, os.SEEK_SET)
        data = _read_all(opened, limit + (0 if skipped else 1))
    except OSError as error:
        return failure(error, path)
    finally:
        os.close(opened)
    if skipped:
        return data[data.find(b"\n") + 1 :], True
    if len(data) > limit:
        data = data[:limit]
        return data[: data.rfind(b"\n") + 1] or data, True
    return data, False


def _open(path: str, flags: int, reader: Reader | None, manager: bool = False) -> int | Unseen:
    """A descriptor of what whoever decides about the path may open; raises OSError."""
    with looking(path, reader, manager=manager) as holder:
        descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if holder.found is not None and not os.path.samestat(holder.found, status):
            refused = Unseen(f"{path} was changed while it was looked at", Cause.VANISHED)
        elif reader is not None and _not_his(status, reader):
            refused = Unseen(f"{path} may not be read by user {reader.uid}, who named it", Cause.DENIED)
        else:
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return refused


def _not_his(status: os.stat_result, reader: Reader) -> bool:
    """Who is not root looks with rights of his own: what is his alone is not shown to whoever names it."""
    if os.geteuid() in (0, reader.uid) or status.st_uid != os.geteuid():
        return False
    return not status.st_mode & (0o040 if status.st_gid in (reader.gid, *reader.groups) else 0o004)


def _read_all(descriptor: int, limit: int) -> bytes:
    """Up to `limit` bytes; files of the kernel come in pieces and say size 0."""
    pieces = []
    left = limit
    while left > 0:
        piece = os.read(descriptor, min(left, 1 << 18))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def stat_path(path: str, reader: Reader | None = None) -> Stat | Answer:
    """One path by lstat, with the target of a link and whether an access control list is set."""
    try:
        with looking(path, reader, end=False):
            status = os.lstat(path)
            kind = file_type(status.st_mode)
            target = os.readlink(path) if kind is FileType.LINK else ""
            acl = kind is not FileType.LINK and _has_acl(path)
    except (OSError, ValueError) as error:
        return failure(error, path, "looking at", reader)
    return Stat(
        type=kind,
        mode=stat_module.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size,
        mtime=_time(status.st_mtime),
        ctime=_time(status.st_ctime),
        inode=status.st_ino,
        device=status.st_dev,
        acl=acl,
        target=target,
    )


def _time(seconds: float) -> float:
    """Anybody can give a file a time that no calendar has."""
    return min(max(seconds, EARLIEST), LATEST)


def _has_acl(path: str) -> bool:
    try:
        os.getxattr(path, "system.posix_acl_access", follow_symlinks=False)
    except OSError:
        return False
    return True


def list_directory(path: str, reader: Reader | None = None) -> tuple[str, ...] | Answer:
    """Sorted names in a directory, at most `LIST_LIMIT` of them."""
    try:
        folder = _open(path, _FOLDER_FLAGS, reader)
        if isinstance(folder, Unseen):
            return folder
        try:
            with os.scandir(folder) as entries:
                return tuple(sorted(entry.name for entry in islice(entries, LIST_LIMIT)))
        finally:
            os.close(folder)
    except (OSError, ValueError) as error:
        return failure(error, path, "listing", reader)


def scan_tree(path: str, suffixes: tuple[str, ...], limit: int, reader: Reader | None = None) -> Scan | Answer:
    """The newest files below a folder whose name ends in one of the suffixes (any file when none is given).

    Virtual environments, caches and folders an app writes to while it runs are left out. `complete` is False when
    `limit` files, or ten times as many names, were seen, or when a folder could not be entered.
    """
    files: list[ScannedFile] = []
    waiting = deque([path])
    names_left = 10 * limit
    complete = True
    while waiting:
        folder = waiting.popleft()
        try:
            entries, below, here = _scanned(folder, suffixes, names_left, reader)
        except (OSError, ValueError) as error:
            if folder == path:
                return failure(error, path, "listing", reader)
            complete = False
            continue
        if folder != path and "pyvenv.cfg" in entries:
            continue
        names_left -= len(entries)
        waiting.extend(below)
        files += here
        if len(files) >= limit or names_left <= 0:
            complete = complete and not waiting and len(files) <= limit and names_left > 0
            break
    del files[limit:]
    newest = sorted(files, key=lambda file: (-file.mtime, file.path))[:NEWEST]
    change = min(files, key=lambda file: (-file.ctime, file.path), default=None)
    return Scan(tuple(newest), change, len(files), complete)


def _scanned(
    folder: str, suffixes: tuple[str, ...], limit: int, reader: Reader | None
) -> tuple[list[str], list[str], list[ScannedFile]]:
    """Names in one folder, the folders to go on with, and the files that count."""
    below: list[str] = []
    files: list[ScannedFile] = []
    with looking(folder, reader), os.scandir(folder) as found:
        entries = sorted(islice(found, limit), key=lambda entry: entry.name)
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED_DIRECTORIES:
                        below.append(entry.path)
                elif (not suffixes or entry.name.endswith(suffixes)) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    files.append(
                        ScannedFile(entry.path, _time(status.st_mtime), _time(status.st_ctime), status.st_size)
                    )
            except OSError:
                continue  # gone since it was listed
    return [entry.name for entry in entries], below, files
