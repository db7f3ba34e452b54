"""Looking at and changing single files as root, in directories that others may own.

Every directory on the way is opened from the one above it, so that nobody can swap one meanwhile. A link is followed
only where root alone can have put it. A file is replaced as a whole by a rename, and only while it is still the very
file that was looked at; owner, mode and extended attributes go with it.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from doctor.fixes.exchange import exchange
from doctor.frozen import frozen
from doctor.grammar.paths import parts
from doctor.hosts.paths import LINK_LIMIT

_LIMIT = 8 << 20
_ACL = "system.posix_acl_access"


class Refused(Exception):
    """A path that is not touched; the message says why. Nothing was changed."""


class Kind(str, Enum):
    """What lies at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    MISSING = "missing"


@frozen
class Attributes:
    """What goes with a file besides its bytes. `xattrs` hold access control lists and security labels, too."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int
    xattrs: tuple[tuple[str, bytes], ...] = ()


@frozen
class Entry:
    """What lies at a path now. `path` is physical; `identity` changes with every change (device, inode, ctime)."""

    path: str
    kind: Kind
    content: bytes = b""
    target: str = ""
    attributes: Attributes | None = None
    identity: tuple[int, int, int] = (0, 0, 0)


def look(path: str, *, follow: bool = True) -> Entry:
    """What lies at `path`, to be handed back when it is changed. Raises Refused for what is no place to write to.

    `follow`: a link at the end is followed where it is safe, or else looked at itself.
    """
    real = physical(path, follow=follow)
    with _parent(real) as (directory, name):
        if directory is None:
            return Entry(real, Kind.MISSING)
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return Entry(real, Kind.MISSING)
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(name, dir_fd=directory)
            return Entry(real, Kind.LINK, target=target, attributes=_attributes(found), identity=_identity(found))
        if stat.S_ISDIR(found.st_mode):
            return Entry(real, Kind.DIRECTORY, attributes=_attributes(found), identity=_identity(found))
        return _file(real, directory, name, found)


def _file(path: str, directory: int, name: str, found: os.stat_result) -> Entry:
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{path} is no regular file")
    if found.st_nlink > 1:
        raise Refused(f"{path} has {found.st_nlink} names (hard links), and would keep only one of them")
    if found.st_size > _LIMIT:
        raise Refused(f"{path} is larger than {_LIMIT >> 20} MiB")
    with _opened(name, os.O_RDONLY | os.O_NONBLOCK, directory) as file:
        if _identity(os.fstat(file)) != _identity(found):
            raise Refused(f"{path} changes while it is looked at")
        with open(file, "rb", closefd=False) as stream:
            content = stream.read(found.st_size + 1)
        entry = Entry(path, Kind.FILE, content, "", _attributes(found, _xattrs(file)), _identity(found))
        if _identity(os.fstat(file)) != entry.identity:
            raise Refused(f"{path} changes while it is looked at")
        return entry


def physical(path: str, *, follow: bool = True) -> str:
    """`path` without links. Raises Refused for a link that somebody else than root may have put there."""
    if not path.startswith("/") or "\0" in path:
        raise Refused(f"{path!r} is no absolute path")
    done: list[str] = []
    left = parts(path)
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            done[-1:] = []
            continue
        here = "/" + "/".join([*done, part])
        if not os.path.islink(here) or (not left and not follow):
            done.append(part)
            continue
        links += 1
        if links > LINK_LIMIT:
            raise Refused(f"{path}: too many links")
        _trusted(here)
        target = os.readlink(here)
        left = [*parts(target), *left]
        done = [] if target.startswith("/") else done
    return "/" + "/".join(done)


def _trusted(link: str) -> None:
    """Only root (or who runs this) can have made the link, and nobody else can change it."""
    ours = {0, os.geteuid()}
    folder, own = os.stat(posixpath.dirname(link)), os.lstat(link)
    open_to_others = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not folder.st_mode & stat.S_ISVTX
    if own.st_uid not in ours or folder.st_uid not in ours or open_to_others:
        raise Refused(f"{link} is a link that another user may change: nothing is written through it")


@contextmanager
def _parent(path: str) -> Iterator[tuple[int | None, str]]:
    """The directory of a physical path, open, and the last component. None: the directory is not there."""
    *above, name = parts(path) or [""]
    if not name:
        raise Refused("/ itself is not changed")
    current: int | None = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            assert current is not None
            following = _directory(part, current, path)
            os.close(current)
            current = following
            if current is None:
                break
        yield current, name
    finally:
        if current is not None:
            os.close(current)


def _directory(name: str, inside: int, path: str) -> int | None:
    try:
        return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Refused(f"{path}: {name} is not a directory any more") from error
        raise


@contextmanager
def _opened(name: str, flags: int, directory: int, mode: int = 0o600) -> Iterator[int]:
    file = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
    try:
        yield file
    finally:
        os.close(file)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _attributes(found: os.stat_result, xattrs: tuple[tuple[str, bytes], ...] = ()) -> Attributes:
    return Attributes(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns, xattrs)


def _xattrs(file: int) -> tuple[tuple[str, bytes], ...]:
    try:
        return tuple((name, os.getxattr(file, name)) for name in sorted(os.listxattr(file)))
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ()
        raise


# Changing.


def write(seen: Entry, content: bytes, attributes: Attributes, temporary: str, *, keep_time: bool = False) -> None:
    """Put a file in the place of `seen` (a file, or nothing). `temporary` is a name in the same directory.

    `keep_time`: with the time of `attributes`, as when a copy goes back. Raises Refused when something else lies there
    by now, OSError when it cannot be written; then nothing was changed.
    """
    with _place(seen) as (directory, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with _opened(temporary, flags, directory) as file:
                write_all(file, content)
                if any(key == _ACL for key, _ in _xattrs(file)):
                    os.removexattr(file, _ACL)  # of the folder's default, which the old file had not
                _give(file, attributes)
                if keep_time:
                    os.utime(file, ns=(attributes.mtime_ns, attributes.mtime_ns))
                os.fsync(file)
            _put(seen, directory, temporary, name)
        except BaseException:
            _discard(directory, temporary)
            raise


def write_all(file: int, content: bytes) -> None:
    """Write to a descriptor until all is written: one call may take a part."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def link(seen: Entry, target: str, attributes: Attributes, temporary: str, *, keep_time: bool = False) -> None:
    """Put a link to `target` in the place of `seen` (a link, or nothing) in one step. The rest is as for `write`."""
    with _place(seen) as (directory, name):
        try:
            os.symlink(target, temporary, dir_fd=directory)
            with _opened(temporary, os.O_PATH, directory) as made:
                _own(made, target, attributes, seen.path, keep_time=keep_time)
            _put(seen, directory, temporary, name)
        except BaseException:
            _discard(directory, temporary)
            raise


