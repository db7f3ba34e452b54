"""What the next start would set against what the running process has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from doctor.cause import Cause, doubt
from doctor.conclusions.environment.declared import Launcher, declared_names, launcher_of, line_of
from doctor.conclusions.environment.files import look, touched_after
from doctor.conclusions.environment.model import EnvFileState
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, Output, Stat
from doctor.hosts.commands import show_manager_environment
from doctor.hosts.paths import resolve
from doctor.servers.gunicorn import Plan
from doctor.sources.process import Process
from doctor.sources.systemd import Unit
from doctor.sources.systemd.environment import STANDARD_NAMES, StartEnvironment
from doctor.sources.systemd.unchanged import unchanged_since
from doctor.sources.variables import Variables

_OF_A_LAUNCHER = frozenset((
    "PWD", "OLDPWD", "SHLVL", "_", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PS1", "PYTHONPATH", "PYTHONHOME",
    "SERVER_SOFTWARE", "GUNICORN_FD", "GUNICORN_PID", "WERKZEUG_RUN_MAIN", "UV", "POETRY_ACTIVE", "PIPENV_ACTIVE",
    "CONDA_PREFIX", "LS_COLORS",
))  # fmt: skip

_VOLATILE = frozenset(
    ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "MAINPID", "INVOCATION_ID", "JOURNAL_STREAM")
)
_NOTHING = StartEnvironment(Variables({}), frozenset(), (), ())


@frozen
class Comparison:
    """All about the environment of a start but what the code needs of it. Without a unit nothing is declared."""

    plan: Fact[Plan]
    files: tuple[EnvFileState, ...]
    environment: StartEnvironment
    declared: Fact[frozenset[str]]
    launcher: Launcher
    running_names: Fact[frozenset[str]]
    changed: Fact[tuple[str, ...]]
    expected: Fact[frozenset[str]]


def compare(host: Host, plan: Fact[Plan], master: Fact[Process]) -> Comparison:
    """Compare what the unit would set with what `master` was started with."""
    running: Fact[Mapping[str, str]] = master.value.environ if isinstance(master, Known) else master
    names = Known(frozenset(running.value), running.places) if isinstance(running, Known) else running
    if not isinstance(plan, Known):
        expected = names if isinstance(plan, Absent) else plan
        return Comparison(plan, (), _NOTHING, plan, Launcher(frozenset(), None), names, plan, expected)
    environment = plan.value.environment
    files = tuple(map(look, environment.files))
    declared = declared_names(environment)
    launcher = launcher_of(plan.value)
    changed = _changed(host, environment, launcher, running, master, files)
    if isinstance(changed, Unknown) and _as_at_the_start(host, plan.value.unit, master, files):
        changed = ABSENT
    expected = _expected(environment, declared, launcher, running, changed)
    return Comparison(plan, files, environment, declared, launcher, names, changed, expected)


def _changed(
    host: Host,
    environment: StartEnvironment,
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
    if environment.unseen:
        return Unknown.of(environment.unseen[0])
    declared = environment.variables.values
    environ, started = running.value, master.value.started
    touched = {state.path for state in files if touched_after(host, state, started)}
    places: dict[str, Place] = {}
    for name, variable in declared.items():
        if name in _VOLATILE or name in launcher.sets or environ.get(name) == variable.value:
            continue
        if not launcher.opaque or variable.place.path in touched:
            places[name] = line_of(variable, environment)
    if touched and not launcher.opaque:
        usual = STANDARD_NAMES | _OF_A_LAUNCHER | environment.passed | launcher.sets
        left = set(environ) - set(declared) - usual
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
        return Unknown.of(doubt(answer, "systemd does not say what it passes to all services", Cause.NOT_FOUND))
    return frozenset(re.findall(r"(?:^Environment=|\s)[\"']?([A-Za-z_]\w*)=", answer.stdout))


def _as_at_the_start(host: Host, unit: Unit, master: Fact[Process], files: tuple[EnvFileState, ...]) -> bool:
    """Nobody has touched what makes the environment, so that it need not be compared."""
    if not isinstance(master, Known) or not unchanged_since(host, unit, master.value.started):
        return False
    return all(
        isinstance(resolve(host, state.path).stat, (Stat, Missing))
        and not touched_after(host, state, master.value.started)
        for state in files
    )


def _expected(
    environment: StartEnvironment,
    declared: Fact[frozenset[str]],
    launcher: Launcher,
    running: Fact[Mapping[str, str]],
    changed: Fact[tuple[str, ...]],
) -> Fact[frozenset[str]]:
    """A name the process has undeclared comes from elsewhere, and will again; not one of a file that changed."""
    if not isinstance(declared, Known):
        return declared
    if launcher.opaque and not isinstance(running, Known):
        return Unknown.of(launcher.opaque)
    names = declared.value | launcher.sets | STANDARD_NAMES
    if isinstance(running, Known):
        lost = set(changed.or_(()))
        names |= set(running.value) - lost
    return Known(frozenset(names), declared.places, Origin.COMPUTED)
