"""Every rule says what its proof without a machine states: `fixtures/<name>/<name>.test.yaml`.

    - facts: {app.gunicorn.settings.worker_class: sync, app.gunicorn.settings.workers: "1"}
      says: fail
      severity: warning
      message: shop is set up with one sync worker …
      fixes: [Run two workers]
    - facts: {…}
      says: pass

`says` is an outcome: fail, pass, unknown, not_applicable. Of a fail, severity, message and the titles of the fixes that
are offered are compared where they are stated. See `stated` for how facts are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from proofs.stated import subject

from doctor.engine.directory import rule_files, rules_directory
from doctor.engine.judge import Outcome, judge_subject
from doctor.engine.load import load_rule
from doctor.engine.yaml import Mapping, Node, Scalar, Sequence, parse, text_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
RULES = rule_files(rules_directory())


def plain(node: Node) -> Any:
    match node:
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(items=pairs):
            return {name: plain(value) for name, (_, value) in pairs.items()}


def proofs(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Each proof with the line it begins in."""
    document = parse(str(path), text_of(path))
    assert isinstance(document, Sequence)
    return [(item.line, plain(item)) for item in document.items]


def told(rule: Path, proof: dict[str, Any]) -> dict[str, Any]:
    """What the rule says of the stated facts, in the keys of a proof."""
    loaded = load_rule(rule)
    result = judge_subject(loaded, subject(loaded.subject, proof["facts"]))
    said: dict[str, Any] = {"says": result.outcome.value}
    if result.outcome in (Outcome.ERROR, Outcome.UNKNOWN):
        said["reason"] = result.reason
    if result.finding is not None:
        said["severity"] = result.finding.severity.value
        said["message"] = result.finding.message
        said["fixes"] = [fix.title for fix in result.finding.fixes]
    return said


@pytest.mark.parametrize("rule", RULES, ids=lambda path: path.stem)
def test_rule(rule: Path) -> None:
    file = FIXTURES / rule.stem / f"{rule.stem}.test.yaml"
    assert file.exists(), f"state at least one fault, and one case in which it is silent, in {file.name}"
    stated = proofs(file)
    outcomes = {proof["says"] for _, proof in stated}
    assert "fail" in outcomes, "no fault is stated"
    assert outcomes - {"fail"}, "nothing is stated of which it must be silent"
    for line, proof in stated:
        said = told(rule, proof)
        wanted = {key: value for key, value in proof.items() if key not in ("facts", "about")}
        assert {key: said.get(key) for key in wanted} == wanted, f"{file.name}:{line}"
