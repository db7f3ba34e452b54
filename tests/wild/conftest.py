"""The command line in this process, as in tests/cli, and small repositories judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.conftest import _clean_environment, doctor
from wild.trees import Judge, Tree

from doctor.reports.model import Report
from doctor.run import Options, check

__all__ = ["_clean_environment", "doctor", "judged"]


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    monkeypatch.chdir(tmp_path)

    def judge(tree: Tree) -> Report:
        for path, text in tree.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return check(Options(targets=(".",)))

    return judge
