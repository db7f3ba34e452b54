"""How a Gunicorn was started, or would be: command line, environment, directory, program, and the settings in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from doctor.cause import Cause, Doubt, doubt
from doctor.facts import access
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Host
from doctor.servers.gunicorn.arguments import parse as parse_arguments
from doctor.servers.gunicorn.launch import Launch, direct
from doctor.servers.gunicorn.layers import CommandLine
from doctor.servers.gunicorn.model import Settings
from doctor.servers.gunicorn.plan import Plan
from doctor.servers.gunicorn.program import Program, locate
from doctor.servers.gunicorn.settings import compute, unknown
from doctor.sources import lending
from doctor.sources.process import Process
from doctor.sources.variables import Variables, of_process

_ELSEWHERE = Doubt("it runs in a file system of its own, as in a container", Cause.ELSEWHERE)


@frozen
class Start:
    """How one Gunicorn was or would be started."""

    launch: Launch | None
    directory: Fact[str]
    program: Program
    settings: Settings

    @property
    def logical(self) -> Fact[str]:
        """Where it runs as written, links kept."""
        return self.directory if isinstance(self.settings.chdir, Absent) else self.settings.chdir


def planned(host: Host, item: Plan, launch: Launch) -> Start:
    """What a unit would start."""
    host = lending.for_unit(host, item.unit)
    return _resolved(host, launch, _command_line(item, launch), item.variables, item.start, item.place)


def started(host: Host, master: Process, item: Plan | None) -> Start:
    """What a running master was started with: its own command line and environment, the unit's where it hides them."""
    noted = Place(note=f"pid {master.pid} command line", text=line_of(master))
    if isinstance(master.argv, Known):
        launch = direct(master.argv.value)
        variables = of_process(master)
        if item is not None and item.launch and item.launch.venv and launch is not None:
            launch = replace(launch, venv=item.launch.venv)
        place = _spoken(noted)
        if launch is not None and item is not None and item.launch is not None:
            place = _shared(launch, item, noted)
        command: CommandLine | Unknown = CommandLine(launch.arguments if launch else (), place)
    elif item is not None and item.launch is not None:
        launch, variables = item.launch, item.variables
        command = _command_line(item, launch)
    else:
        launch, variables = None, of_process(master)
        command = Unknown.of(doubt(master.argv, "it has no command line", Cause.NOT_FOUND), master.argv.places)
    if master.elsewhere.or_(False):
        return _contained(host, launch, command, variables, master)
    host = lending.for_process(host, master, item.unit if item is not None else None)
    start = _directory(host, master, item, launch)
    return _resolved(host, launch, command, variables, start, noted)


def _directory(host: Host, master: Process, item: Plan | None, launch: Launch | None) -> Fact[str]:
    """Where it was started, links kept as far as anything tells: by the unit, by PWD, else its own directory."""
    if item is not None and isinstance(item.start, Known):
        return item.start
    cwd = physical_directory(master)
    pwd = of_process(master).get("PWD")
    moved = launch is not None and "chdir" in parse_arguments(launch.arguments).settings
    if isinstance(pwd, Known) and pwd.value.startswith("/"):
        real = access.physical(host, pwd.value)
        if moved or cwd.meets(real.is_):
            return pwd
    if moved:
        return Unknown("the directory it was started in is not known", Cause.NOT_FOUND)
    return cwd


def _resolved(
    host: Host,
    launch: Launch | None,
    command: CommandLine | Unknown,
    variables: Variables,
    start: Fact[str],
    place: Place,
) -> Start:
    if launch is None:
        why = doubt(command, "its command line is not Gunicorn's", Cause.NOT_UNDERSTOOD)
        nothing = Unknown.of(why, (place,))
        program = Program(nothing, nothing, nothing, nothing)
        return Start(None, start, program, unknown(why, place))
    path = variables.implicit("PATH")
    program = locate(host, launch, start, path.or_(""), place)
    settings = compute(host, command, variables, start, program.version, program.import_path)
    return Start(launch, start, program, settings)


def _contained(
    host: Host, launch: Launch | None, command: CommandLine | Unknown, variables: Variables, master: Process
) -> Start:
    """In a container: its command line and environment are seen, its files are not the ones of this machine."""
    nothing = Unknown.of(_ELSEWHERE, master.elsewhere.places)
    program = Program(nothing, nothing, nothing, nothing)
    settings = compute(host, command, variables, nothing, nothing, unreachable=_ELSEWHERE)
    return Start(launch, nothing, program, settings)


def _command_line(item: Plan, launch: Launch) -> CommandLine:
    return CommandLine(launch.arguments, lambda _: item.place, launch.shell)


def _shared(launch: Launch, item: Plan, noted: Place) -> Callable[[str], Place]:
    """Words that stand in the unit are shown there; the others only on the command line of the process."""
    written = parse_arguments(item.launch.arguments if item.launch else ()).settings
    words = {given.word for given in written.values()} | set(item.launch.arguments if item.launch else ())

    def find(word: str) -> Place:
        return item.place if word in words else replace(noted, text=word)

    return find


def _spoken(noted: Place) -> Callable[[str], Place]:
    return lambda word: replace(noted, text=word)


def physical_directory(master: Process) -> Fact[str]:
    """Where a process runs, as the kernel says. Of another root directory it says a path that means nothing here."""
    if master.elsewhere.is_(True):
        return Unknown.of(_ELSEWHERE, master.elsewhere.places)
    return master.cwd.map(lambda cwd: cwd.path)


def line_of(master: Process) -> str:
    """Its command line as text."""
    return " ".join(master.argv.or_(()))
