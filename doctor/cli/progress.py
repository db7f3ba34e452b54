"""A word on standard error when a look takes longer than a person expects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

_PATIENCE = 1.0
"""Seconds of silence."""


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show `text` after a second, on a terminal only, and take it away at the end."""
    if not sys.stderr.isatty():
        yield
        return
    shown = False

    def show() -> None:
        nonlocal shown
        shown = True
        sys.stderr.write(text)
        sys.stderr.flush()

    timer = Timer(_PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if shown:
            sys.stderr.write(f"\r{' ' * len(text)}\r")
            sys.stderr.flush()
