"""What is never made, and what is not made as a safe fix, whatever a rule says."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from engine.builders import rule
from factories import app, machine, make, running, unit

from doctor.apps.topology import App, Facts, Route
from doctor.cause import Cause
from doctor.conclusions.appcode import AppCode
from doctor.conclusions.environment import Environment
from doctor.conclusions.release import Release
from doctor.conclusions.service import reload
from doctor.edits.preview import FixPreview
from doctor.engine.actions import ACTIONS, ActionName, BoundAction
from doctor.engine.finding import Finding, SubjectRef
from doctor.engine.rule import Safety, Severity
from doctor.facts.value import Absent, Unknown
from doctor.fixes.guard import objection
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Nginx
from doctor.sources.logs import LogEvent, UnitLog
from doctor.sources.process import Process
from doctor.sources.systemd import Systemd

UNKNOWN = Unknown("permission denied", Cause.NEEDS_ROOT)
RULE = rule()


def act(name: ActionName, **arguments: Any) -> BoundAction:
    assert set(arguments) == set(ACTIONS[name].parameters)
    return BoundAction(name, MappingProxyType(arguments))


def asked(facts: Facts, *actions: BoundAction, safety: Safety = Safety.SAFE, about: str = "shop") -> str:
    fix = FixPreview("Do it", safety, (), "", (), actions)
    finding = Finding(RULE, Severity.ERROR, SubjectRef("app", "shop"), about, "m", (), (), "", ())
    return objection(finding, fix, facts)


def shop(**given: Any) -> App:
    """An app that may be reloaded and started, but for what is given."""
    own = {"reload_kind": "hup", "unit_file_state": "enabled"}
    values = {
        "units": (unit(**{**own, **given.pop("unit_facts", {})}),),
        "gunicorns": (running(name="shop.service", launcher="direct", reload_keeps_requests=True),),
        "routes": (make(Route),),
        "release": make(Release, hup_effective=True),
        "code": make(AppCode),
        "environment": make(Environment),
    }
    its = app(**{**values, **given})
    master = its.gunicorns[0] if its.gunicorns else make(Gunicorn)
    service = replace(its.service, reload=reload.collect(its.unit, master, its.release, its.code, its.environment))
    return replace(its, service=service)


def nginx(pid: Any = 50, master: int | None = 50, **given: Any) -> dict[str, Any]:
    own = unit("nginx.service", main_pid=pid, **given)
    seen = make(Nginx, master=make(Process, pid=master)) if master else make(Nginx)
    return {"nginx": seen, "systemd": make(Systemd, units=(own,))}


RELOAD = act("systemd.reload", unit="shop.service")
START = act("systemd.start", unit="shop.service")
RESTART = act("systemd.restart", unit="shop.service")


def dropin(key: str) -> BoundAction:
    return act("systemd.dropin", unit="shop.service", section="Service", key=key, values=("x",))


# ExecReload.


@pytest.mark.parametrize("launcher", ["direct", "module", "shell-exec", "env", "uv"])
def test_a_reload_command_is_added_where_gunicorn_gets_the_signal(launcher: str) -> None:
    assert asked(machine(shop(gunicorns=(running(launcher=launcher),))), dropin("ExecReload")) == ""


@pytest.mark.parametrize("launcher", ["shell", "script", "flask", "other", UNKNOWN, Absent()])
@pytest.mark.parametrize("safety", [Safety.SAFE, Safety.UNSAFE])
def test_a_reload_command_is_never_added_to_a_wrapper(launcher: Any, safety: Safety) -> None:
    facts = machine(shop(gunicorns=(running(launcher=launcher),)))
    assert "wrapper" in asked(facts, dropin("ExecReload"), safety=safety)


def test_a_reload_command_is_not_added_where_nothing_is_known() -> None:
    assert "wrapper" in asked(machine(shop(gunicorns=())), dropin("ExecReload"))
    assert "wrapper" in asked(machine(shop()), dropin("ExecReload"), about="another")
    assert "wrapper" in asked(machine(shop(gunicorns=(make(Gunicorn, name="x"),))), dropin("ExecReload"))


def test_other_settings_may_be_added_to_a_wrapper() -> None:
    assert asked(machine(shop(gunicorns=(running(launcher="shell"),))), dropin("TimeoutStopSec")) == ""


# Nginx.

_NGINX = (act("nginx.reload"),)


@pytest.mark.parametrize("action", _NGINX)
def test_nginx_is_changed_where_systemctl_reaches_it(action: BoundAction) -> None:
    assert asked(machine(shop(), **nginx()), action) == ""
    assert asked(machine(shop(), **nginx(master=None)), action) == ""


@pytest.mark.parametrize("action", _NGINX)
@pytest.mark.parametrize("safety", [Safety.SAFE, Safety.UNSAFE])
@pytest.mark.parametrize(
    "facts",
    [nginx(pid=51), nginx(pid=UNKNOWN), nginx(pid=Absent()), {}, {"nginx": make(Nginx, master=make(Process, pid=50))}],
    ids=["other process", "unknown", "none", "no unit", "no unit but a process"],
)
def test_an_nginx_that_systemctl_does_not_reach_is_left_alone(
    action: BoundAction, safety: Safety, facts: dict[str, Any]
) -> None:
    assert "does not belong to nginx.service" in asked(machine(shop(), **facts), action, safety=safety)


@pytest.mark.parametrize(
    ("state", "allowed"), [("enabled", True), ("disabled", False), ("masked", False), (UNKNOWN, False)]
)
def test_nginx_is_started_only_where_a_boot_would_start_it(state: Any, allowed: bool) -> None:
    facts = machine(shop(), **nginx(pid=Absent(), master=None, unit_file_state=state))
    assert (asked(facts, act("systemd.start", unit="nginx.service"), about="") == "") is allowed


def test_an_nginx_that_is_no_unit_is_not_started() -> None:
    assert "not enabled" in asked(machine(shop()), act("systemd.start", unit="nginx.service"), about="")


# Reload.


@pytest.mark.parametrize("kind", ["hup", "graceful"])
def test_a_graceful_reload_that_brings_the_new_code_is_safe(kind: str) -> None:
    assert asked(machine(shop(unit_facts={"reload_kind": kind})), RELOAD) == ""


@pytest.mark.parametrize("kind", ["kill", "restart", "other", UNKNOWN, Absent()])
def test_another_reload_is_not(kind: Any) -> None:
    assert "graceful" in asked(machine(shop(unit_facts={"reload_kind": kind})), RELOAD)


@pytest.mark.parametrize("effective", [False, UNKNOWN, Absent()])
def test_a_reload_that_brings_nothing_is_not_made(effective: Any) -> None:
    assert "new code" in asked(machine(shop(release=make(Release, hup_effective=effective))), RELOAD)


@pytest.mark.parametrize(("kept", "word"), [(False, "24.1"), (UNKNOWN, "permission denied"), (Absent(), "no Gunicorn")])
def test_a_reload_that_may_lose_requests_is_not_safe(kept: Any, word: str) -> None:
    its = running(name="shop.service", launcher="direct", reload_keeps_requests=kept)
    assert word in asked(machine(shop(gunicorns=(its,))), RELOAD)
    assert asked(machine(shop(gunicorns=(its,))), RELOAD, safety=Safety.UNSAFE) == ""


def test_a_reload_of_what_was_not_examined_is_not_made() -> None:
    facts = machine(shop())
    assert asked(facts, RELOAD, about="") != ""
    assert asked(facts, RELOAD, about="blog") != ""
    assert asked(machine(shop(units=())), RELOAD) != ""


def test_a_reload_is_judged_by_the_unit_it_reloads() -> None:
    good, bad = unit("a@1.service", reload_kind="hup"), unit("a@2.service", reload_kind="restart")
    its = tuple(running(name=own.name, reload_keeps_requests=True) for own in (good, bad))
    facts = machine(shop(units=(good, bad), unit=good, gunicorns=its))
    assert asked(facts, act("systemd.reload", unit="a@1.service")) == ""
    assert asked(facts, act("systemd.reload", unit="a@2.service")) != ""
    assert asked(facts, act("systemd.reload", unit="other.service")) != ""


# Start.


def test_a_service_that_a_boot_would_start_may_be_started() -> None:
    assert asked(machine(shop()), START) == ""
    assert asked(machine(shop()), act("systemd.reset-failed", unit="shop.service"), START) == ""


@pytest.mark.parametrize("state", ["disabled", "masked", "static", "linked", "enabled-runtime", UNKNOWN, Absent()])
def test_a_service_that_may_be_stopped_on_purpose_is_not_started(state: Any) -> None:
    assert "on purpose" in asked(machine(shop(unit_facts={"unit_file_state": state})), START)


def test_a_service_that_nginx_sends_nothing_to_is_not_started() -> None:
    assert "Nginx sends nothing to shop" in asked(machine(shop(routes=())), START)


def test_a_service_that_was_not_examined_is_not_started() -> None:
    assert "not examined" in asked(machine(shop()), act("systemd.start", unit="other.service"))
    assert "not examined" in asked(machine(shop()), START, about="blog")


# Code that does not load.


@pytest.mark.parametrize("action", [RELOAD, START])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"code": make(AppCode, boot_blocker="no module named 'flask'")}, "does not load: no module named 'flask'"),
        ({"code": make(AppCode, boot_blocker=UNKNOWN)}, "could not be told: permission denied"),
        ({"environment": make(Environment, missing_required=("DB", "KEY"))}, "set nowhere: DB, KEY"),
        ({"environment": make(Environment, missing_required=UNKNOWN)}, "could not be told: permission denied"),
    ],
)
def test_code_that_would_not_load_is_not_loaded(action: BoundAction, given: dict[str, Any], said: str) -> None:
    assert said in asked(machine(shop(**given)), action)


def test_no_missing_variable_is_no_objection() -> None:
    assert asked(machine(shop(environment=make(Environment, missing_required=()))), RELOAD) == ""


# Unsafe fixes are the caller's to weigh.


@pytest.mark.parametrize("action", [RELOAD, START, RESTART])
def test_who_asks_for_unsafe_fixes_gets_them(action: BoundAction) -> None:
    facts = machine(shop(unit_facts={"reload_kind": "restart", "unit_file_state": "disabled"}, routes=()))
    assert asked(facts, action, safety=Safety.UNSAFE) == ""


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.drops_requests])
def test_what_drops_requests_is_never_safe(name: ActionName) -> None:
    action = BoundAction(name, MappingProxyType({"unit": "shop.service"}))
    assert "drop requests" in asked(machine(shop(), **nginx()), action)
    assert asked(machine(shop(), **nginx()), action, safety=Safety.UNSAFE) == ""


def test_the_first_objection_of_any_action_counts() -> None:
    facts = machine(shop(unit_facts={"unit_file_state": "disabled"}))
    assert "on purpose" in asked(facts, act("systemd.daemon-reload"), START)


@pytest.mark.parametrize("name", ["systemd.daemon-reload", "systemd.reset-failed", "systemd.enable"])
def test_nothing_speaks_against_what_moves_no_process(name: ActionName) -> None:
    action = act(name, **({"unit": "shop.service"} if ACTIONS[name].parameters else {}))
    assert asked(machine(shop()), action) == ""


def test_an_action_that_nobody_knows_is_refused() -> None:
    unknown: Any = "nginx.append"
    with pytest.raises(AssertionError, match=unknown):
        asked(machine(shop(), **nginx()), BoundAction(unknown, MappingProxyType({})), safety=Safety.UNSAFE)


# What the last start failed of.


def failed(result: str = "exit-code", **logged: Any) -> Facts:
    own = {"unit_facts": {"result": result, "active_state": "failed"}}
    return machine(shop(log=make(UnitLog, failure="it ended with status 1", **logged), **own))


def test_a_start_is_not_safe_while_what_the_last_one_failed_of_may_be_there() -> None:
    assert "nothing shows that the reason is gone" in asked(failed(), START)
    assert asked(failed(), START, safety=Safety.UNSAFE) == ""
    assert asked(machine(shop(log=make(UnitLog))), START) == ""
    assert "could not be told" in asked(machine(shop(log=make(UnitLog, failure=UNKNOWN))), START)


@pytest.mark.parametrize(
    "logged", [{"boot_traceback_missing_module": "stripe"}, {"address_in_use": make(LogEvent)}, {"result": "signal"}]
)
def test_a_reason_that_is_known_to_be_gone_holds_nothing_up(logged: dict[str, Any]) -> None:
    assert asked(failed(**logged), START) == ""


def test_nginx_is_not_started_over_what_it_failed_of() -> None:
    start = act("systemd.start", unit="nginx.service")
    found = nginx(None, None, unit_file_state="enabled")
    assert asked(machine(shop(), **found), start) == ""
    for reason, word in (("host not found", "host not found"), (UNKNOWN, "permission denied")):
        assert word in asked(machine(shop(), **{**found, "nginx": make(Nginx, start_failure=reason)}), start)
