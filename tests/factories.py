"""Facts for tests: what is not given is Absent, empty, zero or false; of a choice its first value.

Which of these it is, is read from the types of the fields. Tests make facts here and do not call the constructors, so
that a new field changes no test but its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from doctor.apps.topology import App, Facts
from doctor.conclusions.service import outlook
from doctor.conclusions.service.model import Ending, NextStart
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import ABSENT, Absent, Known, Origin, Place, Unknown, absent_all
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process
from doctor.sources.systemd import Unit

C = TypeVar("C")


def make(cls: type[C], **given: Any) -> C:
    """An instance with what is given; where a field is a fact, a plain value becomes a Known one."""
    fact_class: Any = cls
    hints = hints_of(fact_class)
    assert not given.keys() - hints.keys(), f"{cls.__name__} has no {sorted(given.keys() - hints.keys())}"
    return cls(
        **{
            name: _as_field(given[name], hints[name]) if name in given else empty(hints[name])
            for name in (item.name for item in fields(fact_class))
        }
    )


@cache
def hints_of(cls: Any) -> Mapping[str, Any]:
    """The types of the fields of a class."""
    return get_type_hints(cls)


def empty(hint: Any) -> Any:
    """What stands for nothing where a value of this type is wanted."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is type(None):
        return None
    if origin in (Union, UnionType):
        return Absent() if Absent in arguments else None if type(None) in arguments else empty(arguments[0])
    if origin is tuple and Ellipsis not in arguments:
        return tuple(map(empty, arguments))
    if origin is not None:
        return {} if issubclass(origin, Mapping) else empty(origin)
    if issubclass(hint, Enum):
        return next(iter(hint))
    return make(cast("type[Any]", hint)) if is_dataclass(hint) else hint()


def _as_field(value: Any, hint: Any) -> Any:
    is_fact = Absent in get_args(hint)
    return value if not is_fact or isinstance(value, (Known, Absent, Unknown)) else known(value)


def known(value: Any, path: str = "", line: int = 0, text: str = "", origin: Origin = Origin.EXPLICIT) -> Known[Any]:
    places = (Place(path=path, line=line, text=text),) if path else ()
    return Known(value, places, origin)


def tcp(port: int) -> Address:
    return Address(AddressKind.TCP, host="127.0.0.1", port=port)


def unix(path: str) -> Address:
    return Address(AddressKind.UNIX, path=path)


def running(name: str = "shop.service", **given: Any) -> Gunicorn:
    """A Gunicorn with a master."""
    return make(Gunicorn, name=name, master=make(Process, pid=122), **given)


def app(name: str = "shop", **given: Any) -> App:
    """An App whose single unit and Gunicorn, when given in the plural, are also given in the singular."""
    for one, many in (("unit", "units"), ("gunicorn", "gunicorns")):
        if given.get(many) and one not in given:
            given[one] = given[many][0]
    return as_run(make(App, name=name, **given))


def as_run(its: App) -> App:
    """With what its unit says of its service, where a test says nothing else."""
    if not isinstance(its.unit, Known):
        return its
    told: dict[str, Any] = {
        "kind": outlook.kind_of(its.unit),
        "name": outlook.name_of(its.unit),
        "state": outlook.state_of(its.unit),
        "since": its.unit.value.exec_main_started,
        "restarts": its.unit.value.restarts,
        "not_started_at_boot": its.unit.value.not_started_at_boot,
        "ended": outlook.ending_of(its.unit, its.log),
        "start": outlook.next_start_of(its.unit),
    }
    unsaid = {name: value for name, value in told.items() if getattr(its.service, name) in _UNSAID}
    return replace(its, service=replace(its.service, **unsaid))


_UNSAID = (ABSENT, absent_all(Ending), absent_all(NextStart))


def unit(name: str = "shop.service", **given: Any) -> Unit:
    return make(Unit, name=name, **given)


def machine(*apps: App, **given: Any) -> Facts:
    return make(Facts, name="box", time=1_800_000_000.0, apps=apps, **given)
