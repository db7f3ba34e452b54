"""A configuration file that its program does not take as it is written, or that could not be read whole."""

from __future__ import annotations

from enum import Enum

from doctor.frozen import frozen


class Reader(str, Enum):
    """The program that the file is written for."""

    SYSTEMD = "systemd"
    NGINX = "nginx"
    GUNICORN = "gunicorn"


class Flaw(str, Enum):
    """What is wrong with the file."""

    UNPARSABLE = "unparsable"
    """It does not follow its grammar, or what stands there is no text."""
    REFUSED = "refused"
    """Its program does not start with it."""
    IGNORED = "ignored"
    """Its program goes on without the line."""
    CUT = "cut"
    """It is longer than what is read of one file."""


@frozen
class BrokenFile:
    """One flaw of one file; its fact has the line. `message`: a sentence without a full stop."""

    reader: Reader
    """The program that the file is written for."""
    flaw: Flaw
    """What is wrong with it."""
    message: str
    """The same in words, a sentence without a full stop."""

    def __str__(self) -> str:
        return self.message
