"""The files of EnvironmentFile=: what is told of each, and when they were written."""

from __future__ import annotations

from doctor.conclusions.environment.model import EnvFileState, EnvProblem
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.envfile import EnvFile, EnvOddity
from doctor.hosts.base import Host, Missing, Stat
from doctor.hosts.paths import resolve
from doctor.sources.systemd.environment import EnvironmentFile, StartEnvironment


def look(file: EnvironmentFile) -> EnvFileState:
    """What is told of a file, with its odd lines."""
    problems: Fact[tuple[EnvProblem, ...]]
    if isinstance(file.state, Unknown):
        problems = file.state
    elif file.state.is_("read"):
        problems = _problems(file.path, file.content)
    else:
        problems = Absent((Place(path=file.path),))
    return EnvFileState(file.path, file.optional, file.state, problems)


def touched_after(host: Host, state: EnvFileState, started: float) -> bool:
    """Content or place of the file changed after a time; `rsync -a` keeps mtime, not ctime."""
    stat = resolve(host, state.path).stat
    if isinstance(stat, Missing):
        stat = host.stat(state.path.rpartition("/")[0] or "/")
    return isinstance(stat, Stat) and max(stat.mtime, stat.ctime) > started


def first_missing(environment: StartEnvironment, *, optional: bool) -> Fact[str]:
    """The first file that systemd cannot load, with the line that names it."""
    unseen: Unknown | None = None
    for file in environment.files:
        if file.optional is not optional:
            continue
        if isinstance(file.state, Unknown):
            unseen = unseen or file.state
        elif file.state.meets(lambda it: it != "read"):
            return Known(file.path, (file.place, *file.state.places), Origin.COMPUTED)
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
