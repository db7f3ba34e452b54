"""The real program on whatever machine runs the tests, as root or not, with systemd or in a container without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "doctor", *arguments)
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


@pytest.mark.parametrize("arguments", [(), ("--strict",), ("--fail-on", "never")])
def test_this_machine_is_answered_for(arguments: tuple[str, ...]) -> None:
    done = doctor("check", "--format", "json", *arguments)
    assert (done.stderr, done.returncode in (0, 1, 4)) == ("", True)
    report = json.loads(done.stdout)
    assert not report["bugs"]
    if not report["apps"]:
        assert report["verdict"] == "incomplete" or report["findings"]
    assert (report["verdict"] == "healthy") <= (not report["unknown"])


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd runs here")
def test_without_systemd_units_are_never_called_healthy() -> None:
    done = doctor("check", "--format", "json", "--strict")
    report = json.loads(done.stdout)
    assert report["verdict"] != "healthy"
    assert done.returncode in (1, 4)


def test_unknown_app_of_this_machine() -> None:
    done = doctor("check", "--app", "nosuch")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no app is called 'nosuch'" in done.stderr
