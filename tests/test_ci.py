"""The stages of .ci/run: each runs alone, and only a real machine is asked a second time."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = (ROOT / ".ci/run").read_text()
STAGES = ("lint", "types", "unit", "replay", "lab")


def _function(stage: str) -> str:
    found = re.search(rf"^run_{stage}\(\) {{\n(.*?)^}}$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found, f"no stage {stage}"
    return found[1]


def test_only_the_lab_tries_again() -> None:
    assert [stage for stage in STAGES if "--reruns" in _function(stage)] == ["lab"]
    assert "reruns" not in (ROOT / "pyproject.toml").read_text().replace("pytest-rerunfailures", "")
    own = Path(__file__)
    marked = [path for path in ROOT.glob("tests/**/*.py") if path != own and "mark.flaky" in path.read_text()]
    assert not marked, "a test that passes at the second attempt has failed"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_its_tests_alone(stage: str) -> None:
    marks = re.findall(r"-m (\w+)", _function(stage))
    assert marks == ([stage] if stage in ("unit", "replay", "lab") else [])


def test_without_root_only_the_lab_prepares_machines() -> None:
    """With root `unit` does so too: it starts real Gunicorns."""
    chosen = re.search(r"^machines=no\n.*?^esac$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert chosen
    for stage in STAGES:
        script = f'stages=({stage})\n{chosen[0]}\necho "$machines"'
        without_root = script.replace("((EUID))", "true")
        done = subprocess.run(("bash", "-c", without_root), capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ("yes" if stage == "lab" else "no")


def test_a_word_that_is_no_stage_is_refused() -> None:
    done = subprocess.run(("bash", str(ROOT / ".ci/run"), "laboratory"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such stage: laboratory" in done.stderr
