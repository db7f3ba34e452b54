"""Options of the test suite, and the way to the lab."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.replays import Replays

_HERE = str(Path(__file__).parent)
_LAB = Path(_HERE, "lab")
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "real machines")
    group.addoption("--lab", action="store_true", help="boot, break, diagnose and cure real machines (needs root)")
    group.addoption("--no-doctor", action="store_true", help="with --lab: only break and cure, ask the doctor nothing")
    group.addoption("--record", action="store_true", help="with --lab: record the machines into fixtures/")
    group.addoption("--golden", action="store_true", help="write the expected reports of the recordings anew")


def pytest_configure(config: pytest.Config) -> None:
    # A job in the background of a shell ignores SIGINT, one under nohup SIGHUP, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Test files of different rooms may then bear the same name.
    config.option.importmode = "importlib"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test gets the mark of its stage in .ci/run: it boots machines, it asks recordings, or neither."""
    for item in items:
        asked = getattr(item, "fixturenames", ())
        recorded = "replays" in asked or item.path.parent == _LAB
        item.add_marker("lab" if "lab" in asked else "replay" if recorded else "unit")


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


@pytest.fixture(scope="session")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Replays:
    """What the doctor says of each recording, asked once in this run by whichever of its processes needs it first."""
    from lab.replays import kept_in

    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    folder = run / "replays"
    folder.mkdir(exist_ok=True)
    return kept_in(folder)
