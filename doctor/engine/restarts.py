"""A unit that fails again and again comes to its limit of starts: what starts it resets its count of failures first.

systemd.unit(5), StartLimitBurst=: starts by hand count and are refused, too. Said here for every rule.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType

from doctor.engine.actions import ActionName, BoundAction
from doctor.engine.finding import BoundFix
from doctor.sources.systemd import Unit

_STARTING_ACTIONS: frozenset[ActionName] = frozenset({"systemd.start", "systemd.restart"})
_STARTING_WORDS = frozenset({"start", "restart", "--now"})
_RESET: ActionName = "systemd.reset-failed"


def failing(units: Iterable[Unit]) -> frozenset[str]:
    """Names of the units whose next start may be refused: failed, waiting for their next try, or tried again."""
    return frozenset(
        unit.name for unit in units if unit.active_state.or_("") in ("failed", "activating") or unit.restarts.or_(0) > 0
    )


def with_resets(fix: BoundFix, failing: frozenset[str]) -> BoundFix:
    """The fix, in which the count of a failing unit is reset before each action or command that starts it."""
    if not failing:
        return fix
    return replace(fix, actions=tuple(_actions(fix, failing)), commands=tuple(_commands(fix, failing)))


def _actions(fix: BoundFix, failing: frozenset[str]) -> Iterator[BoundAction]:
    done = {action.text("unit") for action in fix.actions if action.name == _RESET}
    for action in fix.actions:
        if action.name in _STARTING_ACTIONS and (unit := action.text("unit")) in failing - done:
            done.add(unit)
            yield BoundAction(_RESET, MappingProxyType({"unit": unit}))
        yield action


def _commands(fix: BoundFix, failing: frozenset[str]) -> Iterator[str]:
    done = {words[-1] for words in map(_words, fix.commands) if words[:2] == ["systemctl", "reset-failed"]}
    for command in fix.commands:
        *before, unit = _words(command) or [""]
        starts = "systemctl" in before and _STARTING_WORDS & set(before[-2:])
        if starts and unit not in done and (unit in failing or f"{unit}.service" in failing):
            done.add(unit)
            yield f"systemctl reset-failed {shlex.quote(unit)}"
        yield command


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quote of somebody's prose
        return []
