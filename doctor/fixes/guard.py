"""Why an action would not be safe here. The rules offer a fix only where it is; this holds whatever a rule says."""

from __future__ import annotations

from doctor.apps.topology import App, Facts
from doctor.conclusions.service.reload import load_objection
from doctor.edits.changes import NGINX
from doctor.edits.preview import FixPreview
from doctor.engine.actions import ACTIONS, BoundAction
from doctor.engine.finding import Finding
from doctor.engine.rule import Safety
from doctor.errors import unhandled
from doctor.facts.value import ABSENT, Absent, Known, Unknown
from doctor.sources.systemd import Unit


def objection(finding: Finding, fix: FixPreview, facts: Facts) -> str:
    """Why this fix is not to be made by a machine, here and now; "" when nothing speaks against it."""
    app = next((app for app in facts.apps if app.name == finding.app), None)
    for action in fix.actions:
        reason = _never(action, app, facts)
        if not reason and fix.safety is Safety.SAFE:
            reason = _unsafe(action, app, facts)
        if reason:
            return reason
    return ""


def _never(action: BoundAction, app: App | None, facts: Facts) -> str:
    of_a_reload = action.name == "systemd.dropin" and action.text("key") == "ExecReload"
    if of_a_reload and (app is None or not app.service.reload.reaches_master.is_(True)):
        return "the main process may be a wrapper, which a HUP would end"
    if _of_nginx(action) and not _nginx_is_a_service(facts):
        return f"the running Nginx does not belong to {NGINX}: systemctl would not reach it"
    return ""


def _of_nginx(action: BoundAction) -> bool:
    """Nginx is reloaded for it."""
    match action.name:
        case "nginx.set" | "nginx.replace" | "nginx.remove" | "nginx.enable-site" | "nginx.reload":
            return True
        case (
            "systemd.dropin" | "systemd.daemon-reload" | "systemd.start" | "systemd.restart" | "systemd.reload"
            | "systemd.enable" | "systemd.reset-failed"
            | "fs.mode" | "fs.group" | "fs.link" | "fs.remove-bytecode"
        ):  # fmt: skip
            return False
        case _:
            return unhandled(action.name)


def _nginx_is_a_service(facts: Facts) -> bool:
    master = facts.nginx.master
    unit = next((unit for unit in facts.systemd.units if unit.name == NGINX), None)
    if unit is None:
        return False
    return not isinstance(master, Known) or unit.main_pid.is_(master.value.pid)


def _unsafe(action: BoundAction, app: App | None, facts: Facts) -> str:
    if ACTIONS[action.name].drops_requests:
        return f"{action.name} may drop requests or change behaviour"
    match action.name:
        case "systemd.reload":
            return _reload_objection(action.text("unit"), app)
        case "systemd.start" if action.text("unit") == NGINX:
            return _nginx_start_objection(facts)
        case "systemd.start":
            return _start_objection(action.text("unit"), app)
        case "systemd.dropin" | "systemd.daemon-reload" | "systemd.enable" | "systemd.reset-failed" | "nginx.reload":
            return ""
        case _:
            return f"nothing shows that {action.name} is safe"


def _reload_objection(unit: str, app: App | None) -> str:
    if app is None or app.service.reload.unit != unit:
        return f"{unit} was not examined"
    return app.service.reload.objection.or_("")


def _start_objection(unit: str, app: App | None) -> str:
    own = _own(unit, app)
    if app is None or own is None:
        return f"{unit} was not examined"
    if not isinstance(own.unit_file_state, Known) or own.unit_file_state.value != "enabled":
        return f"{unit} is not enabled: it may be stopped on purpose"
    if not app.routes:
        return f"Nginx sends nothing to {app.name}"
    return load_objection(app.code, app.environment) or _failure_objection(own, app)


def _failure_objection(unit: Unit, app: App) -> str:
    """What the last start failed of must be known to be gone: by what was looked up since."""
    failure = app.log.failure
    if isinstance(failure, Absent) or unit.result.is_("signal"):
        return ""
    if isinstance(failure, Unknown):
        return "" if unit.result.is_("success") else f"why it does not run could not be told: {failure.reason}"
    variable, expected = app.log.boot_missing_variable, app.environment.expected
    taken = next((gunicorn.address_in_use for gunicorn in app.gunicorns if gunicorn.name == unit.name), ABSENT)
    gone = (
        # The code loads, as was just seen: what it imports is there by now.
        isinstance(app.log.boot_traceback_missing_module, Known),
        isinstance(variable, Known) and isinstance(expected, Known) and variable.value in expected.value,
        isinstance(app.log.address_in_use, Known) and isinstance(taken, Absent),
    )
    return "" if any(gone) else f"its last start failed, and nothing shows that the reason is gone: {failure.value}"


def _nginx_start_objection(facts: Facts) -> str:
    """Files are tested before it is started; names that do not resolve and the like, only nginx itself could tell."""
    if not _enabled(NGINX, facts):
        return f"{NGINX} is not enabled"
    match facts.nginx.start_failure:
        case Known(why):
            return f"its last start failed, and nothing shows that the reason is gone: {why}"
        case Unknown(reason):
            return f"why its last start failed could not be told: {reason}"
        case _:
            return ""


def _own(unit: str, app: App | None) -> Unit | None:
    return next((own for own in app.units if own.name == unit), None) if app else None


def _enabled(name: str, facts: Facts) -> bool:
    unit = next((unit for unit in facts.systemd.units if unit.name == name), None)
    return unit is not None and unit.unit_file_state.is_("enabled")
