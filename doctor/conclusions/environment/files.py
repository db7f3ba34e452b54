"""The files of EnvironmentFile=: which there are, what is in them, when they were written."""

from __future__ import annotations

from fnmatch import fnmatchcase

from doctor.conclusions.environment.model import EnvFileState, EnvProblem
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvFile, EnvOddity
from doctor.hosts.base import FileType, Host, Missing, Stat, TargetKind, Unseen
from doctor.hosts.paths import resolve
from doctor.sources.systemd import EnvironmentFileRef, Unit


@frozen
class Looked:
    """One file: what is told of it, and what is in it (None where it could not be read)."""

    state: EnvFileState
    content: EnvFile | None


def references(host: Host, unit: Unit) -> list[EnvironmentFileRef]:
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


def look(host: Host, ref: EnvironmentFileRef) -> Looked:
    """Read it, and say what stands in the way of that."""
    path = ref.path
    parsed = host.env_file(path)
    place = Place(path=path)
    state: Fact[str]
    problems: Fact[tuple[EnvProblem, ...]]
    if isinstance(parsed, EnvFile):
        state, problems = Known("read", (place,)), _problems(path, parsed)
    elif isinstance(parsed, Missing) and host.kind is not TargetKind.TREE:
        state, problems = Known("missing", (place,)), Absent((place,))
    elif isinstance(stat := resolve(host, path).stat, Stat) and stat.type is not FileType.FILE:
        state, problems = Known("unreadable", (Place(path=path, text=f"a {stat.type.value}"),)), Absent((place,))
    else:
        reason = parsed.reason if isinstance(parsed, Unseen) else f"{path} is not in the repository"
        state, problems = Unknown(reason, (place,)), Unknown(reason, (place,))
    content = parsed if isinstance(parsed, EnvFile) else None
    return Looked(EnvFileState(path, ref.optional, state, problems), content)


def touched_after(host: Host, state: EnvFileState, started: float) -> bool:
    """Content or place of the file changed after a time; `rsync -a` keeps mtime, not ctime."""
    stat = resolve(host, state.path).stat
    if isinstance(stat, Missing):
        stat = host.stat(state.path.rpartition("/")[0] or "/")
    return isinstance(stat, Stat) and max(stat.mtime, stat.ctime) > started


def first_missing(unit: Unit, files: tuple[EnvFileState, ...], *, optional: bool) -> Fact[str]:
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
