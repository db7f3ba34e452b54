"""What stands between systemd and Gunicorn, and which names the next start would set."""

from __future__ import annotations

from dataclasses import replace

from doctor.cause import Cause, Doubt
from doctor.facts.value import Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.programs import OWN_PROGRAMS
from doctor.servers.gunicorn import Plan
from doctor.sources.systemd.environment import StartEnvironment
from doctor.sources.variables import Variable


@frozen
class Launcher:
    """What stands between systemd and Gunicorn. `sets`: names a command line sets; `opaque`: why it may set any."""

    sets: frozenset[str]
    opaque: Doubt | None


def declared_names(environment: StartEnvironment) -> Fact[frozenset[str]]:
    """All that the unit and its files would set, with the files that set them."""
    if environment.unseen:
        return Unknown.of(environment.unseen[0])
    variables = environment.variables.values
    places = (Place(path=v.place.path) if v.place.path else v.place for v in variables.values())
    return Known(frozenset(variables) | environment.passed, tuple(dict.fromkeys(places)), Origin.COMPUTED)


def line_of(variable: Variable, environment: StartEnvironment) -> Place:
    """The line that sets it; of a file the name alone, for values are compared and never shown."""
    of_file = any(file.path == variable.place.path for file in environment.files)
    return replace(variable.place, text=f"{variable.name}=…") if of_file else variable.place


def launcher_of(plan: Plan) -> Launcher:
    """Judged by the command line: `env A=b gunicorn`, `sh -c 'export A=b; exec gunicorn'`, a start script."""
    if plan.launch is not None:
        opaque = _may_set(plan.launch.opaque) if plan.launch.opaque else None
        return Launcher(frozenset(plan.launch.assignments), opaque)
    commands = plan.unit.exec_start.or_(())
    if not commands:
        return Launcher(frozenset(), Doubt("the command that starts it is not known", Cause.NOT_FOUND))
    program = commands[0].argv[0]
    direct = program.rpartition("/")[2].startswith(OWN_PROGRAMS)
    return Launcher(frozenset(), None if direct else _may_set(program))


def _may_set(what: str) -> Doubt:
    return Doubt(f"{what} may set variables", Cause.RUN_TIME)
