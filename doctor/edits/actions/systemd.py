"""Actions on units. What they run is `Operation`: a closed set of verbs."""

from __future__ import annotations

from doctor.edits.changes import Operation, Verb
from doctor.edits.effect import Setting
from doctor.engine.actions import BoundAction


def dropin(action: BoundAction) -> Setting:
    """`systemd.dropin`."""
    return Setting(action.text("unit"), action.text("section"), action.text("key"), action.texts("values"))


def on_unit(verb: Verb, action: BoundAction) -> Operation:
    """An operation on the unit of an action."""
    return Operation(verb, action.text("unit"))
