from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from engine.builders import rule
from factories import app, known, machine, make, tcp, unit

from doctor.apps.topology import App, Facts, Route
from doctor.cause import Cause
from doctor.conclusions.static import StaticPath
from doctor.engine.finding import Finding
from doctor.engine.judge import Judgement, Outcome, judge
from doctor.engine.rule import Rule, Severity
from doctor.engine.subjects import SUBJECTS, route_name
from doctor.facts.value import Absent, Known, Origin, Place, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.servers.nginx.model import Listen, Location, Nginx, Peer, Server, SiteFile, Upstream
from doctor.sources.logs import LogEvent, UnitLog

DENIED = Unknown("permission denied reading /proc/122/environ (run with sudo)", Cause.NEEDS_ROOT)


def shop(name: str = "shop", **settings: Any) -> App:
    gunicorn = make(Gunicorn, name=f"{name}.service", settings=make(Settings, **settings))
    return app(name, gunicorns=(gunicorn,), units=(unit(f"{name}.service"),))


def verdict(rules: Rule | tuple[Rule, ...], *apps: App) -> Judgement:
    return judge(rules if isinstance(rules, tuple) else (rules,), machine(*apps))


def only(judgement: Judgement) -> Finding:
    [finding] = judgement.findings
    return finding


@pytest.mark.parametrize(
    ("given", "workers", "outcome"),
    [
        ("true", 3, Outcome.PASS),
        ("true", 1, Outcome.FAIL),
        ("true", DENIED, Outcome.UNKNOWN),
        ("true", Absent(), Outcome.NOT_APPLICABLE),
        ("false", 1, Outcome.NOT_APPLICABLE),
        ("false", DENIED, Outcome.NOT_APPLICABLE),
        ("app.gunicorn.settings.preload", 1, Outcome.UNKNOWN),
        ("app.gunicorn.settings.reload", 1, Outcome.NOT_APPLICABLE),
    ],
)
def test_outcomes(given: str, workers: Any, outcome: Outcome) -> None:
    [result] = verdict(rule(f"given: {given}"), shop(workers=workers, preload=DENIED)).results
    assert result.outcome is outcome
    assert (result.finding is not None) == (outcome is Outcome.FAIL)
    assert result.reason == (DENIED.reason if outcome is Outcome.UNKNOWN else "")


def test_reasons_are_told_once_each() -> None:
    other = Unknown("timed out after 5 s", Cause.TIMED_OUT)
    names = ("workers", "timeout", "backlog")
    checked = rule(expect=" and ".join(f"app.gunicorn.settings.{name} > 1" for name in names))
    [result] = verdict(checked, shop(workers=DENIED, timeout=other, backlog=DENIED)).results
    assert result.reason == f"{DENIED.reason}; {other.reason}"


def test_a_reason_of_the_language() -> None:
    checked = rule(expect='version(app.gunicorn.version_running) > version("20")')
    gunicorn = make(Gunicorn, version_running="dev")
    [result] = verdict(checked, app(gunicorns=(gunicorn,))).results
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "no version number in 'dev'")


def test_a_finding() -> None:
    found = only(verdict(rule(explains="[x-y]"), shop(workers=known(1, "/etc/systemd/system/shop.service", 13))))
    assert found.message == "shop has 1 workers"
    assert (found.id, found.name, found.severity) == ("GUN900", "test-rule", Severity.WARNING)
    assert (found.subject.kind, found.subject.name, found.app) == ("app", "shop", "shop")
    assert found.explains == ("x-y",)
    [proof] = found.evidence
    assert (proof.fact, proof.text, proof.origin) == ("app.gunicorn.settings.workers", "1", Origin.EXPLICIT)
    assert proof.places == (Place("/etc/systemd/system/shop.service", 13),)


def test_declared_evidence_is_shown_in_its_order_and_format() -> None:
    checked = rule("evidence: ['app.gunicorn.settings.timeout:duration', app.gunicorn.settings.user, app.name]")
    found = only(verdict(checked, shop(workers=1, timeout=90, user=DENIED)))
    assert [(item.fact.rpartition(".")[2], item.text) for item in found.evidence] == [
        ("timeout", "1 min 30 s"),
        ("user", "unknown"),
        ("name", "shop"),
    ]


CASES = """
cases:
  - given: app.gunicorn.settings.preload
    expect: app.gunicorn.settings.workers > 4
    severity: error
    message: now
  - expect: app.gunicorn.settings.workers > 2
    message: later
"""


@pytest.mark.parametrize(
    ("preload", "workers", "outcome", "said"),
    [
        (True, 1, Outcome.FAIL, ("now", Severity.ERROR)),
        (True, 3, Outcome.FAIL, ("now", Severity.ERROR)),
        (False, 1, Outcome.FAIL, ("later", Severity.WARNING)),
        (DENIED, 1, Outcome.FAIL, ("later", Severity.WARNING)),
        (False, 3, Outcome.PASS, None),
        (True, 5, Outcome.PASS, None),
        (DENIED, 3, Outcome.UNKNOWN, None),
        (False, Absent(), Outcome.NOT_APPLICABLE, None),
    ],
)
def test_the_first_case_that_fails_speaks(preload: Any, workers: Any, outcome: Outcome, said: Any) -> None:
    [result] = verdict(rule(CASES, expect=None), shop(workers=workers, preload=preload)).results
    assert result.outcome is outcome
    assert said == (result.finding and (result.finding.message, result.finding.severity))


