"""`flaskdoctor undo`."""

from __future__ import annotations

from typing import Annotated

import typer


def undo(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run, as --list names it. None: the last one.", show_default=False)
    ] = "",
    show: Annotated[bool, typer.Option("--list", help="List the runs, the newest first; change nothing.")] = False,
) -> None:
    """Take back what `check --fix` changed: every file byte for byte, then what systemd and Nginx know of it.

    A file that somebody changed since is left as it is. Exit code: 0 all is as before, or there was nothing to take
    back, 1 something could not be taken back, 2 wrong usage.
    """
    import sys

    from doctor import mend
    from doctor.cli.output import emit_lines, width
    from doctor.errors import UserError
    from doctor.reports.changes import run_lines, undone_lines

    if show and run:
        raise UserError("--list lists all runs", run, "Leave out one of them.")
    if show:
        emit_lines(run_lines(mend.runs()))
        return
    items = mend.undo(run)
    emit_lines(undone_lines(items, width(sys.stdout)))
    raise typer.Exit(1 if any(item.left for item in items) else 0)
