"""May a unit start what it names: are directory and program there, may its user reach them, are they the app's own?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from doctor.cause import Cause
from doctor.conclusions.release import Release
from doctor.conclusions.release.layout import entry_of
from doctor.facts import access
from doctor.facts.access import Obstacle
from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, absent_all, computed
from doctor.frozen import frozen
from doctor.grammar.paths import VENV_NAMES
from doctor.hosts.base import Content, FileType, Host, Missing, Stat, TargetKind, Unseen
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.launch import interpreter
from doctor.sources.systemd import Unit

_SEARCH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where systemd looks for a program without a slash (systemd.exec(5), ExecSearchPath=)."""
_SHEBANG_LIMIT = 1024
_REPOSITORY = "a repository does not tell what is on the server"


@frozen
class Placement:
    """What stands in the way of the next start; each Absent where nothing does."""

    missing_directory: Fact[str]
    """The directory the unit or --chdir names, when it does not exist."""
    missing_program: Fact[str]
    """The program ExecStart= leads to, or its interpreter, when it does not exist."""
    broken_script: Fact[str]
    """The script whose first line names `missing_program`; Absent where that is named otherwise."""
    obstacle: Fact[Obstacle]
    """The first path that the unit's user needs and may not use."""
    project_venv: Fact[str]
    """A virtual environment of the app with a Gunicorn of its own, while another one is started."""
    old_venv: Fact[str]
    """The virtual environment that Gunicorn runs in, when the command of its unit leads to another one by now."""
    old_venv_gone: Fact[bool]
    """It was removed."""


def collect(host: Host, unit: Fact[Unit], gunicorn: Gunicorn, release: Release) -> Placement:
    """Look at what the next start of `unit` needs."""
    if not isinstance(unit, Known):
        return absent_all(Placement)
    if host.kind is TargetKind.TREE:
        return _all(Unknown(_REPOSITORY, Cause.OUTSIDE))
    if isinstance(unit.value.root_directory, Known):
        return _all(
            Unknown("it runs in a root directory of its own", Cause.ELSEWHERE, unit.value.root_directory.places)
        )
    old = _old_venv(host, unit.value, gunicorn, release)
    if isinstance(old, Known):
        # What runs is not what the next start would run.
        nothing = Unknown("its next start would use another virtual environment", Cause.AMBIGUOUS, old.places)
        gunicorn = replace(gunicorn, program=nothing, python=nothing, venv=nothing)
    program = _missing_program(host, unit.value, gunicorn)
    return Placement(
        missing_directory=_missing_directory(host, unit.value, gunicorn),
        missing_program=program,
        broken_script=_broken_script(program),
        obstacle=_obstacle(host, unit.value, gunicorn),
        project_venv=Absent(old.places) if isinstance(old, Known) else _project_venv(host, gunicorn, release),
        old_venv=old,
        old_venv_gone=_gone(host, old),
    )


def _all(reason: Unknown) -> Placement:
    facts: dict[str, Any] = {field.name: reason for field in fields(Placement)}
    return Placement(**facts)


def _old_venv(host: Host, unit: Unit, gunicorn: Gunicorn, release: Release) -> Fact[str]:
    """A virtual environment in each release: a reload brings the new code, and keeps the old interpreter."""
    if not isinstance(gunicorn.master, Known) or not isinstance(release.folder, Known):
        return ABSENT
    if not isinstance(gunicorn.venv, Known) or not isinstance(unit.exec_start, Known):
        return (
            ABSENT
            if isinstance(gunicorn.venv, Absent)
            else Unknown("its virtual environment is not known", Cause.NOT_FOUND)
        )
    running = gunicorn.venv.value
    folder = release.folder.value
    named = release.configured.map(lambda it: entry_of(it, folder)).or_("")
    if not named or entry_of(running, folder) in ("", named):
        return Absent(gunicorn.venv.places)
    program = unit.exec_start.value[0].argv[0]
    content = host.read(program, limit=_SHEBANG_LIMIT)
    python = interpreter(content.text) if isinstance(content, Content) else ""
    if not python.startswith("/") or python.startswith(f"{running}/") or not isinstance(host.stat(python), Stat):
        return Absent(gunicorn.venv.places)
    return Known(running, (*gunicorn.venv.places, Place(path=program, line=1, text=f"#!{python}")))


def _gone(host: Host, venv: Fact[str]) -> Fact[bool]:
    if not isinstance(venv, Known):
        return venv.untold()
    stat = host.stat(venv.value)
    return Unknown.of(stat) if isinstance(stat, Unseen) else computed(isinstance(stat, Missing), *venv.places)


def _missing_directory(host: Host, unit: Unit, gunicorn: Gunicorn) -> Fact[str]:
    doubt: Unknown | None = None
    optional = unit.working_directory_optional.or_(False)
    for fact in (ABSENT if optional else unit.working_directory, gunicorn.settings.chdir):
        if isinstance(fact, Unknown):
            doubt = doubt or fact
        elif isinstance(fact, Known) and fact.value.startswith("/"):
            real = access.physical(host, fact.value)
            if isinstance(real, Absent):
                return computed(fact.value, *fact.places, *real.places)
            doubt = doubt or (real if isinstance(real, Unknown) else None)
    return doubt or ABSENT


