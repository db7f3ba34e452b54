"""Which gunicorn script, interpreter, virtual environment and version a launch means.

Never from /proc/PID/exe: that is the base interpreter, whatever virtual environment runs it.
"""

from __future__ import annotations

import posixpath

from doctor.cause import Cause, Doubt, doubt
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.paths import joined
from doctor.hosts.base import Content, Host, Missing, Stat, Unseen
from doctor.servers.gunicorn.launch import Launch, interpreter

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What systemd gives a service without Environment=PATH= (systemd.exec(5))."""
_SHEBANG_LIMIT = 1024
_DISTRIBUTION_FOLDERS = ("/usr/local/lib/python3/dist-packages", "/usr/lib/python3/dist-packages")


@frozen
class Program:
    """The installation a launch uses."""

    program: Fact[str]
    python: Fact[str]
    venv: Fact[str]
    version: Fact[str]
    """Of the gunicorn distribution installed there. Absent: there is none."""
    installed: float = 0.0
    """When its metadata was written last, seconds since the epoch; 0 where that is not known."""
    import_path: tuple[str, ...] = ()
    """Its site-packages folders."""


def locate(host: Host, launch: Launch, directory: Fact[str], path: str, place: Place) -> Program:
    """Follow a launch to its interpreter and installation. `path`: PATH as the process has it, "" for systemd's."""
    if launch.venv:
        path = f"{launch.venv}/bin:{path or _SYSTEM_PATH}"
    program = _program(host, launch, directory, path, place)
    python = _python(host, launch, program, directory, path)
    if not isinstance(python, Known):
        nothing = Unknown.of(doubt(python, "its interpreter is not known", Cause.NOT_FOUND))
        return Program(program, python, nothing, nothing)
    venv, system = _venv(host, python)
    folders = _site_packages(host, posixpath.dirname(posixpath.dirname(python.value)))
    if system:
        folders += tuple(f for f in _DISTRIBUTION_FOLDERS if not isinstance(host.stat(f), (Missing, Unseen)))
    version, installed = _version(host, folders, python.value)
    return Program(program, python, venv, version, installed, folders)


def running_version(program: Program, started: float) -> Fact[str]:
    """The version a master runs: the one installed, if nothing was installed since it started."""
    if not isinstance(program.version, Known):
        return Unknown.of(doubt(program.version, "gunicorn is not installed any more", Cause.VANISHED))
    if program.installed and program.installed < started:
        note = Place(note="installed before the master started, and not changed since")
        return Known(program.version.value, (*program.version.places, note), Origin.COMPUTED)
    return Unknown("gunicorn was installed after the master started", Cause.VANISHED, program.version.places)


def _program(host: Host, launch: Launch, directory: Fact[str], path: str, place: Place) -> Fact[str]:
    name = launch.program
    if launch.kind == "module" or name.startswith("/") or (launch.python and "/" not in name):
        return Known(name, (place,))
    if "/" in name:
        if isinstance(directory, Known):
            return Known(joined(directory.value, name), (place,))
        return Unknown(f"{name} is relative to a directory that is not known", Cause.NOT_FOUND, (place,))
    found = _search(host, name, path)
    if found:
        return Known(found, (place,), Origin.COMPUTED)
    return Unknown.of(_unseen(host, path, f"{name} was not found in {path or _SYSTEM_PATH}"), (place,))


