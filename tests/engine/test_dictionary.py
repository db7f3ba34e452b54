"""What a rule can ask, and what it is told."""

from __future__ import annotations

import pytest
from engine.builders import app, machine, make, rule, running, unit

from doctor.engine import answers
from doctor.engine.dictionary import choices, entries_of, entry, field_docs, groups
from doctor.engine.judge import Outcome
from doctor.errors import UserError
from doctor.facts.value import Unknown
from doctor.reports import dictionary
from doctor.reports.layout import plain
from doctor.servers.gunicorn.model import Settings
from doctor.sources.systemd import Unit


def test_every_class_is_listed_once_with_the_shortest_way_to_it() -> None:
    listed = {group.cls: group.names for group in groups()}
    assert listed[Unit][:2] == ("unit", "app.unit")
    assert "app.gunicorn.settings" in listed[Settings]
    assert all(group.entries for group in groups())


def test_a_fact_has_type_meaning_and_source() -> None:
    found = entry("app.gunicorn.settings.chdir")
    assert (str(found.type), found.meaning) == ("string", field_docs(Settings)["chdir"])
    assert found.source == "doctor.servers.gunicorn.model"
    assert "one of unix, abstract, tcp, fd" in plain(dictionary.explained(entry("app.binds"), 100))
    assert choices(entry("app.routes.state").type) == ("ours", "nobody", "stranger", "remote")
    assert entries_of(entry("app.name")) == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ap.unit", "'app'"), ("app.unit.restrt", "'restart'"), ("app.name.first", "flaskdoctor facts lists them all")],
)
def test_a_fact_that_is_none(name: str, hint: str) -> None:
    with pytest.raises(UserError, match=hint):
        entry(name)


def test_values_of_every_subject() -> None:
    shop = app(units=(unit(restart="always"),), gunicorns=(running(),))
    blog = app("blog", unit=Unknown("permission denied"))
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


def test_why_a_rule_fails() -> None:
    judged = rule(given="app.gunicorn.settings.worker_class == 'sync' and len(app.gunicorns) == 1")
    settings = make(Settings, worker_class="sync", workers=1)
    facts = machine(app(gunicorns=(running(settings=settings),)))
    (found,) = answers.why(judged, facts)
    assert [case.outcome for case in found.cases] == [Outcome.FAIL]
    assert [(c.role, c.text, c.result.value) for c in found.cases[0].conditions] == [
        ("given", "app.gunicorn.settings.worker_class == 'sync'", True),
        ("given", "len(app.gunicorns) == 1", True),
        ("expect", "app.gunicorn.settings.workers >= 2", False),
    ]
    text = plain(dictionary.reasons(judged, (found,), 100))
    assert "app.gunicorn.settings.workers = 1" in text
    assert "case 1: fail" in text
