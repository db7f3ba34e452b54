"""What starts a failing unit resets its count of failures first, whatever rule says it."""

from __future__ import annotations

import re
import shlex
from types import MappingProxyType
from typing import Any, get_args

import pytest
from factories import unit

from doctor.cause import Cause
from doctor.engine.actions import ActionName, BoundAction
from doctor.engine.finding import BoundFix
from doctor.engine.load import load_rules
from doctor.engine.restarts import failing, with_resets
from doctor.engine.rule import Safety
from doctor.facts.value import ABSENT, Unknown

SHOP = "shop.service"
DOWN = frozenset({SHOP, "nginx.service"})


def act(verb: str) -> BoundAction:
    name = next(name for name in get_args(ActionName) if name == f"systemd.{verb}")
    return BoundAction(name, MappingProxyType({"unit": SHOP}))


def shown(*commands: str, down: frozenset[str] = DOWN) -> tuple[str, ...]:
    return with_resets(BoundFix("Do it", Safety.MANUAL, commands=commands), down).commands


@pytest.mark.parametrize(
    ("given", "is_failing"),
    [
        ({"active_state": "failed"}, True),
        ({"active_state": "activating", "sub_state": "auto-restart"}, True),
        ({"active_state": "active", "restarts": 3}, True),
        ({"active_state": "active", "restarts": 0}, False),
        ({"active_state": "inactive"}, False),
        ({"active_state": Unknown("no", Cause.AMBIGUOUS), "restarts": Unknown("no", Cause.AMBIGUOUS)}, False),
        ({"active_state": ABSENT}, False),
    ],
)
def test_whose_next_start_may_be_refused(given: dict[str, Any], is_failing: bool) -> None:
    assert failing([unit(SHOP, **given)]) == ({SHOP} if is_failing else frozenset())


def test_a_start_comes_after_a_reset_once() -> None:
    assert shown("systemctl daemon-reload", f"systemctl restart {SHOP}", f"systemctl start {SHOP}") == (
        "systemctl daemon-reload",
        f"systemctl reset-failed {SHOP}",
        f"systemctl restart {SHOP}",
        f"systemctl start {SHOP}",
    )
    assert shown("nginx -t && systemctl restart nginx") == (
        "systemctl reset-failed nginx",
        "nginx -t && systemctl restart nginx",
    )
    assert shown(f"systemctl enable --now {SHOP}")[0] == f"systemctl reset-failed {SHOP}"


@pytest.mark.parametrize(
    "command",
    [
        f"systemctl reload {SHOP}",
        f"systemctl stop {SHOP}",
        "systemctl restart other.service",
        "supervisorctl restart shop.service",
        f"journalctl -u {SHOP}",
        "echo 'it is",
        "",
    ],
)
def test_what_starts_no_failing_unit_stays(command: str) -> None:
    assert shown(command) == (command,)


def test_nothing_is_said_of_a_unit_that_is_fine() -> None:
    assert shown(f"systemctl restart {SHOP}", down=frozenset()) == (f"systemctl restart {SHOP}",)
    both = (f"systemctl reset-failed {SHOP}", f"systemctl restart {SHOP}")
    assert shown(*both) == both


@pytest.mark.parametrize("name", ["start", "restart"])
def test_actions_do_the_same(name: str) -> None:
    def made(*actions: BoundAction) -> list[str]:
        fix = BoundFix("Do it", Safety.UNSAFE, actions=actions)
        return [action.name.partition(".")[2] for action in with_resets(fix, DOWN).actions]

    assert made(act(name)) == ["reset-failed", name]
    assert made(act("reset-failed"), act(name)) == ["reset-failed", name]
    assert made(act("reload")) == ["reload"]


def test_no_rule_prints_a_start_of_a_failing_unit_without() -> None:
    wrong = []
    for rule in load_rules():
        for fix in (fix for case in rule.cases for fix in case.fixes):
            commands = shown(*(re.sub(r"\{[^}]*\}", SHOP, command.text) for command in fix.commands))
            reset = False
            for words in map(shlex.split, commands):
                reset |= "reset-failed" in words
                if "systemctl" in words and {"start", "restart", "--now"} & set(words) and not reset:
                    wrong.append(f"{rule.name}: {fix.title}")
    assert not wrong
