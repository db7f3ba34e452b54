"""Apps at rest, kept for later or retired: nobody asks them, nothing starts them, their faults harm nobody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from doctor.apps.topology import App
from doctor.facts.address import Address, reaches
from doctor.facts.value import Absent, Fact, Known, Unknown, computed
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Peer
from doctor.sources.systemd import Unit


def marked(apps: Sequence[App]) -> tuple[App, ...]:
    """The apps by name, those at rest last.

    An app is taken to rest only beside one that does not: of an app that is alone nobody knows that it is not wanted.
    """
    quiet = [app.name for app in apps if _rests(app)]
    alone = len(quiet) == len(apps)
    told = (app if alone or app.name not in quiet else replace(app, resting=True) for app in apps)
    return tuple(sorted(told, key=lambda app: (app.resting, app.name)))


def of_peer(peer: Peer, units: Sequence[Unit], gunicorns: Sequence[Gunicorn]) -> Fact[bool]:
    """Whether a server of an upstream group is kept in reserve: by `backup`, or its unit, which is not enabled."""
    if peer.backup:
        return computed(True, peer.place)
    if not isinstance(peer.address, Known):
        return computed(False, peer.place)
    address = peer.address.value
    binds = {g.name: g.settings.bind.or_(()) for g in gunicorns}
    for unit in units:
        own = binds.get(unit.name, ())
        if any(reaches(address, bind, here=peer.local) for bind in own):
            missed = unit.not_started_at_boot
            return missed if isinstance(missed, Unknown) else computed(isinstance(missed, Known), *missed.places)
    # An instance of a template that is neither enabled nor runs is nowhere listed.
    sisters = (unit for unit in units if any(_of_another_instance(address, unit, x) for x in binds.get(unit.name, ())))
    return computed(next(sisters, None) is not None, peer.place)


def _of_another_instance(address: Address, unit: Unit, bind: Address) -> bool:
    """Where shop@1 binds /run/shop-1/sock, shop@2 would bind /run/shop-2/sock."""
    instance = unit.name.removesuffix(".service").partition("@")[2]
    pattern = re.escape(str(bind)).replace(re.escape(instance), "[^/]+") if instance else ""
    return bool(instance) and instance in str(bind) and re.fullmatch(pattern, str(address)) is not None


def _rests(app: App) -> bool:
    """Its units are stopped and did not fail, no boot and no socket starts them, and nginx sends them nothing."""
    if not app.units or app.routes or any(isinstance(g.master, Known) or g.foreign_workers for g in app.gunicorns):
        return False
    return all(_left_alone(unit) for unit in app.units)


def _left_alone(unit: Unit) -> bool:
    state, result = unit.active_state, unit.result
    stopped = state.is_("inactive")
    well = isinstance(result, Absent) or result.meets(lambda it: it in ("", "success"))
    return stopped and well and isinstance(unit.not_started_at_boot, Known) and not unit.triggered_by
