"""The environment of a service: what unit and env files say against what the running process has.

systemd puts it together when it starts the process, and never again: its own variables, PassEnvironment=,
Environment=, then the files of EnvironmentFile= in order, a later one winning (systemd.exec(5)). A reload
changes nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from doctor.facts.process import Process
from doctor.facts.service import untouched
from doctor.facts.systemd import EnvironmentFileRef, Unit
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvFile, EnvOddity
from doctor.grammar.execline import shell_commands, shell_script
from doctor.hosts.base import FileType, Host, Missing, Output, Stat, TargetKind, Unseen
from doctor.hosts.commands import show_manager_environment

STANDARD_NAMES = frozenset((
    "PATH", "LANG", "LANGUAGE", "USER", "LOGNAME", "HOME", "SHELL", "TERM", "TZ", "INVOCATION_ID", "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "MAINPID",
    "MANAGERPID", "PIDFILE", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "WATCHDOG_PID", "WATCHDOG_USEC", "XDG_RUNTIME_DIR",
    "REMOTE_ADDR", "REMOTE_PORT", "FDSTORE", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "DEBUG_INVOCATION",
    "SYSTEMD_NSS_DYNAMIC_BYPASS", "SYSTEMD_LOG_LEVEL",
))  # fmt: skip
"""Names systemd sets of its own accord (systemd.exec(5), "Environment variables in spawned processes")."""

_OF_A_LAUNCHER = frozenset((
    "PWD", "OLDPWD", "SHLVL", "_", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PS1", "PYTHONPATH", "PYTHONHOME",
    "SERVER_SOFTWARE", "GUNICORN_FD", "GUNICORN_PID", "WERKZEUG_RUN_MAIN", "UV", "POETRY_ACTIVE", "PIPENV_ACTIVE",
    "CONDA_PREFIX", "LS_COLORS",
))  # fmt: skip
_VOLATILE = frozenset(
    ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "MAINPID", "INVOCATION_ID", "JOURNAL_STREAM")
)
_DIRECT = ("gunicorn", "python", "uvicorn", "flask", "hypercorn", "waitress-serve", "uwsgi")
_LINKS = 8


@frozen
class EnvProblem:
    """A line systemd reads differently from what its author meant. `dropped`: the variable is not set at all."""

    path: str
    line: int
    kind: EnvOddity
    name: str
    dropped: bool


@frozen
class EnvFileState:
    """One EnvironmentFile of a unit. `state`: read, missing, unreadable."""

    path: str
    optional: bool
    state: Fact[str]
    mode: Fact[int]
    changed: Fact[float]
    """mtime, seconds since the epoch."""
    problems: Fact[tuple[EnvProblem, ...]]


@frozen
class Environment:
    """Names only; values are compared as tokens and never shown."""

    files: tuple[EnvFileState, ...]
    declared: Fact[frozenset[str]]
    """Names the next start would set, from Environment=, the files and PassEnvironment=."""
    expected: Fact[frozenset[str]]
    """Names the next start would have: those declared, those the command sets, and what the running master has from
    elsewhere (a launcher, DefaultEnvironment=). Without what was taken out of a file since it started."""
    running: Fact[frozenset[str]]
    """Names in the environment of the running master."""
    changed: Fact[tuple[str, ...]]
    """Names whose value on disk differs from the running one (changed, added or removed); Absent when equal."""
    missing_required: Fact[tuple[str, ...]]
    """Variables the code requires that the next start would not have; Absent when none."""
    unloadable: Fact[str] = ABSENT
    """Path of the first file that is not optional and is missing, or no file at all: systemd refuses to start."""
    hidden: Fact[str] = ABSENT
    """Path of the first optional file (EnvironmentFile=-…) that is missing: systemd starts without a word."""
    lost: Fact[tuple[str, ...]] = ABSENT
    """Names that lines of the files mean to set and do not, and that nothing else sets; Absent when none."""
    misread: Fact[tuple[str, ...]] = ABSENT
    """What systemd reads differently from what was meant, a phrase for each such line; Absent when none."""


@frozen
class _Declared:
    """What the next start would set: token and place by name. `unknown`: why that is not all of it."""

    values: Mapping[str, tuple[str, Place]]
    passed: frozenset[str]
    unknown: str


@frozen
class _Launcher:
    """What stands between systemd and Gunicorn. `sets`: names a command line sets; `opaque`: it may set any."""

    sets: frozenset[str]
    opaque: str


def collect(host: Host, unit: Fact[Unit], master: Fact[Process], required: Fact[tuple[str, ...]]) -> Environment:
    """Compare what the unit would set with what `master` was started with, and with what the code needs.

    `required` are the variables read at import. A Gunicorn without a unit (`unit` Absent) has nothing declared.
    """
    running = _running(master)
    if not isinstance(unit, Known):
        nothing: Absent | Unknown = unit
        return Environment(
            files=(),
            declared=nothing,
            expected=_names(running) if isinstance(nothing, Absent) else nothing,
            running=_names(running),
            changed=nothing,
            missing_required=_missing_of_running(required, running),
            unloadable=nothing,
            hidden=nothing,
            lost=nothing,
            misread=nothing,
        )
    looked = [_look(host, ref) for ref in _references(host, unit.value)]
    declared = _declare(unit.value, looked)
    launcher = _launcher(unit.value)
    changed = _changed(host, declared, launcher, running, master, tuple(state for state, _ in looked))
    if isinstance(changed, Unknown) and _as_at_the_start(host, unit.value, master, looked):
        changed = ABSENT
    expected = _expected(declared, launcher, running, changed)
    files = tuple(state for state, _ in looked)
    odd = tuple(_misread(files, declared, expected, required))
    return Environment(
        files=files,
        declared=_declared_names(declared),
        expected=expected,
        running=_names(running),
        changed=changed,
        missing_required=_missing(required, expected, launcher),
        unloadable=_first_missing(unit.value, files, optional=False),
        hidden=_first_missing(unit.value, files, optional=True),
        lost=_joined(files, tuple((problem.name, problem) for problem, _ in odd if problem.dropped)),
        misread=_joined(files, tuple((phrase, problem) for problem, phrase in odd)),
    )


# ---- files --------------------------------------------------------------------------------------------------------


def _references(host: Host, unit: Unit) -> list[EnvironmentFileRef]:
    """EnvironmentFile= entries, a pattern replaced by the files it matches (glob(3), sorted)."""
    if not isinstance(unit.environment_files, Known):
        return []
    found: list[EnvironmentFileRef] = []
    for ref in unit.environment_files.value:
        folder, _, pattern = ref.path.rpartition("/")
        names = host.list(folder) if any(character in pattern for character in "*?[") else ()
        matches = [name for name in names if fnmatchcase(name, pattern)] if isinstance(names, tuple) else []
        found += [EnvironmentFileRef(f"{folder}/{name}", ref.optional) for name in matches] or [ref]
    return found


def _look(host: Host, ref: EnvironmentFileRef) -> tuple[EnvFileState, EnvFile | None]:
    path = ref.path
    parsed = host.env_file(path)
    stat = _stat(host, path)
    place = Place(path=path)
    state: Fact[str]
    problems: Fact[tuple[EnvProblem, ...]]
    if isinstance(parsed, EnvFile):
        state, problems = Known("read", (place,)), _problems(path, parsed)
    elif isinstance(parsed, Missing) and host.kind is not TargetKind.TREE:
        state, problems = Known("missing", (place,)), Absent((place,))
    elif isinstance(stat, Stat) and stat.type is not FileType.FILE:
        state, problems = Known("unreadable", (Place(path=path, text=f"a {stat.type.value}"),)), Absent((place,))
    else:
        reason = parsed.reason if isinstance(parsed, Unseen) else f"{path} is not in the repository"
        state, problems = Unknown(reason, (place,)), Unknown(reason, (place,))
    mode: Fact[int]
    changed: Fact[float]
    if host.kind is TargetKind.TREE:
        mode = changed = Unknown("a repository has no permissions and times of the machine", (place,))
    elif isinstance(stat, Stat):
        mode, changed = Known(stat.mode, (place,)), Known(stat.mtime, (place,))
    else:
        mode = changed = Absent((place,)) if isinstance(stat, Missing) else Unknown(stat.reason, (place,))
    return EnvFileState(path, ref.optional, state, mode, changed, problems), parsed if isinstance(
        parsed, EnvFile
    ) else None


def _stat(host: Host, path: str) -> Stat | Missing | Unseen:
    """What is at the end of the links."""
    answer = host.stat(path)
    for _ in range(_LINKS):
        if not isinstance(answer, Stat) or answer.type is not FileType.LINK:
            break
        path = answer.target if answer.target.startswith("/") else f"{path.rpartition('/')[0]}/{answer.target}"
        answer = host.stat(path)
    return answer


def _problems(path: str, parsed: EnvFile) -> Fact[tuple[EnvProblem, ...]]:
    """Odd lines. A line that names no variable is lost as a whole."""
    if not parsed.oddities:
        return Absent((Place(path=path),))
    assigned = {assignment.name for assignment in parsed.assignments}
    lost = {EnvOddity.NO_EQUALS, EnvOddity.INVALID_NAME, EnvOddity.EXPORT}
    found = tuple(
        EnvProblem(path, odd.line, odd.kind, odd.name, odd.name not in assigned if odd.name else odd.kind in lost)
        for odd in parsed.oddities
    )
    places = tuple(Place(path=path, line=odd.line, text=f"{odd.name}=…" if odd.name else "") for odd in parsed.oddities)
    return Known(found, places, Origin.EXPLICIT)


def _first_missing(unit: Unit, files: tuple[EnvFileState, ...], *, optional: bool) -> Fact[str]:
    """The first file that systemd cannot load, with the line that names it."""
    written = unit.environment_files.places if isinstance(unit.environment_files, Known) else ()
    unseen: Unknown | None = None
    for state in files:
        if state.optional is not optional:
            continue
        if isinstance(state.state, Unknown):
            unseen = unseen or state.state
        elif isinstance(state.state, Known) and state.state.value != "read":
            named = tuple(place for place in written if state.path in place.text)
            return Known(state.path, (*(named or written[:1]), *state.state.places), Origin.COMPUTED)
    return unseen or ABSENT


_PHRASES: Mapping[EnvOddity, str] = {
    EnvOddity.EXPORT: "`export` is no word to systemd, {name} is not set",
    EnvOddity.INVALID_NAME: "{name} is no name of a variable, the line is ignored",
    EnvOddity.NO_EQUALS: "{name} has no =, the line is ignored",
    EnvOddity.BYTE_ORDER_MARK: "a byte order mark makes {name} another name",
    EnvOddity.INLINE_COMMENT: "the comment becomes part of the value of {name}",
    EnvOddity.TEXT_AFTER_QUOTE: "the text after the quote becomes part of the value of {name}",
    EnvOddity.UNTERMINATED_QUOTE: "the quote is not closed, {name} takes in the lines below",
    EnvOddity.VARIABLE_REFERENCE: "systemd puts nothing in the place of the $… in {name}",
}
"""White space before the = does no harm."""


def _misread(
    files: tuple[EnvFileState, ...],
    declared: _Declared,
    expected: Fact[frozenset[str]],
    required: Fact[tuple[str, ...]],
) -> Iterator[tuple[EnvProblem, str]]:
    """Odd lines that matter: a value in force, or a name that nothing sets. Each with a phrase.

    A word without `=` is meant to set a variable only where the code asks for it.
    """
    have = expected.or_(frozenset(declared.values) | declared.passed)
    needed = required.or_(())
    for state in files:
        for problem in state.problems.or_(()):
            phrase = _PHRASES.get(problem.kind, "")
            if not phrase or not problem.name:
                continue
            if problem.dropped:
                matters = problem.name not in have
                matters &= problem.kind is not EnvOddity.NO_EQUALS or problem.name in needed
            else:
                _, place = declared.values.get(problem.name, ("", Place()))
                matters = (place.path, place.line) == (problem.path, problem.line)
            if matters:
                yield problem, phrase.format(name=problem.name)


def _joined(files: tuple[EnvFileState, ...], found: tuple[tuple[str, EnvProblem], ...]) -> Fact[tuple[str, ...]]:
    if not found:
        unseen = next((state.problems for state in files if isinstance(state.problems, Unknown)), None)
        return unseen or Absent(tuple(Place(path=state.path) for state in files))
    places = tuple(Place(path=p.path, line=p.line, text=f"{p.name}=…") for _, p in found)
    return Known(tuple(dict.fromkeys(text for text, _ in found)), places, Origin.EXPLICIT)


# ---- what the next start would set --------------------------------------------------------------------------------


def _declare(unit: Unit, looked: list[tuple[EnvFileState, EnvFile | None]]) -> _Declared:
    values: dict[str, tuple[str, Place]] = {}
    unknown = ""
    for fact in (unit.environment, unit.environment_files):
        if isinstance(fact, Unknown):
            unknown = unknown or fact.reason
    if isinstance(unit.environment, Known):
        for name, value in unit.environment.value:
            values[name] = (value, _place_of(name, unit.environment.places))
    for state, parsed in looked:
        if isinstance(state.state, Unknown):
            unknown = unknown or state.state.reason
        for assignment in parsed.assignments if parsed is not None else ():
            place = Place(path=state.path, line=assignment.line, text=f"{assignment.name}=…")
            values[assignment.name] = (assignment.value, place)
        if parsed is not None and parsed.truncated:
            unknown = unknown or f"{state.path} is too large to be read whole"
    passed = frozenset(unit.pass_environment.value) if isinstance(unit.pass_environment, Known) else frozenset()
    for word in unit.unset_environment.or_(()):
        name, equals, value = word.partition("=")
        if name in values and (not equals or values[name][0] == value):
            del values[name]
    return _Declared(values, passed, unknown)


def _place_of(name: str, places: tuple[Place, ...]) -> Place:
    """The line that sets the name, of the places of Environment=."""
    for place in reversed(places):
        if f"{name}=" in place.text:
            return place
    return places[0] if places else Place(note="Environment= of the unit")


def _declared_names(declared: _Declared) -> Fact[frozenset[str]]:
    if declared.unknown:
        return Unknown(declared.unknown)
    places = tuple(
        dict.fromkeys(Place(path=place.path) if place.path else place for _, place in declared.values.values())
    )
    return Known(frozenset(declared.values) | declared.passed, places, Origin.COMPUTED)


def _launcher(unit: Unit) -> _Launcher:
    """Judged by the command line: `env A=b gunicorn`, `sh -c 'export A=b; exec gunicorn'`, a start script."""
    if not isinstance(unit.exec_start, Known) or not unit.exec_start.value:
        return _Launcher(frozenset(), "the command that starts it is not known")
    argv = unit.exec_start.value[0].argv
    program = argv[0].rpartition("/")[2]
    names = {word.partition("=")[0] for word in argv[1:] if program == "env" and "=" in word}
    script = shell_script(argv)
    if script is not None:
        for command in shell_commands(script):
            words = command.words[1:] if command.words[0] in {"export", "exec", "env"} else command.words
            names.update(word.partition("=")[0] for word in words if "=" in word and not word.startswith("-"))
            if command.words[0] in {"source", ".", "eval", "set"}:
                return _Launcher(frozenset(names), f"`{command.words[0]}` in its command may set variables")
        return _Launcher(frozenset(names), "")
    if program == "env" or program.startswith(_DIRECT):
        return _Launcher(frozenset(names), "")
    return _Launcher(frozenset(names), f"{argv[0]} may set variables")


# ---- what runs ----------------------------------------------------------------------------------------------------


def _running(master: Fact[Process]) -> Fact[Mapping[str, str]]:
    return master.value.environ if isinstance(master, Known) else master


def _names(environ: Fact[Mapping[str, str]]) -> Fact[frozenset[str]]:
    if isinstance(environ, Known):
        return Known(frozenset(environ.value), environ.places)
    return environ


def _changed(
    host: Host,
    declared: _Declared,
    launcher: _Launcher,
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
    touched = {state.path for state in files if _touched_after(host, state, started)}
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


def _as_at_the_start(
    host: Host, unit: Unit, master: Fact[Process], looked: list[tuple[EnvFileState, EnvFile | None]]
) -> bool:
    """Nobody has touched what makes the environment, so that it need not be compared."""
    if not isinstance(master, Known) or not untouched.since(host, unit, master.value.started):
        return False
    return all(
        isinstance(_stat(host, state.path), (Stat, Missing)) and not _touched_after(host, state, master.value.started)
        for state, _ in looked
    )


def _touched_after(host: Host, state: EnvFileState, started: float) -> bool:
    """Content or place of the file changed after a time; `rsync -a` keeps mtime, not ctime."""
    stat = _stat(host, state.path)
    if isinstance(stat, Missing):
        stat = host.stat(state.path.rpartition("/")[0] or "/")
    return isinstance(stat, Stat) and max(stat.mtime, stat.ctime) > started


# ---- what the code needs ------------------------------------------------------------------------------------------


def _expected(
    declared: _Declared,
    launcher: _Launcher,
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
    return Known(frozenset(names), _declared_names(declared).places, Origin.COMPUTED)


def _missing(
    required: Fact[tuple[str, ...]], expected: Fact[frozenset[str]], launcher: _Launcher
) -> Fact[tuple[str, ...]]:
    if not isinstance(required, Known):
        return required
    if not isinstance(expected, Known):
        return expected if isinstance(expected, Unknown) else Absent(required.places)
    missing = tuple(name for name in required.value if name not in expected.value)
    if not missing:
        return Absent(required.places)
    return Unknown(launcher.opaque) if launcher.opaque else Known(missing, required.places, Origin.COMPUTED)


def _missing_of_running(required: Fact[tuple[str, ...]], running: Fact[Mapping[str, str]]) -> Fact[tuple[str, ...]]:
    """Without a unit, what the process has is all that can be told."""
    if not isinstance(required, Known):
        return required
    if not isinstance(running, Known):
        return Unknown(
            running.reason if isinstance(running, Unknown) else "no unit and no process tell its environment"
        )
    missing = tuple(name for name in required.value if name not in running.value)
    return Known(missing, required.places, Origin.COMPUTED) if missing else Absent(required.places)
