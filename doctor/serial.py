"""Dataclasses as JSON values and back, by the types of their fields.

A dataclass is an object of its fields, an enum its value, a tuple a list, a set a list in order. What is written in
another way has a `Form`; what goes by a union is told apart by the keys of its form, else by its kind of JSON value.
Properties that no field has are left out: a later version may have written them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Set
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, ForwardRef, TypeAlias, Union, get_args, get_origin, get_type_hints

from doctor.frozen import frozen

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
_Reader: TypeAlias = Callable[[Any], Any]

_SCALARS = (str, int, float, bool, NoneType)
_SHOWN = 60
_PATH = 200
"""Characters of a value and of a path that an error shows."""


class FormError(ValueError):
    """A value of another form than its type asks for: `what` is wrong at `path`, as in `fixes[2].steps[0].path`."""

    def __init__(self, what: str, path: str = "") -> None:
        shown = path.lstrip(".") if len(path) <= _PATH else f"{path.lstrip('.')[:_PATH]}…"
        super().__init__(f"{shown}: {what}" if shown else what)
        self.what = what
        self.path = path

    def inside(self, step: str | int) -> FormError:
        """The same of what holds the value, as a property or at an index."""
        if isinstance(step, str) and step.isidentifier() and len(step) <= _SHOWN:
            return FormError(self.what, f".{step}{self.path}")
        return FormError(self.what, f"[{_shown(step)}]{self.path}")


@frozen
class Form:
    """How a class is written where it is no object of its fields.

    `kind` is the type of what is written. `read` gets such a value, and raises ValueError or LookupError when it
    stands for none. With `keys` it is an object of these, the first always: they tell it from others in a union.
    """

    kind: Any
    write: Callable[[Any], Json]
    read: Callable[[Any], Any]
    keys: tuple[str, ...] = ()


class Serial:
    """One way of writing.

    `forms`: by exact class. `terse`: a field that has its default is left out, and mappings are in the order of their
    names; else every field is written, and has to be there when it is read. `floats`: the least and the largest.
    """

    def __init__(
        self,
        forms: Mapping[type[Any], Form] = MappingProxyType({}),
        *,
        terse: bool = False,
        floats: tuple[float, float] = (-sys.float_info.max, sys.float_info.max),
    ) -> None:
        self._forms = forms
        self._terse = terse
        self._floats = floats
        self._readers: dict[Any, _Reader] = {}
        self._fields: dict[type, tuple[Field[Any], ...]] = {}

    def write(self, value: object) -> Json:
        """A value as JSON. Raises TypeError for what has no form."""
        if (form := self._forms.get(type(value))) is not None:
            return form.write(value)
        match value:
            case Enum():
                return self.write(value.value)
            case str() | bool() | int() | float() | None:
                return value
            case tuple() | list():
                return [self.write(item) for item in value]
            case Set():
                return [self.write(item) for item in sorted(value)]
            case Mapping():
                return {
                    name: self.write(item) for name, item in (sorted(value.items()) if self._terse else value.items())
                }
        return self._write_object(value)

    def _write_object(self, value: Any) -> Json:
        kind = type(value)
        if kind not in self._fields:
            if not is_dataclass(kind):
                raise TypeError(f"{kind.__name__} has no form")
            self._fields[kind] = fields(kind)
        held = ((field, getattr(value, field.name)) for field in self._fields[kind])
        return {field.name: self.write(item) for field, item in held if not self._terse or item != field.default}

    def read(self, data: Json, kind: Any) -> Any:
        """The value of type `kind` (a class, a union, a tuple, set or mapping) that `data` stands for.

        Raises:
            FormError: it stands for none.
        """
        try:
            return self._reader(kind)(data)
        except RecursionError:
            raise FormError("it is nested too deeply") from None

    def _reader(self, kind: Any) -> _Reader:
        """Made once for each type: most of what is read is many of few types."""
        if kind not in self._readers:
            self._readers[kind] = self._made(kind)
        return self._readers[kind]

    def _made(self, kind: Any) -> _Reader:
        if kind in self._forms:
            return self._of_form(self._forms[kind])
        if _is_union(kind):
            return self._of_union(get_args(kind))
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if origin is tuple and inner[1:] != (Ellipsis,):
            return _of_row(tuple(map(self._reader, inner)))
        if origin in (tuple, list, frozenset):
            return _of_list(origin, self._reader(inner[0]))
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return _of_mapping(self._reader(inner[1]))
        if isinstance(origin, type) and issubclass(origin, Enum):
            return _of_enum(origin)
        if isinstance(kind, type) and is_dataclass(kind):
            return self._of_object(kind)
        if kind is float:
            return _of_float(*self._floats)
        if kind in _SCALARS:
            return _of_scalar(kind)
        raise TypeError(f"{kind} has no form")

    def _of_form(self, form: Form) -> _Reader:
        inner, made = self._reader(form.kind), form.read

        def read(data: Any) -> Any:
            try:
                return made(inner(data))
            except FormError:
                raise
            except (ValueError, LookupError) as error:
                raise FormError(f"{_shown(data)} stands for nothing ({_shown(str(error))})") from None

        return read

    def _of_union(self, members: tuple[Any, ...]) -> _Reader:
        marked: list[tuple[str, frozenset[str], _Reader]] = []
        choices: dict[type, list[_Reader]] = {}

        def read(data: Any) -> Any:
            if type(data) is dict:
                for key, keys, reader in marked:
                    if key in data and keys.issuperset(data):
                        return reader(data)
            found = choices.get(type(data), [])
            if len(found) == 1:
                return found[0](data)  # what is wrong in it can be told
            for reader in found:
                try:
                    return reader(data)
                except FormError:
                    continue
            raise FormError(f"{_shown(data)} has none of the expected forms")

        for member in members:
            if member in self._forms and (keys := self._forms[member].keys):
                marked.append((keys[0], frozenset(keys), self._reader(member)))
                continue
            own = _of_list(tuple, read) if _holds_itself(member) else self._reader(member)
            for kind in self._json(member):
                choices.setdefault(kind, []).append(own)
        return read

    def _json(self, kind: Any) -> set[type]:
        """The JSON values, as `json` gives them, of which a type may be read."""
        if kind in self._forms:
            return self._json(self._forms[kind].kind)
        origin = get_origin(kind) or kind
        if origin in (tuple, list, frozenset):
            return {list}
        if is_dataclass(origin) or issubclass(origin, Mapping):
            return {dict}
        if issubclass(origin, Enum):
            return {type(member.value) for member in origin}
        return {float, int} if origin is float else {origin}

    def _of_object(self, kind: type) -> _Reader:
        hints = get_type_hints(kind)
        readers = {field.name: self._reader(hints[field.name]) for field in fields(kind)}
        needed = {
            field.name
            for field in fields(kind)
            if not self._terse or (field.default is MISSING and field.default_factory is MISSING)
        }

        def read(data: Any) -> Any:
            if type(data) is not dict:
                raise FormError(f"{_shown(data)} is not an object")
            found = {}
            name = ""
            try:
                for name, item in data.items():
                    if (reader := readers.get(name)) is not None:
                        found[name] = reader(item)
            except FormError as error:
                raise error.inside(name) from None
            if len(found) < len(readers) and not needed <= found.keys():
                missing = (name for name in readers if name in needed - found.keys())
                raise FormError(f"{kind.__name__} lacks {', '.join(missing)}")
            return kind(**found)

        return read


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _holds_itself(member: Any) -> bool:
    """A tuple in a union whose items have a name only, as that of an alias in its own definition, holds such again."""
    return get_origin(member) is tuple and isinstance(get_args(member)[0], (str, ForwardRef))


def _at(step: str | int, reader: _Reader, data: Any) -> Any:
    try:
        return reader(data)
    except FormError as error:
        raise error.inside(step) from None


def _of_list(kind: Callable[[list[Any]], Any], inner: _Reader) -> _Reader:
    def read(data: Any) -> Any:
        if type(data) is not list:
            raise FormError(f"{_shown(data)} is not a list")
        items: list[Any] = []
        try:
            for item in data:
                items.append(inner(item))
        except FormError as error:
            raise error.inside(len(items)) from None
        return kind(items)

    return read


def _of_row(inner: tuple[_Reader, ...]) -> _Reader:
    def read(data: Any) -> tuple[Any, ...]:
        if type(data) is not list:
            raise FormError(f"{_shown(data)} is not a list")
        if len(data) != len(inner):
            raise FormError(f"it has {len(data)} parts, not {len(inner)}")
        return tuple(_at(number, reader, data[number]) for number, reader in enumerate(inner))

    return read


def _of_mapping(inner: _Reader) -> _Reader:
    def read(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise FormError(f"{_shown(data)} is not an object")
        return {name: _at(name, inner, item) for name, item in data.items()}

    return read


def _of_enum(kind: type[Enum]) -> _Reader:
    members = {member.value: member for member in kind}

    def read(data: Any) -> Enum:
        try:
            return members[data]
        except (KeyError, TypeError):
            raise FormError(f"{_shown(data)} is no {kind.__name__}") from None

    return read


def _of_float(least: float, largest: float) -> _Reader:
    def read(data: Any) -> float:
        if type(data) not in (float, int):
            raise FormError(f"{_shown(data)} is not a number")
        if not least <= data <= largest:  # a NaN neither
            raise FormError(f"{_shown(data)} is out of range")
        return float(data)

    return read


def _of_scalar(kind: type) -> _Reader:
    def read(data: Any) -> Any:
        if type(data) is not kind:
            raise FormError(f"{_shown(data)} is not of type {kind.__name__}")
        return data

    return read


def _shown(data: object) -> str:
    if isinstance(data, (dict, list)):
        return "an object" if isinstance(data, dict) else "a list"
    if isinstance(data, str):
        data = data[: _SHOWN + 1]
    text = repr(data)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
