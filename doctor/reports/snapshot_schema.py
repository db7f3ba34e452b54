"""JSON Schema of a recording, generated from what a host can be asked."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field
from typing import Any, ForwardRef, get_type_hints

from doctor.grammar.outline import Expression
from doctor.hosts.base import Host, Missing, Unseen
from doctor.hosts.snapshot import SCHEMA_NAME, SCHEMA_VERSION
from doctor.reports.schema import Generator

_MARKS: dict[Any, tuple[str, dict[str, Any], str]] = {
    Missing: ("$missing", {"const": True}, "The host looked, and it is not there."),
    Unseen: ("$unseen", {"type": "string"}, "The host could not look; why."),
    Expression: ("$expression", {"type": "string"}, "Source that only running it could turn into a value."),
}


class _Recorded(Generator):
    """Observations as doctor.hosts.serial writes them: defaults left out, three answers marked."""

    def required(self, field: Field[Any]) -> bool:
        return field.default is MISSING and field.default_factory is MISSING

    def type(self, hint: Any) -> dict[str, Any]:
        if hint in _MARKS:
            key, value, description = _MARKS[hint]
            return {
                "type": "object",
                "description": description,
                "properties": {key: value},
                "required": [key],
                "additionalProperties": False,
            }
        if isinstance(hint, (str, ForwardRef)):
            return {}  # a literal inside a literal: any value of the same kind again
        return super().type(hint)


def snapshot_schema() -> dict[str, Any]:
    """The envelope, and for each question the form of its answer."""
    generator = _Recorded()
    questions = sorted(
        name
        for name, method in inspect.getmembers(Host, inspect.isfunction)
        if not name.startswith("_") and get_type_hints(method)["return"] is not type(None)
    )
    observations = [
        {
            "properties": {
                "ask": {"type": "array", "prefixItems": [{"const": name}]},
                "answer": generator.type(get_type_hints(getattr(Host, name))["return"]),
            },
            "required": ["ask", "answer"],
        }
        for name in questions
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_NAME}/{SCHEMA_VERSION}",
        "title": f"{SCHEMA_NAME}/{SCHEMA_VERSION}",
        "description": "A recorded machine: every question of a check with its answer, secrets taken out before.",
        "type": "object",
        "properties": {
            "schema": {"const": f"{SCHEMA_NAME}/{SCHEMA_VERSION}"},
            "version": {"type": "string", "description": "Of the flaskdoctor that recorded."},
            "target": {"type": "string", "description": "Name of the machine."},
            "time": {"type": "number", "description": "When it was looked at, in seconds since the epoch."},
            "observations": {"type": "array", "items": {"type": "object", "oneOf": observations}},
        },
        "required": ["schema", "version", "target", "time", "observations"],
        "$defs": dict(sorted(generator.definitions.items())),
    }
