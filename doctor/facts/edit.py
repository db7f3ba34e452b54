"""A proposed change of one line: what a collector that understands a file's grammar hands to a fix."""

from __future__ import annotations

from doctor.frozen import frozen


@frozen
class Edit:
    """Replace line `line` (from 1) of `path`, which reads `before`, by `after`.

    Both are whole lines without their end, indentation included. `after` "" takes the line out; it may hold
    several lines. Who applies it must refuse when the line no longer reads `before`.
    """

    path: str
    line: int
    before: str
    after: str
