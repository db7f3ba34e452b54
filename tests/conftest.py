"""Options of the test suite, and the way to the lab."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab.replays import Replays
    from lab.rotation import Test

_HERE = str(Path(__file__).parent)
_LAB = Path(_HERE, "lab")
_TURN = "FLASKDOCTOR_CI_TURN"
_SELECTED = pytest.StashKey[list[str]]()
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "real machines")
    group.addoption("--lab", action="store_true", help="boot, break, diagnose and cure real machines (needs root)")
    group.addoption("--all", action="store_true", help="with --lab: every test, not a share that fits into a run")
    group.addoption("--no-doctor", action="store_true", help="with --lab: only break and cure, ask the doctor nothing")
    group.addoption("--record", action="store_true", help="with --lab: record the machines into fixtures/")
    group.addoption("--golden", action="store_true", help="write the expected reports of the recordings anew")


def pytest_configure(config: pytest.Config) -> None:
    # A job in the background of a shell ignores SIGINT, one under nohup SIGHUP, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Test files of different rooms may then bear the same name.
    config.option.importmode = "importlib"
    # Another one in each run, but the same in each of its processes.
    os.environ.setdefault(_TURN, str(int(time.time())))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Each test gets the mark of its stage in .ci/run: it boots machines, it asks recordings, or neither.

    Of those that boot machines a share is kept when more were asked for than fit into a run: lab/rotation.py.
    """
    for item in items:
        asked = getattr(item, "fixturenames", ())
        recorded = "replays" in asked or item.path.parent == _LAB
        item.add_marker("lab" if "lab" in asked else "replay" if recorded else "unit")
    yield
    if _machines(config):
        _rotate(config, items)


def _machines(config: pytest.Config) -> bool:
    return bool(config.getoption("--lab")) or os.environ.get("FLASKDOCTOR_LAB") == "required"


def _rotate(config: pytest.Config, items: list[pytest.Item]) -> None:
    from lab import rotation
    from lab.change import touched

    tests = [_test(item) for item in items if item.get_closest_marker("lab")]
    # A recording is made of every fault; without the doctor somebody looks at a recipe.
    whole = any(config.getoption(option) for option in ("--all", "--record", "--no-doctor"))
    turn, groups = int(os.environ[_TURN]), touched()
    selection = rotation.everything(tests) if whole else rotation.select(tests, groups, turn)
    left = {test.name for test in tests} - selection.names
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left])
    items[:] = [item for item in items if item.nodeid not in left]
    config.stash[_SELECTED] = list(rotation.told(selection, groups, turn)) if tests else []


def _test(item: pytest.Item) -> Test:
    """The test as the rotation sees it: that of a rule has a recipe or an offer of fixing it among its parameters."""
    from lab.rotation import Test

    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    recipe = parameters.get("recipe") or getattr(parameters.get("offer"), "recipe", None)
    slow = item.get_closest_marker("slow") is not None
    return Test(item.nodeid, recipe.rule if recipe else item.path.stem, always=not (recipe or slow), slow=slow)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist hands on what it selected."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["selected"] = session.config.stash.get(_SELECTED, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All of these processes select the same."""
    node.config.stash[_SELECTED] = getattr(node, "workeroutput", {}).get("selected", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_SELECTED, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> None:
    """Real machines can be booted; the test is skipped where they cannot, or fails with FLASKDOCTOR_LAB=required."""
    from lab import machine, prepare

    required = os.environ.get("FLASKDOCTOR_LAB") == "required"
    if not _machines(request.config):
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