def test_one_outcome_a_subject() -> None:
    judgement = verdict(rule(), shop("a", workers=1), shop("b", workers=2), shop("c", workers=DENIED))
    assert [(r.subject.name, r.outcome) for r in judgement.results] == [
        ("a", Outcome.FAIL),
        ("b", Outcome.PASS),
        ("c", Outcome.UNKNOWN),
    ]
    assert judgement.counts == {Outcome.FAIL: 1, Outcome.PASS: 1, Outcome.UNKNOWN: 1}
    assert [r.subject.name for r in judgement.of(Outcome.UNKNOWN)] == ["c"]


def test_a_broken_rule_does_not_stop_the_others() -> None:
    good, broken = rule(), rule(name="broken", id="GUN901")
    # As if a fact were of another type than its annotation says.
    judgement = verdict((broken, good), shop("a", workers="one"), shop("b", workers=1))
    assert [(r.rule.name, r.outcome) for r in judgement.results] == [
        ("broken", Outcome.ERROR),
        ("broken", Outcome.FAIL),
        ("test-rule", Outcome.ERROR),
        ("test-rule", Outcome.FAIL),
    ]
    [first, _] = judgement.of(Outcome.ERROR)
    assert first.reason.startswith("broken: TypeError at doctor.engine.")


def test_subjects_that_cannot_be_listed_are_an_error_of_each_rule() -> None:
    facts = replace(machine(), nginx=None)  # type: ignore[arg-type]
    about = rule(subject="location", expect="location.internal", message="x")
    [result] = judge((about,), facts).results
    assert (result.outcome, result.subject.kind) == (Outcome.ERROR, "location")
    assert "AttributeError" in result.reason


FIXES = """
fix:
  - title: Restart it
    safety: unsafe
    when: app.gunicorn.settings.preload
    actions:
      - systemd.restart: {unit: "{app.unit.name}"}
  - title: Own it
    safety: manual
    commands: ["chown {app.gunicorn.settings.user} {app.release.link}"]
    steps: ["Ask {app.gunicorn.settings.user}."]
"""


@pytest.mark.parametrize(
    ("preload", "user", "offered"),
    [
        (True, "www", ["Restart it", "Own it"]),
        (False, "www", ["Own it"]),
        (DENIED, "www", ["Own it"]),
        (True, DENIED, ["Restart it"]),
        (True, Absent(), ["Restart it"]),
        (True, "w\nw", ["Restart it"]),
    ],
)
def test_only_fixes_that_would_work_are_offered(preload: Any, user: Any, offered: list[str]) -> None:
    subject = shop(workers=1, preload=preload, user=user)
    subject = replace(subject, release=make(type(subject.release), link="/srv/my shop"))
    found = only(verdict(rule(FIXES), subject))
    assert [fix.title for fix in found.fixes] == offered
    if offered == ["Own it"]:
        assert found.fixes[0].commands == ("chown www '/srv/my shop'",)
        assert found.fixes[0].steps == ("Ask www.",)


def test_a_unit_name_that_is_none_never_reaches_a_command() -> None:
    for name in ("shop.service; reboot", "--force.service", "shop", "$(x).service", ""):
        subject = replace(shop(workers=1, preload=True), unit=known(unit(name)))
        assert "Restart it" not in [fix.title for fix in only(verdict(rule(FIXES), subject)).fixes]


# Fingerprints


def mark(subject: App, checked: Rule | None = None) -> str:
    return only(verdict(checked or rule(), subject)).fingerprint


def test_a_fingerprint_stays_while_the_fault_is_the_same() -> None:
    first = mark(shop(workers=known(1, "/etc/systemd/system/shop.service", 13)))
    assert first == mark(shop(workers=known(1, "/etc/systemd/system/shop.service", 14)))
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert first != mark(shop("blog", workers=1))
    assert first != mark(shop(workers=1), rule(id="GUN901"))
    assert first != mark(shop(workers=0))


def test_what_differs_from_run_to_run_is_not_in_a_fingerprint() -> None:
    checked = rule("evidence: [app.log.hups.count, app.log.hups.last, app.log.hups.text, app.unit.main_pid, app.name]")

    def subject(count: int) -> App:
        log = make(UnitLog, hups=LogEvent(count, 1.0, float(count), f"line {count}"))
        return replace(shop(workers=1), log=log, unit=known(unit(main_pid=count)))

    assert mark(subject(1), checked) == mark(subject(2), checked)


