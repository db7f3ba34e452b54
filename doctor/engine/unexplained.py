"""The last line of defence: requests that the logs show failing, and that no finding explains.

A finding explains what it has the symptom of, of its own app or as one of the whole machine. A note explains nothing,
and a warning, which need not have come true, only what shows at its own hop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from doctor.apps.topology import App, Facts, Hop
from doctor.engine.finding import Finding
from doctor.engine.rule import Severity
from doctor.facts.address import Address
from doctor.facts.coverage import Unexplained
from doctor.facts.value import Fact, Known
from doctor.frozen import frozen
from doctor.sources.logs.model import LogEvent

RECENT = 3600.0
"""Seconds after which a failure is history: it was cured, or is too rare for anybody to see."""


@frozen
class _Sign:
    """A fact of a log that shows failed requests, the hop it shows at, and the symptoms of what would explain it."""

    fact: str
    hop: Hop
    symptoms: frozenset[str]
    least: int = 1
    """So many are needed: a worker may die once."""
    retried: bool = False
    """Where a group has another server, nginx asks that."""


def _sign(fact: str, hop: Hop, *symptoms: str, least: int = 1, retried: bool = False) -> _Sign:
    return _Sign(fact, hop, frozenset(symptoms), least, retried)


_OF_NGINX: Final = (
    _sign("refused", Hop.SOCKET, "502", "startup", retried=True),
    _sign("missing", Hop.SOCKET, "502", "startup", retried=True),
    _sign("denied", Hop.SOCKET, "502", "startup", retried=True),
    _sign("backlog_full", Hop.SOCKET, "502", "504", retried=True),
    _sign("no_live_upstreams", Hop.UPSTREAM, "502", "504", "startup"),
    _sign("timed_out", Hop.WORKERS, "504", "502", "startup"),
    _sign("closed", Hop.WORKERS, "502", "500", "startup"),
    _sign("reset", Hop.WORKERS, "502", "500", "startup"),
    _sign("header_too_big", Hop.LOCATION, "502"),
    _sign("tls_mismatch", Hop.UPSTREAM, "502"),
    _sign("no_valid_header", Hop.UPSTREAM, "502"),
    _sign("failed", Hop.UPSTREAM, "502", "504", "500"),
)
_OF_THE_UNIT: Final = (
    _sign("request_errors", Hop.CODE, "500", "502", "environment", "startup"),
    _sign("worker_killed", Hop.WORKERS, "502", "500", "startup", least=2),
    _sign("worker_crashed", Hop.WORKERS, "502", "500", "startup", least=2),
    _sign("worker_got_hup", Hop.WORKERS, "502", "downtime", least=2),
    _sign("out_of_memory", Hop.WORKERS, "502", "500"),
)
_OF_ALL: Final = (_sign("connections_exhausted", Hop.SERVER, "502", "500", "no-response"),)
_ANSWERS: Final = (
    (_sign("internal_errors", Hop.CODE, "500", "502", "environment", "startup"), frozenset({Hop.CODE})),
    (_sign("bad_gateways", Hop.UPSTREAM, "502", "startup"), frozenset(Hop) - {Hop.CODE}),
    (_sign("gateway_timeouts", Hop.WORKERS, "504", "502", "startup"), frozenset(Hop) - {Hop.CODE}),
)
"""Of an access log, which tells least: each with the hops at which a line of another log has said it better."""


def unexplained(facts: Facts, findings: Sequence[Finding], window: float = RECENT) -> tuple[Unexplained, ...]:
    """What failed within the last `window` seconds and that none of `findings` explains; of the machine last."""
    judge = _Judge(facts.time - window, findings)
    found: list[Unexplained] = []
    for app in facts.apps:
        if not app.resting:
            found += judge.of_app(app)
    for sign in _OF_ALL:
        events = [getattr(app.nginx_log, sign.fact) for app in facts.apps]
        newest = max((event for event in events if isinstance(event, Known)), key=_last, default=None)
        found += judge.told(sign, newest, "") if newest is not None else ()
    for log in facts.access:
        name = log.apps[0] if len(log.apps) == 1 else ""
        for sign, said in _ANSWERS:
            if not any(each.hop in {hop.value for hop in said} and each.app in {*log.apps, ""} for each in found):
                found += judge.told(sign, getattr(log, sign.fact), name, log.apps)
    return tuple(found)


def _last(event: Known[LogEvent]) -> float:
    return event.value.last


@frozen
class _Judge:
    oldest: float
    findings: Sequence[Finding]

    def of_app(self, app: App) -> Iterator[Unexplained]:
        """What the logs of one app tell."""
        several = any(len(route.upstream.peers) > 1 or _addresses(route.peer.addresses) > 1 for route in app.routes)
        for sign in _OF_NGINX:
            # While Gunicorn starts nobody answers; what was logged until then is told by no rule, and is over.
            if not (sign.retried and several):
                yield from self.told(sign, getattr(app.nginx_log, sign.fact), app.name, after=_serving_since(app))
        for sign in _OF_THE_UNIT:
            yield from self.told(sign, getattr(app.log, sign.fact), app.name)

    def told(
        self, sign: _Sign, event: Fact[LogEvent], app: str, apps: Iterable[str] = (), after: float = 0.0
    ) -> Iterator[Unexplained]:
        """The event, where it is recent and nothing explains it."""
        if not isinstance(event, Known) or event.value.count < sign.least:
            return
        if event.value.last < self.oldest or event.value.last < after:
            return
        if any(_explains(finding, sign, {app, *apps}) for finding in self.findings):
            return
        yield Unexplained(app, sign.hop.value, event.value.count, event.value.text, event.places[0])


def _explains(finding: Finding, sign: _Sign, apps: set[str]) -> bool:
    if finding.app and finding.app not in apps and apps != {""}:
        return False
    if finding.severity is Severity.INFO or (finding.severity is Severity.WARNING and finding.hop is not sign.hop):
        return False
    return not sign.symptoms.isdisjoint(finding.rule.symptoms)


def _addresses(fact: Fact[tuple[Address, ...]]) -> int:
    return len(fact.or_(()))


def _serving_since(app: App) -> float:
    """From when on somebody could answer: the last start, or when Gunicorn said that it listens; nginx logs seconds."""
    starts = [g.master.value.started for g in app.gunicorns if isinstance(g.master, Known)]
    if isinstance(app.log.listening, Known):
        starts.append(app.log.listening.value.last)
    return math.ceil(max(starts, default=0.0))
