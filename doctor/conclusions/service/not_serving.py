"""Why a Gunicorn that runs serves nobody: no workers, workers that were stopped, workers that die at once."""

from __future__ import annotations

from doctor.facts.value import Absent, Fact, Known, Origin, computed
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.logs import UnitLog

_STOPPED = frozenset("Tt")
_YOUNG = 3.0
"""Seconds: no worker is older where they die as fast as they are started."""
_RECENT = 5.0
_OFTEN = 2
"""Deaths for each worker that is configured, from which on it is no accident."""


def collect(gunicorn: Gunicorn, log: UnitLog, now: float) -> Fact[str]:
    """One phrase, with the processes or the line of the log that show it. Absent: nothing of the kind."""
    if not isinstance(gunicorn.master, Known):
        return gunicorn.master.untold()
    if not isinstance(gunicorn.workers, Known):
        return gunicorn.workers.untold()
    workers = gunicorn.workers.value
    configured = gunicorn.settings.workers
    if not workers and configured.is_(0):
        return computed("it is set up with 0 workers", *configured.places)
    if workers and all(worker.state in _STOPPED for worker in workers):
        of = "its only worker" if len(workers) == 1 else f"each of its {len(workers)} workers"
        return computed(f"{of} was stopped by a signal (SIGSTOP; SIGCONT lets it go on)", *gunicorn.workers.places)
    crashed = log.worker_crashed
    if any(now - worker.started >= _YOUNG for worker in workers):
        return Absent(gunicorn.workers.places)
    if not isinstance(crashed, Known):
        return crashed
    wanted = configured.or_(max(len(workers), 1))
    if now - crashed.value.last < _RECENT and crashed.value.count > _OFTEN * wanted:
        said = f"its workers die as soon as they start, {crashed.value.count} × so far"
        return Known(said, crashed.places, Origin.COMPUTED)
    return Absent(crashed.places)
