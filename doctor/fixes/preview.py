"""What a fix would do, before anything is done: a unified diff and the exact commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable

from doctor.engine.actions import BoundAction
from doctor.engine.finding import BoundFix, FixPreview
from doctor.facts.edit import Edit
from doctor.facts.value import Place

DROPIN_NAME = "50-flaskdoctor.conf"
"""Our file in a unit's drop-in folder; the user's own files are never touched."""
NGINX_RELOAD = "nginx -t && systemctl reload nginx"

_COMMANDS: dict[str, Callable[[BoundAction], str]] = {
    "systemd.daemon-reload": lambda action: "systemctl daemon-reload",
    "systemd.start": lambda action: f"systemctl start {shlex.quote(action.text('unit'))}",
    "systemd.restart": lambda action: f"systemctl restart {shlex.quote(action.text('unit'))}",
    "systemd.reload": lambda action: f"systemctl reload {shlex.quote(action.text('unit'))}",
    "systemd.enable": lambda action: f"systemctl enable {shlex.quote(action.text('unit'))}",
    "systemd.reset-failed": lambda action: f"systemctl reset-failed {shlex.quote(action.text('unit'))}",
    "nginx.reload": lambda action: NGINX_RELOAD,
    "fs.mode": lambda action: f"chmod {action.text('mode')} {shlex.quote(action.text('path'))}",
    "fs.link": lambda action: f"ln -sfn {shlex.quote(action.text('target'))} {shlex.quote(action.text('path'))}",
    "fs.remove-bytecode": lambda action: f"find {shlex.quote(action.text('path'))} -name '*.pyc' -delete",
}


def preview(fix: BoundFix) -> FixPreview:
    """The preview of a fix. Commands that follow from a change (daemon-reload, reload of nginx) are part of it."""
    dropins = [action for action in fix.actions if action.name == "systemd.dropin"]
    edits = [edit for action in fix.actions if (edit := edit_of(action))]
    diffs = [*_dropin_diffs(dropins), *(edit_diff(edit) for edit in edits)]
    commands = [*fix.commands]
    if dropins or any(_is_unit(edit.path) for edit in edits):
        commands.append("systemctl daemon-reload")
    if any(_is_nginx(action, edit_of(action)) for action in fix.actions):
        commands.append(NGINX_RELOAD)
    commands += [_COMMANDS[action.name](action) for action in fix.actions if action.name in _COMMANDS]
    return FixPreview(
        title=fix.title,
        safety=fix.safety,
        commands=tuple(dict.fromkeys(commands)),
        diff="".join(diffs),
        steps=fix.steps,
        actions=fix.actions,
    )


def dropin_path(unit: str) -> str:
    """Where our drop-in of a unit lies."""
    return f"/etc/systemd/system/{unit}.d/{DROPIN_NAME}"


def dropin_text(actions: Iterable[BoundAction]) -> str:
    """The drop-in that these `systemd.dropin` actions (of one unit) make together.

    A list of commands is reset by an empty assignment first: systemd would add to it otherwise.
    """
    sections: dict[str, list[str]] = {}
    for action in actions:
        key, values = action.text("key"), action.arguments["values"]
        if not isinstance(values, tuple):
            raise TypeError("systemd.dropin: values is no list")
        reset = [f"{key}="] if key.startswith("Exec") and values[0] else []
        sections.setdefault(action.text("section"), []).extend([*reset, *(f"{key}={value}" for value in values)])
    return "\n".join(f"[{section}]\n" + "".join(f"{line}\n" for line in lines) for section, lines in sections.items())


def edit_of(action: BoundAction) -> Edit | None:
    """The change of a line that an action stands for; None for those that change none."""
    if action.name == "nginx.set":
        place = action.arguments["place"]
        return _set_directive(place, action) if isinstance(place, Place) else None
    edit = action.arguments.get("edit")
    return edit if isinstance(edit, Edit) else None


def edit_diff(edit: Edit) -> str:
    """A unified diff of one line without context."""
    after = edit.after.split("\n") if edit.after else []
    count = "" if len(after) == 1 else f",{len(after)}"
    start = edit.line if after else edit.line - 1
    lines = [f"--- {edit.path}", f"+++ {edit.path}", f"@@ -{edit.line} +{start}{count} @@", f"-{edit.before}"]
    return "\n".join([*lines, *(f"+{line}" for line in after)]) + "\n"


def _dropin_diffs(actions: list[BoundAction]) -> list[str]:
    units: dict[str, list[BoundAction]] = {}
    for action in actions:
        units.setdefault(action.text("unit"), []).append(action)
    return [_new_file(dropin_path(unit), dropin_text(own)) for unit, own in units.items()]


def _new_file(path: str, text: str) -> str:
    lines = text.splitlines()
    count = "" if len(lines) == 1 else f",{len(lines)}"
    return "\n".join(["--- /dev/null", f"+++ {path}", f"@@ -0,0 +1{count} @@", *(f"+{line}" for line in lines)]) + "\n"


def _set_directive(place: Place, action: BoundAction) -> Edit:
    """Replace the directive that stands at `place`, or add one as the first line of the block that opens there."""
    directive = f"{action.text('directive')} {action.text('value')};"
    indent = place.text[: len(place.text) - len(place.text.lstrip())]
    if place.text.split()[:1] == [action.text("directive")]:
        return Edit(place.path, place.line, place.text, indent + directive)
    return Edit(place.path, place.line, place.text, f"{place.text}\n{indent}    {directive}")


def _is_unit(path: str) -> bool:
    return "/systemd/" in path and path.endswith((".service", ".socket", ".conf"))


def _is_nginx(action: BoundAction, edit: Edit | None) -> bool:
    return edit is not None and (action.name.startswith("nginx.") or "/nginx/" in edit.path)
