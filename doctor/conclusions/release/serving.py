"""Which workers take new requests, and whether they all run the same code."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.cause import Cause
from doctor.facts.value import Fact, Known, Origin, Place, Unknown, computed
from doctor.hosts.base import ScannedFile
from doctor.servers.gunicorn.model import Gunicorn
from doctor.sources.process import Process

TOLERANCE = 1.0
"""Seconds. The start of a process is known to a hundredth, some file systems keep whole seconds."""


def serving(gunicorn: Gunicorn) -> Fact[tuple[Process, ...]]:
    """The workers, oldest first, without those that a reload has replaced and that finish their last request.

    On HUP Gunicorn starts as many as are configured and ends the oldest above that number (arbiter.py,
    manage_workers), so what is above it is on its way out.
    """
    workers, configured = gunicorn.workers, gunicorn.settings.workers
    if not isinstance(workers, Known) or not isinstance(configured, Known) or configured.origin is Origin.OBSERVED:
        return workers
    surplus = len(workers.value) - max(configured.value, 1)
    return Known(workers.value[surplus:], workers.places) if surplus > 0 else workers


def started(process: Process, role: str) -> Known[float]:
    """When a process started, with its pid for a place."""
    return Known(process.started, (Place(note=f"{role}, pid {process.pid}"),))


def divided(
    gunicorn: Gunicorn, workers: Sequence[Process], changes: Sequence[ScannedFile]
) -> Known[tuple[int, ...]] | Unknown | None:
    """The workers that run newer code than others; None when all run the same.

    They stand in different directories, or one of `changes`, of which the newest comes first, lies between two starts.
    """
    elsewhere = _elsewhere(workers)
    if elsewhere:
        return _told(gunicorn, workers, elsewhere, ())
    for change in changes:
        newer = [worker for worker in workers if worker.started > change.mtime + TOLERANCE]
        older = [worker for worker in workers if worker.started < change.mtime - TOLERANCE]
        if newer and older:
            return _told(gunicorn, workers, newer, (Place(path=change.path),))
    return None


def _elsewhere(workers: Sequence[Process]) -> list[Process]:
    """Workers in another directory than the oldest one's, by inode: a name may be used again."""
    places = [(w, w.cwd.value) for w in workers if isinstance(w.cwd, Known)]
    if not places:
        return []
    first = places[0][1]
    return [w for w, cwd in places if (cwd.device, cwd.inode) != (first.device, first.inode)]


def _told(
    gunicorn: Gunicorn, workers: Sequence[Process], newer: Sequence[Process], places: tuple[Place, ...]
) -> Known[tuple[int, ...]] | Unknown:
    configured = gunicorn.settings.workers
    counted = isinstance(configured, Known) and configured.origin is not Origin.OBSERVED
    if not counted and 2 * len(newer) > len(workers):
        return Unknown(
            "how many workers are configured cannot be told, so that a reload whose old workers still finish their "
            "requests looks the same",
            Cause.AMBIGUOUS,
            configured.places,
        )
    notes = tuple(Place(note=f"worker, pid {worker.pid}") for worker in newer)
    return computed(tuple(worker.pid for worker in newer), *places, *notes)
