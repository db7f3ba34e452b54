"""The command of a unit with --check-config: it loads settings and app as a start would, and serves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Origin, Unknown
from doctor.servers.gunicorn.launch import names_gunicorn
from doctor.servers.gunicorn.model import Gunicorn
from doctor.servers.gunicorn.plan import Plan


def with_preflight(gunicorn: Gunicorn, plan: Plan) -> Gunicorn:
    """The same with `preflight`."""
    return replace(gunicorn, preflight=_preflight(plan))


def _preflight(plan: Plan) -> Fact[str]:
    start, written = plan.unit.exec_start, plan.written
    if not isinstance(start, Known):
        return start
    argv = plan.command.argv if plan.command is not None else ()
    # Behind a shell or a launcher the place of the option is not certain.
    if written is None or not names_gunicorn(written.program) or argv[0] not in (written.python, written.program):
        return Absent(start.places)
    if not argv[0].startswith("/"):
        return Absent(start.places)
    at = len(argv) - len(written.arguments)
    words = (*argv[:at], "--check-config", *argv[at:])
    if not all(word.isprintable() for word in words):
        return Unknown("the command line holds control characters", Cause.UNREADABLE, start.places)
    return Known(_line(words), start.places, Origin.COMPUTED)


def _line(words: Sequence[str]) -> str:
    """As a unit spells it: specifiers are expanded by now, variables are not (systemd.service(5), Command lines)."""
    return " ".join(_word(word.replace("%", "%%")) for word in words)


def _word(word: str) -> str:
    if word and not set(word) & set(" \t\"'\\;"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
