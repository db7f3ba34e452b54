"""What a unit needs of other units before it can start (systemd.unit(5), Requires=)."""

from __future__ import annotations

from collections.abc import Mapping

from doctor.facts.value import ABSENT, Fact, Known, Origin, Place
from doctor.grammar.unitfile import expand
from doctor.sources.systemd.model import LoadedUnit
from doctor.sources.systemd.settings import Settings, place_of

_KEYS = ("Requires", "Requisite", "BindsTo")
_FAILS = {
    "not-found": "which does not exist", "masked": "which is masked", "bad-setting": "which systemd refuses to load",
    "error": "which systemd could not load",
}  # fmt: skip

States = Mapping[str, tuple[str, str]]


def states(listing: str) -> dict[str, tuple[str, str]]:
    """Load and active state by unit, from `systemctl list-units`."""
    rows = (line.replace("●", " ").split(maxsplit=3) for line in listing.splitlines())
    return {row[0]: (row[1], row[2]) for row in rows if len(row) > 3}


def _refusal(unit: LoadedUnit) -> Fact[str]:
    """The line for which systemd does not load a unit at all; Absent where it does."""
    if unit.load_state != Known("bad-setting", unit.load_state.places):
        return ABSENT
    fatal = next((fact for fact in unit.problems if isinstance(fact, Known) and fact.value.fatal), None)
    if fatal is None:
        return Known(f"systemd refuses a line of {unit.name}", unit.load_state.places, Origin.COMPUTED)
    return Known(fatal.value.message, (*fatal.places, *unit.load_state.places), Origin.COMPUTED)


def start_blocker(unit: LoadedUnit, settings: Settings, known: States, command: str) -> Fact[str]:
    """Why systemd would not start the unit: a line it refuses, or a service or socket it requires. Absent for none.

    Requires= starts a stopped unit, so that only one that cannot start stands in the way; Requisite= does not.
    """
    refused = _refusal(unit)
    if isinstance(refused, Known):
        return refused
    for key in _KEYS:
        for assignment in settings.merged.values("Unit", key):
            for word in assignment.value.split():
                name = expand(word, settings.known)
                load, active = known.get(name, ("", ""))
                effect = _FAILS.get(load) or ("which has failed" if active == "failed" else "")
                if key == "Requisite" and active == "inactive":
                    effect = effect or "which is not running"
                if effect:
                    shown = Place(command=command, text=f"{name} {load} {active}")
                    text = f"{key}= of {settings.name} names {name}, {effect}"
                    return Known(text, (place_of(assignment), shown), Origin.COMPUTED)
    return ABSENT
