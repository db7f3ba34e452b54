"""From the actions of a fix to what is to be changed and run. A pure function over the text of the files concerned.

The same plan is made twice: for the preview over text without secrets, as the host shows it, and for the change itself
over the bytes of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from doctor.edits import dropin, nginx
from doctor.edits.actions.every import effect
from doctor.edits.changes import Change, Operation, Permit, Relink, Rewrite, Uncompile, Verb
from doctor.edits.effect import Effect, EnabledSite, Setting, TextEdit
from doctor.engine.actions import Bound, BoundAction
from doctor.errors import unhandled
from doctor.facts.edit import Edit
from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.hosts.hidden import is_hidden

Read: TypeAlias = Callable[[str], "str | None"]
"""The text of a file; None when it is not there. Raises CannotPlan when that cannot be told."""


class CannotPlan(Exception):
    """The fix does not fit the files; the message says why."""


@frozen
class Plan:
    """What a fix does: first all changes, in order, then all operations."""

    changes: tuple[Change, ...]
    operations: tuple[Operation, ...]


def plan(actions: Sequence[BoundAction], read: Read) -> Plan:
    """What these actions come to, with the commands that follow from a change (daemon-reload, reload of nginx).

    Raises CannotPlan.
    """
    for action in actions:
        if any(is_hidden(text) for argument in action.arguments.values() for text in _texts(argument)):
            raise CannotPlan("it would write a secret, which flaskdoctor does not know")
    effects = [effect(action) for action in actions]
    try:
        changes = (*_dropins(effects, read), *_nginx_files(effects, read), *_others(effects))
    except nginx.CannotEdit as error:
        raise CannotPlan(str(error)) from error
    asked = (each for each in effects if isinstance(each, Operation))
    return Plan(changes, tuple(dict.fromkeys((*_following(effects), *asked))))


def _following(effects: Iterable[Effect]) -> Iterator[Operation]:
    """What every change of such files is followed by, before anything that was asked for."""
    kinds = {type(each) for each in effects}
    if Setting in kinds:
        yield Operation(Verb.DAEMON_RELOAD)
    if kinds & {TextEdit, EnabledSite}:
        yield Operation(Verb.NGINX_RELOAD)


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


def _dropins(effects: Iterable[Effect], read: Read) -> Iterator[Rewrite]:
    units: dict[str, list[Setting]] = {}
    for each in effects:
        if isinstance(each, Setting):
            units.setdefault(each.unit, []).append(each)
    for unit, own in units.items():
        path = dropin.path(unit)
        before = read(path)
        yield Rewrite(path, before, dropin.extended(before, own))


def _nginx_files(effects: Iterable[Effect], read: Read) -> Iterator[Rewrite]:
    """Edits of one file from its end to its start, so that no line moves before it is reached."""
    files: dict[str, list[TextEdit]] = {}
    for each in effects:
        if isinstance(each, TextEdit):
            files.setdefault(each.path, []).append(each)
    for path, edits in files.items():
        before = read(path)
        if before is None:
            raise CannotPlan(f"{path} is not there")
        after = before
        for edit in sorted(edits, key=lambda edit: -edit.line):
            after = edit.edited(after)
        yield Rewrite(path, before, after)


def _others(effects: Iterable[Effect]) -> Iterator[Change]:
    for each in effects:
        match each:
            case EnabledSite(link):
                yield link
            case Relink() | Permit() | Uncompile():
                yield each
            case Setting() | TextEdit() | Operation():
                pass
            case _:
                unhandled(each)