def test_a_pid_in_a_name_is_not_in_a_fingerprint() -> None:
    about = rule(subject="gunicorn", expect="exists(gunicorn.venv)", message="x")
    marks = {mark(app(gunicorns=(make(Gunicorn, name=f"pid {pid}"),)), about) for pid in (12, 9912)}
    assert len(marks) == 1


# Subjects


def site(name: str, port: int, *, line: int = 1, locations: int = 1) -> tuple[Server, tuple[Route, ...]]:
    peer = make(Peer, address=tcp(port), place=Place("/etc/nginx/shop", line))
    upstream = make(Upstream, name=name, peers=(peer,))
    found = tuple(
        make(Location, pattern=f"/{n or ''}", place=Place("/etc/nginx/shop", line + 1 + n), upstream=upstream)
        for n in range(locations)
    )
    server = make(Server, names=(name,), locations=found, place=Place("/etc/nginx/shop", line))
    return server, tuple(make(Route, server=server, location=one, upstream=upstream, peer=peer) for one in found)


def subjects(kind: str, facts: Facts) -> list[tuple[str, str]]:
    return [(instance.name, instance.app) for instance in SUBJECTS[kind].expand(facts)]


def whole() -> Facts:
    server, routes = site("shop.test", 8000, locations=2)
    static = make(StaticPath, url="/static/", place=Place("/etc/nginx/shop", 9))
    one = replace(shop("shop"), routes=(*routes, *routes), static=(static,))
    nginx = make(Nginx, servers=(server, site("other.test", 9000, line=20)[0]), sites=(make(SiteFile, path="/s"),))
    return machine(
        one, shop("blog"), nginx=nginx, unreadable=(Unknown("bad", Cause.AMBIGUOUS, (Place("/etc/nginx/x", 3),)),)
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("host", [("box", "")]),
        ("app", [("shop", "shop"), ("blog", "blog")]),
        ("unit", [("shop.service", "shop"), ("blog.service", "blog")]),
        ("gunicorn", [("shop.service", "shop"), ("blog.service", "blog")]),
        ("location", [("shop.test location /", "shop"), ("shop.test location /1", "shop")]),
        ("route", [("shop.test / → 127.0.0.1:8000", "shop")]),
        ("static", [("/static/", "shop")]),
        ("server", [("shop.test", "shop")]),
        ("site", [("/s", "")]),
        ("file", [("/etc/nginx/x", "")]),
    ],
)
def test_subjects(kind: str, expected: list[tuple[str, str]]) -> None:
    assert subjects(kind, whole()) == expected


def test_names_of_each_subject_are_those_of_its_scope() -> None:
    facts = whole()
    for subject in SUBJECTS.values():
        for instance in subject.expand(facts):
            assert set(instance.names) == set(subject.scope)


def test_without_any_app_every_proxied_location_is_a_subject() -> None:
    facts = replace(whole(), apps=())
    assert [name for name, _ in subjects("location", facts)] == [
        "shop.test location /",
        "shop.test location /1",
        "other.test location /",
    ]
    assert [name for name, _ in subjects("server", facts)] == ["shop.test", "other.test"]
    about = rule(
        subject="location", expect='location.pattern == "/" or exists(app.unit)', message="'{location.pattern}'"
    )
    assert [r.outcome for r in judge((about,), facts).results] == [
        Outcome.PASS,
        Outcome.FAIL,
        Outcome.PASS,
    ]


def test_a_server_without_a_name() -> None:
    server, routes = site("_", 8000)
    listen = make(Listen, address=tcp(80))
    server = replace(server, listens=(listen,))
    facts = machine(replace(shop(), routes=tuple(replace(r, server=server) for r in routes)))
    assert subjects("server", facts) == [("127.0.0.1:80", "shop")]


def test_the_name_of_a_route_says_where_it_goes() -> None:
    _, routes = site("shop.test", 8000, locations=2)
    assert route_name(routes[1]) == "shop.test /1 → 127.0.0.1:8000"
    assert route_name(replace(routes[0], location=make(Location))) == "shop.test / → 127.0.0.1:8000"
    unresolved = replace(routes[0], peer=make(Peer, address=DENIED, host="app.internal"))
    assert route_name(unresolved) == "shop.test / → app.internal"
    assert route_name(replace(unresolved, peer=make(Peer, address=DENIED))) == "shop.test / → shop.test"


def test_an_unreadable_file_is_unknown_to_the_rule_that_asks_for_it() -> None:
    about = rule(subject="file", expect="known(file)", message="'{file:place} cannot be read'", hop=None)
    found = only(judge((about,), whole()))
    assert found.message == "/etc/nginx/x:3 cannot be read"
    assert found.evidence[0].value == Unknown("bad", Cause.AMBIGUOUS, (Place("/etc/nginx/x", 3),))


def test_known_facts_of_the_host() -> None:
    about = rule(subject="host", expect="host.kind != 'live' or len(host.apps) > 1", message="'{host.name}'", hop=None)
    facts = machine(shop(), nginx=make(Nginx, user=Known("www-data")))
    assert only(judge((about,), facts)).message == "box"
