"""`flaskdoctor rules` and `rules why`: the list, and what each condition of a rule comes to."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from doctor.cli.options import OwnRules, TableFormat, given, own_rules, words


def rules(
    select: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RULE]...", help="Only these: id, prefix of ids, name or symptom. None: all.", show_default=False
        ),
    ] = None,
    own: OwnRules = None,
    form: Annotated[
        TableFormat, typer.Option("--format", envvar="FLASKDOCTOR_RULES_FORMAT", help="Form of the list.")
    ] = TableFormat.TEXT,
) -> None:
    """List rules with severity, symptoms and title.

    `flaskdoctor rules new` begins one, `flaskdoctor rules why` shows what the conditions of one come to.
    """
    from doctor.cli.output import emit_lines, emit_text, width
    from doctor.engine.load import load_rules
    from doctor.engine.own import with_own
    from doctor.engine.select import select as selected
    from doctor.reports import as_json, catalogue

    loaded = selected(with_own(load_rules(), own_rules(own)), words(select, "RULE"))
    if form is TableFormat.JSON:
        emit_text(as_json.dumps(catalogue.listing(loaded)))
    else:
        emit_lines(catalogue.table(loaded, width(sys.stdout, widest=200)))


def why(
    rule: Annotated[str, typer.Argument(metavar="NAME", help="The rule: its name or id.")],
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET]...", help="A folder or a recording. None: this machine.", show_default=False),
    ] = None,
    own: OwnRules = None,
    form: Annotated[
        TableFormat, typer.Option("--format", envvar="FLASKDOCTOR_RULES_FORMAT", help="Form of the answer.")
    ] = TableFormat.TEXT,
) -> None:
    """Show what each condition of a rule comes to.

    For each subject that it is asked of, with the facts that decided and where they stand.
    """
    from doctor import run
    from doctor.cli.output import emit_lines, emit_text, width
    from doctor.engine import answers
    from doctor.engine.select import one
    from doctor.reports import as_json, reasons

    asked = one(run.every_rule(own_rules(own)), rule)
    seen = run.facts(run.Options(targets=tuple(given(target, "TARGET") for target in targets or ())))
    answered = answers.why(asked, seen)
    if form is TableFormat.JSON:
        emit_text(as_json.dumps(reasons.as_data(asked, answered)))
    else:
        emit_lines(reasons.lines(asked, answered, width(sys.stdout)))
