"""What a machine answers: the values of a fact, and each condition of a rule with what decided it."""

from __future__ import annotations

from engine.builders import rule
from factories import app, machine, make, running, unit

from doctor.cause import Cause
from doctor.engine import answers
from doctor.engine.answers import Role
from doctor.engine.dictionary import entry
from doctor.engine.judge import Outcome
from doctor.facts.value import Unknown
from doctor.reports import dictionary
from doctor.servers.gunicorn.model import Settings


def test_values_of_every_subject() -> None:
    shop = app(units=(unit(restart="always"),), gunicorns=(running(),))
    blog = app("blog", unit=Unknown("permission denied", Cause.AMBIGUOUS))
    found = answers.values(entry("app.unit.restart"), machine(shop, blog))
    assert [(each.subject, [(s.path, dictionary.said(s.fact)) for s in each.facts]) for each in found] == [
        ("shop", [("app.unit.restart", "always")]),
        ("blog", [("app.unit", "unknown: permission denied")]),
    ]


def test_elements_of_a_list_are_numbered() -> None:
    shop = app(units=(unit("a.service"), unit("b.service")))
    (found,) = answers.values(entry("app.units.name"), machine(shop))
    assert [(seen.path, dictionary.said(seen.fact)) for seen in found.facts] == [
        ("app.units[0].name", "a.service"),
        ("app.units[1].name", "b.service"),
    ]


def conditions(case: answers.CaseAnswer) -> list[tuple[Role, str, object]]:
    return [(each.role, each.text, each.result.value) for each in case.conditions]


def test_why_a_rule_fails() -> None:
    judged = rule(given="app.gunicorn.settings.worker_class == 'sync' and len(app.gunicorns) == 1")
    settings = make(Settings, worker_class="sync", workers=1)
    (found,) = answers.why(judged, machine(app(gunicorns=(running(settings=settings),))))
    assert [case.outcome for case in found.cases] == [Outcome.FAIL]
    assert conditions(found.cases[0]) == [
        (Role.GIVEN, "app.gunicorn.settings.worker_class == 'sync'", True),
        (Role.GIVEN, "len(app.gunicorns) == 1", True),
        (Role.EXPECT, "app.gunicorn.settings.workers >= 2", False),
    ]
    assert found.let == ()


NAMED = """\
let:
  down: app.unit.active_state == "failed"
  forgotten: down and app.unit.restart == "no"
given: exists(app.unit) and down
fault: forgotten or app.unit.restarts > 5
"""


def test_named_conditions_are_shown_once_and_then_by_name() -> None:
    judged = rule(NAMED, expect=None)
    (found,) = answers.why(judged, machine(app(units=(unit(active_state="failed", restart="no", restarts=0),))))
    assert [(each.role, each.name, each.text, each.result.value) for each in found.let] == [
        (Role.LET, "down", 'app.unit.active_state == "failed"', True),
        (Role.LET, "forgotten", 'down and app.unit.restart == "no"', True),
    ]
    assert conditions(found.cases[0]) == [
        (Role.GIVEN, "exists(app.unit)", True),
        (Role.GIVEN, "down", True),
        (Role.EXPECT, "not (forgotten or app.unit.restarts > 5)", False),
    ]


def test_a_condition_as_long_as_loading_may_make_it_is_answered() -> None:
    long = " or ".join(f'app.name == "{number:050}"' for number in range(6))
    judged = rule(f"let:\n  one: {long}\n  two: one or app.name == 'x'\n", expect="not (one and two)")
    (found,) = answers.why(judged, machine(app()))
    assert found.cases[0].outcome is Outcome.PASS


def test_why_asks_every_subject_and_says_what_is_unknown() -> None:
    judged = rule()
    apps = (
        app("shop", gunicorns=(running(settings=make(Settings, workers=4)),)),
        app("blog", gunicorn=Unknown("x", Cause.AMBIGUOUS)),
    )
    shop, blog = answers.why(judged, machine(*apps))
    assert (shop.subject, shop.cases[0].outcome) == ("shop", Outcome.PASS)
    assert (blog.subject, blog.cases[0].outcome) == ("blog", Outcome.UNKNOWN)
    assert blog.cases[0].conditions[0].result.value == Unknown("x", Cause.AMBIGUOUS)
