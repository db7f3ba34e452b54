"""From the actions of a fix to what is to be changed and run. A pure function over the text of the files concerned.

The same plan is made twice: for the preview over text without secrets, as the host shows it, and for the change itself
over the bytes of the machine.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import TypeAlias

from doctor.engine.actions import Bound, BoundAction
from doctor.facts.edit import Edit
from doctor.facts.value import Place
from doctor.fixes import dropin, nginx
from doctor.frozen import frozen
from doctor.hosts.hidden import TOKEN

NGINX = "nginx.service"
"""The unit that a reload of nginx is about."""


class Verb(str, Enum):
    """What is run once the files are as they should be."""

    DAEMON_RELOAD = "daemon-reload"
    RESET_FAILED = "reset-failed"
    ENABLE = "enable"
    START = "start"
    RELOAD = "reload"
    RESTART = "restart"
    NGINX_RELOAD = "nginx-reload"
    STOP = "stop"
    DISABLE = "disable"
    """The last two only take back a start and an enablement."""


@frozen
class Operation:
    """A command of `systemctl`; `unit` is "" where it is about the manager. A reload of nginx is tested first."""

    verb: Verb
    unit: str = ""


@frozen
class Rewrite:
    """A file whose text changes. `before` None: it is made."""

    path: str
    before: str | None
    after: str


@frozen
class Relink:
    """A link that comes to point to `target`; it is made where there is none."""

    path: str
    target: str


@frozen
class Permit:
    """A path that gets another mode (octal digits) or group; "" leaves it."""

    path: str
    mode: str = ""
    group: str = ""


@frozen
class Uncompile:
    """A folder whose compiled Python files (*.pyc, in it and below) are taken away."""

    path: str


Change: TypeAlias = Rewrite | Relink | Permit | Uncompile
Read: TypeAlias = Callable[[str], "str | None"]
"""The text of a file; None when it is not there. Raises CannotPlan when that cannot be told."""


class CannotPlan(Exception):
    """The fix does not fit the files; the message says why."""


@frozen
class Plan:
    """What a fix does: first all changes, in order, then all operations."""

    changes: tuple[Change, ...]
    operations: tuple[Operation, ...]


_UNIT_OPERATIONS = {
    "systemd.start": Verb.START,
    "systemd.restart": Verb.RESTART,
    "systemd.reload": Verb.RELOAD,
    "systemd.enable": Verb.ENABLE,
    "systemd.reset-failed": Verb.RESET_FAILED,
}
_PLAIN_OPERATIONS = {"systemd.daemon-reload": Verb.DAEMON_RELOAD, "nginx.reload": Verb.NGINX_RELOAD}


def plan(actions: Sequence[BoundAction], read: Read) -> Plan:
    """What these actions come to, with the commands that follow from a change (daemon-reload, reload of nginx).

    Raises CannotPlan.
    """
    for action in actions:
        if any(TOKEN.search(text) for argument in action.arguments.values() for text in _texts(argument)):
            raise CannotPlan("it would write a secret, which flaskdoctor does not know")
    try:
        changes = (*_dropins(actions, read), *_nginx_files(actions, read), *_others(actions))
    except nginx.CannotEdit as error:
        raise CannotPlan(str(error)) from error
    operations: list[Operation] = []
    if any(action.name == "systemd.dropin" for action in actions):
        operations.append(Operation(Verb.DAEMON_RELOAD))
    if any(action.name.startswith("nginx.") and action.name != "nginx.reload" for action in actions):
        operations.append(Operation(Verb.NGINX_RELOAD))
    for action in actions:
        if action.name in _UNIT_OPERATIONS:
            operations.append(Operation(_UNIT_OPERATIONS[action.name], action.text("unit")))
        elif action.name in _PLAIN_OPERATIONS:
            operations.append(Operation(_PLAIN_OPERATIONS[action.name]))
    return Plan(changes, tuple(dict.fromkeys(operations)))


def _texts(argument: Bound) -> tuple[str, ...]:
    """What of an argument would be written."""
    match argument:
        case Edit():
            return (argument.after,)
        case Place():
            return ()
        case tuple():
            return argument
        case str():
            return (argument,)


def _dropins(actions: Iterable[BoundAction], read: Read) -> list[Rewrite]:
    units: dict[str, list[BoundAction]] = {}
    for action in actions:
        if action.name == "systemd.dropin":
            units.setdefault(action.text("unit"), []).append(action)
    rewrites = []
    for unit, own in units.items():
        path = dropin.path(unit)
        before = read(path)
        rewrites.append(Rewrite(path, before, dropin.extended(before, own)))
    return rewrites


def _nginx_files(actions: Iterable[BoundAction], read: Read) -> list[Rewrite]:
    """Edits of one file from its end to its start, so that no line moves before it is reached."""
    files: dict[str, list[tuple[int, BoundAction]]] = {}
    for action in actions:
        at = _nginx_place(action)
        if at is not None:
            files.setdefault(at[0], []).append((at[1], action))
    rewrites = []
    for path, edits in files.items():
        before = read(path)
        if before is None:
            raise CannotPlan(f"{path} is not there")
        after = before
        for line, action in sorted(edits, key=lambda edit: -edit[0]):
            after = _edited(after, line, action)
        rewrites.append(Rewrite(path, before, after))
    return rewrites


def _nginx_place(action: BoundAction) -> tuple[str, int] | None:
    place = action.arguments.get("place", action.arguments.get("edit"))
    return (place.path, place.line) if isinstance(place, (Place, Edit)) else None


def _edited(text: str, line: int, action: BoundAction) -> str:
    edit = action.arguments.get("edit")
    if isinstance(edit, Edit):
        return nginx.replace_line(text, line, edit.before, edit.after)
    if action.name == "nginx.set":
        return nginx.set_directive(text, line, action.text("directive"), action.text("value"))
    return nginx.remove_directive(text, line, action.text("directive"))


def _others(actions: Iterable[BoundAction]) -> list[Change]:
    changes: list[Change] = []
    for action in actions:
        match action.name:
            case "nginx.enable-site":
                path = action.text("path")
                enabled = posixpath.join(posixpath.dirname(posixpath.dirname(path)), "sites-enabled")
                changes.append(Relink(posixpath.join(enabled, posixpath.basename(path)), path))
            case "fs.link":
                changes.append(Relink(action.text("path"), action.text("target")))
            case "fs.mode":
                changes.append(Permit(action.text("path"), mode=action.text("mode")))
            case "fs.group":
                changes.append(Permit(action.text("path"), group=action.text("group")))
            case "fs.remove-bytecode":
                changes.append(Uncompile(action.text("path")))
    return changes
