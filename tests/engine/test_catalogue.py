"""The one file that a check reads holds the rules of the rule files, and counts only while it is made from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine.builders import rule_text

from doctor.engine import catalogue, load
from doctor.engine.load import RuleError, load_rules


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one rule."""
    rules = tmp_path / "rules"
    (rules / "gunicorn").mkdir(parents=True)
    (rules / "gunicorn" / "one.yaml").write_text(rule_text(name="one"))
    for module in (catalogue, load):
        monkeypatch.setattr(module, "rules_directory", lambda: rules)
    return rules


def test_the_file_holds_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_rules()
    file = tmp_path / "catalogue.json"
    file.write_text(catalogue.written(loaded))
    monkeypatch.setattr(load, "load_rules", None)  # it must do without
    assert catalogue.catalogue(file) == loaded


def test_a_rule_file_that_was_edited_counts(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(catalogue.written(load_rules()))
    assert [rule.name for rule in catalogue.catalogue(file)] == ["one"]
    edited = folder / "gunicorn" / "one.yaml"
    edited.write_text(rule_text(name="one", title="Another title"))
    assert [rule.title for rule in catalogue.catalogue(file)] == ["Another title"]
    edited.write_text(rule_text(name="one", expect="app.no_such_fact == 'x'"))
    with pytest.raises(RuleError, match="no_such_fact"):
        catalogue.catalogue(file)


def test_a_rule_that_was_added_counts(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(catalogue.written(load_rules()))
    (folder / "gunicorn" / "two.yaml").write_text(rule_text(name="two", id="GUN902"))
    assert [rule.name for rule in catalogue.catalogue(file)] == ["one", "two"]


@pytest.mark.parametrize("change", ["gone", "cut", "other", "older", "earlier", "wrong", "deep"])
def test_without_a_file_that_can_be_read_the_rules_are_loaded(folder: Path, tmp_path: Path, change: str) -> None:
    file = tmp_path / "catalogue.json"
    text = catalogue.written(load_rules())
    stored: dict[str, Any] = json.loads(text)
    rule = stored["rules"][0]
    wrong = {**rule, "cases": [{**rule["cases"][0], "fixes": [99]}]}
    texts = {
        "cut": text[:-50],
        "other": "[]",
        "older": json.dumps({**stored, "rules": [{key: rule[key] for key in rule if key != "cases"}]}),
        "earlier": json.dumps({"digest": stored["digest"], "rules": [{**rule, "fixes": []}]}),
        "wrong": json.dumps({**stored, "rules": [wrong]}),
        "deep": json.dumps({**stored, "rules": 0}).replace(": 0", ": " + "[" * 100_000 + "]" * 100_000),
    }
    if change != "gone":
        file.write_text(texts[change])
    assert [rule.name for rule in catalogue.catalogue(file)] == ["one"]
