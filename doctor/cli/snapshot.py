"""`flaskdoctor snapshot`."""

from __future__ import annotations

from typing import Annotated

import typer

from doctor.cli.options import given, seconds


def snapshot(
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", envvar="FLASKDOCTOR_SNAPSHOT_OUTPUT", help="Default: standard output."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", envvar="FLASKDOCTOR_SINCE", help="How far back logs count (90s, 30m, 1h, 2d)."),
    ] = None,
) -> None:
    """Record this machine, to be checked anywhere.

    `flaskdoctor check FILE` examines the recording.
    Everything a check looks at is written down as it is looked at, with secrets taken out before.
    """
    from doctor.cli.output import emit_text
    from doctor.cli.progress import progress
    from doctor.run import record, save

    path = given(output, "--output")
    window = seconds(given(since, "--since"), "--since") if since is not None else None
    with progress("flaskdoctor is recording …"):
        recording = record(window)
    if path:
        save(recording, path)
    else:
        emit_text(recording.text())
