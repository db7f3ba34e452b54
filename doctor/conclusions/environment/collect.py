"""From a comparison, and what the code needs, to the facts about the environment."""

from __future__ import annotations

from doctor.cause import Cause, Doubt, doubt
from doctor.conclusions.environment.compare import Comparison
from doctor.conclusions.environment.files import first_missing
from doctor.conclusions.environment.misread import joined, misread
from doctor.conclusions.environment.model import Environment
from doctor.facts.value import Absent, Fact, Known, Origin, Unknown


def collect(found: Comparison, required: Fact[tuple[str, ...]]) -> Environment:
    """What was compared before the code was read, and what that needs of it.

    `required` are the variables read at import. A Gunicorn without a unit has nothing declared.
    """
    plan = found.plan
    if not isinstance(plan, Known):
        return Environment(
            files=(),
            declared=plan,
            expected=found.expected,
            changed=plan,
            missing_required=_missing_of_running(required, found.running_names),
            unloadable=plan,
            hidden=plan,
            lost=plan,
            misread=plan,
        )
    odd = tuple(misread(found.files, found.environment, found.expected, required))
    return Environment(
        files=found.files,
        declared=found.declared,
        expected=found.expected,
        changed=found.changed,
        missing_required=_missing(required, found.expected, found.launcher.opaque),
        unloadable=first_missing(found.environment, optional=False),
        hidden=first_missing(found.environment, optional=True),
        lost=joined(found.files, tuple((problem.name, problem) for problem, _ in odd if problem.dropped)),
        misread=joined(found.files, tuple((phrase, problem) for problem, phrase in odd)),
    )


def _missing(
    required: Fact[tuple[str, ...]], expected: Fact[frozenset[str]], opaque: Doubt | None
) -> Fact[tuple[str, ...]]:
    if not isinstance(required, Known):
        return required
    if not isinstance(expected, Known):
        return expected if isinstance(expected, Unknown) else Absent(required.places)
    missing = tuple(name for name in required.value if name not in expected.value)
    if not missing:
        return Absent(required.places)
    return Unknown.of(opaque) if opaque else Known(missing, required.places, Origin.COMPUTED)


def _missing_of_running(required: Fact[tuple[str, ...]], running: Fact[frozenset[str]]) -> Fact[tuple[str, ...]]:
    """Without a unit, what the process has is all that can be told."""
    if not isinstance(required, Known):
        return required
    if not isinstance(running, Known):
        return Unknown.of(doubt(running, "no unit and no process tell its environment", Cause.AMBIGUOUS))
    missing = tuple(name for name in required.value if name not in running.value)
    return Known(missing, required.places, Origin.COMPUTED) if missing else Absent(required.places)
