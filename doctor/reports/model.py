"""The report, exactly as its JSON form `flaskdoctor.report/1` has it.

Within /1 a field may be added; none is removed or changes its meaning. Every field is always written;
what does not apply is null. Lines count from 1. The JSON Schema is generated from these classes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from doctor.cause import Cause
from doctor.engine.rule import Confidence, Safety, Severity
from doctor.frozen import frozen
from doctor.hosts.base import TargetKind

SCHEMA: Final = "flaskdoctor.report/1"


class Verdict(str, Enum):
    """What the run comes to; `incomplete`: nothing at fault was seen, but not everything could be judged."""

    HEALTHY = "healthy"
    FAULTS = "faults"
    INCOMPLETE = "incomplete"


class HopState(str, Enum):
    """State of one link of the request path."""

    OK = "ok"
    BROKEN = "broken"
    AT_RISK = "at-risk"
    UNKNOWN = "unknown"


@frozen
class Target:
    """What was examined, and when (ISO 8601, UTC)."""

    kind: TargetKind
    name: str
    time: str


@frozen
class Summary:
    """Findings by severity and checks by outcome; a check is one rule on one subject."""

    error: int = 0
    warning: int = 0
    info: int = 0
    passed: int = 0
    unknown: int = 0
    not_applicable: int = 0
    suppressed: int = 0


@frozen
class HopReport:
    """One link of the chain, in the order a request meets them."""

    hop: str
    label: str
    """What it is: an address, a unit, a directory."""
    state: HopState
    detail: str = ""
    """What was seen there."""
    rule: str | None = None
    """The finding that the chain breaks of here; null where nothing is wrong, or where it only follows from another."""


@frozen
class AppReport:
    """One app and the way of a request to it."""

    name: str
    unit: str | None
    """Its systemd unit; null for a Gunicorn without one."""
    path: tuple[HopReport, ...]
    url: str | None = None
    """Where people reach it, from nginx; null when nginx does not serve it."""
    resting: bool = False
    """It is stopped, no boot starts it and nobody asks it, while other apps run: it was not judged, and has no path."""
    worst: Severity | None = None
    """The gravest of what was found of it, shown or not; null where nothing was found."""


@frozen
class SubjectReport:
    """What a rule was asked of."""

    kind: str
    name: str


@frozen
class EvidenceReport:
    """One fact that proves a finding, and where anybody can see it: a file and line, a command, or a note."""

    fact: str
    value: str | None
    """As people read it ("4 min", "yes"); null for what is absent."""
    origin: str | None
    """How the value came to be: explicit, inherited, default, computed, observed; null for what is absent."""
    path: str | None = None
    line: int | None = None
    command: str | None = None
    text: str | None = None
    """What stands there."""
    note: str | None = None
    """Where, for what has no address: "pid 122", "default of gunicorn 23.0.0"."""


@frozen
class FixReport:
    """One way to cure a finding. `commands` are complete and in order; `diff` is a unified diff, null without one."""

    title: str
    safety: Safety
    commands: tuple[str, ...] = ()
    diff: str | None = None
    steps: tuple[str, ...] = ()
    """Sentences that tell what to do where no command can."""


@frozen
class SourceReport:
    """Where the cause is documented."""

    title: str
    url: str


@frozen
class FindingReport:
    """One fault. Findings are ordered root cause first, then by severity."""

    rule: str
    name: str
    severity: Severity
    confidence: Confidence
    symptoms: tuple[str, ...]
    subject: SubjectReport
    hop: str | None
    """The link of the request path that it breaks; null when it is about none."""
    title: str
    message: str
    why: str
    evidence: tuple[EvidenceReport, ...]
    explains: tuple[str, ...]
    """Names of the findings of this report that follow from this one."""
    explained_by: tuple[str, ...]
    """Names of the findings of this report that this one follows from."""
    fingerprint: str
    """Stable while the fault is the same, whatever line it moves to."""
    fixes: tuple[FixReport, ...]
    sources: tuple[SourceReport, ...]
    app: str | None = None
    """The app it concerns; null for the whole machine."""


@frozen
class UnknownReport:
    """A check that could not be made."""

    rule: str
    name: str
    subject: SubjectReport
    reason: str
    cause: Cause
    """What kind of reason that is. Of several reasons the cause of the first, or what root would cure."""
    app: str | None = None
    """The app it concerns; null for the whole machine."""


@frozen
class NotJudgedReport:
    """Something that was recognised and not judged."""

    path: str
    """The file, or the name of what is not a file: a container, a program of supervisor."""
    kind: str
    """What it is: compose, supervisor, template, container …"""
    reason: str


@frozen
class AssumedReport:
    """A value that was taken for granted because nothing within reach tells it."""

    what: str
    path: str | None
    line: int | None


@frozen
class UnexplainedReport:
    """Requests that were seen failing, and that no finding explains."""

    hop: str
    """The link of the request path where it shows."""
    count: int
    text: str
    """The newest of the lines."""
    app: str | None
    path: str | None
    """The log that holds it; null for the journal."""


@frozen
class HiddenReport:
    """Findings that were made and are not shown, by severity; and the rules that were left out (--select, --ignore)."""

    error: int = 0
    warning: int = 0
    info: int = 0
    rules: int = 0


@frozen
class BugReport:
    """A rule that broke while it judged, or (`rule` empty) the look at an app: a bug of flaskdoctor. The exit code is
    then 3.
    """

    rule: str
    name: str
    subject: SubjectReport
    detail: str


@frozen
class ProbeReport:
    """One HTTP request that `--probe` sent."""

    app: str
    via: Literal["nginx", "gunicorn"]
    target: str
    """Where it went: http://shop.test/ at 127.0.0.1:80, or unix:/run/shop/gunicorn.sock."""
    status: int | None
    """The HTTP status; null when there was no answer."""
    detail: str
    """The reason phrase, or why there was no answer."""


@frozen
class AppliedFixReport:
    """What became of one fix of `check --fix`."""

    rule: str
    action: str
    """The actions it is made of: "systemd.dropin, systemd.restart"."""
    result: Literal["applied", "failed", "rolled-back", "skipped"]
    """applied: the finding is gone and nothing new fails. rolled-back: all is as before. failed: see `detail`.
    skipped: left alone."""
    detail: str
    """Why it was not applied; of one that was, what could not be seen afterwards, "" when nothing."""
    undo: str | None
    """The run that takes it back, for `flaskdoctor undo RUN`; null when there is nothing to take back."""
    name: str
    """Of the rule."""
    subject: str
    title: str
    safety: Safety


@frozen
class Report:
    """The whole report."""

    schema: Literal["flaskdoctor.report/1"]
    version: str
    """Of flaskdoctor."""
    target: Target
    verdict: Verdict
    summary: Summary
    apps: tuple[AppReport, ...] = ()
    findings: tuple[FindingReport, ...] = ()
    unknown: tuple[UnknownReport, ...] = ()
    fixes: tuple[AppliedFixReport, ...] = ()
    probes: tuple[ProbeReport, ...] = ()
    bugs: tuple[BugReport, ...] = ()
    templates: tuple[str, ...] = ()
    """Files of a repository that need rendering first (Jinja, envsubst) and were not judged; also in `not_judged`."""
    not_judged: tuple[NotJudgedReport, ...] = ()
    """What was recognised and not judged."""
    assumed: tuple[AssumedReport, ...] = ()
    """What was taken for granted."""
    unexplained: tuple[UnexplainedReport, ...] = ()
    """Failed requests that no finding explains."""
    hidden: HiddenReport = HiddenReport()
    """What `--min-severity` hides. The verdict and the summary count it."""
