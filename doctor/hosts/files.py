"""Looking at the local file system without being held up, misled or changed by it.

Shared by the hosts that look at real files. Nothing here follows a link while walking, opens a FIFO or a
device, or reads without a bound.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections import deque
from functools import lru_cache

from doctor.hosts.base import Answer, FileType, Missing, Scan, ScannedFile, Stat, Unseen
from doctor.hosts.paths import LINK_LIMIT, parts

LIST_LIMIT = 10_000
"""Names taken from one directory."""

EARLIEST, LATEST = -62135596800.0, 253402300799.0
"""The years 1 to 9999."""

NEWEST = 20
"""Files named by a scan."""

_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

SKIPPED_DIRECTORIES = frozenset(
    {
        ".bzr", ".cache", ".eggs", ".git", ".hg", ".idea", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache",
        ".svn", ".tox", ".venv", ".vscode", "__pycache__", "env", "instance", "log", "logs", "media",
        "node_modules", "site-packages", "tmp", "uploads", "venv",
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


def failure(error: OSError | ValueError, path: str, doing: str = "reading") -> Answer:
    """What an error of the operating system means for the one who asked. A path no file can have is `Missing`."""
    if not isinstance(error, OSError) or error.errno in _MISSING:
        return Missing()
    if error.errno in (errno.EACCES, errno.EPERM):
        advice = "" if os.geteuid() == 0 else " (run with sudo)"
        return Unseen(f"permission denied {doing} {path}{advice}")
    if error.errno == errno.ELOOP:
        return Unseen(f"too many links at {path}")
    return Unseen(f"{(error.strerror or str(error)).lower()} {doing} {path}")


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
    path: str, limit: int, *, tail: bool = False, kernel: bool = False, shown: bool = True
) -> tuple[bytes, bool] | Answer:
    """At most `limit` bytes of a regular file and whether more were there.

    A bounded read is cut at a line boundary where there is one. `kernel` allows files of /proc and /sys, which
    are refused otherwise wherever a link leads. `shown`: text of it may be shown, not only names and tokens.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        return failure(error, path)
    try:
        status = os.fstat(descriptor)
        if not stat_module.S_ISREG(status.st_mode):
            return Unseen(f"{path} is a {file_type(status.st_mode).value}, not a regular file")
        if not kernel and status.st_dev in _kernel_devices():
            return Unseen(f"{path} is a file of the kernel")
        if shown and not kernel and status.st_uid == 0 == os.geteuid() and _lent(path, status):
            return Unseen(f"{path} leads to a file of root by a link of somebody who may not read it")
        skipped = max(0, status.st_size - limit) if tail else 0
        if skipped:
            os.lseek(descriptor, skipped, os.SEEK_SET)
        data = _read_all(descriptor, limit + (0 if skipped else 1))
    except OSError as error:
        return failure(error, path)
    finally:
        os.close(descriptor)
    if skipped:
        return data[data.find(b"\n") + 1 :], True
    if len(data) > limit:
        data = data[:limit]
        return data[: data.rfind(b"\n") + 1] or data, True
    return data, False


def _lent(path: str, status: os.stat_result) -> bool:
    """Whether a link of somebody else leads to this file of root, which that somebody could not read.

    What root looks at is shown, recorded and sent around: a link in the folder of an app must not choose /etc/shadow.
    """
    here, waiting = "/", parts(os.path.join(os.getcwd(), path))[::-1]
    passed: list[os.stat_result] = []
    links: list[os.stat_result] = []
    while waiting and len(links) <= LINK_LIMIT:
        part = waiting.pop()
        if part == "..":
            here = os.path.dirname(here)
            continue
        step = os.path.join(here, part)
        found = os.lstat(step)
        if stat_module.S_ISLNK(found.st_mode):
            target = os.readlink(step)
            here = "/" if target.startswith("/") else here
            waiting.extend(parts(target)[::-1])
            links.append(found)
        else:
            here = step
            passed.append(found)
    if not passed or not os.path.samestat(passed[-1], status):
        return True  # the link was turned while we looked
    return any(link.st_uid != 0 and not all(_readable(each, link) for each in passed) for link in links)


def _groups(link: os.stat_result) -> set[int]:
    import pwd

    try:
        return {link.st_gid, *os.getgrouplist(pwd.getpwuid(link.st_uid).pw_name, link.st_gid)}
    except KeyError:
        return {link.st_gid}


def _readable(found: os.stat_result, link: os.stat_result) -> bool:
    """Whether the owner of a link may pass this directory, or read this file."""
    need = 0o1 if stat_module.S_ISDIR(found.st_mode) else 0o4
    shift = 6 if found.st_uid == link.st_uid else 3 if found.st_gid in _groups(link) else 0
    return bool(found.st_mode & need << shift)


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


def stat_path(path: str) -> Stat | Answer:
    """One path by lstat, with the target of a link and whether an access control list is set."""
    try:
        status = os.lstat(path)
        kind = file_type(status.st_mode)
        target = os.readlink(path) if kind is FileType.LINK else ""
    except (OSError, ValueError) as error:
        return failure(error, path, "looking at")
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
        acl=kind is not FileType.LINK and _has_acl(path),
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


def list_directory(path: str) -> tuple[str, ...] | Answer:
    """Sorted names in a directory, at most `LIST_LIMIT` of them."""
    names: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) >= LIST_LIMIT:
                    break
    except (OSError, ValueError) as error:
        return failure(error, path, "listing")
    names.sort()
    return tuple(names)


def scan_tree(path: str, suffixes: tuple[str, ...], limit: int) -> Scan | Answer:
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
            with os.scandir(folder) as found:
                entries = sorted(_take(found, names_left), key=lambda entry: entry.name)
        except (OSError, ValueError) as error:
            if folder == path:
                return failure(error, path, "listing")
            complete = False
            continue
        if folder != path and any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        names_left -= len(entries)
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED_DIRECTORIES:
                        waiting.append(entry.path)
                elif (not suffixes or entry.name.endswith(suffixes)) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    files.append(
                        ScannedFile(entry.path, _time(status.st_mtime), _time(status.st_ctime), status.st_size)
                    )
            except OSError:
                continue  # gone since it was listed
        if len(files) >= limit or names_left <= 0:
            complete = complete and not waiting and len(files) <= limit and names_left > 0
            break
    del files[limit:]
    newest = sorted(files, key=lambda file: (-file.mtime, file.path))[:NEWEST]
    change = min(files, key=lambda file: (-file.ctime, file.path), default=None)
    return Scan(tuple(newest), change, len(files), complete)


def _take(entries: os._ScandirIterator[str], limit: int) -> list[os.DirEntry[str]]:
    taken = []
    for entry in entries:
        taken.append(entry)
        if len(taken) >= limit:
            break
    return taken
