"""`flaskdoctor schema`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer


class Subject(str, Enum):
    """What a schema is published of."""

    REPORT = "report"
    RULE = "rule"
    SNAPSHOT = "snapshot"


def schema(
    subject: Annotated[Subject, typer.Argument(help="Which format to describe.")] = Subject.REPORT,
) -> None:
    """Print the JSON Schema of one of the formats."""
    from doctor.cli.output import emit_text
    from doctor.reports import as_json

    emit_text(as_json.dumps(published(subject)))


def published(subject: Subject) -> dict[str, Any]:
    """The schema of `subject`, generated from the classes that hold it."""
    match subject:
        case Subject.REPORT:
            from doctor.reports.model import SCHEMA, Report
            from doctor.reports.schema import json_schema

            return json_schema(Report, SCHEMA)
        case Subject.RULE:
            from doctor.engine.shape import schema as rule_schema

            return rule_schema()
        case Subject.SNAPSHOT:
            from doctor.reports.snapshot_schema import snapshot_schema

            return snapshot_schema()
