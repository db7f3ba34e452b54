"""Options of the test suite, and the way to the lab."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_HERE = str(Path(__file__).parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "real machines")
    group.addoption("--lab", action="store_true", help="boot, break, diagnose and cure real machines (needs root)")
    group.addoption("--no-doctor", action="store_true", help="with --lab: only break and cure, ask the doctor nothing")
    group.addoption("--record", action="store_true", help="with --lab: record the machines into fixtures/")
    group.addoption("--golden", action="store_true", help="write the expected reports of the recordings anew")


def pytest_configure(config: pytest.Config) -> None:
    # Test files of different rooms may then bear the same name.
    config.option.importmode = "importlib"


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> None:
    """Real machines can be booted; the test is skipped where they cannot, or fails with FLASKDOCTOR_LAB=required."""
    from lab import machine, prepare

    required = os.environ.get("FLASKDOCTOR_LAB") == "required"
    if not required and not request.config.getoption("--lab"):
        pytest.skip("a real machine is booted only with --lab")
    reason = machine.impossible()
    if reason and required:
        pytest.fail(f"FLASKDOCTOR_LAB=required, but {reason}")
    if reason:
        pytest.skip(f"no lab here: {reason}")
    prepare.prepare()
