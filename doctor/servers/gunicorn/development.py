"""Flask's own server, where people run it behind nginx: told apart as launcher "flask"."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.address import tcp
from doctor.facts.value import ABSENT, Absent, Known, Origin, Place, Unknown, absent_all
from doctor.grammar.programs import is_python
from doctor.hosts.base import Host, ProcessLine
from doctor.servers.gunicorn import launch as shapes
from doctor.servers.gunicorn.launch import Launch, Setting
from doctor.servers.gunicorn.model import HOLDERS_NOT_ASKED, Gunicorn, Settings
from doctor.servers.gunicorn.plan import Plan
from doctor.servers.gunicorn.program import locate
from doctor.servers.gunicorn.tree import Table
from doctor.sources import lending, process
from doctor.sources.keeper import keeper_of
from doctor.sources.variables import Variables, of_process

_OPTIONS = {"-h": "host", "--host": "host", "-p": "port", "--port": "port"}
_DEFAULTS = {"host": "127.0.0.1", "port": "5000"}


def running(host: Host, table: Table, plans: Collection[Plan]) -> Iterator[Gunicorn]:
    """Development servers of the process table; of a server with a reloader the parent."""
    for line in table.lines.values():
        parent = table.lines.get(line.ppid)
        if not _likely(line) or (parent is not None and parent.argv == line.argv):
            continue
        found = process.read(host, line.pid)
        if not isinstance(found, Known) or not isinstance(found.value.argv, Known):
            continue
        if isinstance(keeper_of(host, found.value), Known):
            continue
        own = found.value
        place = Place(note=f"pid {line.pid} command line", text=" ".join(line.argv))
        cwd = own.cwd.map(lambda link: link.path)
        item = next((item for item in plans if item.unit.name == own.unit.or_("")), None)
        view = lending.for_process(host, own, item.unit if item is not None else None)
        setting = Setting(view, {}, False, cwd.or_(""), place)
        launch = shapes.development(line.argv, setting)
        if launch is None:
            continue
        variables = of_process(own)
        path = variables.implicit("PATH")
        program = locate(view, launch, cwd, path.or_(""), place)
        yield Gunicorn(
            name=item.unit.name if item is not None else f"pid {line.pid}",
            master=found,
            workers=Known((), (place,)),
            worker_count=Known(0, (place,)),
            other_children=(),
            changing=Known(False, (place,)),
            settings=settings(launch, variables, place),
            program=program.program,
            python=program.python,
            venv=program.venv,
            version_running=Absent((place,)),
            version_installed=program.version,
            launcher=Known("flask", (place,)),
            directory=cwd,
            logical_directory=item.start if item is not None else cwd,
            listens=Unknown(
                "the sockets of a development server are held by one of its children", Cause.AMBIGUOUS, (place,)
            ),
            foreign_workers=(),
            address_in_use=HOLDERS_NOT_ASKED,
            socket_dir_not_writable=ABSENT,
            preflight=ABSENT,
            reload_keeps_requests=ABSENT,
        )


def settings(launch: Launch, variables: Variables, place: Place) -> Settings:
    """None of Gunicorn's; only the address, by --host and --port, FLASK_RUN_HOST and FLASK_RUN_PORT."""
    nothing = absent_all(Settings)
    if posixpath.basename(launch.program) != "flask":
        unknown = Unknown(f"the address is in the code of {launch.program}", Cause.RUN_TIME, (place,))
        return replace(nothing, bind=unknown)
    given = _given(launch.arguments)
    values: dict[str, str] = {}
    places: list[Place] = []
    for name, default in _DEFAULTS.items():
        if name in given:
            values[name] = given[name]
            places.append(place)
            continue
        match variables.get(f"FLASK_RUN_{name.upper()}"):
            case Unknown() as unknown:
                return replace(nothing, bind=Unknown.of(unknown))
            case Known(value, where):
                values[name] = value
                places += where
            case Absent():
                values[name] = default
    if not values["port"].isdigit():
        return replace(nothing, bind=Unknown(f"{values['port']} is no port", Cause.NOT_UNDERSTOOD, tuple(places)))
    origin = Origin.EXPLICIT if places else Origin.DEFAULT
    where = tuple(places) or (Place(note="default of flask run"),)
    host = "127.0.0.1" if values["host"] == "localhost" else values["host"]
    return replace(nothing, bind=Known((tcp(host, int(values["port"])),), where, origin))


def _given(arguments: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for at, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name in _OPTIONS:
            found[_OPTIONS[name]] = value if equals else next(iter(arguments[at + 1 : at + 2]), "")
    return found


def _likely(line: ProcessLine) -> bool:
    words = line.argv[:4]
    if not words or line.state in ("Z", "X"):
        return False
    flask = any(posixpath.basename(word) == "flask" for word in words) and "run" in line.argv
    return flask or (is_python(words[0]) and any(word.endswith(".py") for word in words[1:]))
