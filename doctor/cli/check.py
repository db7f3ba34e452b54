"""`flaskdoctor check`."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from doctor.cli.options import FailOn, Format, Level, seconds, words
from doctor.errors import UserError

if TYPE_CHECKING:
    from doctor.reports.model import Report

_SUFFIXES = {".txt": Format.TEXT, ".json": Format.JSON}


def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="A folder or files of configuration, or a recording. None: this machine.",
            show_default=False,
        ),
    ] = None,
    app: Annotated[
        str, typer.Option(metavar="NAME", envvar="FLASKDOCTOR_APP", help="Only this app (its name or its unit).")
    ] = "",
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            envvar="FLASKDOCTOR_SELECT",
            help="Only these rules: id, prefix of ids, name, symptom or ALL. Repeatable, or separated by commas.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", envvar="FLASKDOCTOR_IGNORE", help="Not these rules."),
    ] = None,
    extend_select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", envvar="FLASKDOCTOR_EXTEND_SELECT", help="These rules as well."),
    ] = None,
    min_severity: Annotated[
        Level, typer.Option(envvar="FLASKDOCTOR_MIN_SEVERITY", help="Leave out findings below this severity.")
    ] = Level.INFO,
    fail_on: Annotated[
        FailOn, typer.Option(envvar="FLASKDOCTOR_FAIL_ON", help="Exit with 1 from this severity on.")
    ] = FailOn.WARNING,
    form: Annotated[
        Format, typer.Option("--format", envvar="FLASKDOCTOR_FORMAT", help="Form of the report on standard output.")
    ] = Format.TEXT,
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            envvar="FLASKDOCTOR_OUTPUT",
            help="Write the report to this file too, .txt or .json. Repeatable.",
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            envvar="FLASKDOCTOR_SINCE",
            help="How far back logs count (90s, 30m, 1h, 2d). Default: since the last start.",
        ),
    ] = "",
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            envvar="FLASKDOCTOR_PROBE",
            help="Send one HTTP request through nginx and one to Gunicorn. Default: connect, send nothing.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", envvar="FLASKDOCTOR_STRICT", help="Exit with 4 if a check could not be made.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", envvar="FLASKDOCTOR_DEMO", help="Examine a recorded broken machine.")
    ] = False,
    root: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            envvar="FLASKDOCTOR_ROOT",
            help="Examine the files of a machine below this folder, such as an unpacked image.",
        ),
    ] = "",
) -> None:
    """Say what is broken, or will break, on this machine, in a folder of configuration or in a recording.

    Exit code: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or configuration,
    3 a bug of flaskdoctor, 4 nothing to check, or --strict and a check that could not be made.
    """
    files = [(path, _format_of(path)) for path in output or ()]
    from doctor import run
    from doctor.cli.progress import progress

    options = run.Options(
        targets=tuple(targets or ()),
        demo=demo,
        root=root,
        app=app,
        since=seconds(since, "--since") if since else None,
        select=words(select),
        ignore=words(ignore),
        extend_select=words(extend_select),
        min_severity=min_severity.value,
        probe=probe,
    )
    with progress("flaskdoctor is looking …"):
        report = run.check(options)
    good = _emitted(report, form)
    code = run.exit_code(report, fail_on=fail_on.value, strict=strict)
    if not (_write_all(report, files) and good) and code != 3:
        code = 2
    raise typer.Exit(code)


def _format_of(path: str) -> Format:
    suffix = PurePath(path).suffix
    if suffix not in _SUFFIXES:
        raise UserError("the suffix tells no format", f"--output {path}", "Name the file .txt or .json.")
    return _SUFFIXES[suffix]


def _emitted(report: Report, form: Format) -> bool:
    """Write the report to standard output; whether that was possible. It must not keep the files from being written."""
    from doctor.cli.output import complain

    try:
        _emit(report, form)
    except UserError as error:
        complain(f"flaskdoctor: {error}")
        return False
    return True


def _emit(report: Report, form: Format) -> None:
    import sys

    from doctor.cli.output import emit_lines, emit_text, width

    match form:
        case Format.TEXT:
            from doctor.reports import text

            emit_lines(text.lines(report, width(sys.stdout)))
        case Format.CONCISE:
            from doctor.reports import concise

            emit_lines(concise.lines(report))
        case Format.JSON:
            from doctor.reports import as_json

            emit_text(as_json.dumps(report))


def _write_all(report: Report, files: list[tuple[str, Format]]) -> bool:
    """Write every file that can be written; whether all could."""
    from doctor.cli.output import complain, write_file
    from doctor.reports import as_json, layout, text

    good = True
    for path, form in files:
        content = as_json.dumps(report) if form is Format.JSON else layout.plain(text.lines(report))
        try:
            write_file(path, content)
        except UserError as error:
            complain(f"flaskdoctor: {error}")
            good = False
    return good
