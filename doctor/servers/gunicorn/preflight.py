"""The command of a unit with --check-config: it loads settings and app as a start would, and serves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doctor.facts.value import Absent, Fact, Known, Origin, Unknown
from doctor.servers.gunicorn.launch import direct
from doctor.servers.gunicorn.model import Gunicorn
from doctor.sources.systemd import Unit


def with_preflight(gunicorn: Gunicorn, unit: Unit) -> Gunicorn:
    """The same with `preflight`."""
    return replace(gunicorn, preflight=_preflight(unit))


def _preflight(unit: Unit) -> Fact[str]:
    if not isinstance(unit.exec_start, Known):
        return unit.exec_start
    for command in unit.exec_start.value:
        launch = direct(command.argv)
        # Behind a shell or a launcher the place of the option is not certain.
        if launch is None or not command.argv[0].startswith("/"):
            continue
        at = len(command.argv) - len(launch.arguments)
        words = (*command.argv[:at], "--check-config", *command.argv[at:])
        if not all(word.isprintable() for word in words):
            return Unknown("the command line holds control characters", unit.exec_start.places)
        return Known(_line(words), unit.exec_start.places, Origin.COMPUTED)
    return Absent(unit.exec_start.places)


def _line(words: Sequence[str]) -> str:
    """As a unit spells it: specifiers are expanded by now, variables are not (systemd.service(5), Command lines)."""
    return " ".join(_word(word.replace("%", "%%")) for word in words)


def _word(word: str) -> str:
    if word and not set(word) & set(" \t\"'\\;"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
