"""What the next start would set against what the running process has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from doctor.conclusions.environment.declared import Declared, Launcher, declare, launcher_of
from doctor.conclusions.environment.files import look, references, touched_after
from doctor.conclusions.environment.model import EnvFileState
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, Output, Stat, Unseen
from doctor.hosts.commands import show_manager_environment
from doctor.hosts.paths import resolve
from doctor.sources import lending
from doctor.sources.process import Process
from doctor.sources.systemd import Unit, untouched
from doctor.sources.systemd.environment import STANDARD_NAMES

_OF_A_LAUNCHER = frozenset((
    "PWD", "OLDPWD", "SHLVL", "_", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PS1", "PYTHONPATH", "PYTHONHOME",
    "SERVER_SOFTWARE", "GUNICORN_FD", "GUNICORN_PID", "WERKZEUG_RUN_MAIN", "UV", "POETRY_ACTIVE", "PIPENV_ACTIVE",
    "CONDA_PREFIX", "LS_COLORS",
))  # fmt: skip

_VOLATILE = frozenset(
    ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "MAINPID", "INVOCATION_ID", "JOURNAL_STREAM")
)


@frozen
class Comparison:
    """All about the environment of a start but what the code needs of it. Without a unit nothing is declared."""

    unit: Fact[Unit]
    files: tuple[EnvFileState, ...]
    declared: Declared
    launcher: Launcher
    running_names: Fact[frozenset[str]]
    changed: Fact[tuple[str, ...]]
    expected: Fact[frozenset[str]]


def compare(host: Host, unit: Fact[Unit], master: Fact[Process]) -> Comparison:
    """Compare what the unit would set with what `master` was started with."""
    running: Fact[Mapping[str, str]] = master.value.environ if isinstance(master, Known) else master
    names = Known(frozenset(running.value), running.places) if isinstance(running, Known) else running
    if not isinstance(unit, Known):
        expected = names if isinstance(unit, Absent) else unit
        return Comparison(unit, (), Declared({}, frozenset(), ""), Launcher(frozenset(), ""), names, unit, expected)
    view = lending.for_files_of(host, unit.value)
    looked = [look(view, ref) for ref in references(view, unit.value)]
    files = tuple(file.state for file in looked)
    declared = declare(unit.value, looked)
    launcher = launcher_of(unit.value)
    changed = _changed(host, declared, launcher, running, master, files)
    if isinstance(changed, Unknown) and _as_at_the_start(host, unit.value, master, files):
        changed = ABSENT
    expected = _expected(declared, launcher, running, changed)
    return Comparison(unit, files, declared, launcher, names, changed, expected)


def _changed(
    host: Host,
    declared: Declared,
    launcher: Launcher,
    running: Fact[Mapping[str, str]],
    master: Fact[Process],
    files: tuple[EnvFileState, ...],
) -> Fact[tuple[str, ...]]:
    """Names with another value than at the start.

    A name only the process has is no change: wrappers, DefaultEnvironment= and `systemctl set-environment`
    add names too. It counts as removed only where systemd starts Gunicorn directly, an env file (or, where it is
    gone, its folder) was touched after the start, and neither systemd nor a usual launcher sets that name. Behind
    a launcher that may set anything a difference counts only where the file was touched after the start.
    """
    if not isinstance(running, Known) or not isinstance(master, Known):
        return running if not isinstance(running, Known) else ABSENT
    if declared.unknown:
        return Unknown(declared.unknown)
    environ, started = running.value, master.value.started
    touched = {state.path for state in files if touched_after(host, state, started)}
    places: dict[str, Place] = {}
    for name, (value, place) in declared.values.items():
        if name in _VOLATILE or name in launcher.sets or environ.get(name) == value:
            continue
        if not launcher.opaque or place.path in touched:
            places[name] = place
    if touched and not launcher.opaque:
        usual = STANDARD_NAMES | _OF_A_LAUNCHER | declared.passed | launcher.sets
        left = set(environ) - set(declared.values) - usual
        left = {name for name in left if not name.startswith(("LC_", "XDG_", "SYSTEMD_"))}
        given = _given_to_all(host) if left else frozenset()
        if isinstance(given, Unknown) and not places:
            return given
        for name in sorted(left - given) if not isinstance(given, Unknown) else ():
            places[name] = Place(note=f"{name} is in the environment of pid {master.value.pid}, and set nowhere now")
    if not places:
        return Absent(running.places)
    return Known(tuple(sorted(places)), tuple(places[name] for name in sorted(places)), Origin.COMPUTED)


def _given_to_all(host: Host) -> frozenset[str] | Unknown:
    """Names that the manager passes to every service."""
    answer = host.run(show_manager_environment())
    if not isinstance(answer, Output) or answer.status:
        reason = answer.reason if isinstance(answer, Unseen) else "systemd does not say what it passes to all services"
        return Unknown(reason)
    return frozenset(re.findall(r"(?:^Environment=|\s)[\"']?([A-Za-z_]\w*)=", answer.stdout))


def _as_at_the_start(host: Host, unit: Unit, master: Fact[Process], files: tuple[EnvFileState, ...]) -> bool:
    """Nobody has touched what makes the environment, so that it need not be compared."""
    if not isinstance(master, Known) or not untouched.since(host, unit, master.value.started):
        return False
    return all(
        isinstance(resolve(host, state.path).stat, (Stat, Missing))
        and not touched_after(host, state, master.value.started)
        for state in files
    )


def _expected(
    declared: Declared,
    launcher: Launcher,
    running: Fact[Mapping[str, str]],
    changed: Fact[tuple[str, ...]],
) -> Fact[frozenset[str]]:
    """A name the process has undeclared comes from elsewhere, and will again; not one of a file that changed."""
    if declared.unknown:
        return Unknown(declared.unknown)
    if launcher.opaque and not isinstance(running, Known):
        return Unknown(launcher.opaque)
    names = set(declared.values) | declared.passed | launcher.sets | STANDARD_NAMES
    if isinstance(running, Known):
        lost = set(changed.value) if isinstance(changed, Known) else set()
        names |= set(running.value) - lost
    return Known(frozenset(names), declared.names.places, Origin.COMPUTED)
