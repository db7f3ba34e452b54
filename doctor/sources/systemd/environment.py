"""The environment that systemd gives the next start of a service (systemd.exec(5), "Environment").

It is put together when the process starts, and never again (exec_child, src/core/exec-invoke.c): what systemd sets by
itself, then PassEnvironment=, Environment=, and the files of EnvironmentFile= in order, a later one winning; what
UnsetEnvironment= names is taken out of all of that.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from doctor.cause import Cause, doubt
from doctor.facts.value import Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvFile
from doctor.grammar.paths import is_pattern
from doctor.hosts.base import FileType, Host, Missing, Stat, TargetKind, Unseen
from doctor.hosts.paths import glob, resolve
from doctor.sources.systemd.model import EnvironmentFileRef, Unit
from doctor.sources.variables import Gap, Variable, Variables

STANDARD_NAMES = frozenset((
    "PATH", "LANG", "LANGUAGE", "USER", "LOGNAME", "HOME", "SHELL", "TERM", "TZ", "INVOCATION_ID", "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "MAINPID",
    "MANAGERPID", "PIDFILE", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "WATCHDOG_PID", "WATCHDOG_USEC", "XDG_RUNTIME_DIR",
    "REMOTE_ADDR", "REMOTE_PORT", "FDSTORE", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "DEBUG_INVOCATION",
    "SYSTEMD_NSS_DYNAMIC_BYPASS", "SYSTEMD_LOG_LEVEL",
))  # fmt: skip
"""Names systemd sets of its own accord (systemd.exec(5), "Environment variables in spawned processes")."""

_NOTHING = EnvFile((), ())


@frozen
class EnvironmentFile:
    """One file of EnvironmentFile=, as systemd would read it at a start."""

    path: str
    optional: bool
    place: Place
    """The line that names it."""
    state: Fact[str]
    """read, missing, or unreadable (a directory, a device)."""
    content: EnvFile
    """Empty where it was not read."""
    gap: Gap | None = None
    """What it may set where that could not be seen."""


@frozen
class StartEnvironment:
    """All that a unit and its files say. What systemd adds by itself (HOME, INVOCATION_ID, …) is left out."""

    variables: Variables
    passed: frozenset[str]
    """Names of PassEnvironment=: systemd hands on its own, where it has them."""
    files: tuple[EnvironmentFile, ...]
    unseen: tuple[Unknown, ...]
    """Why more names may be set; empty where these are all, or where systemd refuses the start."""


def start_environment(host: Host, unit: Unit) -> StartEnvironment:
    """What the next start of a unit would have. `host`: as the one who wrote the unit sees it."""
    files = tuple(file for ref in unit.environment_files.or_(()) for file in _files(host, ref))
    values = {variable.name: variable for variable in unit.environment.or_(())}
    for file in files:
        for item in file.content.assignments:
            place = Place(path=file.path, line=item.line, text=f"{item.name}={item.value}")
            values[item.name] = Variable(item.name, item.value, place)
    words = frozenset(unit.unset_environment.or_(()))
    passed = frozenset(name for name in unit.pass_environment.or_(()) if name not in words)
    left = {name: v for name, v in values.items() if not words & {name, f"{name}={v.value}"}}
    untold = tuple(_untold(host, unit))
    of_files = (file.gap for file in files if file.gap is not None)
    gaps = (*untold, *of_files, *_handed_on(host, unit, passed.difference(values)))
    unseen = (*untold, *(f.gap for f in files if f.gap is not None and not f.state.is_("unreadable")))
    return StartEnvironment(Variables(left, gaps), passed, files, tuple(gap.why for gap in unseen))


def _untold(host: Host, unit: Unit) -> Iterator[Gap]:
    if isinstance(unit.environment, Unknown):
        yield Gap(unit.environment)
    if isinstance(unit.environment_files, Unknown):
        yield Gap(unit.environment_files, assumed=host.kind is TargetKind.TREE)


def _handed_on(host: Host, unit: Unit, names: frozenset[str]) -> Iterator[Gap]:
    """On a machine nobody looks at what systemd itself has; of a repository it is assumed to be nothing of weight."""
    if names:
        why = Unknown("systemd hands on its own (PassEnvironment=)", Cause.RUN_TIME, unit.pass_environment.places)
        yield Gap(why, names, assumed=host.kind is TargetKind.TREE)


def _files(host: Host, ref: EnvironmentFileRef) -> Iterator[EnvironmentFile]:
    """The file of one EnvironmentFile=; of a pattern the files that it matches, in the order of glob(3)."""
    found = glob(host, ref.path) if is_pattern(ref.path) else ()
    if isinstance(found, Unseen) and found.cause is not Cause.OUTSIDE:
        why = Unknown.of(found, (Place(path=ref.path),))
        yield EnvironmentFile(ref.path, ref.optional, ref.place, why, _NOTHING, Gap(why))
    elif isinstance(found, tuple) and found:
        yield from (_read(host, EnvironmentFileRef(path, ref.optional, ref.place)) for path in found)
    else:
        yield _read(host, ref)


def _read(host: Host, ref: EnvironmentFileRef) -> EnvironmentFile:
    path, answer = ref.path, host.env_file(ref.path)
    place = Place(path=path)
    if isinstance(answer, EnvFile):
        large = Unknown(f"{path} is too large to be read whole", Cause.TOO_MUCH, (place,))
        gap = Gap(large) if answer.truncated else None
        return EnvironmentFile(path, ref.optional, ref.place, Known("read", (place,)), answer, gap)
    if isinstance(answer, Missing) and host.kind is not TargetKind.TREE:
        return EnvironmentFile(path, ref.optional, ref.place, Known("missing", (place,)), _NOTHING)
    stat = resolve(host, path).stat
    if isinstance(stat, Stat) and stat.type is not FileType.FILE:
        state = Known("unreadable", (Place(path=path, text=f"a {stat.type.value}"),))
        gap = Gap(Unknown.of(answer)) if isinstance(answer, Unseen) and not ref.optional else None
        return EnvironmentFile(path, ref.optional, ref.place, state, _NOTHING, gap)
    why = Unknown.of(doubt(answer, f"{path} is not in the repository", Cause.OUTSIDE), (place,))
    names = _sample(host, path)
    gap = Gap(why, names, assumed=names is None and why.cause is Cause.OUTSIDE)
    return EnvironmentFile(path, ref.optional, ref.place, why, _NOTHING, gap)


def _sample(host: Host, path: str) -> frozenset[str] | None:
    """Names in the sample of an environment file that a repository leaves to the machine: .env.example for .env."""
    if host.kind is not TargetKind.TREE:
        return None
    own = posixpath.basename(path)
    names = {f"{own}{mark}{word}" for mark in ".-_" for word in ("example", "sample", "dist", "template")}
    found = [document.path for document in host.documents() if document.path.rpartition("/")[2] in names]
    answer = host.env_file(found[0]) if len(found) == 1 else None
    return frozenset(item.name for item in answer.assignments) if isinstance(answer, EnvFile) else None
