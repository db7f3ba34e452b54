"""`flaskdoctor facts`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def facts(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A fact, such as app.unit.restart. None: all.", show_default=False),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET]...", help="Show its value in a folder or recording.", show_default=False),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Show its value on this machine.")] = False,
) -> None:
    """Show what a rule can ask, and what it would be told."""
    from doctor.cli.output import emit_lines, width
    from doctor.engine.dictionary import entry
    from doctor.errors import UserError
    from doctor.reports import dictionary

    columns = width(sys.stdout)
    if here and (targets or name is None):
        raise UserError("--here shows the value of one fact on this machine", "", "Give a NAME, and no TARGET.")
    if name is None:
        emit_lines(dictionary.overview(columns))
        return
    asked = entry(name)
    if not (here or targets):
        emit_lines(dictionary.explained(asked, columns))
        return
    from doctor import run
    from doctor.engine import answers

    seen = run.facts(run.Options(targets=tuple(targets or ())))
    emit_lines(dictionary.values(answers.values(asked, seen), columns))
