"""Each action by its name. One that is not here is an error of mypy's, and comes to nothing when it runs."""

from __future__ import annotations

from doctor.edits.actions import nginx, systemd
from doctor.edits.changes import Operation, Permit, Relink, Uncompile, Verb
from doctor.edits.effect import Effect
from doctor.engine.actions import BoundAction
from doctor.errors import unhandled


def effect(action: BoundAction) -> Effect:
    """What an action comes to."""
    match action.name:
        case "systemd.dropin":
            return systemd.dropin(action)
        case "systemd.daemon-reload":
            return Operation(Verb.DAEMON_RELOAD)
        case "systemd.start":
            return systemd.on_unit(Verb.START, action)
        case "systemd.restart":
            return systemd.on_unit(Verb.RESTART, action)
        case "systemd.reload":
            return systemd.on_unit(Verb.RELOAD, action)
        case "systemd.enable":
            return systemd.on_unit(Verb.ENABLE, action)
        case "systemd.reset-failed":
            return systemd.on_unit(Verb.RESET_FAILED, action)
        case "nginx.set":
            return nginx.set_directive(action)
        case "nginx.replace":
            return nginx.replace_line(action)
        case "nginx.remove":
            return nginx.remove_directive(action)
        case "nginx.enable-site":
            return nginx.enable_site(action)
        case "nginx.reload":
            return Operation(Verb.NGINX_RELOAD)
        case "fs.mode":
            return Permit(action.text("path"), mode=action.text("mode"))
        case "fs.group":
            return Permit(action.text("path"), group=action.text("group"))
        case "fs.link":
            return Relink(action.text("path"), action.text("target"))
        case "fs.remove-bytecode":
            return Uncompile(action.text("path"))
        case _:
            return unhandled(action.name)
