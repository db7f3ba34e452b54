"""The commands put together, and what every way to end the process comes to."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from doctor.cli import check, explain, facts, new_rule, rules, schema, snapshot, undo, version
from doctor.cli.output import complain
from doctor.errors import Interrupted, UserError, where

_CHANGING = frozenset({"--fix", "--unsafe-fixes", "--interactive"})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class _Verbs(TyperGroup):
    """A command may have two words, the first of which is another command: `rules new` beside `rules [RULE]...`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        words = " ".join(args[:2])
        if words in self.commands:
            return words, self.commands[words], args[2:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="flaskdoctor",
    cls=_Verbs,
    help="Says why a Flask app behind Nginx and Gunicorn is broken, proves it, and prints the fix.",
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback would show values of the examined machine
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Careful(TyperCommand):
    """Never proposes an option that changes the machine in the place of one that does not exist."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            near = getattr(error, "possibilities", None)
            if near:
                error.possibilities = [option for option in near if option not in _CHANGING]  # type: ignore[attr-defined]
            raise


app.command("check", cls=_Careful)(check.check)
app.command("explain")(explain.explain)
app.command("rules")(rules.rules)
app.command("rules new")(new_rule.new)
app.command("rules why")(rules.why)
app.command("facts")(facts.facts)
app.command("snapshot")(snapshot.snapshot)
app.command("undo")(undo.undo)
app.command("schema")(schema.schema)
app.command("version")(version.version)


def _version_option(wanted: bool) -> None:
    if wanted:
        version.version()
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version_option, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        # A forgotten verb must not look like a clean bill of health to a script.
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def main() -> int:
    """Run the command line and return its exit code: 2 for the caller's error, 3 for a bug of ours.

    128 and the number of a signal that ended a run which changes the machine: 130 for Ctrl-C, as Typer has it for all.
    """
    _stand_in()
    out = sys.stdout
    try:
        app(prog_name="flaskdoctor")
    except UserError as error:
        complain(f"flaskdoctor: {error}")
        return 2
    except SystemExit:
        if sys.stdout is not out:  # Typer puts another in its place where the reader of --help has gone (`| head`)
            return 0
        raise
    except Interrupted as interrupted:
        complain(f"flaskdoctor: {interrupted}")
        return interrupted.status
    except OSError as error:
        if error.errno == errno.EPIPE:  # nobody hears what was wrong with the options
            return 2
        if error.errno not in _NO_ROOM or error.filename is not None:
            return _bug(error)
        # Typer's own words, such as those of --help.
        complain(f"flaskdoctor: cannot write ({(error.strerror or str(error)).lower()})")
        return 2
    except Exception as error:
        return _bug(error)
    return 0


def _stand_in() -> None:
    """Replace standard streams that the caller closed, or a file opened later would get the number of one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _bug(error: Exception) -> int:
    from doctor.hosts.base import TextKind
    from doctor.hosts.redact import Redactor

    if os.environ.get("FLASKDOCTOR_TRACEBACK"):
        import traceback

        said = "".join(traceback.format_exception(error))
    else:
        said = (
            f"flaskdoctor hit a bug of its own: {type(error).__name__}: {error} ({where(error)}); please report it\n"
            "  FLASKDOCTOR_TRACEBACK=1 shows the whole traceback."
        )
    # An error may quote what it stumbled over, before any host took the secrets out.
    complain(Redactor().text(TextKind.LOG, said))
    return 3
