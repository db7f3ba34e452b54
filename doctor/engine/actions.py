"""The closed set of actions a fix may name, with typed parameters. There is no action that runs a command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from doctor.engine.evaluate import Names, evaluate, look
from doctor.engine.expression import Expression
from doctor.engine.template import Template
from doctor.facts.edit import Edit
from doctor.facts.value import Known, Place
from doctor.frozen import frozen


class Parameter(Enum):
    """What an argument is, how it is written in a rule, and what it is when bound."""

    TEXT = "text"
    """A template; a string."""
    UNIT = "unit"
    """A template; the full name of a unit."""
    PATH = "path"
    """A template; an absolute path."""
    MODE = "mode"
    """A template; permission bits in octal digits."""
    TEXTS = "texts"
    """A list of templates; a tuple of strings."""
    EDIT = "edit"
    """A path to a fact of type Edit; that Edit."""
    PLACE = "place"
    """A path to a fact that stands in a file; its first Place there."""


@frozen
class Action:
    """A signature. `drops_requests`: it can, or it changes behaviour, so that no fix with it is safe."""

    name: str
    parameters: Mapping[str, Parameter]
    drops_requests: bool = False


def _action(name: str, *, drops: bool = False, **parameters: Parameter) -> Action:
    return Action(name, MappingProxyType(parameters), drops)


_UNIT = Parameter.UNIT
ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        _action("systemd.dropin", unit=_UNIT, section=Parameter.TEXT, key=Parameter.TEXT, values=Parameter.TEXTS),
        _action("systemd.daemon-reload"),
        _action("systemd.start", unit=_UNIT),
        _action("systemd.restart", drops=True, unit=_UNIT),
        _action("systemd.reload", unit=_UNIT),
        _action("systemd.enable", unit=_UNIT),
        _action("systemd.reset-failed", unit=_UNIT),
        _action("nginx.set", drops=True, place=Parameter.PLACE, directive=Parameter.TEXT, value=Parameter.TEXT),
        _action("nginx.replace", drops=True, edit=Parameter.EDIT),
        _action("nginx.remove", drops=True, place=Parameter.PLACE, directive=Parameter.TEXT),
        _action("nginx.enable-site", drops=True, path=Parameter.PATH),
        _action("nginx.reload"),
        _action("fs.mode", drops=True, path=Parameter.PATH, mode=Parameter.MODE),
        _action("fs.group", drops=True, path=Parameter.PATH, group=Parameter.TEXT),
        _action("fs.link", drops=True, path=Parameter.PATH, target=Parameter.PATH),
        _action("fs.remove-bytecode", drops=True, path=Parameter.PATH),
    )
}

Argument: TypeAlias = Template | tuple[Template, ...] | Expression
Bound: TypeAlias = str | tuple[str, ...] | Edit | Place

_UNIT_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@")


@frozen
class ActionCall:
    """An action of a rule, its arguments not yet filled in."""

    action: Action
    arguments: tuple[tuple[str, Argument], ...]


@frozen
class BoundAction:
    """An action ready to be previewed or applied. Arguments are as `Parameter` says, checked for their form."""

    name: str
    arguments: Mapping[str, Bound]

    def text(self, parameter: str) -> str:
        """A string argument."""
        value = self.arguments[parameter]
        if not isinstance(value, str):
            raise TypeError(f"{self.name}: {parameter} is no string")
        return value


def bind_action(call: ActionCall, names: Names) -> BoundAction | None:
    """Fill in the arguments; None when one of them is not known or not of its form."""
    bound: dict[str, Bound] = {}
    for parameter, argument in call.arguments:
        value = _bind(call.action.parameters[parameter], argument, names)
        if value is None:
            return None
        bound[parameter] = value
    return BoundAction(call.action.name, MappingProxyType(bound))


def _bind(kind: Parameter, argument: Argument, names: Names) -> Bound | None:
    if isinstance(argument, tuple):
        texts = [template.complete(names) for template in argument]
        known = tuple(text for text in texts if text is not None)
        return known if len(known) == len(texts) else None
    if isinstance(argument, Template):
        text = argument.complete(names)
        return text if text is not None and well_formed(kind, text) else None
    if kind is Parameter.EDIT:
        value = evaluate(argument.node, names).value
        return value if isinstance(value, Edit) else None
    fact = look(argument.node, names).fact
    if isinstance(fact, Known):
        places = (fact.value,) if isinstance(fact.value, Place) else fact.places
        return next((place for place in places if place.path and place.line), None)
    return None


def well_formed(kind: Parameter, text: str) -> bool:
    """It looks like what it is meant to be: the last guard between a fact and a command."""
    if not text.isprintable():
        return False
    if kind is Parameter.UNIT:
        return "." in text.strip(".") and not text.startswith(("-", ".")) and _UNIT_NAME.issuperset(text)
    if kind is Parameter.PATH:
        return text.startswith("/")
    if kind is Parameter.MODE:
        return 3 <= len(text) <= 4 and all(digit in "01234567" for digit in text)
    return True
