"""What the next start would set: by the unit, its files and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doctor.conclusions.environment.files import Looked
from doctor.facts.value import Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.execline import shell_commands, shell_script
from doctor.grammar.programs import OWN_PROGRAMS
from doctor.sources.systemd import Unit


@frozen
class Declared:
    """What the next start would set: token and place by name. `unknown`: why that is not all of it."""

    values: Mapping[str, tuple[str, Place]]
    passed: frozenset[str]
    unknown: str

    @property
    def names(self) -> Fact[frozenset[str]]:
        """All of them, with the files that set them."""
        if self.unknown:
            return Unknown(self.unknown)
        places = (Place(path=place.path) if place.path else place for _, place in self.values.values())
        return Known(frozenset(self.values) | self.passed, tuple(dict.fromkeys(places)), Origin.COMPUTED)


@frozen
class Launcher:
    """What stands between systemd and Gunicorn. `sets`: names a command line sets; `opaque`: it may set any."""

    sets: frozenset[str]
    opaque: str


def declare(unit: Unit, looked: Sequence[Looked]) -> Declared:
    """Environment=, then the files in order, a later one winning, less UnsetEnvironment=."""
    values: dict[str, tuple[str, Place]] = {}
    unknown = ""
    for fact in (unit.environment, unit.environment_files):
        if isinstance(fact, Unknown):
            unknown = unknown or fact.reason
    if isinstance(unit.environment, Known):
        for name, value in unit.environment.value:
            values[name] = (value, _place_of(name, unit.environment.places))
    for file in looked:
        path, state, content = file.state.path, file.state.state, file.content
        if isinstance(state, Unknown):
            unknown = unknown or state.reason
        for assignment in content.assignments if content is not None else ():
            place = Place(path=path, line=assignment.line, text=f"{assignment.name}=…")
            values[assignment.name] = (assignment.value, place)
        if content is not None and content.truncated:
            unknown = unknown or f"{path} is too large to be read whole"
    passed = frozenset(unit.pass_environment.value) if isinstance(unit.pass_environment, Known) else frozenset()
    for word in unit.unset_environment.or_(()):
        name, equals, value = word.partition("=")
        if name in values and (not equals or values[name][0] == value):
            del values[name]
    return Declared(values, passed, unknown)


def launcher_of(unit: Unit) -> Launcher:
    """Judged by the command line: `env A=b gunicorn`, `sh -c 'export A=b; exec gunicorn'`, a start script."""
    if not isinstance(unit.exec_start, Known) or not unit.exec_start.value:
        return Launcher(frozenset(), "the command that starts it is not known")
    argv = unit.exec_start.value[0].argv
    program = argv[0].rpartition("/")[2]
    names = {word.partition("=")[0] for word in argv[1:] if program == "env" and "=" in word}
    script = shell_script(argv)
    if script is not None:
        for command in shell_commands(script):
            words = command.words[1:] if command.words[0] in {"export", "exec", "env"} else command.words
            names.update(word.partition("=")[0] for word in words if "=" in word and not word.startswith("-"))
            if command.words[0] in {"source", ".", "eval", "set"}:
                return Launcher(frozenset(names), f"`{command.words[0]}` in its command may set variables")
        return Launcher(frozenset(names), "")
    if program == "env" or program.startswith(OWN_PROGRAMS):
        return Launcher(frozenset(names), "")
    return Launcher(frozenset(names), f"{argv[0]} may set variables")


def _place_of(name: str, places: tuple[Place, ...]) -> Place:
    """The line that sets the name, of the places of Environment=."""
    for place in reversed(places):
        if f"{name}=" in place.text:
            return place
    return places[0] if places else Place(note="Environment= of the unit")
