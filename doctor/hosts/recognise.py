"""Is a file a recording? Its first bytes tell, whatever it is called."""

from __future__ import annotations

import json
import re

GZIP = b"\x1f\x8b"
_BEGINNING = 1 << 16
"""Bytes that are looked at, before and after decompression."""
_HEAD = re.compile(r'\s*\{\s*(?:"observations"\s*:\s*\[|"schema"\s*:\s*"flaskdoctor\.(?:snapshot|layer)/)')
"""A recording as it is written, or with its keys sorted."""


def begins_as_recording(path: str) -> bool:
    """Whether a file begins as a recording does; of compressed data that is damaged nothing else could be made."""
    try:
        with open(path, "rb") as file:
            data = file.read(_BEGINNING)
    except OSError:
        return False
    if data.startswith(GZIP):
        import zlib

        try:
            data = zlib.decompressobj(wbits=31).decompress(data, _BEGINNING)
        except zlib.error:
            return True
    # A shell of Windows writes UTF-16 where it redirects, and a mark before UTF-8.
    return _HEAD.match(data.decode(json.detect_encoding(data), "replace").removeprefix("\ufeff")) is not None
