"""A rule as the engine holds it: checked, compiled, immutable."""

from __future__ import annotations

from enum import Enum

from doctor.apps.topology import Hop
from doctor.engine.actions import ActionCall
from doctor.engine.expression import Expression
from doctor.engine.template import Field, Template
from doctor.frozen import frozen


class Severity(str, Enum):
    """How bad it is."""

    ERROR = "error"
    """Broken now."""
    WARNING = "warning"
    """Will hurt."""
    INFO = "info"
    """Worth knowing."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(str, Enum):
    """How sure a finding is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Safety(str, Enum):
    """What a fix may cost."""

    SAFE = "safe"
    """No request is lost, it can be undone, a validator accepts it."""
    UNSAFE = "unsafe"
    """Works, but drops requests or changes behaviour."""
    MANUAL = "manual"
    """Printed only."""


LAYERS = {
    "nginx": "NGX", "socket": "SOC", "systemd": "SYS", "gunicorn": "GUN", "release": "REL", "app": "APP",
    "environment": "ENV", "static": "STA", "container": "CON", "migration": "MIG", "deploy": "DEP", "host": "HST",
}  # fmt: skip
"""Folder of a rule to the prefix of its id."""

SYMPTOMS = (
    "502", "504", "500", "stale-code", "downtime", "startup", "environment", "static", "client-error", "no-response",
    "verification",
)  # fmt: skip
"""What people see, by which rules can be selected."""


@frozen
class Source:
    """A page that documents the fault or its cure."""

    title: str
    url: str


@frozen
class Fix:
    """One cure. It applies when `when` is true and every value its actions and commands need is known.

    Of those of one class the first that applies is offered; `also`: this one too, beside it.
    """

    title: str
    safety: Safety
    when: Expression | None
    actions: tuple[ActionCall, ...]
    commands: tuple[Template, ...]
    steps: tuple[Template, ...]
    also: bool = False


@frozen
class Case:
    """One way to tell: `expect` states the good state of what `given` selects."""

    given: tuple[Expression, ...]
    """All of them: the rule's, then the case's own."""
    expect: Expression
    severity: Severity
    message: Template
    evidence: tuple[Field, ...]
    """Empty: the facts that decided."""
    fixes: tuple[Fix, ...]
    explains: frozenset[str]


@frozen
class Let:
    """A condition by name, as the rule writes it; those before it written out in it."""

    name: str
    condition: Expression


@frozen
class Rule:
    """One fault. `severity` is the worst of its cases; `path` the file it was loaded from."""

    id: str
    name: str
    layer: str
    title: str
    symptoms: tuple[str, ...]
    severity: Severity
    confidence: Confidence
    subject: str
    hop: Hop | None
    let: tuple[Let, ...]
    """Written out wherever a case names one: only `rules why` shows them."""
    cases: tuple[Case, ...]
    why: str
    sources: tuple[Source, ...]
    explains: frozenset[str]
    """Of all cases together."""
    path: str
