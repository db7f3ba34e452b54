"""A repository as the machine would have it: which of its folders lies where the units say.

A unit names paths of the machine (WorkingDirectory=/opt/shop, -c /opt/shop/gunicorn.py). Where the module it starts is
found in the repository, that folder is taken for the directory; files named in full are found by their base name,
because people copy them from a folder of their own (contrib/gunicorn.py → /opt/shop/gunicorn.py).
"""

from __future__ import annotations

import difflib
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from doctor.conclusions.appcode.built import made_by_a_build
from doctor.conclusions.appcode.walk import binds
from doctor.facts.value import Known, Place
from doctor.grammar.outline import Outline
from doctor.grammar.paths import joined
from doctor.hosts.base import DocumentKind, Host, Missing, Stat
from doctor.hosts.repository import Repository
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.servers.gunicorn.arguments import parse
from doctor.servers.gunicorn.config import DEFAULT_NAME
from doctor.sources.systemd import Unit

T = TypeVar("T")
_TAIL = 3
"""Names at the end of a directory that a folder of the repository may have too: /opt/shop/backend → backend."""
_LONG = 6
"""Letters from which on the likeness of two names is no chance."""
_SIMILAR = 0.85
"""Share of two names that is the same (difflib): of pyshop_app and pypyshop_app 0.92."""
_ABOVE = 6
"""Folders looked at from the unit file upwards."""


def placed(host: Host, plans: Iterable[Plan]) -> Repository | None:
    """The repository that finds its files under the paths of the machine; None for a machine."""
    if not isinstance(host, Repository) or not host.folders():
        return None
    finder = Finder(host)
    places: dict[str, str | None] = {}
    for plan in plans:
        for path, folder in finder.places(plan):
            places.setdefault(path, folder)
    return host.placed(places)


