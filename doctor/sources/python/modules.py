"""Which file would `import x` load? Told from the search path and the files there; nothing is imported.

Follows CPython's path based finder (https://docs.python.org/3/reference/import.html#the-path-based-finder): for each
entry of the search path a package, then an extension, then a source file, then bytecode; a directory without
`__init__` is a portion of a namespace package. `.pth` files add entries (site.py, addpackage), and those of editable
installations map names to folders (setuptools, `__editable___*_finder.py`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache

from doctor.cause import Cause
from doctor.frozen import frozen
from doctor.grammar.data import literal_dict
from doctor.grammar.paths import joined
from doctor.hosts.base import Content, FileType, Host, Missing, Stat, TextKind, Unseen

_SUFFIXES = (".py", ".pyc")
_COMPILED_IN = frozenset(
    {
        "array", "atexit", "audioop", "binascii", "builtins", "cmath", "errno", "faulthandler", "fcntl", "gc", "grp",
        "itertools", "marshal", "math", "mmap", "nis", "posix", "pwd", "pyexpat", "readline", "resource", "select",
        "signal", "spwd", "sys", "syslog", "termios", "time", "unicodedata", "zlib",
    }
)  # fmt: skip
"""Modules of the standard library that some builds of Python have inside and others as a file; so have most with a
leading underscore."""


@frozen
class Found:
    """A module that would be imported. `file` is "" for a built-in or a namespace package.

    `folders`: where its submodules are looked for; empty for what is no package. `open`: attributes may be
    submodules that cannot be listed (an extension, a finder that runs code).
    """

    file: str
    folders: tuple[str, ...] = ()
    open: bool = False

    @property
    def source(self) -> bool:
        """Python source that can be read."""
        return self.file.endswith(".py")


@frozen
class Interpreter:
    """The Python of an app as its search path needs it. `version` such as "3.11", "" where it cannot be told."""

    version: str
    library: str
    """Folder of the standard library; "" where it cannot be told."""
    sites: tuple[str, ...]
    """site-packages and the like, in order."""
    unseen: Unseen | None
    """Why something of it could not be looked at; None when all was."""


class Modules:
    """Finds modules on one search path. Each directory is listed once."""

    def __init__(self, host: Host, search: Iterable[str], interpreter: Interpreter | None = None) -> None:
        self._host = host
        self._interpreter = interpreter
        self._memo: dict[str, Found | Missing | Unseen] = {}
        self._names: dict[str, frozenset[str] | Missing | Unseen] = {}
        self._mapping: dict[str, str] = {}
        self._unseen = interpreter.unseen if interpreter else None
        self._search = [*search]
        if interpreter:
            self._search.append(interpreter.library)
            self._search.append(f"{interpreter.library}/lib-dynload")
            for site in interpreter.sites:
                self._add_site(site)
        self._search = [entry for entry in dict.fromkeys(self._search) if entry]

    @property
    def search(self) -> tuple[str, ...]:
        """The whole search path, entries of .pth files included."""
        return tuple(self._search)

    def find(self, module: str) -> Found | Missing | Unseen:
        """What `import a.b.c` would load for its last part. Missing: some part of it is nowhere on the path."""
        if module not in self._memo:
            self._memo[module] = self._find(module)
        return self._memo[module]

    def _find(self, module: str) -> Found | Missing | Unseen:
        parent, _, name = module.rpartition(".")
        if not parent:
            return self._top(name)
        package = self.find(parent)
        if not isinstance(package, Found):
            return package
        if package.open:
            return Unseen(f"{parent} can make its submodules itself", Cause.RUN_TIME)
        if not package.folders:
            return Missing()
        return self._in(package.folders, name)

    def _top(self, name: str) -> Found | Missing | Unseen:
        found = self._in(self._search, name)
        if isinstance(found, Found) and found.file:
            return found
        if name in self._mapping:
            return self._mapped(self._mapping[name])
        if isinstance(found, Found):
            return found
        if self._built_in(name):
            return Found("", open=True)
        if isinstance(found, Missing) and self._unseen:
            return self._unseen
        return found

    def _built_in(self, name: str) -> bool:
        if name in _COMPILED_IN:
            return True
        no_library = self._interpreter is not None and not self._interpreter.library
        return name in sys.stdlib_module_names and (name.startswith("_") or no_library)

    def _in(self, folders: Iterable[str], name: str) -> Found | Missing | Unseen:
        portions: list[str] = []
        unseen: Unseen | None = None
        for folder in folders:
            names = self._listed(folder)
            if isinstance(names, Unseen):
                unseen = unseen or names
                continue
            if isinstance(names, Missing):
                continue
            found = self._here(folder, names, name)
            if isinstance(found, Found):
                return found
            if found:
                portions.append(found)
        if portions:
            return Found("", tuple(portions))
        return unseen or Missing()

    def _here(self, folder: str, names: frozenset[str], name: str) -> Found | str:
        """The module in one folder; a path alone is a portion of a namespace package."""
        path = f"{folder}/{name}"
        inside = self._listed(path) if name in names else Missing()
        if isinstance(inside, frozenset):
            start = _module_file(inside, "__init__")
            if start:
                return Found(f"{path}/{start}", (path,), open=not start.endswith(_SUFFIXES))
        file = _module_file(names, name)
        if file:
            return Found(f"{folder}/{file}", open=not file.endswith(_SUFFIXES))
        if isinstance(inside, Unseen):
            return Found("", open=True)
        return path if isinstance(inside, frozenset) else ""

    def _listed(self, folder: str) -> frozenset[str] | Missing | Unseen:
        if folder not in self._names:
            names = self._host.list(folder)
            answer = names if isinstance(names, (Missing, Unseen)) else frozenset(names)
            if isinstance(answer, Missing) and folder.endswith((".zip", ".egg", ".whl")):
                stat = self._host.stat(folder)
                if isinstance(stat, Stat) and stat.type is FileType.FILE:
                    answer = Unseen(f"{folder} is a zip archive", Cause.UNREADABLE)
            self._names[folder] = answer
        return self._names[folder]

    def _mapped(self, path: str) -> Found | Missing | Unseen:
        names = self._listed(path)
        if isinstance(names, frozenset):
            start = _module_file(names, "__init__")
            return Found(f"{path}/{start}" if start else "", (path,))
        if isinstance(names, Unseen):
            return names
        stat = self._host.stat(path)
        if isinstance(stat, Unseen):
            return stat
        return Found(path) if isinstance(stat, Stat) else Missing()

    def _add_site(self, site: str) -> None:
        self._search.append(site)
        names = self._listed(site)
        if isinstance(names, Unseen):
            self._unseen = self._unseen or names
        if not isinstance(names, frozenset):
            return
        for name in sorted(names):
            if name.endswith(".pth") and not name.startswith("."):
                self._add_pth(site, name)

    def _add_pth(self, site: str, name: str) -> None:
        """Lines are folders to add, relative to the file, or code that begins with `import`."""
        content = self._host.read(f"{site}/{name}")
        if isinstance(content, Unseen):
            self._unseen = self._unseen or content
        if not isinstance(content, Content):
            return
        for line in content.text.splitlines():
            text = line.strip()
            if text.startswith(("import ", "import\t")):
                finder = _finder_name().search(text)
                if finder:
                    self._add_finder(f"{site}/{finder['name']}.py")
            elif text and not text.startswith("#"):
                self._search.append(joined(site, text))

    def _add_finder(self, path: str) -> None:
        content = self._host.read(path, TextKind.PYTHON)
        mapping = _mapping(content.text) if isinstance(content, Content) else None
        if mapping is None:
            self._unseen = self._unseen or Unseen(f"{path} decides itself what is importable", Cause.RUN_TIME)
        else:
            self._mapping.update(mapping)


def find(host: Host, module: str, search: tuple[str, ...]) -> str | Missing | Unseen:
    """The file `import module` would load from a search path alone, without a standard library.

    A namespace package is its first folder.
    """
    found = Modules(host, search).find(module)
    if isinstance(found, Found):
        return found.file or (found.folders[0] if found.folders else "")
    return found


def interpreter(host: Host, venv: str, python: str = "") -> Interpreter:
    """The Python of a virtual environment; of the system, or of the installation of `python`, with `venv` "".

    `venv` and `python` are absolute paths.
    """
    return _of_venv(host, venv) if venv else _of_prefix(host, _prefix(python) or "/usr")


def _of_venv(host: Host, venv: str) -> Interpreter:
    content = host.read(f"{venv}/pyvenv.cfg")
    settings = _settings(content.text) if isinstance(content, Content) else {}
    version = _version_of_library(host, venv) or ".".join(
        settings.get("version", settings.get("version_info", "")).split(".")[:2]
    )
    prefix = settings.get("home", "").rstrip("/").removesuffix("/bin") if "home" in settings else ""
    if not version:
        empty = Unseen(f"{venv} holds no lib/python3.*/site-packages", Cause.NOT_FOUND)
        return Interpreter("", "", (), content if isinstance(content, Unseen) else empty)
    sites = tuple(f"{venv}/{lib}/python{version}/site-packages" for lib in ("lib", "lib64"))
    present = tuple(site for site in sites if not isinstance(host.list(site), Missing))[:1] or sites[:1]
    base = _of_prefix(host, prefix or "/usr", version)
    if settings.get("include-system-site-packages", "").lower() == "true":
        present += base.sites
    unseen = None if isinstance(content, Content) else Unseen(f"{venv}/pyvenv.cfg could not be read", Cause.UNREADABLE)
    return Interpreter(version, base.library, present, unseen or base.unseen)


def _of_prefix(host: Host, prefix: str, version: str = "") -> Interpreter:
    version = version or _version_of_library(host, prefix)
    if not version:
        names = host.list(f"{prefix}/lib")
        nothing = Unseen(f"no Python was found in {prefix}", Cause.NOT_FOUND)
        return Interpreter("", "", (), names if isinstance(names, Unseen) else nothing)
    candidates = (f"{prefix}/lib/python{version}", f"{prefix}/lib64/python{version}")
    library = next(
        (path for path in candidates if isinstance(names := host.list(path), tuple) and "os.py" in names), ""
    )
    lacking = Unseen(f"the standard library of Python {version} was not found in {prefix}", Cause.NOT_FOUND)
    sites = [f"{path}/site-packages" for path in candidates]
    if prefix == "/usr":
        # Debian: site.py, getsitepackages as patched by python3-minimal.
        sites = [f"/usr/local/lib/python{version}/dist-packages", "/usr/lib/python3/dist-packages", *sites]
        sites += [f"/usr/local/lib/python{version}/site-packages", f"{library}/dist-packages"]
    return Interpreter(version, library, tuple(sites), None if library else lacking)


def _prefix(python: str) -> str:
    folder, _, name = python.rpartition("/")
    return folder.removesuffix("/bin") if name.startswith("python") and folder.endswith("/bin") else ""


def _version_of_library(host: Host, prefix: str) -> str:
    """The newest lib/python3.X of an installation."""
    names = host.list(f"{prefix}/lib")
    if not isinstance(names, tuple):
        return ""
    minors = [int(match["minor"]) for name in names if (match := _library_name().match(name))]
    return f"3.{max(minors)}" if minors else ""


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _module_file(names: frozenset[str], stem: str) -> str:
    """The file of a module among names of one folder, in FileFinder's order: extension, source, bytecode."""
    start = f"{stem}."
    for name in names:
        if name.endswith(".so") and name.startswith(start) and _extension_name().fullmatch(name, len(start)):
            return name
    return next((stem + suffix for suffix in _SUFFIXES if stem + suffix in names), "")


def _mapping(text: str) -> dict[str, str] | None:
    """MAPPING of a finder of setuptools: module to folder or file; None where it is something else."""
    match = _mapping_line().search(text)
    if match is None:
        return None
    value = literal_dict(match["value"])
    if not value and match["value"].strip("{} "):
        return None
    return {name: path for name, path in value.items() if isinstance(name, str) and isinstance(path, str)}


@cache
def _finder_name() -> re.Pattern[str]:
    return re.compile(r"^import\s+(?P<name>__editable___\w+_finder)\b")


@cache
def _mapping_line() -> re.Pattern[str]:
    return re.compile(r"^MAPPING(?:\s*:[^=\n]+)?\s*=\s*(?P<value>\{[^\n]*\})", re.MULTILINE)


@cache
def _library_name() -> re.Pattern[str]:
    return re.compile(r"python3\.(?P<minor>\d+)$")


@cache
def _extension_name() -> re.Pattern[str]:
    """What stands between the name of an extension and its end: nothing, abi3, or the tag of a build."""
    return re.compile(r"(?:(?:abi3|cpython-[\w-]+|pypy\w*-[\w-]+)\.)?so")
