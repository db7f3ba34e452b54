"""What a rule found: plain values, ready for a report and for the fixer."""

from __future__ import annotations

import hashlib
import re

from doctor.apps.topology import Hop
from doctor.engine.actions import BoundAction
from doctor.engine.evaluate import AnyFact, Seen
from doctor.engine.rule import Rule, Safety, Severity
from doctor.engine.template import Field, render
from doctor.facts.value import Known, Origin, Place
from doctor.frozen import frozen


@frozen
class SubjectRef:
    """What was judged: its kind (app, unit, location …) and its name."""

    kind: str
    name: str


@frozen
class Evidence:
    """One fact that proves a finding. `fact` is its path in rules, `text` its value for people."""

    fact: str
    value: AnyFact
    text: str

    @property
    def origin(self) -> Origin | None:
        """How the value came to be; None of what is absent or unknown."""
        return self.value.origin if isinstance(self.value, Known) else None

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it can be seen, the primary place first."""
        return self.value.places


@frozen
class BoundFix:
    """A fix with its values filled in. `commands` are those of a manual fix, quoted for a shell."""

    title: str
    safety: Safety
    actions: tuple[BoundAction, ...] = ()
    commands: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


@frozen
class Finding:
    """One fault of one subject. `app` is "" for what belongs to the host as a whole.

    `explains` starts as every rule name this one is the cause of; a `Diagnosis` narrows it to the findings
    there are and fills `explained_by`.
    """

    rule: Rule
    severity: Severity
    subject: SubjectRef
    app: str
    message: str
    evidence: tuple[Evidence, ...]
    fixes: tuple[BoundFix, ...]
    fingerprint: str
    explains: tuple[str, ...]
    explained_by: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Of the rule."""
        return self.rule.id

    @property
    def name(self) -> str:
        """Of the rule."""
        return self.rule.name

    @property
    def hop(self) -> Hop | None:
        """The link of the request's way that breaks; None for the host."""
        return self.rule.hop


_VOLATILE = frozenset({"pid", "ppid", "pids", "main_pid", "count", "first", "last", "text", "inode", "size", "queue"})
"""Attributes whose values differ from run to run while the fault is the same."""
_PID = re.compile(r"\bpid \d+")
_INDEX = re.compile(r"\[\d+\]")


def evidence(seen: Seen, field: Field | None = None) -> Evidence:
    """A fact that was looked at, as evidence, in the format the rule asks for."""
    return Evidence(seen.path, seen.fact, render(seen.fact, field.format if field and field.format != "place" else ""))


def fingerprint(rule: Rule, subject: SubjectRef, proof: tuple[Evidence, ...]) -> str:
    """16 hex digits that stay while the fault is the same: no lines, pids, times or counts go in."""
    values = [f"{_INDEX.sub('', item.fact)}={_PID.sub('pid', render(item.value))}" for item in proof if _stable(item)]
    subject_name = _PID.sub("pid", subject.name)
    canonical = "\0".join((rule.id, subject.kind, subject_name, *sorted(values)))
    return hashlib.sha256(canonical.encode(errors="surrogateescape")).hexdigest()[:16]


def _stable(item: Evidence) -> bool:
    if isinstance(item.value, Known) and isinstance(item.value.value, float):
        return False
    return item.fact.rpartition(".")[2] not in _VOLATILE
