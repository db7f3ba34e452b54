"""What `systemctl reload` of an app's unit would do to it now."""

from __future__ import annotations

from doctor.conclusions.appcode import AppCode
from doctor.conclusions.environment import Environment
from doctor.conclusions.release import Release
from doctor.facts.value import ABSENT, Absent, Fact, Known, Unknown, computed
from doctor.frozen import frozen
from doctor.grammar.programs import MAIN_IS_GUNICORN
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.handover import LOSSLESS_FROM
from doctor.sources.systemd import Unit

_GRACEFUL = frozenset({"hup", "graceful"})


@frozen
class ReloadOutlook:
    """What a reload of the unit of an app would do. Absent and false without a unit."""

    unit: str
    """The unit that is spoken of; "" without one."""
    reaches_master: Fact[bool]
    """A HUP to the main process of the unit is one to Gunicorn; a wrapper shell would die of it."""
    brings_code: Fact[bool]
    """It makes Gunicorn replace its workers, and the new ones load the code that lies on disk."""
    possible: bool
    """It is known to bring the code on disk, and that is known to load."""
    lossless: bool
    """Every request is known to be answered meanwhile."""
    objection: Fact[str]
    """Why it is not known to be safe, one phrase. Absent: it is possible and lossless."""


NO_RELOAD = ReloadOutlook("", ABSENT, ABSENT, possible=False, lossless=False, objection=ABSENT)


def collect(
    unit: Fact[Unit], gunicorn: Gunicorn, release: Release, code: AppCode, environment: Environment
) -> ReloadOutlook:
    """`gunicorn`: the one that the unit starts."""
    if not isinstance(unit, Known):
        return NO_RELOAD
    brings_code = _brings_code(unit.value.reload_kind, release.hup_effective)
    said = (
        _code_objection(unit.value.reload_kind, release.hup_effective)
        or _loss_objection(unit.value.name, gunicorn.reload_keeps_requests)
        or load_objection(code, environment)
    )
    return ReloadOutlook(
        unit=unit.value.name,
        reaches_master=_reaches_master(gunicorn.launcher),
        brings_code=brings_code,
        possible=brings_code.is_(True) and isinstance(code.boot_blocker, Absent),
        lossless=gunicorn.reload_keeps_requests.is_(True),
        objection=computed(said) if said else ABSENT,
    )


def load_objection(code: AppCode, environment: Environment) -> str:
    """Why the code is not known to load at the next start: files, entry point, imports, and the variables it cannot do
    without; "" where it is.
    """
    blocker, missing = code.boot_blocker, environment.missing_required
    for fact in (blocker, missing):
        if isinstance(fact, Unknown):
            return f"whether the app would start could not be told: {fact.reason}"
    if isinstance(blocker, Known):
        return f"the code on disk does not load: {blocker.value}"
    if isinstance(missing, Known) and missing.value:
        return f"the code needs variables that are set nowhere: {', '.join(missing.value)}"
    return ""


def _reaches_master(launcher: Fact[str]) -> Fact[bool]:
    if not isinstance(launcher, Known):
        return launcher
    return computed(launcher.value in MAIN_IS_GUNICORN, *launcher.places)


def _brings_code(kind: Fact[str], hup_effective: Fact[bool]) -> Fact[bool]:
    if not isinstance(kind, Known):
        return kind
    return hup_effective if kind.value in _GRACEFUL else computed(False, *kind.places)


def _code_objection(kind: Fact[str], hup_effective: Fact[bool]) -> str:
    if not isinstance(kind, Known) or kind.value not in _GRACEFUL:
        return "its reload is not known to be graceful"
    return "" if hup_effective.is_(True) else "a reload is not known to bring the new code"


def _loss_objection(unit: str, kept: Fact[bool]) -> str:
    """Some workers drop connections when they are replaced."""
    match kept:
        case Known(True):
            return ""
        case Known():
            return f"a reload of such workers loses requests (none of sync ones, none from Gunicorn {LOSSLESS_FROM} on)"
        case Unknown(reason):
            return reason
        case Absent():
            return f"no Gunicorn of {unit} runs"
