"""The one place where copies and manifests lie: a folder of root's, which nobody else may enter.

Not beside the files: `include sites-enabled/*` of nginx loads whatever lies there. What is written here is on the disk
before anything else is changed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from doctor import __version__
from doctor.errors import UserError
from doctor.fixes.disk import write_all
from doctor.fixes.record import RunRecord, digest, from_json, to_json

HOME = Path("/var/lib/flaskdoctor")
_NAME = re.compile(r"\d{8}T\d{6}Z-\d+\Z", re.ASCII)
_MANIFEST = "manifest.json"
_LARGEST = 1 << 28
"""Bytes of a manifest: eighty times what a fix comes to that takes away the most files it may."""


class Store:
    """Runs by name, the newest last. Only who holds the lock may write."""

    def __init__(self, home: Path = HOME) -> None:
        self.home = home

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock, making the folder where there is none. Raises UserError when another run has it."""
        for folder in (self.home, self._runs):
            _make_private(folder)
        lock = self.home / "lock"
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _no_place(lock, error) from error
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
                who = f"pid {holder} has the lock" if holder.isdigit() else "it has the lock"
                raise UserError(
                    "another flaskdoctor is changing this machine", who, "Wait until it has ended."
                ) from None
            with suppress(OSError):  # on a full disk nobody is told who has it, but what was done can be taken back
                os.ftruncate(file, 0)
                os.pwrite(file, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(file)

    @property
    def _runs(self) -> Path:
        return self.home / "runs"

    def folder(self, run: RunRecord) -> Path:
        """Where the manifest and the copies of a run lie."""
        return self._runs / run.run

    def create(self) -> RunRecord:
        """A new run, nothing done yet."""
        now = time.gmtime()
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', now)}-{os.getpid()}"
        return RunRecord(name, time.strftime("%Y-%m-%dT%H:%M:%SZ", now), __version__)

    def save(self, run: RunRecord) -> None:
        """Write the manifest, whole or not at all, onto the disk."""
        folder = self.folder(run)
        _make_private(folder)
        _write(folder, _MANIFEST, json.dumps(to_json(run), indent=1).encode(errors="surrogateescape"))
        _sync(self._runs)

    def keep(self, run: RunRecord, content: bytes) -> str:
        """Keep bytes in the folder of a run, on the disk; the name they are kept under."""
        folder = self.folder(run)
        _make_private(folder)
        name = f"{digest(content)}.before"
        _write(folder, name, content)
        return name

    def kept(self, run: RunRecord, name: str) -> bytes:
        """The bytes kept under a name."""
        return (self.folder(run) / name).read_bytes()

    def runs(self) -> list[RunRecord]:
        """Every run that has a manifest, the oldest first. Raises UserError for one that cannot be read."""
        try:
            names = sorted(name for name in os.listdir(self._runs) if _NAME.match(name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"cannot be read ({(error.strerror or str(error)).lower()})", str(self._runs)) from error
        # A folder without a manifest belongs to a run that ended before it changed anything.
        return [self.load(name) for name in names if (self._runs / name / _MANIFEST).exists()]

    def load(self, name: str) -> RunRecord:
        """One run. Raises UserError when there is none, or its manifest cannot be read."""
        path = self._runs / name / _MANIFEST
        if not _NAME.match(name) or not path.exists():
            raise UserError("there is no such run", name, "flaskdoctor undo --list shows those there are.")
        try:
            return from_json(json.loads(_bounded(path)))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(
                f"the manifest of run {name} is damaged ({type(error).__name__}: {error})",
                str(path),
                f"The copies of the files lie beside it, unchanged. Move {path.parent} away once they are not needed.",
            ) from error


def _bounded(path: Path) -> bytes:
    with open(path, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST >> 20} MB")
    return data


def _make_private(folder: Path) -> None:
    """Make a folder that only we may enter; refuse one that others own or may enter."""
    try:
        os.mkdir(folder, 0o700)
        _sync(folder.parent)
    except FileExistsError:
        pass
    except OSError as error:
        raise _no_place(folder, error) from error
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise UserError(
            "not a folder that belongs to root alone: nothing was changed",
            str(folder),
            f"Look at what lies there; then: chown root {folder} && chmod 0700 {folder}",
        )


def _no_place(path: Path, error: OSError) -> UserError:
    reason = (error.strerror or str(error)).lower()
    return UserError(
        f"no place for copies ({reason}): nothing was changed", str(path), "Make room there, or mount it writable."
    )


def _write(folder: Path, name: str, content: bytes) -> None:
    temporary = folder / f".{name}.new"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_all(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(temporary, folder / name)
    _sync(folder)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
