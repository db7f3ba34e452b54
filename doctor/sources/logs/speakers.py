"""Who wrote a line of a unit's log, and whose word counts.

What an app prints may hold what a client sent: an access log does, and Flask's "Exception on /path" has the path
decoded, line feeds included, so that whole lines may be a client's. journald says which process wrote a line: a
client's text comes from a worker, after it has booted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from doctor.sources.logs import patterns
from doctor.sources.logs.entries import Entry


@cache
def _request() -> re.Pattern[str]:
    """A request line in quotes: an access log, of Gunicorn (gunicorn/glogging.py, atoms) or of anything else."""
    return re.compile(r'"[A-Z]+ \S+ HTTP/[\d.]+"')


def of_client(entry: Entry) -> bool:
    """The line quotes a request, so all of it may be a client's."""
    return not entry.manager and bool(_request().search(entry.line))


class Speakers:
    """Tells for lines of one unit what their writer can know. Files do not tell who wrote; there every line counts."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        own = [entry for entry in entries if not entry.manager and entry.writer]
        first = next((entry for entry in own if entry.headed), None)
        if first is not None and first.writer != first.pid:
            own = []  # another program takes all lines and passes them on
        self._served = {entry.writer for entry in own if patterns.request_failed().search(entry.message)}
        self._workers = {
            entry.writer
            for entry in own
            if entry.headed and entry.pid == entry.writer and patterns.worker_boots().fullmatch(entry.message)
        }

    def gunicorn(self, entry: Entry) -> bool:
        """Gunicorn's own log speaks, in a process that has not written a client's text."""
        return entry.headed and not entry.manager and entry.writer not in self._served

    def arbiter(self, entry: Entry) -> bool:
        """Gunicorn's master speaks."""
        return self.gunicorn(entry) and entry.writer not in self._workers

    def booting(self, entry: Entry) -> bool:
        """A process of the unit that may still be about to load the app."""
        return not entry.manager and entry.writer not in self._served and not of_client(entry)
