"""What a unit says it starts, before anybody looks at processes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.execline import substitute
from doctor.hosts.base import Host
from doctor.servers.gunicorn.launch import Launch, Setting, parse
from doctor.servers.gunicorn.variables import Variables, of_unit
from doctor.sources import lending
from doctor.sources.systemd import Unit

_REFERENCE = re.compile(r"\$\{?([A-Za-z_]\w*)")


@frozen
class Plan:
    """A unit's way to Gunicorn."""

    unit: Unit
    launch: Launch | None
    """None: its commands start something else, or cannot be seen."""
    variables: Variables
    start: Fact[str]
    """The directory it starts in, links kept."""
    place: Callable[[str], Place]
    """Where a word of its command stands."""


def plan(host: Host, unit: Unit) -> Plan:
    """Read the commands of a unit: the first one that leads to Gunicorn or to Flask's own server counts."""
    variables = of_unit(host, unit)
    start = _start(unit)
    place = finder(unit.exec_start.places, Place(note=f"ExecStart= of {unit.name}"))
    launch: Launch | None = None
    if isinstance(unit.exec_start, Known):
        directory = start.or_("")
        setting = Setting(lending.for_unit(host, unit), variables.plain(), not variables.gap, directory, place(""))
        for command in unit.exec_start.value:
            launch = parse(_substituted(command.argv, variables), setting)
            if launch is not None:
                break
    if launch is not None and not launch.shell and any("$" in word for word in launch.arguments):
        launch = replace(launch, shell=True)  # a variable that could not be put in
    if launch is not None:
        variables = variables.overlaid(launch.assignments)
        if launch.directory:
            start = Known(launch.directory, (place(launch.directory),))
    return Plan(unit, launch, variables, start, place)


def finder(places: Sequence[Place], otherwise: Place) -> Callable[[str], Place]:
    """Finds the place of a word: the first line that holds it, else the first line at all."""

    def find(word: str) -> Place:
        holding = (place for place in places if word and word in place.text)
        parts = (place for place in places if word and word.rpartition(" ")[2] in place.text)
        return next(holding, None) or next(parts, None) or (places[0] if places else otherwise)

    return find


def _substituted(argv: tuple[str, ...], variables: Variables) -> tuple[str, ...]:
    """Variables in the arguments of ExecStart=; words with an unknown one stay as they are written.

    The script of `sh -c` is left to the shell, whose variables are the same but for what it sets itself.
    """
    if not any("$" in word for word in argv[1:]):
        return argv
    plain = variables.plain()
    words = list(argv[:1])
    for word in argv[1:]:
        known = all(_is_told(name, variables) for name in _REFERENCE.findall(word))
        words.extend(substitute((argv[0], word), plain)[1:] if known else (word,))
    return tuple(words)


def _is_told(name: str, variables: Variables) -> bool:
    """What the command line names is set somewhere: in a file that is not seen, unless Environment= sets it."""
    found = variables.implicit(name) if name in variables.values else variables.get(name)
    return not isinstance(found, Unknown)


def _start(unit: Unit) -> Fact[str]:
    """The directory a unit starts in, as written: / unless it says otherwise (systemd.exec(5))."""
    match unit.working_directory:
        case Known("~", places):
            return Unknown("it is the home directory of its user", places)
        case Known(path, places, origin):
            return Known(posixpath.normpath(path), places, origin)
        case Absent():
            return Known("/", (Place(note="default of WorkingDirectory="),), Origin.DEFAULT)
        case found:
            return found
