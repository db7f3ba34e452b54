"""JSON Schema (draft 2020-12) of frozen dataclasses: what `flaskdoctor schema` prints."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from doctor.engine.dictionary import field_docs

_SCALARS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def json_schema(cls: type, identifier: str) -> dict[str, Any]:
    """The schema of `cls`, each further class once under `$defs`.

    Every field is required, and unknown properties are allowed: a field may be added within a version.
    """
    generator = Generator()
    body = generator.object(cls)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier,
        "title": identifier,
    }
    return schema | body | {"$defs": dict(sorted(generator.definitions.items()))}


class Generator:
    """Schemas of classes, those of further classes gathered in `definitions`."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def object(self, cls: type) -> dict[str, Any]:
        """The schema of a dataclass."""
        hints = get_type_hints(cls)
        documents = field_docs(cls)
        properties: dict[str, Any] = {}
        for field in fields(cls):
            properties[field.name] = self.type(hints[field.name])
            if field.name in documents:
                properties[field.name] |= {"description": documents[field.name]}
        return {
            "type": "object",
            "description": " ".join((inspect.getdoc(cls) or "").split()),
            "properties": properties,
            "required": [field.name for field in fields(cls) if self.required(field)],
        }

    def required(self, field: Field[Any]) -> bool:
        """A field is always written."""
        return True

    def type(self, hint: Any) -> dict[str, Any]:
        """The schema of an annotation. Raises TypeError for one that has no JSON form."""
        if isinstance(hint, type) and hint in _SCALARS:
            return {"type": _SCALARS[hint]}
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Literal:
            return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
        if origin in (Union, types.UnionType):
            return self._union([self.type(argument) for argument in arguments])
        if origin is tuple and arguments[-1] is not Ellipsis:
            parts = [self.type(argument) for argument in arguments]
            return {"type": "array", "prefixItems": parts, "minItems": len(parts), "items": False}
        if origin in (tuple, list, frozenset):
            return {"type": "array", "items": self.type(arguments[0])}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [member.value for member in hint]}
        if is_dataclass(hint) and isinstance(hint, type):
            if hint.__name__ not in self.definitions:
                self.definitions[hint.__name__] = {}
                self.definitions[hint.__name__] = self.object(hint)
            return {"$ref": f"#/$defs/{hint.__name__}"}
        if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.type(arguments[1])}
        raise TypeError(f"no JSON Schema for {hint!r}")

    @staticmethod
    def _union(options: list[dict[str, Any]]) -> dict[str, Any]:
        if all(set(option) == {"type"} for option in options):
            return {"type": [option["type"] for option in options]}
        return {"anyOf": options}
