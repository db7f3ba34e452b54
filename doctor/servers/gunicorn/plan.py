"""What a unit says it starts, before anybody looks at processes: read once, and handed to all who ask."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.execline import substitute
from doctor.hosts.base import Host
from doctor.servers.gunicorn.launch import Launch, Setting, parse
from doctor.servers.gunicorn.variables import IMPLICIT
from doctor.sources import lending
from doctor.sources.systemd import ExecCommand, Unit
from doctor.sources.systemd.environment import StartEnvironment, start_environment
from doctor.sources.variables import Variables

_REFERENCE = re.compile(r"\$\{?([A-Za-z_]\w*)")


@frozen
class Plan:
    """A unit's way to Gunicorn."""

    unit: Unit
    environment: StartEnvironment
    """What the unit and its files set."""
    command: ExecCommand | None
    """The one that leads to Gunicorn; None with `launch`."""
    launch: Launch | None
    """None: its commands start something else, or cannot be seen."""
    written: Launch | None
    """The same with variables left as they are written: their values are the environment's affair."""
    variables: Variables
    """The environment with what the command line itself sets."""
    start: Fact[str]
    """The directory it starts in, links kept."""
    place: Place
    """Where the command stands that leads to Gunicorn, and so each of its words."""


def plans(host: Host, units: Iterable[Unit]) -> Mapping[str, Plan]:
    """The plan of each unit, by its name."""
    return {unit.name: plan(host, unit) for unit in units}


def plan(host: Host, unit: Unit) -> Plan:
    """Read the commands of a unit: the first one that leads to Gunicorn or to Flask's own server counts."""
    environment = start_environment(lending.for_files_of(host, unit), unit)
    variables = environment.variables
    start = _start(unit)
    place = unit.exec_start.places[0] if unit.exec_start.places else Place(note=f"ExecStart= of {unit.name}")
    command: ExecCommand | None = None
    launch: Launch | None = None
    written: Launch | None = None
    setting = Setting(lending.for_unit(host, unit), variables.plain(), not variables.gaps, start.or_(""), place)
    for each in unit.exec_start.or_(()):
        around = replace(setting, place=each.place)
        launch = parse(_substituted(each.argv, variables), around)
        if launch is not None:
            as_it_is = replace(around, variables={}, complete=False)
            written = parse(each.argv, as_it_is) if _refers(each.argv, launch) else launch
            command, place = each, each.place
            break
    if launch is not None and not launch.shell and any("$" in word for word in launch.arguments):
        launch = replace(launch, shell=True)  # a variable that could not be put in
    if launch is not None:
        variables = variables.overlaid(launch.assignments)
        if launch.directory:
            start = Known(launch.directory, (place,))
    return Plan(unit, environment, command, launch, written, variables, start, place)


def _refers(argv: tuple[str, ...], launch: Launch) -> bool:
    """Variables may have been put into the command, or into the script that it runs."""
    return launch.shell or any("$" in word for word in argv)


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
    found = variables.implicit(name) if name in variables.values and name in IMPLICIT else variables.get(name)
    return not isinstance(found, Unknown)


def _start(unit: Unit) -> Fact[str]:
    """The directory a unit starts in, as written: / unless it says otherwise (systemd.exec(5))."""
    match unit.working_directory:
        case Known("~", places):
            return Unknown("it is the home directory of its user", Cause.AMBIGUOUS, places)
        case Known(path, places, origin):
            return Known(posixpath.normpath(path), places, origin)
        case Absent():
            return Known("/", (Place(note="default of WorkingDirectory="),), Origin.DEFAULT)
        case found:
            return found
