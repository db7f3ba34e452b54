"""The environment Gunicorn starts with: what its defaults and its configuration file read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace

from doctor.facts.coverage import Assumption
from doctor.facts.value import ABSENT, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvFile
from doctor.grammar.gaps import is_gap, told
from doctor.hosts.base import Foreign, Host, Missing, TargetKind, Unseen
from doctor.sources import lending
from doctor.sources.process import Process
from doctor.sources.systemd import Unit

_TOKEN = "<hidden:"
IMPLICIT = (
    "GUNICORN_CMD_ARGS", "PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PYTHONPATH", "PYTHONHOME", "PATH",
)  # fmt: skip
"""What decides although nobody names it: read by Gunicorn (gunicorn/config.py), by Python, and by whoever looks for a
program."""


@frozen
class Variables:
    """Variables by name. `gap`: why some may be missing or overridden, "" when all of them are known.

    `sampled`: the only names of which that is so, where the repository holds a sample of the file that is missing.
    `assumed`: names that the files which a repository leaves to the machine are taken not to set.
    """

    values: Mapping[str, tuple[str, Place]]
    gap: str = ""
    sampled: frozenset[str] | None = None
    assumed: frozenset[str] = frozenset()

    def implicit(self, name: str) -> Fact[str]:
        """`get`, for what is read without being named: what is assumed not to be set elsewhere is as it is seen."""
        return self._seen(name) if name in self.assumed else self.get(name)

    def get(self, name: str) -> Fact[str]:
        """The value in clear. Unknown too where only a token of it is held."""
        if self.gap and (self.sampled is None or name in self.sampled):
            return Unknown(f"the environment variable {name}: {self.gap}")
        return self._seen(name)

    def _seen(self, name: str) -> Fact[str]:
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
        return replace(self, values={**self.values, **more}) if more else self

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
    assumed = frozenset(IMPLICIT)
    match unit.environment:
        case Known(pairs, places):
            values.update((name, (value, _naming(f"{name}=", places))) for name, value in pairs)
        case Unknown(reason):
            gap, sampled, assumed = reason, None, frozenset()
    match unit.environment_files:
        case Unknown(reason):
            gap, sampled = gap or reason, None
            assumed = assumed if host.kind is TargetKind.TREE else frozenset()
        case Known(files):
            for file in files:
                answer = lending.for_files_of(host, unit).env_file(file.path)
                if isinstance(answer, Unseen):
                    gap = gap or answer.reason
                    names = _sample(host, file.path)
                    sampled = sampled | names if sampled is not None and names is not None else None
                    assumed = assumed - (names or frozenset()) if isinstance(answer, Foreign) else frozenset()
                elif not isinstance(answer, Missing):
                    for item in answer.assignments:
                        place = Place(path=file.path, line=item.line, text=f"{item.name}={item.value}")
                        values[item.name] = (item.value, place)
    return Variables(values, gap, sampled, assumed)


def pythonpath(host: Host, unit: Fact[Unit]) -> Fact[str]:
    """PYTHONPATH as the next start of a unit would set it. `host`: as systemd sees it, which reads files as root."""
    return of_unit(host, unit.value).implicit("PYTHONPATH") if isinstance(unit, Known) else ABSENT


def assumptions(host: Host, unit: Unit) -> Iterator[Assumption]:
    """What `of_unit` takes for granted of files that a repository leaves to the machine, one for each file.

    Of a file that has a sample in the repository nothing is assumed: the sample names what it sets.
    """
    if host.kind is not TargetKind.TREE:
        return
    files, names = unit.environment_files, ", ".join(IMPLICIT)
    for file in files.or_(()):
        if isinstance(host.env_file(file.path), Foreign) and _sample(host, file.path) is None:
            where = _naming(file.path, files.places)
            yield Assumption(f"{file.path} sets what the code needs, and no {names}", where)
    if isinstance(files, Unknown):
        where = files.places[0] if files.places else Place(note=f"EnvironmentFile= of {unit.name}")
        yield Assumption(f"the environment files of {unit.name} set what the code needs, and no {names}", where)
    passed = [name for name in IMPLICIT if name in unit.pass_environment.or_(())]
    if passed:
        where = _naming("", unit.pass_environment.places)
        yield Assumption(f"systemd has no {', '.join(passed)} to pass on to {unit.name}", where)


def _sample(host: Host, path: str) -> frozenset[str] | None:
    """Names in the sample of an environment file that a repository leaves to the machine: .env.example for .env."""
    if host.kind is not TargetKind.TREE:
        return None
    own = posixpath.basename(path)
    names = {f"{own}{mark}{word}" for mark in ".-_" for word in ("example", "sample", "dist", "template")}
    found = [document.path for document in host.documents() if document.path.rpartition("/")[2] in names]
    answer = host.env_file(found[0]) if len(found) == 1 else None
    return frozenset(item.name for item in answer.assignments) if isinstance(answer, EnvFile) else None


def _naming(text: str, places: tuple[Place, ...]) -> Place:
    matching = (place for place in places if text in place.text)
    return next(matching, places[0] if places else Place(note="Environment= of the unit"))
