"""Rules that are trusted are the same rules, read without a look at the fact model."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine.builders import rule_text

from doctor.engine.load import RuleError, load_rules


def test_the_catalogue_is_the_same_either_way() -> None:
    assert load_rules(trusted=True) == load_rules()


def test_only_what_is_not_trusted_is_checked_against_the_fact_model(tmp_path: Path) -> None:
    folder = tmp_path / "gunicorn"
    folder.mkdir()
    (folder / "one.yaml").write_text(rule_text(name="one", expect="app.no_such_fact == 'x'"))
    [rule] = load_rules(tmp_path, trusted=True)
    assert rule.cases[0].expect.text == "app.no_such_fact == 'x'"
    with pytest.raises(RuleError, match="no_such_fact"):
        load_rules(tmp_path)
