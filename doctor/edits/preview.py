"""What a fix would do, for people: a unified diff and the exact commands."""

from __future__ import annotations

import re
import shlex

from doctor.edits.changes import Change, Operation, Permit, Relink, Rewrite, Uncompile, Verb
from doctor.edits.plan import CannotPlan, Plan, plan
from doctor.engine.actions import BoundAction
from doctor.engine.finding import BoundFix
from doctor.engine.rule import Safety
from doctor.facts.edit import Edit
from doctor.frozen import frozen
from doctor.grammar.ours import DROP_IN
from doctor.hosts.base import Content, Host, Missing, TextKind

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""Only a newline ends one, as for diff(1) and patch(1)."""
NGINX_RELOAD = "nginx -t && systemctl reload nginx"


@frozen
class FixPreview:
    """What a fix would do. `commands` are complete and in order, `diff` is unified or "", `steps` are sentences."""

    title: str
    safety: Safety
    commands: tuple[str, ...]
    diff: str
    steps: tuple[str, ...]
    actions: tuple[BoundAction, ...]
    """For whoever applies it; empty for a manual fix."""


def preview(fix: BoundFix, host: Host, context: int = 0) -> FixPreview:
    """The preview of a fix, over the files as the host shows them.

    One that does not fit the files is left to a person, with the reason.
    """
    try:
        planned = plan(fix.actions, lambda path: _text(path, fix, host))
    except CannotPlan as error:
        return FixPreview(fix.title, Safety.MANUAL, (), "", (*fix.steps, f"By hand: {error}."), ())
    return FixPreview(
        title=fix.title,
        safety=fix.safety,
        commands=(*fix.commands, *commands(planned)),
        diff=diff(planned, context),
        steps=fix.steps,
        actions=fix.actions,
    )


def in_full(fix: FixPreview, host: Host) -> FixPreview:
    """The same preview with the lines around each change."""
    return preview(BoundFix(fix.title, fix.safety, fix.actions, steps=fix.steps), host, context=3)


def commands(planned: Plan) -> tuple[str, ...]:
    """The commands to type after the files were edited, in order."""
    changes = [_change_command(change) for change in planned.changes]
    operations = [_operation_command(operation) for operation in planned.operations]
    return tuple(dict.fromkeys(command for command in (*changes, *operations) if command))


def diff(planned: Plan, context: int = 3) -> str:
    """Every edited file as a unified diff with so many lines around a change."""
    return "".join(_file_diff(change, context) for change in planned.changes if isinstance(change, Rewrite))


def _change_command(change: Change) -> str:
    match change:
        case Relink(path, target):
            return f"ln -sfn {shlex.quote(target)} {shlex.quote(path)}"
        case Permit(path, mode, group):
            how = f"chmod {mode}" if mode else f"chgrp {shlex.quote(group)}"
            return f"{how} {shlex.quote(path)}"
        case Uncompile(path):
            return f"find {shlex.quote(path)} -name '*.pyc' -delete"
        case Rewrite():
            return ""


def _operation_command(operation: Operation) -> str:
    if operation.verb is Verb.NGINX_RELOAD:
        return NGINX_RELOAD
    unit = f" {shlex.quote(operation.unit)}" if operation.unit else ""
    return f"systemctl {operation.verb.value}{unit}"


def _file_diff(change: Rewrite, context: int) -> str:
    import difflib

    rows = difflib.unified_diff(
        _LINE.findall(change.before or ""),
        _LINE.findall(change.after),
        "/dev/null" if change.before is None else change.path,
        change.path,
        n=context,
    )
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def text_kind(path: str) -> TextKind:
    """How the host takes secrets out of a file that a fix rewrites."""
    return TextKind.UNIT if path.endswith(DROP_IN) else TextKind.NGINX


def _text(path: str, fix: BoundFix, host: Host) -> str | None:
    """The file as the host shows it; where the host does not hold it, the one line that is known of it."""
    kind = text_kind(path)
    match host.read(path, kind):
        case Content(text, truncated=False):
            return text
        case Missing():
            return None
    edits = [edit for action in fix.actions if isinstance(edit := action.arguments.get("edit"), Edit)]
    for edit in edits:
        if edit.path == path:
            return "\n" * (edit.line - 1) + edit.before + "\n"
    if kind is TextKind.UNIT:
        return None
    raise CannotPlan(f"{path} could not be read")