def _python(host: Host, launch: Launch, program: Fact[str], directory: Fact[str], path: str) -> Fact[str]:
    if launch.python:
        if launch.python.startswith("/"):
            return Known(launch.python, program.places)
        if "/" in launch.python and isinstance(directory, Known):
            return Known(joined(directory.value, launch.python), program.places)
        found = _search(host, launch.python, path)
        if found:
            return Known(found, program.places)
        return Unknown.of(_unseen(host, path, f"{launch.python} was not found in its PATH"))
    if not isinstance(program, Known):
        return program
    content = host.read(program.value, limit=_SHEBANG_LIMIT)
    if isinstance(content, Unseen):
        return Unknown.of(content, (Place(path=program.value),))
    if isinstance(content, Content):
        named = interpreter(content.text)
        if named:
            named = named if "/" in named else _search(host, named, path)
            first = content.text.partition("\n")[0]
            if named:
                return Known(named, (Place(path=program.value, line=1, text=first),))
    # The script is gone or no script: the interpreter of a virtual environment lies beside it.
    beside = posixpath.join(posixpath.dirname(program.value), "python")
    if program.value.startswith("/") and posixpath.dirname(program.value) not in _SYSTEM_PATH.split(":"):
        return Known(beside, (Place(path=program.value),), Origin.COMPUTED)
    return Unknown(f"{program.value} does not name its interpreter", Cause.NOT_FOUND, (Place(path=program.value),))


def _unseen(host: Host, path: str, otherwise: str) -> Doubt:
    """Why the folders of PATH cannot be looked at; when they can, nothing was found there."""
    answers = (host.stat(folder) for folder in (path or _SYSTEM_PATH).split(":") if folder.startswith("/"))
    return next((answer for answer in answers if isinstance(answer, Unseen)), Doubt(otherwise, Cause.NOT_FOUND))


def _search(host: Host, name: str, path: str) -> str:
    for folder in (path or _SYSTEM_PATH).split(":"):
        candidate = posixpath.join(folder, name)
        if folder.startswith("/") and isinstance(host.stat(candidate), Stat):
            return candidate
    return ""


def _venv(host: Host, python: Known[str]) -> tuple[Fact[str], bool]:
    """The virtual environment of an interpreter (pyvenv.cfg, PEP 405), and whether it sees the system's packages."""
    folder = posixpath.dirname(posixpath.dirname(python.value))
    path = posixpath.join(folder, "pyvenv.cfg")
    content = host.read(path, limit=4096)
    if isinstance(content, Content):
        system = any(
            line.replace(" ", "").lower() == "include-system-site-packages=true" for line in content.text.splitlines()
        )
        return Known(folder, (Place(path=path), *python.places), Origin.COMPUTED), system
    if isinstance(content, Unseen):
        return Unknown.of(content, (Place(path=path),)), True
    gone = isinstance(host.stat(python.value), Missing) and posixpath.dirname(python.value) not in _SYSTEM_PATH.split(
        ":"
    )
    if gone:
        return Known(folder, (Place(path=python.value, text="no such file"),), Origin.COMPUTED), False
    return Absent((Place(path=path),)), True


def _site_packages(host: Host, prefix: str) -> tuple[str, ...]:
    folders: list[str] = []
    for lib in (posixpath.join(prefix, "lib"), posixpath.join(prefix, "local", "lib")):
        names = host.list(lib)
        if isinstance(names, (Missing, Unseen)):
            continue
        for name in names:
            if name.startswith("python3"):
                for kind in ("site-packages", "dist-packages"):
                    folder = posixpath.join(lib, name, kind)
                    if isinstance(host.stat(folder), Stat):
                        folders.append(folder)
    return tuple(dict.fromkeys(folders))


def _version(host: Host, folders: tuple[str, ...], python: str) -> tuple[Fact[str], float]:
    """From the name of the metadata folder (gunicorn-27.0.1.dist-info), and when that was written."""
    for folder in folders:
        names = host.list(folder)
        if isinstance(names, Unseen):
            return Unknown.of(names, (Place(path=folder),)), 0.0
        if isinstance(names, Missing):
            continue
        for name in names:
            stem, dot, kind = name.rpartition(".")
            if dot and kind in ("dist-info", "egg-info") and stem.startswith("gunicorn-"):
                path = posixpath.join(folder, name)
                stat = host.stat(path)
                written = max(stat.mtime, stat.ctime) if isinstance(stat, Stat) else 0.0
                return Known(stem.split("-")[1], (Place(path=path),)), written
    if not folders:
        return Unknown(f"the packages of {python} were not found", Cause.NOT_FOUND), 0.0
    return Absent(tuple(Place(path=folder) for folder in folders)), 0.0
