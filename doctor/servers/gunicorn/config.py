"""gunicorn.conf.py, read with `ast` and never executed (gunicorn/app/base.py, load_config)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from doctor.cause import Cause, Doubt, doubt
from doctor.facts import access
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.outline import Assignment, Expression, Outline
from doctor.grammar.paths import joined
from doctor.hosts.base import Host, Missing, TargetKind, TextKind, Unseen
from doctor.servers.gunicorn.arguments import SETTINGS
from doctor.servers.gunicorn.expression import Scope, Unresolved, Value, evaluate
from doctor.sources.variables import Variables

DEFAULT_NAME = "gunicorn.conf.py"


@frozen
class ConfigFile:
    """What a configuration file says. `values` holds what is assigned to names of settings."""

    path: Fact[str]
    error: Fact[str]
    values: Mapping[str, Fact[Value]]
    gap: Doubt | None = None
    """Why settings that are not in `values` may be set nevertheless, None when they are not."""
    expressions: frozenset[str] = frozenset()
    """Settings whose values are not written out, but worked out."""
    misnamed: tuple[str, ...] = ()
    misnamed_places: tuple[Place, ...] = ()
    module: bool = False
    """It was named as `python:module`, which is imported once."""


NO_FILE = ConfigFile(ABSENT, ABSENT, {})


def load(
    host: Host,
    given: Fact[str],
    directory: Fact[str],
    variables: Variables,
    import_path: tuple[str, ...] = (),
) -> ConfigFile:
    """The configuration file in force.

    `given`: the value of -c; Absent: `gunicorn.conf.py` in `directory`, where Gunicorn is started (its own
    --chdir comes later). `import_path`: where else `python:module` is looked for.
    """
    match given:
        case Unknown():
            return ConfigFile(given, ABSENT, {}, given)
        case Known(name, places):
            return _named(host, name, places, directory, variables, import_path)
        case Absent():
            pass
    if not isinstance(directory, Known):
        why = doubt(directory, "the directory it starts in is not known", Cause.NOT_FOUND)
        return ConfigFile(Unknown.of(why.because(f"{DEFAULT_NAME} may be read")), ABSENT, {}, why)
    path = posixpath.join(directory.value, DEFAULT_NAME)
    match host.stat(path):
        case Missing():
            return NO_FILE
        case Unseen() as unseen:
            gap = Unknown.of(unseen.because(f"{path} may be read"))
            return ConfigFile(gap, ABSENT, {}, gap)
        case _:
            note = f"{DEFAULT_NAME} is read from the directory it starts in without being asked for"
            return _read(host, path, (Place(path=path), Place(note=note)), variables)


def _named(
    host: Host,
    name: str,
    places: tuple[Place, ...],
    directory: Fact[str],
    variables: Variables,
    import_path: tuple[str, ...],
) -> ConfigFile:
    start = directory.or_("")
    if name.startswith("python:"):
        relative = name.removeprefix("python:").replace(".", "/")
        for folder in (start, *import_path):
            for candidate in (f"{relative}.py", f"{relative}/__init__.py"):
                path = posixpath.join(folder, candidate)
                if folder and not isinstance(host.stat(path), (Missing, Unseen)):
                    return replace(_read(host, path, places, variables), module=True)
        lost = Unknown(f"the module of {name} was not found", Cause.NOT_FOUND, places)
        return ConfigFile(lost, ABSENT, {}, lost)
    path = name.removeprefix("file:")
    if not path.startswith("/"):
        if not start:
            lost = Unknown(f"{path} is relative to a directory that is not known", Cause.NOT_FOUND, places)
            return ConfigFile(lost, ABSENT, {}, lost)
        path = joined(start, path)
    return _read(host, path, places, variables)


def _read(host: Host, path: str, places: tuple[Place, ...], variables: Variables) -> ConfigFile:
    known = Known(path, places)
    match host.outline(path):
        case Missing():
            # get_config_from_filename: RuntimeError("%r doesn't exist")
            gone = Doubt(f"{path} does not exist", Cause.NOT_FOUND)
            return ConfigFile(known, Known(f"{path} does not exist", places), {}, gone)
        case Unseen() as unseen:
            return ConfigFile(known, Unknown.of(unseen, places), {}, unseen)
        case Outline() as outline if outline.error is not None:
            where = Place(path=path, line=outline.error.line)
            message = f"{path} line {outline.error.line}: {outline.error.message}"
            return ConfigFile(known, Known(message, (where, *places)), {}, Doubt(message, Cause.NOT_UNDERSTOOD))
        case Outline() as outline:
            return _evaluated(host, path, known, outline, variables)


def _real(host: Host, path: str) -> str | None:
    """A path without links; a repository is taken to have none, for those that are on the machine lead back to it."""
    found = access.physical(host, path)
    if isinstance(found, Known):
        return found.value
    return posixpath.normpath(path) if host.kind is TargetKind.TREE else None


def _evaluated(host: Host, path: str, known: Known[str], outline: Outline, variables: Variables) -> ConfigFile:
    machine = host.machine()
    names: dict[str, Value | Unresolved] = {}
    asked: set[str] = set()

    def variable(name: str) -> Fact[str]:
        asked.add(name)
        return variables.get(name)

    scope = Scope(
        names, variable, None if isinstance(machine, Unseen) else machine.cpu_count, path, partial(_real, host)
    )
    inherited: set[str] = set()
    """Names whose values come from variables of the environment."""
    lines = _lines(host, path)
    taken = max((item.line for item in outline.imports if "*" in item.names and not item.guarded), default=0)
    settings: dict[str, Fact[Value]] = {}
    for item in outline.assignments:
        place = Place(path=path, line=item.line, text=lines.get(item.line, ""))
        asked.clear()
        value = _assigned(item, scope)
        if asked or inherited.intersection(_words(item.value)):
            inherited.add(item.name)
        else:
            inherited.discard(item.name)
        if item.conditional and not isinstance(value, Unresolved):
            value = Unresolved("a condition")
        elif item.line < taken:
            value = Unresolved("what the file imports after it")
        names[item.name] = value
        if item.name in SETTINGS:
            found = _fact(item, value, place)
            if item.name in inherited and isinstance(found, Known):
                found = replace(found, origin=Origin.INHERITED)
            settings[item.name] = found
    for definition in outline.definitions:
        if definition.name in SETTINGS:
            place = Place(path=path, line=definition.line, text=lines.get(definition.line, ""))
            settings[definition.name] = Unknown(
                f"{definition.name} is a {definition.kind}", Cause.NOT_UNDERSTOOD, (place,)
            )
    gap: Doubt | None = None
    if outline.dynamic_names:
        gap = Doubt(f"{path} takes names from elsewhere (import *, globals)", Cause.RUN_TIME)
    if outline.truncated:
        gap = Doubt(f"{path} is too large to be read whole", Cause.TOO_MUCH)
    used = {word for item in outline.assignments for word in _words(item.value)}
    wrong = [item for item in outline.assignments if item.name not in SETTINGS | used and _close(item.name)]
    worked_out = frozenset(item.name for item in outline.assignments if isinstance(item.value, Expression))
    return ConfigFile(
        known, Absent(known.places), settings, gap, worked_out & settings.keys(),
        tuple(dict.fromkeys(item.name for item in wrong)),
        tuple(Place(path=path, line=item.line, text=lines.get(item.line, "")) for item in wrong),
    )  # fmt: skip


def _assigned(item: Assignment, scope: Scope) -> Value | Unresolved:
    if not isinstance(item.value, Expression):
        return item.value
    try:
        return evaluate(item.value.text, scope)
    except Unresolved as unresolved:
        return unresolved


def _fact(item: Assignment, value: Value | Unresolved, place: Place) -> Fact[Value]:
    if isinstance(value, Unresolved):
        written = item.value.text if isinstance(item.value, Expression) else repr(item.value)
        return Unknown(f"{item.name} = {_short(written)} depends on {value}", Cause.RUN_TIME, (place,))
    return Known(value, (place,), Origin.EXPLICIT)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}…"


def _lines(host: Host, path: str) -> dict[int, str]:
    content = host.read(path, TextKind.PYTHON)
    if isinstance(content, (Missing, Unseen)):
        return {}
    return {number: line.strip() for number, line in enumerate(content.text.split("\n"), 1)}


def _words(value: object) -> list[str]:
    """Names an expression refers to."""
    return _WORD.findall(value.text) if isinstance(value, Expression) else []


def _close(name: str) -> bool:
    """A name at module level that is no setting but nearly one: Gunicorn ignores it without a word.

    Options are spelled otherwise than settings in a few cases (--preload is `preload_app`), and people
    take the one for the other.
    """
    if name.startswith("_"):
        return False
    if name.lower() in _SPELLED_AS_OPTION:
        return True
    from difflib import get_close_matches

    plain = name.replace("_", "").lower()
    return bool(get_close_matches(plain, _PLAIN, n=1, cutoff=0.87))


_SPELLED_AS_OPTION = frozenset(
    {"preload", "keep_alive", "access_logfile", "error_logfile", "log_file", "log_level",
     "log_config", "access_logformat", "log_syslog", "worker_type", "worker"}
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z_]\w*")
_PLAIN = {name.replace("_", ""): name for name in SETTINGS}
