"""The JSON form of the report."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

# json.dumps escapes C0 only. These can occur nowhere but inside its strings, where \uXXXX means the same.
_UNSAFE = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def to_json(value: Any) -> Any:
    """Dataclasses, enums and tuples, however nested, as what `json` writes."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def dumps(value: Any) -> str:
    """Indented JSON with a newline at its end, safe to print: no control or bidirectional character is left bare."""
    text = json.dumps(to_json(value), indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"
