"""`undo`, `undo --list` and `check --fix` as a shell sees them."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from doctor import apply, run
from doctor.cli.ask import ask
from doctor.edits.changes import Rewrite
from doctor.edits.preview import FixPreview
from doctor.engine.rule import Safety
from doctor.fixes import rehearsal, steps, store, transaction
from doctor.fixes import undo as undoing
from doctor.fixes.disk import Attributes
from doctor.fixes.record import FixRecord, RunRecord, State
from doctor.fixes.store import Store

FIRST, SECOND = "20261121T101500Z-7", "20261122T101500Z-7"
ROOT = Path(__file__).resolve().parents[2]


class Case:
    """A store and one file, of which some runs made something else."""

    def __init__(self, base: Path) -> None:
        self.store = Store(base / "flaskdoctor")
        self.file = base / "site"
        self.file.write_text("0")

    def run(self, name: str, text: str, state: State = State.APPLIED) -> None:
        its = RunRecord(name, "2026-11-22T10:15:00Z", "1.0")
        with self.store.locked():
            change = Rewrite(str(self.file), self.file.read_text(), text)
            made = steps.prepare((change,), name, lambda content: self.store.keep(its, content))
            record = FixRecord("GUN900", "some-fault", "shop", "Do it", "safe", tuple(s for s, _ in made), (), {})
            record.state = state
            its.fixes += [*self._fixes(name), record]
            for step, content in made:
                steps.take(step, content)
            self.store.save(its)

    def _fixes(self, name: str) -> list[FixRecord]:
        """Of this run, so far."""
        return [fix for run in self.store.runs() if run.run == name for fix in run.fixes]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    home = tmp_path / "flaskdoctor"
    monkeypatch.setattr(store, "HOME", home)
    monkeypatch.setattr(Store.__init__, "__defaults__", (home,))
    monkeypatch.setattr(apply, "_needs_root", lambda what: None)
    monkeypatch.setattr(steps, "_PLAIN", Attributes(0o644, os.geteuid(), os.getegid(), 0))
    monkeypatch.setattr(rehearsal, "_FOLDER", str(tmp_path / "run"))
    return Case(tmp_path)


Doctor = Callable[..., Any]


def test_nothing_to_take_back(doctor: Doctor, case: Case) -> None:
    assert doctor("undo").out == "nothing to take back\n"
    assert doctor("undo").code == 0
    assert doctor("undo", "--list").out == "no run is written down\n"


def test_the_last_run_is_taken_back_then_the_one_before(doctor: Doctor, case: Case) -> None:
    case.run(FIRST, "1")
    case.run(SECOND, "2")
    done = doctor("undo")
    assert (done.code, case.file.read_text()) == (0, "1")
    assert done.out.endswith(f"all is as before ({SECOND})\n")
    assert doctor("undo").out.endswith(f"all is as before ({FIRST})\n")
    assert case.file.read_text() == "0"
    assert doctor("undo").out == "nothing to take back\n"


def test_a_run_can_be_named(doctor: Doctor, case: Case) -> None:
    case.run(FIRST, "1")
    assert doctor("undo", FIRST).code == 0
    assert case.file.read_text() == "0"
    assert doctor("undo", FIRST).out == "nothing to take back\n"


def test_a_file_that_was_edited_ends_with_1(doctor: Doctor, case: Case) -> None:
    case.run(FIRST, "1")
    case.file.write_text("edited")
    done = doctor("undo")
    assert done.code == 1
    assert f"{case.file} was changed since: it is left as it is" in " ".join(done.out.split())
    assert str(case.store.home / "runs" / FIRST) in done.out
    assert case.file.read_text() == "edited"


def test_what_was_interrupted_is_taken_back_alone(doctor: Doctor, case: Case) -> None:
    case.run(FIRST, "1")
    case.run(SECOND, "2", State.BEGUN)
    assert doctor("undo").code == 0
    assert case.file.read_text() == "1"


def test_what_was_interrupted_is_taken_back_before_the_run_that_is_named(doctor: Doctor, case: Case) -> None:
    case.run(FIRST, "1")
    case.run(SECOND, "2", State.BEGUN)
    done = doctor("undo", FIRST)
    assert done.code == 0
    assert done.out.endswith(f"all is as before ({SECOND}, {FIRST})\n")
    assert case.file.read_text() == "0"


def test_the_list_changes_nothing(doctor: Doctor, case: Case) -> None:
    case.run(FIRST, "1")
    case.run(SECOND, "2", State.BEGUN)
    done = doctor("undo", "--list")
    assert done.code == 0
    assert done.out.splitlines() == [
        f"{SECOND}  2026-11-22T10:15:00Z",
        "   interrupted  GUN900 some-fault · shop · Do it",
        f"{FIRST}  2026-11-22T10:15:00Z",
        "   applied      GUN900 some-fault · shop · Do it",
    ]
    assert case.file.read_text() == "2"


@pytest.mark.parametrize("name", ["nope", "../x", "/etc", f"{FIRST}/..", "20261122T101500Z-8"])
def test_a_run_that_is_none_is_refused(doctor: Doctor, case: Case, name: str) -> None:
    case.run(FIRST, "1")
    case.run(SECOND, "2", State.BEGUN)
    done = doctor("undo", name)
    assert (done.code, done.out) == (2, "")
    assert f"there is no such run: {name}" in done.err
    assert "undo --list" in done.err
    assert case.file.read_text() == "2"


@pytest.mark.parametrize("arguments", [("undo",), ("undo", "--list"), ("undo", FIRST)])
def test_a_damaged_manifest_is_named(doctor: Doctor, case: Case, arguments: tuple[str, ...]) -> None:
    case.run(FIRST, "1")
    manifest = case.store.home / "runs" / FIRST / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:100])
    done = doctor(*arguments)
    assert (done.code, done.out) == (2, "")
    assert str(manifest) in done.err
    assert "bug" not in done.err
    assert case.file.read_text() == "1"


@pytest.mark.parametrize("arguments", [("undo",), ("check", "--fix")])
def test_another_run_is_waited_for_by_the_caller(doctor: Doctor, case: Case, arguments: tuple[str, ...]) -> None:
    with case.store.locked():
        done = doctor(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "another flaskdoctor is changing this machine" in done.err
    assert f"pid {os.getpid()}" in done.err


def test_a_folder_of_somebody_else_is_refused(doctor: Doctor, case: Case) -> None:
    case.store.home.mkdir(0o755)
    done = doctor("undo")
    assert (done.code, done.out) == (2, "")
    assert "root alone" in done.err
    assert str(case.store.home) in done.err


# A signal comes.


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_ends_undo_and_what_stands_is_said(
    doctor: Doctor, case: Case, number: signal.Signals, code: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.run(FIRST, "1")
    case.run(FIRST, "2")
    real = transaction.revert

    def revert(*given: Any, **more: Any) -> list[str]:
        for _ in range(times):
            os.kill(os.getpid(), number)
        return real(*given, **more)

    monkeypatch.setattr(undoing, "revert", revert)
    before = signal.getsignal(number)
    done = doctor("undo")
    assert (done.code, done.out) == (code, "")
    assert done.err.splitlines() == [
        f"flaskdoctor: interrupted by {number.name}",
        "✓ GUN900 some-fault · shop · Do it",
        "✗ GUN900 some-fault · shop · Do it: it stands",
        f"  To try again: flaskdoctor undo {FIRST}",
        "not everything is taken back",
    ]
    assert case.file.read_text() == "1"
    assert signal.getsignal(number) == before


# Without root.

WITHOUT_ROOT = [
    ("check", "--fix"),
    ("check", "--fix", "--unsafe-fixes"),
    ("undo",),
    ("undo", "--list"),
    ("undo", FIRST),
]


@pytest.mark.parametrize("arguments", WITHOUT_ROOT, ids=" ".join)
def test_without_root_nothing_is_even_looked_at(
    doctor: Doctor, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Store, "locked", lambda *_: pytest.fail("the store was touched"))
    monkeypatch.setattr(run, "examine", lambda *_: pytest.fail("it looked"))
    done = doctor(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("flaskdoctor: only root can change this machine")
    assert "sudo" in done.err


@pytest.mark.parametrize("arguments", WITHOUT_ROOT, ids=" ".join)
def test_without_root_in_earnest(arguments: tuple[str, ...]) -> None:
    user: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    code = "import sys; from doctor.cli import main; sys.exit(main())"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{version}"):
        environment = {"PYTHONPATH": ":".join((str(ROOT), *(path for path in sys.path if "packages" in path)))}
        words = [python, "-B", "-c", code, *arguments]
        try:
            done = subprocess.run(
                words, env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False, **user
            )
        except OSError:
            continue
        if "ModuleNotFoundError" in done.stderr or "PermissionError" in done.stderr:
            continue
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.startswith("flaskdoctor: only root can change this machine"), done.stderr
        return
    pytest.skip("another user may not run this Python")


def test_a_plan_needs_no_root(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Store, "locked", lambda *_: pytest.fail("the store was touched"))
    done = doctor("check", "--demo", "--diff", "--fix")
    assert done.code == 1
    assert done.out.splitlines()[-1].startswith("# ")
    assert "nothing was changed" in done.out


@pytest.mark.parametrize("target", [("--demo",), ("folder",), ("--root", "folder")])
def test_only_this_machine_is_fixed(
    doctor: Doctor, target: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(Store, "locked", lambda *_: pytest.fail("the store was touched"))
    done = doctor("check", "--fix", *target)
    assert (done.code, done.out) == (2, "")
    assert "only this machine can be fixed" in done.err


# Asking.


@pytest.mark.parametrize(
    ("answer", "made"),
    [("y\n", True), ("yes\n", True), ("YES \n", True), ("\n", False), ("n\n", False), ("yep\n", False), ("", False)],
)
def test_only_a_yes_is_one(
    answer: str, made: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    its: Any = SimpleNamespace(
        finding=SimpleNamespace(id="GUN900", name="n", subject=SimpleNamespace(name="shop"), message="m"),
        fix=FixPreview("Do it", Safety.UNSAFE, ("systemctl restart shop",), "", (), ()),
    )
    assert ask(its) is made
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("Make it? [y/N] ")
    assert "systemctl restart shop" in said.err
