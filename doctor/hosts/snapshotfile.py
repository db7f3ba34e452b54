"""A recording as a file: one JSON document, compressed where the name ends in .gz, whole or not at all."""

from __future__ import annotations

import json
import os
from typing import cast

from doctor.hosts.recognise import GZIP
from doctor.serial import Json

SCHEMA_NAME = "flaskdoctor.snapshot"
SCHEMA_VERSION = 1
LAYER_SCHEMA = "flaskdoctor.layer/1"
"""Of what our tests keep. What it lies over is never looked for: a recording must not say which files are read."""

SIZE_LIMIT = 1 << 28
"""Bytes of a recording, after decompression."""

VALUE_LIMIT = 1 << 23
"""Commas and brackets in it, those of texts too: in memory a value is up to thirty times as large as when written."""

LENT = "lent"
"""Begins a question, with the number of the user, whose answer for that user is another one than for root."""

RECORD_COMMAND = "flaskdoctor snapshot"
RECORD_AGAIN = f"record the machine again with {RECORD_COMMAND}"


class SnapshotError(Exception):
    """A recording that cannot be written or read: `what` is wrong with it and `todo` about it."""

    def __init__(self, path: str, what: str, todo: str) -> None:
        super().__init__(f"{path}: {what}; {todo}")
        self.path = path
        self.what = what
        self.todo = todo


def load(path: str) -> dict[str, Json]:
    """The document of a recording of a version that this program knows; raises `SnapshotError`."""
    data = _read(path)
    if sum(map(data.count, (b",", b"[", b"{"))) > VALUE_LIMIT:
        raise SnapshotError(path, "it holds more than a recording can", RECORD_AGAIN)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise SnapshotError(path, "this is not a whole recording", RECORD_AGAIN) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == LAYER_SCHEMA:
        what = "it holds only what differs from another recording"
        raise SnapshotError(path, what, "give it whole (CONTRIBUTING.md of flaskdoctor shows how)")
    name, _, version = schema.partition("/") if isinstance(schema, str) else ("", "", "")
    if name != SCHEMA_NAME or not (version.isascii() and version.isdecimal()):
        raise SnapshotError(path, "this is not a recording", f"give a file written by {RECORD_COMMAND}")
    if version != str(SCHEMA_VERSION):
        newer = not version.startswith("0")
        what = "it was written by a newer flaskdoctor" if newer else "its version is older, or none this one knows"
        todo = "update flaskdoctor, or record" if newer else "record"
        raise SnapshotError(path, f"{what} ({str(schema)[:60]})", f"{todo} the machine with this version")
    return cast("dict[str, Json]", document)


def _read(path: str) -> bytes:
    import zlib

    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        if data.startswith(GZIP):
            unpacker = zlib.decompressobj(wbits=31)
            data = unpacker.decompress(data, SIZE_LIMIT + 1)
            if not unpacker.eof and len(data) <= SIZE_LIMIT:
                raise SnapshotError(path, "the end of the file is missing", RECORD_AGAIN)
    except zlib.error:
        raise SnapshotError(path, "the compressed data is damaged", RECORD_AGAIN) from None
    except OSError as error:
        raise SnapshotError(path, _reason(error), "give a file that can be read") from None
    if len(data) > SIZE_LIMIT:
        raise SnapshotError(path, f"it is larger than {SIZE_LIMIT >> 20} MB", RECORD_AGAIN)
    return data


def write(path: str, data: bytes) -> None:
    """For its owner only, by a temporary file of an unforeseeable name that is renamed; raises `SnapshotError`."""
    import gzip

    if os.path.islink(path):
        raise SnapshotError(path, "it is a link", "give the name of a file")
    if path.endswith(".gz"):
        data = gzip.compress(data, 6, mtime=0)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise SnapshotError(path, _reason(error), "give a file in a writable directory with room") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
