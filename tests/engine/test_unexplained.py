"""Which failures of the logs no finding explains."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from engine.builders import rule
from factories import make

from doctor.apps.topology import App, Facts, Hop, Route
from doctor.engine import unexplained as module
from doctor.engine.finding import Finding, SubjectRef
from doctor.engine.rule import SYMPTOMS, Severity
from doctor.engine.unexplained import unexplained
from doctor.facts.value import Known, Place
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.model import Peer, Upstream
from doctor.sources.logs import AccessLog, LogEvent, NginxLog, UnitLog
from doctor.sources.process import Process

NOW = 1_800_000_000.0
BASE = rule()


def event(count: int = 12, ago: float = 60, text: str = "the newest line") -> Known[LogEvent]:
    return Known(LogEvent(count, NOW - 900, NOW - ago, text), (Place(path="/var/log/x", text=text),))


def names(cls: Any) -> set[str]:
    return {field.name for field in fields(cls)}


def app(name: str = "shop", peers: int = 1, started: float = 7000, **found: Known[LogEvent]) -> App:
    in_nginx = {key: value for key, value in found.items() if key in names(NginxLog)}
    in_unit = {key: value for key, value in found.items() if key in names(UnitLog)}
    route = make(Route, upstream=make(Upstream, peers=(make(Peer),) * peers))
    master = make(Process, started=NOW - started)
    return make(
        App,
        name=name,
        routes=(route,),
        gunicorns=(make(Gunicorn, master=master),),
        log=make(UnitLog, **in_unit),
        nginx_log=make(NginxLog, **in_nginx),
    )


def facts(*apps: App, access: tuple[AccessLog, ...] = ()) -> Facts:
    return make(Facts, time=NOW, apps=apps, access=access)


def finding(*symptoms: str, of: str = "shop", severity: Severity = Severity.ERROR, hop: Hop = Hop.UNIT) -> Finding:
    made = replace(BASE, symptoms=symptoms, hop=hop)
    return Finding(made, severity, SubjectRef("app", of), of, "", (), (), "", ())


def told(seen: Facts, *findings: Finding, **more: Any) -> list[tuple[str, str, int]]:
    return [(each.app, each.hop, each.count) for each in unexplained(seen, findings, **more)]


def test_every_sign_is_a_fact_of_a_log() -> None:
    names = {item.name for cls in (NginxLog, UnitLog, AccessLog) for item in fields(cls)}
    signs = [*module._OF_NGINX, *module._OF_THE_UNIT, *module._OF_ALL, *(sign for sign, _ in module._ANSWERS)]
    assert {sign.fact for sign in signs} <= names
    assert all(sign.symptoms <= set(SYMPTOMS) for sign in signs)


@pytest.mark.parametrize(
    ("fact", "hop"), [("refused", "socket"), ("closed", "workers"), ("failed", "upstream"), ("request_errors", "code")]
)
def test_what_nothing_explains_is_told_with_its_newest_line(fact: str, hop: str) -> None:
    seen = facts(app(**dict[str, Any]({fact: event()})))
    assert told(seen) == [("shop", hop, 12)]
    one = unexplained(seen, ())[0]
    assert (one.text, one.place.path) == ("the newest line", "/var/log/x")


def test_a_finding_explains_what_it_has_the_symptom_of() -> None:
    seen = facts(app(request_errors=event()), app("blog", request_errors=event()))
    assert told(seen, finding("500")) == [("blog", "code", 12)]
    assert told(seen, finding("500", of="")) == []
    assert told(seen, finding("static", "stale-code", of="")) == told(seen)
    assert told(seen, finding("500", of="", severity=Severity.INFO)) == told(seen)
    assert told(seen, finding("500", of="", severity=Severity.WARNING)) == told(seen)
    assert told(seen, finding("500", of="", severity=Severity.WARNING, hop=Hop.CODE)) == []


def test_history_accuses_nobody() -> None:
    assert told(facts(app(closed=event(ago=3601)))) == []
    assert told(facts(app(closed=event(ago=3601))), window=7200.0) == [("shop", "workers", 12)]
    assert told(facts(app(missing=event(ago=60), listening=event(ago=50)))) == []
    assert told(facts(app(missing=event(ago=60), started=50))) == []
    assert told(facts(app(missing=event(ago=40), listening=event(ago=50)))) == [("shop", "socket", 12)]


def test_one_death_of_a_worker_is_no_sign() -> None:
    assert told(facts(app(worker_killed=event(1), worker_crashed=event(1)))) == []
    assert told(facts(app(worker_killed=event(2)))) == [("shop", "workers", 2)]


def test_a_group_with_another_server_asks_that() -> None:
    assert told(facts(app(peers=2, refused=event(), missing=event()))) == []
    assert told(facts(app(peers=2, refused=event(), no_live_upstreams=event()))) == [("shop", "upstream", 12)]


def test_what_belongs_to_nginx_as_a_whole_is_told_once() -> None:
    seen = facts(app(connections_exhausted=event(3)), app("blog", connections_exhausted=event(3)))
    assert told(seen) == [("", "server", 3)]
    assert told(seen, finding("502", of="blog")) == []


def test_an_app_at_rest_is_not_judged() -> None:
    assert told(facts(replace(app(closed=event()), resting=True))) == []


def answers(*apps: str, **found: Known[LogEvent]) -> tuple[AccessLog, ...]:
    return (make(AccessLog, path="/var/log/x", apps=apps, **found),)


def test_answers_count_where_no_other_log_says_it_better() -> None:
    silent = answers("shop", internal_errors=event(5), bad_gateways=event(7))
    assert told(facts(app(), access=silent)) == [("shop", "code", 5), ("shop", "upstream", 7)]
    assert told(facts(app(request_errors=event()), access=silent)) == [("shop", "code", 12), ("shop", "upstream", 7)]
    assert told(facts(app(closed=event()), access=silent)) == [("shop", "workers", 12), ("shop", "code", 5)]


def test_answers_of_a_shared_log_are_nobodys() -> None:
    shared = facts(app(), app("blog"), access=answers("shop", "blog", bad_gateways=event(7)))
    assert told(shared) == [("", "upstream", 7)]
    assert told(shared, finding("502", of="blog")) == []
    assert told(shared, finding("502", of="other")) == [("", "upstream", 7)]
