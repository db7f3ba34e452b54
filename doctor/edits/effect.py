"""What one action comes to, before the effects on one file are put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from doctor.edits.changes import Operation, Permit, Relink, Uncompile
from doctor.frozen import frozen


@frozen
class Setting:
    """Assignments to `key` in our drop-in of a unit, one for each of `values`."""

    unit: str
    section: str
    key: str
    values: tuple[str, ...]


@frozen
class TextEdit:
    """A change of an Nginx file at a line (from 1). `edited` makes the new text of the old; it raises CannotEdit."""

    path: str
    line: int
    edited: Callable[[str], str]


@frozen
class EnabledSite:
    """The link by which Nginx comes to read a file."""

    link: Relink


Effect: TypeAlias = Setting | TextEdit | EnabledSite | Relink | Permit | Uncompile | Operation