def _own(made: int, target: str, attributes: Attributes, path: str, *, keep_time: bool) -> None:
    """Give the very link that is open its owner: by its name, a file that somebody put there meanwhile would get it."""
    found = os.fstat(made)
    ours = stat.S_ISLNK(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
    if not ours or os.readlink("", dir_fd=made) != target:
        raise Refused(f"{path}: somebody else changes its folder meanwhile")
    # fchown(2) takes no descriptor of O_PATH; this name of it leads to the link itself (proc_pid_fd(5)).
    name = f"/proc/self/fd/{made}"
    os.chown(name, attributes.uid, attributes.gid)
    if keep_time:
        os.utime(name, ns=(attributes.mtime_ns, attributes.mtime_ns))


def set_attributes(seen: Entry, attributes: Attributes) -> None:
    """Give a file or directory another mode, owner and group."""
    with _place(seen) as (directory, name), _opened(name, os.O_RDONLY | os.O_NONBLOCK, directory) as file:
        if _identity(os.fstat(file)) != seen.identity:
            raise Refused(f"{seen.path} was changed meanwhile")
        _give(file, attributes)
        os.fsync(file)


def make_directory(path: str) -> None:
    """Make one directory, open to all readers as those of systemd and nginx are."""
    with _parent(path) as (directory, name):
        if directory is None:
            raise Refused(f"the directory above {path} is not there")
        os.mkdir(name, 0o755, dir_fd=directory)
        with _opened(name, os.O_RDONLY | os.O_DIRECTORY, directory) as made:
            os.fchmod(made, 0o755)
        _sync(directory)


def remove(seen: Entry) -> None:
    """Take a file, a link or an empty directory away."""
    with _place(seen) as (directory, name):
        if seen.kind is Kind.DIRECTORY:
            os.rmdir(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)
        _sync(directory)


def discard(path: str) -> None:
    """Take a temporary file away that a run which was killed left behind, if it did."""
    with suppress(Refused), _parent(path) as (directory, name):
        if directory is not None:
            _discard(directory, name)


def _give(file: int, attributes: Attributes) -> None:
    """Owner first: a change of it takes capabilities and setuid bits away, whoever makes it (chown(2))."""
    found = os.fstat(file)
    if (found.st_uid, found.st_gid) != (attributes.uid, attributes.gid):
        os.fchown(file, attributes.uid, attributes.gid)
    for key, value in attributes.xattrs:
        os.setxattr(file, key, value)
    os.fchmod(file, attributes.mode)


@contextmanager
def _place(seen: Entry) -> Iterator[tuple[int, str]]:
    with _parent(seen.path) as (directory, name):
        if directory is None:
            raise Refused(f"the directory of {seen.path} is not there any more")
        _unchanged(seen, directory, name)
        yield directory, name


def _unchanged(seen: Entry, directory: int, name: str) -> None:
    try:
        now = _identity(os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        now = (0, 0, 0)
    if now != seen.identity:
        raise Refused(f"{seen.path} was changed meanwhile")


def _put(seen: Entry, directory: int, temporary: str, name: str) -> None:
    """Give the temporary file its name, if still the same lies there. What appears in an empty place stays."""
    if seen.kind is Kind.MISSING:
        try:
            os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError as error:
            raise Refused(f"{seen.path} was made by somebody else meanwhile") from error
        os.unlink(temporary, dir_fd=directory)
    else:
        _unchanged(seen, directory, name)
        if exchange(directory, temporary, name):
            if not _is(seen, directory, temporary):
                os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)  # theirs goes back
                raise Refused(f"{seen.path} was changed meanwhile")
            os.unlink(temporary, dir_fd=directory)
        else:
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    _sync(directory)


def _is(seen: Entry, directory: int, name: str) -> bool:
    """It is the very file, whatever it is called now: somebody may have saved another one in the last moment."""
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if (found.st_dev, found.st_ino) != seen.identity[:2]:
        return False
    if seen.kind is Kind.LINK:
        return os.readlink(name, dir_fd=directory) == seen.target
    with _opened(name, os.O_RDONLY | os.O_NONBLOCK, directory) as file:
        return os.read(file, len(seen.content) + 1) == seen.content


def _discard(directory: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def _sync(directory: int) -> None:
    """Make a change of names last. A descriptor of O_PATH cannot be synced itself."""
    with _opened(".", os.O_RDONLY | os.O_DIRECTORY, directory) as folder:
        os.fsync(folder)
