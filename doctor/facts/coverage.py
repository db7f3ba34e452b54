"""What a look does not cover: recognised and not judged, taken for granted, or seen failing without a cause.

None of it is a fault. All of it is told, and keeps the verdict from being `healthy`.
"""

from __future__ import annotations

from doctor.facts.value import Place
from doctor.frozen import frozen


@frozen
class NotJudged:
    """Something of the examined target that was recognised and that no rule can judge yet."""

    path: str
    """The file, or what else it is called by: the name of a container or program."""
    kind: str
    """What it is, one word where possible: "compose", "supervisor", "template", "container"."""
    reason: str
    """Why it was not judged; a phrase without a full stop."""


@frozen
class Assumption:
    """A value that was taken for granted because nothing within reach tells it."""

    what: str
    """What is assumed, a phrase without a full stop: "/etc/shop.env sets no GUNICORN_CMD_ARGS"."""
    place: Place
    """Where it would have been told."""


@frozen
class Unexplained:
    """Requests that were seen failing and that no finding explains."""

    app: str
    """The app they were meant for; "" where that cannot be told."""
    hop: str
    """The link of the request path where it shows, a value of `Hop`."""
    count: int
    text: str
    """The newest of the lines, as the log has it, secrets removed."""
    place: Place
