"""Facts that are stated: from dotted paths and plain values to the objects that rules ask.

    app.unit.active_state: failed
    app.binds: [unix:/run/shop/gunicorn.sock]
    app.routes: [{peer: {address: 127.0.0.1:8000}}]
    app.log.failure: {value: exited with status 1, at: "journalctl -u shop.service"}
    app.code.boot_blocker: {unknown: permission denied}

What is not stated is Absent, empty, zero or false. `app.unit` stands for the only unit of `app.units` as well, and
`app.gunicorn` likewise, where the list is not stated itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from factories import as_run, empty, hints_of

from doctor.apps.topology import App
from doctor.cause import Cause
from doctor.engine.subjects import SUBJECTS, Instance
from doctor.facts.address import Address, parse_bind
from doctor.facts.value import Absent, Known, Origin, Place, Unknown

Stated: TypeAlias = str | list[Any] | Mapping[str, Any]
"""A value as a proof writes it."""

_FACT_KEYS = frozenset({"value", "at", "origin"})
_ONE_OF = {"units": "unit", "gunicorns": "gunicorn"}


class StatedError(Exception):
    """A fact that does not exist, or a value that it cannot have."""


def subject(kind: str, stated: Mapping[str, Stated]) -> Instance:
    """One subject of that kind with the facts stated under its names. Raises `StatedError`."""
    tree: dict[str, Any] = {}
    for path, value in stated.items():
        node = tree
        *way, last = path.split(".")
        for word in way:
            node = node.setdefault(word, {})
        node[last] = value
    scope = SUBJECTS[kind].scope
    if unheard_of := tree.keys() - scope.keys():
        raise StatedError(f"no subject {kind!r} knows {', '.join(sorted(unheard_of))}")
    names = {name: _named(of.cls, tree.get(name, {}), name) for name, of in scope.items()}
    app = names.get("app")
    own = names.get(kind)
    name = getattr(own, "name", "") or getattr(own, "path", "") or (app.name if app else "") or kind
    return Instance(str(name), app.name if app else "", names)


def _named(cls: type | None, stated: Any, name: str) -> Any:
    """What a name of the subject stands for: an object, or a fact of one where that is stated."""
    if isinstance(stated, Mapping) and (
        ("value" in stated and stated.keys() <= _FACT_KEYS) or stated.keys() == {"unknown"}
    ):
        return _fact((Known[cls],), stated, name)  # type: ignore[valid-type]
    return build(cls, stated, name)


def build(hint: Any, stated: Any, path: str) -> Any:
    """A value of the annotated type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) and Absent in arguments:
        return _fact(arguments, stated, path)
    if isinstance(stated, Mapping) and "value" in stated and stated.keys() <= _FACT_KEYS:
        stated = stated["value"]  # what is no fact of its own has no place of its own
    if origin in (Union, UnionType):
        return build(next(each for each in arguments if each is not type(None)), stated, path)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(build(each, item, path) for each, item in zip(arguments, stated, strict=True))
    if origin in (tuple, frozenset):
        return origin(build(arguments[0], item, f"{path}[]") for item in stated)
    if origin is not None and issubclass(origin, Mapping):
        return {key: build(arguments[1], value, path) for key, value in stated.items()}
    return _plain(hint, stated, path)


def _fact(arguments: tuple[Any, ...], stated: Any, path: str) -> Known[Any] | Absent | Unknown:
    if stated == "none":
        return Absent()
    if isinstance(stated, Mapping) and "unknown" in stated and stated.keys() <= {"unknown", "cause"}:
        return Unknown(stated["unknown"], Cause(stated.get("cause", "ambiguous")))
    place, origin = Place(), Origin.OBSERVED
    if isinstance(stated, Mapping) and "value" in stated and stated.keys() <= _FACT_KEYS:
        place, origin = _place(stated.get("at", "")), Origin(stated.get("origin", "observed"))
        stated = stated["value"]
    inner = next(get_args(each)[0] for each in arguments if get_origin(each) is Known)
    return Known(build(inner, stated, path), (place,) if place != Place() else (), origin)


def _place(text: str) -> Place:
    if not text.startswith("/"):
        return Place(note=text)
    path, _, line = text.rpartition(":")
    return Place(path=path, line=int(line)) if line.isdecimal() else Place(path=text)


def _plain(hint: Any, stated: Any, path: str) -> Any:
    if hint is Address and isinstance(stated, str):
        return parse_bind(stated)
    if hint is Place and isinstance(stated, str):
        return _place(stated)
    if is_dataclass(hint) and isinstance(stated, Mapping):
        return _object(hint, stated, path)  # type: ignore[arg-type]
    if hint is bool and stated in ("true", "false"):
        return stated == "true"
    try:
        if issubclass(hint, Enum):
            return hint(stated)
        if hint in (int, float):
            return hint(stated)
    except ValueError as error:
        raise StatedError(f"{path}: {error}") from error
    if hint is str and isinstance(stated, str):
        return stated
    raise StatedError(f"{path}: {stated!r} is no {getattr(hint, '__name__', hint)}")


def _object(cls: type, stated: Mapping[str, Any], path: str) -> Any:
    stated = {**stated}
    if cls is App:
        stated.setdefault("name", "shop")
        for many, one in _ONE_OF.items():
            if one in stated and many not in stated and stated[one] != "none":
                stated[many] = [stated[one]]
    names = [item.name for item in fields(cls)]
    if unheard_of := stated.keys() - set(names):
        raise StatedError(f"{path}: {cls.__name__} has no {', '.join(sorted(unheard_of))}")
    made: Any = cls(
        **{
            name: build(hints_of(cls)[name], stated[name], f"{path}.{name}")
            if name in stated
            else empty(hints_of(cls)[name])
            for name in names
        }
    )
    return as_run(made) if isinstance(made, App) else made
