"""The JSON form of the report."""

from __future__ import annotations

import json
import re

from doctor.serial import Serial

# json.dumps escapes C0 only. These can occur nowhere but inside its strings, where \uXXXX means the same.
_UNSAFE = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")

_SERIAL = Serial()


def dumps(value: object) -> str:
    """Indented JSON with a newline at its end, safe to print: no control or bidirectional character is left bare."""
    text = json.dumps(_SERIAL.write(value), indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"
