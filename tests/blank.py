"""Facts for tests: every field Absent (or empty) but the ones a test is about."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from doctor.facts.value import Absent

T = TypeVar("T")


def blank(cls: type[T], **given: Any) -> T:
    """An instance of a fact dataclass: Fact fields Absent, tuples empty, texts "", numbers 0."""
    hints = get_type_hints(cls)
    values = {}
    for field in fields(cls):  # type: ignore[arg-type]
        if field.name in given:
            values[field.name] = given[field.name]
            continue
        hint = hints[field.name]
        text = str(hint)
        if "Absent" in text and not text.startswith("tuple"):
            values[field.name] = Absent()
        elif text.startswith("tuple"):
            values[field.name] = ()
        elif hint in (str, int, float, bool):
            values[field.name] = hint()
    return cls(**values)
