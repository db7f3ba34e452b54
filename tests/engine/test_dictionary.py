"""What a rule can ask, and what it is told."""

from __future__ import annotations

import pytest

from doctor.engine.dictionary import choices, entries_of, entry, field_docs, groups
from doctor.errors import UserError
from doctor.reports import dictionary
from doctor.reports.layout import plain
from doctor.servers.gunicorn.model import Settings
from doctor.sources.systemd import Unit


def test_every_class_is_listed_once_with_the_shortest_way_to_it() -> None:
    listed = {group.cls: group.names for group in groups()}
    assert listed[Unit][:2] == ("unit", "app.unit")
    assert "app.gunicorn.settings" in listed[Settings]
    assert all(group.entries for group in groups())


def test_every_fact_says_what_it_means() -> None:
    silent = [each.name for group in groups() for each in group.entries if not each.meaning.endswith((".", "…"))]
    assert not silent, "a sentence below the field: what it says, its unit, where it comes from"


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
