"""The environment Gunicorn starts with: what its defaults and its configuration file read."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from doctor.facts.process import Process
from doctor.facts.systemd import Unit
from doctor.facts.value import ABSENT, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvFile
from doctor.grammar.gaps import is_gap, told
from doctor.hosts.base import Host, Missing, TargetKind, Unseen

_TOKEN = "<hidden:"


@frozen
class Variables:
    """Variables by name. `gap`: why some may be missing or overridden, "" when all of them are known.

    `sampled`: the only names of which that is so, where the repository holds a sample of the file that is missing.
    """

    values: Mapping[str, tuple[str, Place]]
    gap: str = ""
    sampled: frozenset[str] | None = None

    def get(self, name: str) -> Fact[str]:
        """The value in clear. Unknown too where only a token of it is held."""
        if self.gap and (self.sampled is None or name in self.sampled):
            return Unknown(f"the environment variable {name}: {self.gap}")
        found = self.values.get(name)
        if found is None:
            return ABSENT
        value, place = found
        if _TOKEN in value:
            return Unknown(f"the value of the environment variable {name} is not shown", (place,))
        if is_gap(value):
            return Unknown(told(value), (place,))
        return Known(value, (place,), Origin.INHERITED)

    def overlaid(self, more: Mapping[str, tuple[str, Place]]) -> Variables:
        """With assignments in front of the command (`X=1 gunicorn`, `env X=1 gunicorn`)."""
        return Variables({**self.values, **more}, self.gap, self.sampled) if more else self

    def plain(self) -> Mapping[str, str]:
        """Names and values that are known in clear."""
        return {name: value for name, (value, _) in self.values.items() if _TOKEN not in value and not is_gap(value)}


def of_process(process: Process) -> Variables:
    """What a running process was started with."""
    if not isinstance(process.environ, Known):
        reason = process.environ.reason if isinstance(process.environ, Unknown) else "its environment is not there"
        return Variables({}, reason)
    place = Place(note=f"environment of pid {process.pid}")
    return Variables({name: (value, place) for name, value in process.environ.value.items()})


def of_unit(host: Host, unit: Unit) -> Variables:
    """What the next start of a unit would set: Environment=, then its files in order (systemd.exec(5)).

    What systemd adds by itself (HOME, PATH, INVOCATION_ID, …) decides nothing here and is left out.
    """
    values: dict[str, tuple[str, Place]] = {}
    gap = ""
    sampled: frozenset[str] | None = frozenset()
    match unit.environment:
        case Known(pairs, places):
            values.update((name, (value, _naming(name, places))) for name, value in pairs)
        case Unknown(reason):
            gap, sampled = reason, None
    match unit.environment_files:
        case Unknown(reason):
            gap, sampled = gap or reason, None
        case Known(files):
            for file in files:
                answer = host.env_file(file.path)
                if isinstance(answer, Unseen):
                    gap = gap or answer.reason
                    names = _sample(host, file.path)
                    sampled = sampled | names if sampled is not None and names is not None else None
                elif not isinstance(answer, Missing):
                    for item in answer.assignments:
                        place = Place(path=file.path, line=item.line, text=f"{item.name}={item.value}")
                        values[item.name] = (item.value, place)
    return Variables(values, gap, sampled)


def _sample(host: Host, path: str) -> frozenset[str] | None:
    """Names in the sample of an environment file that a repository leaves to the machine: .env.example for .env."""
    if host.kind is not TargetKind.TREE:
        return None
    own = posixpath.basename(path)
    names = {f"{own}{mark}{word}" for mark in ".-_" for word in ("example", "sample", "dist", "template")}
    found = [document.path for document in host.documents() if document.path.rpartition("/")[2] in names]
    answer = host.env_file(found[0]) if len(found) == 1 else None
    return frozenset(item.name for item in answer.assignments) if isinstance(answer, EnvFile) else None


def _naming(name: str, places: tuple[Place, ...]) -> Place:
    matching = (place for place in places if f"{name}=" in place.text)
    return next(matching, places[0] if places else Place(note="Environment= of the unit"))