def relocated(value: T, where: Callable[[str], str]) -> T:
    """The same facts with every place at the path where `where` says the file lies."""
    new: Any = value
    if isinstance(value, Place):
        new = replace(value, path=where(value.path)) if value.path.startswith("/") else value
    elif isinstance(value, tuple):
        new = tuple(relocated(item, where) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {name: item for name, part in old.items() if (item := relocated(part, where)) is not part}
        new = replace(value, **changed) if changed else value
    return new if new != value else value


def misspelt(finder: Finder, unit: Unit, gunicorn: Gunicorn) -> Known[str] | None:
    """What is wrong with the module that Gunicorn is told to load: it is nowhere near, and one of nearly its name is.

    Or its package is there without it. Of a module that is merely not there nothing is said, for it may be made on the
    machine.
    """
    wsgi_app = gunicorn.settings.wsgi_app
    if not isinstance(wsgi_app, Known):
        return None
    module, _, name = wsgi_app.value.partition(":")
    name = name.partition("(")[0].strip() or "application"
    directory = gunicorn.logical_directory.or_("")
    package = finder.without(module, directory, unit)
    if package:
        return Known(f"the repository has no {module} in {package}", (*wsgi_app.places, Place(path=package)))
    path = finder.nearest(module, directory, unit)
    outline = finder.host.outline(path) if path else None
    if not path or not isinstance(outline, Outline) or not binds(outline, (), name, posixpath.basename(path)[:-3]):
        return None
    return Known(f"the repository has no {module}; {path} defines {name}", (*wsgi_app.places, Place(path=path)))


class Finder:
    """Files and folders of a repository by name. One serves all units: there may be a thousand."""

    def __init__(self, host: Repository) -> None:
        self.host = host
        self._named: dict[tuple[DocumentKind, str], list[str]] = defaultdict(list)
        for document in (*host.documents(), *host.surroundings()):
            self._named[document.kind, posixpath.basename(document.path)].append(document.path)
        self._subfolders: list[str] | None = None

    def places(self, item: Plan) -> Iterator[tuple[str, str | None]]:
        """Paths of the machine with the folder or file of the repository that lies there; None: nothing does."""
        if item.launch is None or item.launch.kind == "flask":
            return
        given = parse(item.launch.arguments, variables=item.launch.shell)
        start = item.start.or_("")
        chdir = given.settings.get("chdir")
        directory = posixpath.join(start, str(chdir.value)) if chdir is not None else start
        folder = None
        if directory.startswith("/") and directory != "/" and given.application is not None:
            pythonpath = given.settings.get("pythonpath")
            path = posixpath.join(directory, str(pythonpath.value)) if pythonpath is not None else directory
            folder = self._folder(str(given.application.value).partition(":")[0], path, item.unit)
            if folder is not None:
                yield path, folder
                above = path.removeprefix(directory.rstrip("/"))
                if path != directory and above.startswith("/") and folder.endswith(above):
                    folder = folder.removesuffix(above)
                    yield directory, folder
        config = given.settings.get("config")
        if config is not None:
            yield from self._file(str(config.value), start, folder, DocumentKind.GUNICORN)
        elif start:
            default = posixpath.join(start, DEFAULT_NAME)
            if folder is None or start != directory or not self._is_file(posixpath.join(folder, DEFAULT_NAME)):
                named = self._named[DocumentKind.GUNICORN, DEFAULT_NAME]
                if start == "/" or not named:
                    yield default, None
                elif folder is not None and start == directory:
                    # Known not to lie there: the others of that name are other services'.
                    yield default, None
        yield from self._env_files(item, folder)

    def _env_files(self, item: Plan, folder: str | None) -> Iterator[tuple[str, str | None]]:
        files = item.unit.environment_files
        for reference in files.or_(()):
            yield from self._file(reference.path, "", folder, DocumentKind.ENVIRONMENT)

    def _file(self, path: str, start: str, folder: str | None, kind: DocumentKind) -> Iterator[tuple[str, str | None]]:
        """A file named in full: where its directory leads in the repository, else the only one of its base name."""
        path = joined(start, path.removeprefix("file:"))
        if not path.startswith("/"):
            return
        inside = start.rstrip("/") + "/"
        within = folder is not None and start and path.startswith(inside)
        if within and self._is_file(posixpath.join(folder or "", path.removeprefix(inside))):
            return
        name = posixpath.basename(path)
        named = self._named[kind, name]
        if len(named) == 1 and name != ".env":
            yield path, named[0]

    def _folder(self, module: str, directory: str, unit: Unit) -> str | None:
        """The folder of the repository that would be `directory`: the one its module lies in."""
        relative = module.replace(".", "/")
        if not relative or relative.startswith("/"):
            return None
        for folder in dict.fromkeys(self._likely(directory, unit)):
            if self._holds(folder, relative):
                return folder
        below = [folder for folder in self._below() if self._holds(folder, relative)]
        return below[0] if len(below) == 1 else None

    def without(self, module: str, directory: str, unit: Unit) -> str:
        """The folder of the package that lacks the module; "" where it has it, or none of the repository is its own."""
        parts = module.split(".")
        root = self._folder(parts[0], directory, unit) if len(parts) > 1 else None
        for count in range(1, len(parts) if root is not None else 0):
            package, part = posixpath.join(root or "", *parts[:count]), parts[count]
            if not self._is_file(posixpath.join(package, "__init__.py")):
                return ""
            if not self._holds(package, part):
                return "" if made_by_a_build(self.host, (package, root or ""), part) else posixpath.normpath(package)
        return ""

    def nearest(self, module: str, directory: str, unit: Unit) -> str:
        """The only file whose name is nearly that of a module that no folder has, "" where there is none."""
        folders = dict.fromkeys((*self._likely(directory, unit), *self._below()))
        listed = {folder: names for folder in folders if isinstance(names := self.host.list(folder), tuple)}
        stems = {name.removesuffix(".py") for names in listed.values() for name in names}
        if "." in module or len(module) < _LONG or module in stems:
            return ""
        near = difflib.get_close_matches(module, stems, 2, _SIMILAR)
        found = [
            posixpath.join(folder, f"{near[0]}.py") for folder in listed if near and f"{near[0]}.py" in listed[folder]
        ]
        return posixpath.normpath(found[0]) if len(near) == len(found) == 1 else ""

    def _holds(self, folder: str, relative: str) -> bool:
        path = posixpath.join(folder, relative)
        return self._is_file(f"{path}.py") or self._is_file(f"{path}/__init__.py")

    def _is_file(self, path: str) -> bool:
        return isinstance(self.host.stat(path), Stat)

    def _likely(self, directory: str, unit: Unit) -> Iterator[str]:
        """Folders named like the end of the directory, those around the unit file, and the repository itself."""
        roots = self.host.folders()
        parts = directory.strip("/").split("/")[-_TAIL:]
        for root in roots:
            for count in range(len(parts), 0, -1):
                yield posixpath.normpath(posixpath.join(root, *parts[-count:]))
        if isinstance(unit.fragment, Known):
            here = posixpath.dirname(unit.fragment.value)
            for _ in range(_ABOVE):
                if not here or not any(root == "." or f"{here}/".startswith(f"{root.rstrip('/')}/") for root in roots):
                    break
                yield here
                here = posixpath.dirname(here)
        yield from roots

    def _below(self) -> Sequence[str]:
        if self._subfolders is None:
            found: list[str] = []
            for root in self.host.folders():
                names = self.host.list(root)
                found += (joined(root, n) for n in names) if isinstance(names, tuple) else ()
            self._subfolders = [path for path in found if not isinstance(self.host.list(path), Missing)]
        return self._subfolders
