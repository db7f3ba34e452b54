"""`flaskdoctor check`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from doctor.cli.options import (
    FailOn,
    Format,
    Level,
    OwnRules,
    given,
    note_ignored_variables,
    own_rules,
    seconds,
    words,
)
from doctor.errors import UserError
from doctor.frozen import frozen

if TYPE_CHECKING:
    from doctor.reports.model import Report
    from doctor.run import Options

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
        str | None, typer.Option(metavar="NAME", envvar="FLASKDOCTOR_APP", help="Only this app (its name or its unit).")
    ] = None,
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
    rules: OwnRules = None,
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
            help="Write the report to this file too, .txt or .json. Repeatable; in the variable by blanks.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            envvar="FLASKDOCTOR_SINCE",
            help="How far back logs count (90s, 30m, 1h, 2d). Default: since the last start.",
        ),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            envvar="FLASKDOCTOR_PROBE",
            help="Send one HTTP request through nginx and one to Gunicorn. Default: connect, send nothing.",
        ),
    ] = False,
    # What changes the machine is said where it is typed: no variable, such as one of root's cron, stands for it.
    fix: Annotated[bool, typer.Option("--fix", help="Make the safe fixes, then report what remains.")] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option(
            "--unsafe-fixes",
            help="With --fix or --diff: also fixes that drop requests or change behaviour.",
        ),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", envvar="FLASKDOCTOR_DIFF", help="Show the fixes as diffs and commands; change nothing."),
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", help="With --fix: ask before each fix."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", envvar="FLASKDOCTOR_STRICT", help="Exit with 4 if not everything was judged.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", envvar="FLASKDOCTOR_DEMO", help="Examine a recorded broken machine.")
    ] = False,
    root: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            envvar="FLASKDOCTOR_ROOT",
            help="Examine the files of a machine below this folder, such as an unpacked image.",
        ),
    ] = None,
) -> None:
    """Say what is broken, or will break, and why.

    On this machine, in a folder of configuration, or in a recording.

    Exit code: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or configuration,
    3 a bug of flaskdoctor, 4 nothing to check, or --strict and something that was not judged.
    """
    note_ignored_variables()
    files = [(path, _format_of(path)) for path in output or ()]
    from doctor import run

    options = run.Options(
        targets=tuple(given(target, "TARGET") for target in targets or ()),
        demo=demo,
        root=given(root, "--root"),
        app=given(app, "--app"),
        since=seconds(given(since, "--since"), "--since") if since is not None else None,
        select=words(select, "--select"),
        ignore=words(ignore, "--ignore"),
        extend_select=words(extend_select, "--extend-select"),
        rules=own_rules(rules),
        min_severity=min_severity.value,
        probe=probe,
    )
    how = _Mending(fix=fix, unsafe=unsafe_fixes, diff=diff, interactive=interactive)
    how.validate()
    if diff and form is Format.TEXT:
        report, good = _show_plan(options, how)
    else:
        report = _examined(options, how)
        good = _emitted(report, form)
    code = run.exit_code(report, fail_on=fail_on.value, strict=strict)
    if not (_write_all(report, files) and good) and code != 3:
        code = 2
    raise typer.Exit(code)


@frozen
class _Mending:
    """The options that have to do with fixing."""

    fix: bool
    unsafe: bool
    diff: bool
    interactive: bool

    def validate(self) -> None:
        """Raise UserError for what does not go together."""
        if self.unsafe and not (self.fix or self.diff):
            raise UserError("--unsafe-fixes says which fixes are meant, not what to do", "", "Add --fix or --diff.")
        if self.interactive and not self.fix:
            raise UserError("--interactive needs --fix", "", "Add --fix.")
        if self.interactive and not self.diff and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UserError("--interactive needs a terminal", "", "Leave it out where nobody can answer.")


def _examined(options: Options, how: _Mending) -> Report:
    from doctor import run
    from doctor.cli.progress import progress

    if not how.fix or how.diff:
        with progress("flaskdoctor is looking …"):
            return run.check(options)
    from doctor import apply

    if how.interactive:
        from doctor.cli.ask import ask

        return apply.apply(options, unsafe=how.unsafe, ask=ask)
    with progress("flaskdoctor is looking, fixing, and looking again …"):
        return apply.apply(options, unsafe=how.unsafe)


def _show_plan(options: Options, how: _Mending) -> tuple[Report, bool]:
    """The diffs and commands in the place of the report."""
    from doctor import apply
    from doctor.cli.output import emit_lines
    from doctor.cli.progress import progress
    from doctor.engine.rule import Safety
    from doctor.reports.changes import planned_lines

    with progress("flaskdoctor is looking …"):
        report, planned = apply.plan(options, unsafe=how.unsafe)
    shown = [item for item in planned if how.unsafe or item.fix.safety is Safety.SAFE]
    more = sum(1 for item in planned if item not in shown and not item.objection)
    return report, _tried(lambda: emit_lines(planned_lines(shown, unsafe=how.unsafe, more=more)))


def _format_of(path: str) -> Format:
    from doctor.cli.output import check_writable

    suffix = PurePath(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UserError("the suffix tells no format", f"--output {path}", "Name the file .txt or .json.")
    check_writable(path)
    return _SUFFIXES[suffix]


def _emitted(report: Report, form: Format) -> bool:
    """Write the report to standard output; whether that was possible."""
    return _tried(lambda: _emit(report, form))


def _tried(emit: Callable[[], None]) -> bool:
    """Write to standard output; whether that was possible. It must not keep the files from being written."""
    from doctor.cli.output import complain

    try:
        emit()
    except UserError as error:
        complain(f"flaskdoctor: {error}")
        return False
    return True


def _emit(report: Report, form: Format) -> None:
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
