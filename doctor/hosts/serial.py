"""Observations as JSON values and back, by the types of their fields.

A dataclass is an object of its fields, those that have their default value left out. Three answers that can stand
in the place of others are marked: `{"$missing": true}`, `{"$unseen": reason}` and `{"$expression": source}`.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeAlias

from doctor.cause import Cause
from doctor.grammar.outline import Expression
from doctor.hosts.base import Missing, Unseen
from doctor.hosts.files import EARLIEST, LATEST
from doctor.hosts.reasons import cause_of

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


_FIELDS: dict[type[Any], dict[str, Any]] = {}
"""Types of the fields of each dataclass seen so far."""


class FormError(ValueError):
    """A value of another form than its type asks for."""


def encode(value: object) -> Json:
    """An observation as a JSON value."""
    match value:
        case Missing():
            return {"$missing": True}
        case Unseen():
            return {"$unseen": value.reason, "$cause": value.cause.value}
        case Expression():
            return {"$expression": value.text}
        case Enum():
            return encode(value.value)
        case None | str() | bool() | int() | float():
            return value
        case tuple() | list():
            return [encode(item) for item in value]
        case Mapping():
            return {str(name): encode(item) for name, item in sorted(value.items())}
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is not an observation")
    return {
        field.name: encode(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    }


def decode(data: Json, kind: Any) -> Any:
    """The value of type `kind` (a type, a union, a tuple or mapping) that `data` stands for; raises `FormError`."""
    if isinstance(data, dict) and len(data) <= 2:
        match data:
            case {"$unseen": str(reason), "$cause": str(cause)}:
                return _checked(Unseen(reason, _cause(cause)), kind)
            case {"$unseen": str(reason)} if len(data) == 1:
                return _checked(Unseen(reason, cause_of(reason)), kind)
    if isinstance(data, dict) and len(data) == 1:
        match data:
            case {"$missing": True}:
                return _checked(Missing(), kind)
            case {"$expression": str(text)}:
                return _checked(Expression(text), kind)
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return _decode_union(data, kind)
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _decode_tuple(data, typing.get_args(kind))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: decode(item, typing.get_args(kind)[1]) for name, item in _object(data).items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError as error:
            raise FormError(str(error)) from None
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_object(_object(data), kind)
    return _decode_scalar(data, kind)


def _cause(written: str) -> Cause:
    """One that a later version knows is none of ours."""
    return Cause(written) if written in set(Cause) else Cause.UNSAID


def _members(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


def _checked(value: object, kind: Any) -> object:
    if type(value) not in _members(kind):
        raise FormError(f"{type(value).__name__} cannot stand here")
    return value


def _decode_union(data: Json, kind: Any) -> Any:
    """The one member of a union with the form of `data`. A list in a union of literals holds such literals again."""
    members = _members(kind)
    if isinstance(data, list) and str in members:  # `Literal`: a tuple of such holds such
        return tuple(decode(item, kind) for item in data)
    for member in members:
        if member in (Missing, Unseen, Expression):
            continue
        try:
            return decode(data, member)
        except FormError:
            continue
    raise FormError(f"{_shown(data)} has none of the expected forms")


def _decode_tuple(data: Json, inner: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise FormError(f"{_shown(data)} is not a list")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(decode(item, inner[0]) for item in data)
    if len(data) != len(inner):
        raise FormError(f"{_shown(data)} does not have {len(inner)} parts")
    return tuple(decode(item, part) for item, part in zip(data, inner, strict=True))


def _decode_object(data: dict[str, Json], kind: type[Any]) -> Any:
    fields = _fields(kind)
    known = {name: decode(item, fields[name]) for name, item in data.items() if name in fields}
    try:
        return kind(**known)
    except TypeError:
        missing = ", ".join(name for name in fields if name not in known)
        raise FormError(f"{kind.__name__} lacks {missing}") from None


def _fields(kind: type[Any]) -> dict[str, Any]:
    if kind not in _FIELDS:
        _FIELDS[kind] = typing.get_type_hints(kind)
    return _FIELDS[kind]


def _decode_scalar(data: Json, kind: Any) -> Any:
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        if not EARLIEST <= data <= LATEST:  # a NaN neither
            raise FormError(f"{_shown(data)} is out of range")
        return float(data)
    if kind is type(None) and data is None:
        return None
    if type(data) is not kind:
        raise FormError(f"{_shown(data)} is not of type {getattr(kind, '__name__', kind)}")
    return data


def _object(data: Json) -> dict[str, Json]:
    if not isinstance(data, dict):
        raise FormError(f"{_shown(data)} is not an object")
    return data


def _shown(data: Json) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:60] + "…"
