"""`flaskdoctor rules`."""

from __future__ import annotations

from typing import Annotated

import typer

from doctor.cli.options import TableFormat


def rules(
    form: Annotated[
        TableFormat, typer.Option("--format", envvar="FLASKDOCTOR_RULES_FORMAT", help="Form of the list.")
    ] = TableFormat.TEXT,
) -> None:
    """List every rule with its severity, its symptoms and its title."""
    from doctor.cli.output import emit_lines, emit_text
    from doctor.engine.load import load_rules
    from doctor.reports import as_json, catalogue

    loaded = load_rules()
    if form is TableFormat.JSON:
        emit_text(as_json.dumps(catalogue.listing(loaded)))
    else:
        emit_lines(catalogue.table(loaded))
