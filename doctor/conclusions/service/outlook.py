"""A systemd unit as what runs an app: its state, its end and its next start in words that fit every kind."""

from __future__ import annotations

from doctor.cause import Cause
from doctor.conclusions.service.model import Ending, NextStart, ServiceKind, ServiceState
from doctor.facts.value import ABSENT, Fact, Known, Unknown, absent_all, computed
from doctor.sources.logs import UnitLog
from doctor.sources.systemd import Unit

_STATES = {
    "active": ServiceState.UP,
    "reloading": ServiceState.RELOADING,
    "activating": ServiceState.STARTING,
    "deactivating": ServiceState.STOPPING,
    "inactive": ServiceState.STOPPED,
    "failed": ServiceState.FAILED,
}


def kind_of(unit: Fact[Unit]) -> Fact[ServiceKind]:
    """Absent without a unit."""
    return computed(ServiceKind.SYSTEMD, *unit.places) if isinstance(unit, Known) else unit


def name_of(unit: Fact[Unit]) -> Fact[str]:
    """The same."""
    return computed(unit.value.name, *unit.places) if isinstance(unit, Known) else unit


def state_of(unit: Fact[Unit]) -> Fact[ServiceState]:
    """What the unit is doing. One that is started again and again is `activating` in between (systemd.service(5))."""
    if not isinstance(unit, Known):
        return unit
    active = unit.value.active_state
    if not isinstance(active, Known):
        return active
    state = _STATES.get(active.value)
    if state is ServiceState.STARTING and not unit.value.sub_state.is_("auto-restart"):
        tries = unit.value.restarts
        if isinstance(tries, Unknown):
            return tries
        state = ServiceState.RESTARTING if tries.or_(0) > 0 else state
    elif state is ServiceState.STARTING:
        state = ServiceState.RESTARTING
    if state is None:
        return Unknown(f"systemd calls it {active.value}", Cause.NOT_UNDERSTOOD, active.places)
    return Known(state, active.places, active.origin)


def ending_of(unit: Fact[Unit], log: UnitLog) -> Ending:
    """How its last main process ended."""
    if not isinstance(unit, Known):
        return absent_all(Ending)
    return Ending(unit.value.result, unit.value.exec_main_status, log.failure)


def next_start_of(unit: Fact[Unit]) -> NextStart:
    """What systemd would start."""
    if not isinstance(unit, Known):
        return absent_all(NextStart)
    commands = unit.value.exec_start
    command: Fact[str] = ABSENT
    if not isinstance(commands, Known):
        command = commands
    elif commands.value:
        command = Known(" ".join(commands.value[0].argv), commands.places, commands.origin)
    return NextStart(
        command=command,
        directory=unit.value.working_directory,
        user=unit.value.user,
        group=unit.value.group,
        blocker=unit.value.start_blocker,
    )
