"""Apps at rest, kept for later or retired: nobody asks them, nothing starts them, their faults harm nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doctor.facts.apps.topology import App
from doctor.facts.systemd import Unit
from doctor.facts.value import Absent, Known


def marked(apps: Sequence[App]) -> tuple[App, ...]:
    """The apps by name, those at rest last.

    An app is taken to rest only beside one that does not: of an app that is alone nobody knows that it is not wanted.
    """
    quiet = [app.name for app in apps if _rests(app)]
    alone = len(quiet) == len(apps)
    told = (app if alone or app.name not in quiet else replace(app, resting=True) for app in apps)
    return tuple(sorted(told, key=lambda app: (app.resting, app.name)))


def _rests(app: App) -> bool:
    """Its units are stopped and did not fail, no boot and no socket starts them, and nginx sends them nothing."""
    if not app.units or app.routes or any(isinstance(g.master, Known) or g.foreign_workers for g in app.gunicorns):
        return False
    return all(_left_alone(unit) for unit in app.units)


def _left_alone(unit: Unit) -> bool:
    state, result = unit.active_state, unit.result
    stopped = state.is_("inactive")
    well = isinstance(result, Absent) or (isinstance(result, Known) and result.value in ("", "success"))
    return stopped and well and isinstance(unit.missed_at_boot, Known) and not unit.triggered_by
