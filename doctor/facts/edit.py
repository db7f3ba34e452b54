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
    """The file to change."""
    line: int
    """The line to replace, from 1."""
    before: str
    """The whole line as it reads now, with its indentation and without its end."""
    after: str
    """What replaces it, one line or several; "" takes the line out."""
