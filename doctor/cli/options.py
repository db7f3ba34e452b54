"""Values of options: closed choices, durations, lists."""

from __future__ import annotations

import os
from enum import Enum
from typing import Annotated, TypeAlias

import typer

from doctor.errors import UserError


class Format(str, Enum):
    """Forms of the report."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"


class Level(str, Enum):
    """Severities, the gravest first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class FailOn(str, Enum):
    """From which severity on findings make the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"


class TableFormat(str, Enum):
    """Forms of the list of rules."""

    TEXT = "text"
    JSON = "json"


OwnRules: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--rules",
        metavar="DIR",
        envvar="FLASKDOCTOR_RULES",
        help="More rules: a folder of your own, <layer>/<name>.yaml. Repeatable; in the variable by blanks.",
        show_default=False,
    ),
]
"""The option --rules, which several commands have."""


def own_rules(folders: list[str] | None) -> tuple[str, ...]:
    """The folders that --rules names."""
    return tuple(given(folder, "--rules") for folder in folders or ())


_TYPED = ("--fix", "--unsafe-fixes", "--interactive")
"""Options that change the machine, or say how: every other has a variable."""


def note_ignored_variables() -> None:
    """Say on standard error which variables are taken for options that have none."""
    from doctor.cli.output import complain

    for option in _TYPED:
        name = f"FLASKDOCTOR_{option[2:].upper().replace('-', '_')}"
        if os.environ.get(name):
            complain(f"flaskdoctor: {name} is ignored: what changes the machine is given as an option ({option})")


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 3650 * 86400
"""Seconds. A date before the first of all logs says nothing more, and one before the year 1 cannot be written."""


def seconds(text: str, option: str) -> float:
    """A duration such as 90s, 30m, 1h or 2d in seconds; UserError names `option`."""
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdigit() and number.strip("0"):
        if len(number) > 12 or int(number) * _UNITS[unit] > _LONGEST:
            raise UserError(f"{text!r} is too long ago", option, "Write at most 3650d.")
        return float(int(number) * _UNITS[unit])
    raise UserError(f"{text!r} is no duration", option, "Write a number and a unit: 90s, 30m, 1h or 2d.")


def given(value: str | None, option: str) -> str:
    """The value of an option, "" where it was left out. An empty one, as of a variable that is not set, is refused:

    it would stand for all apps, or for this machine in the place of a folder.
    """
    if value is not None and not value.strip():
        raise UserError("an empty value", option, "Give one, or leave the option out.")
    return value or ""


def words(values: list[str] | None, option: str) -> tuple[str, ...]:
    """Values of a repeatable option, each of which may hold several, separated by commas or spaces."""
    found = tuple(word for value in values or () for word in value.replace(",", " ").split())
    if values and not found:
        given("", option)
    return found
