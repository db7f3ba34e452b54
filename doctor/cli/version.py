"""`flaskdoctor version`."""

from __future__ import annotations

from doctor import __version__
from doctor.cli.output import emit_text


def version() -> None:
    """Print the version."""
    emit_text(f"flaskdoctor {__version__}\n")
