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
    """Take back what `check --fix` changed.

    Every file byte for byte, then what systemd and Nginx know of it.
    A file that somebody changed since is left as it is. Exit code: 0 all of the run is as before, or there was nothing
    to take back, 1 something of it stands, 2 wrong usage, 128 and its number for a signal.
    """
    import sys

    from doctor import apply
    from doctor.cli.output import emit_lines, width
    from doctor.errors import UserError
    from doctor.reports.changes import run_lines, undone_lines

    if show and run:
        raise UserError("--list lists all runs", run, "Leave out one of them.")
    if show:
        emit_lines(run_lines(apply.runs()))
        return
    done = apply.undo(run)
    emit_lines(undone_lines(done, width(sys.stdout)))
    raise typer.Exit(0 if done.whole else 1)
