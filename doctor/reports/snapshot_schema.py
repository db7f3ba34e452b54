"""JSON Schema of a recording, generated from what a host can be asked."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field
from typing import Any, ForwardRef, get_type_hints

from doctor.grammar.outline import Expression
from doctor.hosts.base import Host, Missing, Unseen
from doctor.hosts.snapshotfile import LENT, SCHEMA_NAME, SCHEMA_VERSION
from doctor.reports.schema import Generator

_MARKS: dict[Any, tuple[str, dict[str, Any], str]] = {
    Missing: ("$missing", {"const": True}, "The host looked, and it is not there."),
    Unseen: ("$unseen", {"type": "string"}, "The host could not look; why."),
    Expression: ("$expression", {"type": "string"}, "Source that only running it could turn into a value."),
}


_WITH: dict[Any, dict[str, Any]] = {
    Unseen: {"$cause": {"type": "string", "description": "What kind of reason; left out by older versions."}}
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
                "properties": {key: value, **_WITH.get(hint, {})},
                "required": [key],
                "additionalProperties": False,
            }
        if isinstance(hint, (str, ForwardRef)):
            return {}  # a literal inside a literal: any value of the same kind again
        return super().type(hint)


def snapshot_schema() -> dict[str, Any]:
    """The envelope, and for each question the form of its answer."""
    generator = _Recorded()
    answers = {
        name: get_type_hints(method)["return"]
        for name, method in inspect.getmembers(Host, inspect.isfunction)
        if not name.startswith("_")
    }
    answers = {name: hint for name, hint in answers.items() if hint not in (type(None), Host)}
    observations = [_observation(name, generator.type(hint)) for name, hint in sorted(answers.items())]
    observations.append(_observation("named_in", {"type": "integer", "description": "The user who may write them."}))
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


def _observation(question: str, answer: dict[str, Any]) -> dict[str, Any]:
    """A question by its name, or what the user of a number was answered where that is something else."""
    asked = ([{"const": question}], [{"const": LENT}, {"type": "integer"}, {"const": question}])
    return {
        "properties": {
            "ask": {"type": "array", "anyOf": [{"prefixItems": begin} for begin in asked]},
            "answer": answer,
        },
        "required": ["ask", "answer"],
    }
