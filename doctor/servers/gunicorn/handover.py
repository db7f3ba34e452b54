"""Does a reload (HUP) of this Gunicorn lose requests? By worker class and version, as it was measured.

The old workers of some classes close connections that they have accepted and not answered yet. Eight clients through
nginx, three reloads each, on 20.0.4, 20.1, 21.2, 22.0, 23.0, 24.1, 25.0, 25.3, 26.2 and 27.0: gthread lost requests
from 21.2 to 23 (benoitc/gunicorn#3394), uvicorn's workers on 22 and 23, sync and gevent none.
"""

from __future__ import annotations

import re

from doctor.cause import Cause, doubt
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown

LOSSLESS_FROM = "24.1"
"""The version from which on no class that was measured loses any."""

_OLDEST = (20, 0)
_LOST_FROM, _LOST_BEFORE = (21, 0), (24, 1)
_CLASSES = (
    (r"(?:egg:gunicorn#|gunicorn\.workers\.sync\.)?(?:sync|SyncWorker)", "sync"),
    (r"(?:egg:gunicorn#|gunicorn\.workers\.gthread\.)?(?:gthread|ThreadWorker)", "gthread"),
    (r"(?:egg:gunicorn#|gunicorn\.workers\.ggevent\.)?(?:gevent\w*|Gevent\w*Worker)", "gevent"),
    (r"uvicorn(?:\.workers|_worker)(?:\._workers)?\.Uvicorn(?:H11)?Worker", "uvicorn"),
)
_VERSION = re.compile(r"(\d+)\.(\d+)")


def reload_keeps_requests(worker_class: Fact[str], version: Fact[str]) -> Fact[bool]:
    """Whether every request is answered while the workers of a running master are replaced.

    Absent: nothing runs. Unknown for a class that was not measured (tornado, eventlet, one of somebody's own) and for
    Gunicorn before 20. The sync class has needed no version since: its old workers finish what they have.
    """
    for fact in (worker_class, version):
        if isinstance(fact, Absent):
            return fact
    if not isinstance(worker_class, Known):
        return _not_told(worker_class)
    kind = next((kind for pattern, kind in _CLASSES if re.fullmatch(pattern, worker_class.value)), "")
    if not isinstance(version, Known):
        return _lossless(worker_class) if kind == "sync" else _not_told(version)
    number = _VERSION.match(version.value)
    at = (int(number[1]), int(number[2])) if number else (0, 0)
    workers = f"{worker_class.value} workers on Gunicorn {version.value}"
    if not kind or at < _OLDEST or (kind == "uvicorn" and at < _LOST_FROM):
        return Unknown(
            f"nobody has measured whether a reload of {workers} loses requests", Cause.NOT_FOUND, worker_class.places
        )
    lost = kind in ("gthread", "uvicorn") and _LOST_FROM <= at < _LOST_BEFORE
    return Known(not lost, (*worker_class.places, *version.places, Place(note=workers)), Origin.COMPUTED)


def _lossless(worker_class: Known[str]) -> Known[bool]:
    return Known(True, worker_class.places, Origin.COMPUTED)


def _not_told(fact: Fact[str]) -> Unknown:
    why = doubt(fact, "it is not known", Cause.NOT_FOUND)
    return Unknown.of(why.because("whether a reload loses requests depends on the workers"), fact.places)