def _missing_program(host: Host, unit: Unit, gunicorn: Gunicorn) -> Fact[str]:
    if not isinstance(unit.exec_start, Known):
        return unit.exec_start
    places = unit.exec_start.places
    for command in unit.exec_start.value:
        program = command.argv[0]
        if "/" not in program and all(isinstance(host.stat(f"{folder}/{program}"), Missing) for folder in _SEARCH):
            return computed(program, *places)
    for path, named in _programs(unit, gunicorn):
        if isinstance(access.physical(host, path), Absent):
            return computed(path, *named, Place(path=path, text="no such file"))
    return Absent(places)


def _broken_script(missing: Fact[str]) -> Fact[str]:
    if not isinstance(missing, Known):
        return missing
    script = next((place.path for place in missing.places if place.line == 1 and place.text.startswith("#!")), "")
    return computed(script, *missing.places) if script else ABSENT


def _programs(unit: Unit, gunicorn: Gunicorn) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """Absolute paths of the programs of a start: what ExecStart= names, what that leads to, the interpreter."""
    if isinstance(unit.exec_start, Known):
        for command in unit.exec_start.value:
            if command.argv[0].startswith("/") and "-" not in command.prefixes:
                yield command.argv[0], unit.exec_start.places
    for fact in (gunicorn.program, gunicorn.python):
        if isinstance(fact, Known) and fact.value.startswith("/"):
            yield fact.value, fact.places


def _obstacle(host: Host, unit: Unit, gunicorn: Gunicorn) -> Fact[Obstacle]:
    if unit.dynamic_user.or_(False):
        return Unknown("the user is made at the start", Cause.RUN_TIME, unit.dynamic_user.places)
    if not isinstance(unit.user, Known):
        return unit.user  # root passes everywhere
    if any("+" in c.prefixes for c in unit.exec_start.or_(())):
        return ABSENT
    credentials = Accounts(host).credentials(unit.user.value, unit.group, unit.supplementary_groups)
    if not isinstance(credentials, Known):
        return (
            credentials
            if isinstance(credentials, Unknown)
            else Unknown(f"there is no user {unit.user.value}", Cause.NOT_FOUND)
        )
    uid, gids = credentials.value
    optional = unit.working_directory_optional.or_(False)
    needed = [
        (fact.value, "x") for fact in (unit.working_directory, gunicorn.settings.chdir) if isinstance(fact, Known)
    ]
    needed = needed[1:] if optional else needed
    # A file where a directory is meant stops everybody, whatever its mode.
    needed = [(path, right) for path, right in needed if not _is_file(host, path)]
    needed += [(path, "x") for path, _ in _programs(unit, gunicorn)]
    doubt: Unknown | None = None
    for path, right in dict.fromkeys(needed):
        if not path.startswith("/"):
            continue
        found = access.obstacle(host, path, uid, gids, right)
        if isinstance(found, Known):
            return Known(found.value, (*found.places, *unit.user.places), found.origin)
        # What does not exist is told by the other facts.
        if isinstance(found, Unknown) and isinstance(access.physical(host, path), Known):
            doubt = doubt or found
    return doubt or Absent(unit.user.places)


def _is_file(host: Host, path: str) -> bool:
    real = access.physical(host, path)
    stat = host.stat(real.value) if isinstance(real, Known) else None
    return isinstance(stat, Stat) and stat.type is FileType.FILE


def _project_venv(host: Host, gunicorn: Gunicorn, release: Release) -> Fact[str]:
    """Beside the code or in its release: where another interpreter is started.

    A virtual environment that releases share, or one anywhere else, is a matter of taste.
    """
    if not isinstance(release.configured, Known):
        return release.configured
    home = release.configured.value
    if isinstance(gunicorn.venv, Unknown):
        return gunicorn.venv
    if isinstance(gunicorn.venv, Known):
        folder = release.folder
        if not isinstance(folder, Known) or not gunicorn.venv.value.startswith(f"{folder.value}/"):
            return Absent(gunicorn.venv.places)
        own, current = (entry_of(path, folder.value) for path in (gunicorn.venv.value, home))
        if not current or own == current:
            return Absent(gunicorn.venv.places)
        bases = [current]
    else:
        bases = [home, posixpath.dirname(home)]
        if isinstance(release.link, Known):
            bases.append(posixpath.dirname(release.link.value))
    for base in bases:
        for name in VENV_NAMES:
            path = f"{base}/{name}"
            if base.count("/") > 1 and isinstance(host.stat(f"{path}/pyvenv.cfg"), Stat):
                program = f"{path}/bin/gunicorn"
                if isinstance(host.stat(program), Stat):
                    return computed(path, Place(path=program), *gunicorn.program.places)
    return Absent(gunicorn.venv.places)
