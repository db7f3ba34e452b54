"""One more rule is a small change: it changes no golden, as what people see of a recording does not count the rules."""

from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.engine import catalogue
from doctor.engine.load import load_rules
from doctor.run import Options, check
from lab import recording

PASSING = """\
id: APP999
name: always-passing
title: One more rule
symptoms: [verification]
severity: error
confidence: high
subject: app
hop: release
expect: app.name == app.name
evidence: [app.name]
message: "{app.name} is not itself."
why: It is.
fix:
  - title: Wait
    safety: manual
    steps: ["Wait."]
sources:
  - title: One more rule
    url: https://example.org/
"""


@pytest.fixture
def one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue, and a rule that passes wherever there is an app."""
    layer = tmp_path / "app"
    layer.mkdir()
    (layer / "always-passing.yaml").write_text(PASSING)
    more = load_rules(tmp_path)
    usual = catalogue.catalogue
    monkeypatch.setattr(catalogue, "catalogue", lambda: (*usual(), *more))


def told() -> list[Path]:
    """Recordings whose reports say most about checks: of healthy machines, and with some that could not be made."""
    unmade = "Could not be checked:"
    return [
        path
        for path in recording.saved()
        if path.parent == recording.HEALTHY
        or unmade in path.with_name(f"{recording.name_of(path)}.expected.txt").read_text()
    ] + recording.saved()[::40]


@pytest.mark.usefixtures("one_more")
def test_one_more_rule_changes_no_golden() -> None:
    passed = 0
    for path in told():
        with recording.opened(path) as name:
            report = check(Options(targets=(name,)))
        passed += report.summary.passed
        assert recording.golden(report) == path.with_name(f"{recording.name_of(path)}.expected.txt").read_text()
    assert passed


@pytest.mark.usefixtures("one_more")
def test_it_is_asked() -> None:
    with recording.opened(recording.HEALTHY / f"unix{recording.SUFFIX}") as name:
        more = check(Options(targets=(name,)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalogue, "catalogue", load_rules)
            known = check(Options(targets=(name,)))
    assert more.summary.passed == known.summary.passed + 1


TREE = Path(__file__).parents[2]
NEW = {
    "rules/app/always-passing.yaml",
    "fixtures/always-passing/always-passing.test.yaml",
    "fixtures/always-passing/recipe.py",
}
PAGES = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/docs"]
import generate
from lab.replays import Result
pages = generate.current(lambda path: Result("", "healthy", (), (), (), ()))
print(json.dumps({str(path.relative_to(generate.TREE)): text for path, text in pages.items()}))
"""
"""Every generated page of a checkout, as it would be if recordings gave nothing."""


def test_one_more_rule_is_a_change_of_six_files(tmp_path: Path) -> None:
    tree = tmp_path / "flaskdoctor"
    for part in ("doctor", "docs", "fixtures", "rules", "tests"):
        shutil.copytree(TREE / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TREE / "README.md", tree)
    before = pages(tree)
    ran("-m", "doctor", "rules", "new", "always-passing", at=tree)
    after = pages(tree)
    files = {path for path in NEW if (tree / path).is_file()}
    changed = {path for path, text in after.items() if before.get(path) != text}
    assert files == NEW
    assert other_than_copied(filecmp.dircmp(TREE, tree)) == NEW
    assert len(files | changed) <= 6, sorted(files | changed)


def pages(tree: Path) -> dict[str, str]:
    written: dict[str, str] = json.loads(ran("-c", PAGES, str(tree), at=tree))
    return written


def ran(*words: str, at: Path) -> str:
    environment = {"PYTHONPATH": str(at), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=at, env=environment, check=True, capture_output=True, text=True
    ).stdout


def other_than_copied(compared: filecmp.dircmp[str], folder: str = "") -> set[str]:
    """Files that are only in the copy, or differ there."""
    below = (other_than_copied(each, f"{folder}{name}/") for name, each in compared.subdirs.items())
    only = (Path(compared.right, name) for name in compared.right_only)
    new = {path for each in only for path in ([each] if each.is_file() else each.rglob("*")) if path.is_file()}
    return set().union(
        *below,
        (f"{folder}{name}" for name in compared.diff_files),
        (folder + str(path.relative_to(compared.right)) for path in new),
    )
