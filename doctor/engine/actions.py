"""The closed set of actions a fix may name, with typed parameters. There is no action that runs a command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

from doctor.engine.evaluate import Names, evaluate, look
from doctor.engine.expression import Expression
from doctor.engine.template import Template
from doctor.facts.edit import Edit
from doctor.facts.value import Known, Place
from doctor.frozen import frozen

T = TypeVar("T")


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


ActionName: TypeAlias = Literal[
    "systemd.dropin",
    "systemd.daemon-reload",
    "systemd.start",
    "systemd.restart",
    "systemd.reload",
    "systemd.enable",
    "systemd.reset-failed",
    "nginx.set",
    "nginx.replace",
    "nginx.remove",
    "nginx.enable-site",
    "nginx.reload",
    "fs.mode",
    "fs.group",
    "fs.link",
    "fs.remove-bytecode",
]


@frozen
class Action:
    """A signature. `drops_requests`: it can, or it changes behaviour, so that no fix with it is safe.

    `about`: what it does, for the page about the language of rules.
    """

    name: ActionName
    about: str
    parameters: Mapping[str, Parameter]
    drops_requests: bool = False


def _action(name: ActionName, about: str, *, drops: bool = False, **parameters: Parameter) -> Action:
    return Action(name, about, MappingProxyType(parameters), drops)


_UNIT = Parameter.UNIT
ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        _action(
            "systemd.dropin",
            "adds assignments to `zz-flaskdoctor.conf` of the unit, one for each of `values`; `Exec*=` is reset first",
            unit=_UNIT,
            section=Parameter.TEXT,
            key=Parameter.TEXT,
            values=Parameter.TEXTS,
        ),
        _action("systemd.daemon-reload", "lets systemd read its files"),
        _action("systemd.start", "`systemctl start`", unit=_UNIT),
        _action("systemd.restart", "`systemctl restart`", drops=True, unit=_UNIT),
        _action("systemd.reload", "`systemctl reload`", unit=_UNIT),
        _action("systemd.enable", "`systemctl enable`", unit=_UNIT),
        _action("systemd.reset-failed", "lets a unit be started again that failed too often", unit=_UNIT),
        _action(
            "nginx.set",
            "`place` is a fact: the directive that stands there is replaced, else one is added to the block that "
            "opens there",
            drops=True,
            place=Parameter.PLACE,
            directive=Parameter.TEXT,
            value=Parameter.TEXT,
        ),
        _action("nginx.replace", "`edit` is a fact of type `Edit`, a whole line", drops=True, edit=Parameter.EDIT),
        _action(
            "nginx.remove",
            "`place` is a fact: the `directive` that begins there is taken out, a block with all it holds",
            drops=True,
            place=Parameter.PLACE,
            directive=Parameter.TEXT,
        ),
        _action(
            "nginx.enable-site",
            "links `sites-enabled/NAME` to the file in `sites-available`",
            drops=True,
            path=Parameter.PATH,
        ),
        _action("nginx.reload", "tests the configuration, then reloads"),
        _action(
            "fs.mode",
            "gives a file or directory these permission bits",
            drops=True,
            path=Parameter.PATH,
            mode=Parameter.MODE,
        ),
        _action(
            "fs.group", "gives a file or directory this group", drops=True, path=Parameter.PATH, group=Parameter.TEXT
        ),
        _action("fs.link", "points a link to `target`", drops=True, path=Parameter.PATH, target=Parameter.PATH),
        _action(
            "fs.remove-bytecode",
            "takes away the `*.pyc` of a directory and of those below it",
            drops=True,
            path=Parameter.PATH,
        ),
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

    name: ActionName
    arguments: Mapping[str, Bound]

    def text(self, parameter: str) -> str:
        """A string argument."""
        return self._typed(parameter, str)

    def texts(self, parameter: str) -> tuple[str, ...]:
        """A list of strings."""
        return self._typed(parameter, tuple)

    def place(self, parameter: str) -> Place:
        """A place in a file."""
        return self._typed(parameter, Place)

    def edit(self, parameter: str) -> Edit:
        """A change of a line."""
        return self._typed(parameter, Edit)

    def _typed(self, parameter: str, kind: type[T]) -> T:
        value = self.arguments[parameter]
        if not isinstance(value, kind):
            raise TypeError(f"{self.name}: {parameter} is no {kind.__name__}")
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
