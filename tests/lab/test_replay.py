"""Every recording gives the report it is known for. Needs no root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import recording
from lab.machine import TREE
from lab.recipe import Recipe, brief, findings, load_all

RULES = {path.stem for path in (TREE / "rules").rglob("*.yaml")}
RECORDINGS = [pytest.param(path, id=f"{path.parent.name}/{recording.name_of(path)}") for path in recording.saved()]


@pytest.fixture
def replay(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Ask the doctor about a recording, in a format."""

    def ask(path: Path, form: str) -> str:
        plain = tmp_path / f"{recording.name_of(path)}.snapshot.json"
        plain.write_text(recording.load(path))
        done = subprocess.run(
            (sys.executable, "-m", "doctor", "check", str(plain), "--format", form),
            capture_output=True,
            text=True,
            cwd=TREE,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
            check=False,
        )
        assert done.returncode in (0, 1, 4), done.stdout + done.stderr
        return done.stdout.replace(str(plain), plain.name)

    return ask


@pytest.mark.parametrize("path", RECORDINGS)
def test_replay(path: Path, replay, request: pytest.FixtureRequest) -> None:  # type: ignore[no-untyped-def]
    report = json.loads(replay(path, "json"))
    names = [name for name, _ in findings(report)]
    rule, name = path.parent.name, recording.name_of(path)
    if path.parent == recording.HEALTHY:
        assert not [found for found, severity in findings(report) if severity != "info"], brief(report)
        return
    if name.startswith(recording.LOOKALIKE):
        assert rule not in names, brief(report)
        return
    assert names[:1] == [rule], brief(report)
    expected = path.with_name(f"{name}.expected.txt")
    text = replay(path, "text")
    if request.config.getoption("--golden"):
        expected.write_text(text)
    assert text == expected.read_text()


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
