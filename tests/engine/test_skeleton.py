"""What a new rule begins as loads, and its proof can fail."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from proofs.test_rules import proofs, told

from doctor.engine import skeleton
from doctor.engine.directory import OWN_IDS
from doctor.engine.load import load_rules
from doctor.engine.rule import LAYERS, Severity
from doctor.engine.subjects import SUBJECTS


@pytest.mark.parametrize(("layer", "subject"), list(product(LAYERS, SUBJECTS)))
def test_it_loads_and_its_proof_holds(tmp_path: Path, layer: str, subject: str) -> None:
    begun = skeleton.Beginning(skeleton.next_id(layer, (), own=True), "begun", layer, "info", subject)
    file, proof = tmp_path / layer / "begun.yaml", tmp_path / "begun.test.yaml"
    file.parent.mkdir()
    file.write_text(skeleton.rule(begun))
    proof.write_text(skeleton.proof(begun))
    [rule] = load_rules(tmp_path)
    assert (rule.id, rule.severity, rule.subject) == (begun.id, Severity.INFO, subject)
    stated = [each for _, each in proofs(proof)]
    assert [each["says"] for each in stated] == ["fail", "pass"]
    for each in stated:
        said = told(file, each)
        assert {key: said.get(key) for key in each.keys() - {"facts", "about"}} == {
            key: value for key, value in each.items() if key not in ("facts", "about")
        }


def test_the_recipe_is_python() -> None:
    text = skeleton.recipe(skeleton.Beginning("GUN900", "begun", "gunicorn", "error", "app"))
    compile(text, "recipe.py", "exec")
    assert "FAULTS" in text


@pytest.mark.parametrize(
    ("taken", "own", "expected"),
    [
        ((), False, "GUN001"),
        (("GUN001", "GUN018", "NGX044", "GUN900"), False, "GUN019"),
        ((), True, "GUN900"),
        (("GUN018", "GUN904"), True, "GUN905"),
    ],
)
def test_the_next_id(taken: tuple[str, ...], own: bool, expected: str) -> None:
    assert skeleton.next_id("gunicorn", taken, own=own) == expected


def test_the_catalogue_leaves_the_ids_of_others_alone() -> None:
    assert all(int(rule.id[3:]) < OWN_IDS for rule in load_rules())
