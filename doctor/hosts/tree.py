"""A folder of configuration files, or the root file system of a machine that does not run.

Of a repository only what lies in it can be seen: the paths its files name are those of some machine. With `root`,
absolute paths are looked up below that directory, links included, and nothing outside it is ever touched.
"""

from __future__ import annotations

import os
import posixpath
import stat as stat_module
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from doctor.cause import Cause
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.grammar.paths import is_below, joined, parts
from doctor.hosts import files
from doctor.hosts.base import (
    READ_LIMIT,
    Answer,
    Connection,
    Content,
    Document,
    Machine,
    Missing,
    Output,
    ProcessLine,
    ProcessRecord,
    Scan,
    ScannedFile,
    Skipped,
    Stat,
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command
from doctor.hosts.content import Outliner, read_content, read_env_file
from doctor.hosts.documents import Documents, find_documents
from doctor.hosts.paths import LINK_LIMIT
from doctor.hosts.redact import Redactor
from doctor.hosts.repository import Repository

T = TypeVar("T")

_FOREIGN = Unseen("not part of this repository", Cause.OUTSIDE)
_STILL = Unseen("files alone do not run", Cause.OUTSIDE)
_ROOT_FOLDERS = (
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system", "/etc/nginx", "/etc/tmpfiles.d", "/etc/supervisor", "/etc/supervisord.d",
)  # fmt: skip
"""Where the configuration of a machine lies."""


class TreeHost(Repository):
    """Files and folders `paths`, named as they were given; or the machine whose root file system lies at `root`."""

    kind = TargetKind.TREE

    def __init__(
        self, paths: tuple[str, ...], root: str | None = None, redactor: Redactor | None = None, *, around: str = ""
    ) -> None:
        """`around`: the repository that the paths lie in, where what they need may be looked up."""
        self.name = root if root is not None else ", ".join(paths)
        self._paths = paths
        self._root = os.path.realpath(root) if root is not None else None
        self._inside = tuple(os.path.realpath(path) for path in paths)
        self._around = around
        self._reachable = (*self._inside, os.path.realpath(around)) if around else self._inside
        self._redactor = redactor or Redactor()
        self._outliner = Outliner(self._redactor)
        self._now = time.time()
        self._documents: Documents | None = None
        self._outer: tuple[Document, ...] | None = None
        self._places: dict[str, str | None] = {}
        self._lists: dict[str, tuple[str, ...] | Answer] = {}

    def now(self) -> float:
        return self._now

    def machine(self) -> Machine | Unseen:
        return _STILL

    def run(self, command: Command) -> Output | Answer:
        return _STILL

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Answer:
        real = self._find(path)
        if not isinstance(real, str):
            return real
        if text is TextKind.KERNEL:
            return _STILL
        return _shown(read_content(real, text, limit, tail, self._redactor), real, path)

    def env_file(self, path: str) -> EnvFile | Answer:
        real = self._find(path)
        return _shown(read_env_file(real, self._redactor), real, path) if isinstance(real, str) else real

    def outline(self, path: str) -> Outline | Answer:
        real = self._find(path)
        return _shown(self._outliner.outline(real, path), real, path) if isinstance(real, str) else real

    def stat(self, path: str) -> Stat | Answer:
        real = self._find(path, follow=False)
        return _shown(files.stat_path(real), real, path) if isinstance(real, str) else real

    def list(self, path: str) -> tuple[str, ...] | Answer:
        if path not in self._lists:
            real = self._find(path)
            self._lists[path] = _shown(files.list_directory(real), real, path) if isinstance(real, str) else real
        return self._lists[path]

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Answer:
        real = self._find(path)
        if not isinstance(real, str):
            return real
        scan = files.scan_tree(real, suffixes, limit)
        if not isinstance(scan, Scan):
            return _shown(scan, real, path)

        def named(file: ScannedFile) -> ScannedFile:
            return replace(file, path=posixpath.join(path, os.path.relpath(file.path, real)))

        change = named(scan.newest_change) if scan.newest_change is not None else None
        return replace(scan, newest=tuple(named(file) for file in scan.newest), newest_change=change)

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return _STILL

    def process(self, pid: int) -> ProcessRecord | Answer:
        return _STILL

    def connect(self, address: str) -> Connection | Unseen:
        return _STILL

    def addresses(self) -> tuple[str, ...] | Unseen:
        return _STILL

    def pause(self, seconds: float) -> None:
        """Nothing changes."""

    def documents(self) -> tuple[Document, ...]:
        """Found once. Of a root file system those in the places where configuration lies."""
        return self._looked_through().found

    def overlooked(self) -> tuple[Unseen, ...]:
        return self._looked_through().overlooked

    def skipped(self) -> tuple[Skipped, ...]:
        return self._looked_through().skipped

    def surroundings(self) -> tuple[Document, ...]:
        if self._outer is None:
            found = find_documents((self._around,)).found if self._around else ()
            self._outer = tuple(
                document
                for document in found
                if not any(is_below(os.path.realpath(document.path), inside) for inside in self._inside)
            )
        return self._outer

    def _looked_through(self) -> Documents:
        if self._documents is None:
            self._documents = self._find_documents()
        return self._documents

    def _find_documents(self) -> Documents:
        if self._root is None:
            return find_documents(self._paths)
        found: dict[str, Document] = {}
        overlooked: list[Unseen] = []
        skipped: list[Skipped] = []
        for folder in self._paths or _ROOT_FOLDERS:
            real = self._find(folder)
            if isinstance(real, str) and os.path.exists(real):
                below = find_documents((real,))
                overlooked += (_shown(unseen, real, folder) for unseen in below.overlooked)
                for document in below.found:
                    path = joined(folder, os.path.relpath(document.path, real))
                    found[document.path] = found.get(document.path) or replace(document, path=path)
                skipped += (replace(item, path=item.path.replace(real, folder, 1)) for item in below.skipped)
        documents = tuple(sorted(found.values(), key=lambda document: document.path))
        return Documents(documents, tuple(overlooked), tuple(dict.fromkeys(skipped)))

    def folders(self) -> tuple[str, ...]:
        if self._root is not None:
            return ()
        around = (self._around,) if self._around else ()
        return (*(path for path in self._paths if os.path.isdir(path)), *around)

    def placed(self, places: Mapping[str, str | None]) -> TreeHost:
        other = TreeHost(self._paths, self._root, self._redactor, around=self._around)
        other._now, other._documents, other._outer = self._now, self._documents, self._outer
        other._places = {posixpath.normpath(path): here for path, here in places.items()}
        return other

    def origin(self, path: str) -> str:
        here = self._placed(path)
        return here if isinstance(here, str) and os.path.lexists(here) else path

    def _placed(self, path: str) -> str | Missing | None:
        """Where a path of the machine lies in the repository, by the longest path that was placed."""
        path = posixpath.normpath(path)
        above = path
        while above not in self._places:
            if len(above) < 2:
                return None
            above = posixpath.dirname(above)
        here = self._places[above]
        return Missing() if here is None else joined(here, path[len(above) :].lstrip("/"))

    def _find(self, path: str, *, follow: bool = True) -> str | Answer:
        """Where a path of the examined machine lies on this one."""
        if self._root is not None:
            return _below(self._root, path, follow)
        if self._places and path.startswith("/"):
            here = self._placed(path)
            if isinstance(here, Missing):
                return here
            if here is not None:
                path = here
                if not os.path.lexists(path):
                    return _FOREIGN
        folder, name = os.path.split(path.rstrip("/") or path)
        real = os.path.realpath(path) if follow else os.path.join(os.path.realpath(folder or "."), name)
        if any(is_below(real, inside) for inside in self._reachable):
            return path
        return _FOREIGN


def _shown(answer: T, real: str, path: str) -> T | Unseen:
    """A reason that names the file does so by its name on the examined machine."""
    return replace(answer, reason=answer.reason.replace(real, path)) if isinstance(answer, Unseen) else answer


def _below(root: str, path: str, follow: bool) -> str | Answer:
    """An absolute path with `root` as "/": links are followed one by one, and ".." ends at the root.

    What does not exist is returned all the same, for the caller to find it missing.
    """
    if not path.startswith("/"):
        return Unseen(f"{path} is not an absolute path", Cause.NOT_UNDERSTOOD)
    here: list[str] = []
    waiting = parts(path)[::-1]
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            here = here[:-1]
            continue
        here.append(part)
        real = os.path.join(root, *here)
        if not waiting and not follow:
            break
        try:
            is_link = stat_module.S_ISLNK(os.lstat(real).st_mode)
            target = os.readlink(real) if is_link else ""
        except (OSError, ValueError):
            continue  # for the caller to find out; a name below a missing directory is missing too
        if is_link:
            links += 1
            if links > LINK_LIMIT:
                return Unseen(f"too many links at {path}", Cause.UNREADABLE)
            here = [] if target.startswith("/") else here[:-1]
            waiting.extend(parts(target)[::-1])
    return os.path.join(root, *here)
