"""`flaskdoctor rules`."""

from __future__ import annotations

from typing import Annotated

import typer

from doctor.cli.options import TableFormat, words


def rules(
    select: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RULE]...", help="Only these: id, prefix of ids, name or symptom. None: all.", show_default=False
        ),
    ] = None,
    form: Annotated[
        TableFormat, typer.Option("--format", envvar="FLASKDOCTOR_RULES_FORMAT", help="Form of the list.")
    ] = TableFormat.TEXT,
) -> None:
    """List rules with severity, symptoms and title."""
    import sys

    from doctor.cli.output import emit_lines, emit_text, width
    from doctor.engine.load import load_rules
    from doctor.engine.select import select as selected
    from doctor.reports import as_json, catalogue

    loaded = selected(load_rules(), words(select, "RULE"))
    if form is TableFormat.JSON:
        emit_text(as_json.dumps(catalogue.listing(loaded)))
    else:
        emit_lines(catalogue.table(loaded, width(sys.stdout, widest=200)))
