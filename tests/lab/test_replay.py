"""Every recording gives the report it is known for. Needs no root."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor.engine.directory import rule_files
from lab import recording
from lab.machine import TREE
from lab.recipe import Recipe, load, load_all
from lab.replays import Replays

RULES = {path.stem for path in rule_files(TREE / "rules")}
RECORDINGS = [pytest.param(path, id=f"{path.parent.name}/{recording.name_of(path)}") for path in recording.saved()]


@pytest.mark.parametrize("path", RECORDINGS)
def test_replay(path: Path, replays: Replays, request: pytest.FixtureRequest) -> None:
    result = replays(path)
    assert not result.bugs
    rule, name = path.parent.name, recording.name_of(path)
    if path.parent == recording.HEALTHY:
        assert not result.loud
        assert result.verdict == "healthy", result.unknown
    elif name.startswith(recording.LOOKALIKE):
        assert rule not in dict(result.findings)
        assert not set(result.loud) - _allowed_besides(rule, name)
    else:
        assert [name for name, _ in result.findings][:1] == [_led_by(rule, name)]
    expected = path.with_name(f"{name}.expected.txt")
    if request.config.getoption("--golden"):
        expected.write_text(result.text)
    assert result.text == expected.read_text()


def _led_by(rule: str, fault: str) -> str:
    """The rule that must come first: another cause may rightly lead where this one follows from it."""
    return next(f.led_by or rule for f in load(rule).faults if f.name == fault)


def _allowed_besides(rule: str, name: str) -> set[str]:
    lookalike = name.removeprefix(recording.LOOKALIKE)
    return {other for o in load(rule).lookalikes if o.name == lookalike for other in o.besides}


@pytest.mark.parametrize(
    "recipe", [pytest.param(recipe, id=recipe.rule) for recipe in load_all() if recipe.rule in RULES]
)
def test_everything_told_is_recorded(recipe: Recipe) -> None:
    told = {fault.name for fault in recipe.faults} | {
        f"{recording.LOOKALIKE}{other.name}" for other in recipe.lookalikes
    }
    kept = {recording.name_of(path) for path in recording.saved() if path.parent == recipe.folder}
    assert kept == told, "record it with: pytest tests/lab --lab --record"


def test_every_rule_has_its_proof() -> None:
    told = {recipe.rule for recipe in load_all() if recipe.faults and recipe.lookalikes}
    assert not RULES - told, f"rules without a recipe of a fault and a look-alike: {', '.join(sorted(RULES - told))}"
