from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from engine.builders import rule_text

from doctor.engine.directory import rule_files, rules_directory
from doctor.engine.shape import schema

VALIDATOR = jsonschema.Draft202012Validator(schema())


def errors(text: str) -> list[Any]:
    return list(VALIDATOR.iter_errors(yaml.load(text, Loader=yaml.BaseLoader)))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", rule_files(rules_directory()), ids=lambda path: path.stem)
def test_every_rule_fits_the_schema(path: Path) -> None:
    assert errors(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        rule_text(id="GUN1"),
        rule_text(severity="eror"),
        rule_text(symptoms="[x]"),
        rule_text(why=None),
        rule_text(expect=None),
        rule_text("cases: [{expect: 'true'}]"),
        rule_text("givn: true"),
        rule_text("fix: [{title: x, safety: safe, actions: [shell]}]"),
        rule_text("fix: [{title: x, safety: safe, actions: [{systemd.start: {unti: x}}]}]"),
    ],
)
def test_the_schema_refuses(text: str) -> None:
    assert errors(text)


def test_the_schema_accepts() -> None:
    assert errors(rule_text()) == []
    assert errors(rule_text("cases: [{expect: 'true'}]", expect=None)) == []
    assert (
        errors(rule_text("fix: [{title: x, safety: safe, actions: [nginx.reload, {systemd.start: {unit: x}}]}]")) == []
    )


def test_each_key_says_what_it_means() -> None:
    for name, key in schema()["properties"].items():
        assert key["description"], name
