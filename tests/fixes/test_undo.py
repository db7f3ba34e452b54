"""Runs taken back: the last first, once, and again after whatever interrupted it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from doctor.edits.changes import Operation, Relink, Rewrite, Verb
from doctor.fixes import rehearsal, steps, undo
from doctor.fixes.disk import Attributes
from doctor.fixes.interrupt import Interruption, Interruptions
from doctor.fixes.operate import Failed
from doctor.fixes.record import FixRecord, RunRecord, State, UnitState
from doctor.fixes.store import Store
from doctor.fixes.undo import TakenBack, Undone

SHOP = "shop.service"
FIRST, SECOND, THIRD = (f"2026112{day}T101500Z-7" for day in (1, 2, 3))


class Machine:
    """systemd's part."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fail = ""

    def do(self, operation: Operation) -> None:
        self.done.append(operation.verb.value)
        if self.fail:
            raise Failed(self.fail)

    def state(self, _unit: str) -> UnitState:
        return UnitState("active", "enabled")


class Case:
    """Runs in a store over one folder of files."""

    def __init__(self, base: Path) -> None:
        self.store, self.folder, self.machine = Store(base / "flaskdoctor"), base / "etc", Machine()
        self.operator: Any = self.machine
        self.stop = Interruptions()
        self.folder.mkdir()
        self.write("site", "0")
        for release in ("r0", "r1", "r2", "r3"):
            (base / release).mkdir()
        (self.folder / "current").symlink_to("../r0")
        self.before = self.seen()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def seen(self) -> dict[str, str]:
        return {p.name: os.readlink(p) if p.is_symlink() else p.read_text() for p in self.folder.iterdir()}

    def run(self, name: str, *texts: str, state: State = State.APPLIED, begun: int = 1, taken: bool = True) -> None:
        """A run with a fix for each text, which it writes into the site; the link follows it."""
        run = RunRecord(name, "", "")
        with self.store.locked():
            for text in texts:
                path = self.folder / "site"
                changes = (
                    Rewrite(str(path), path.read_text(), text),
                    Relink(str(self.folder / "current"), f"../r{text}"),
                )
                made = steps.prepare(changes, name, lambda content: self.store.keep(run, content))
                parts = tuple(step for step, _ in made)
                units = {SHOP: UnitState("active", "enabled")}
                fix = FixRecord("R", "r", text, "t", "safe", parts, (Operation(Verb.RELOAD, SHOP),), units, begun)
                run.fixes.append(fix)
                self.store.save(run)
                for step, content in made if taken else ():
                    steps.take(step, content)
                fix.state = state
            self.store.save(run)

    def add(self, name: str, text: str, *, taken: bool, begun: int = 1) -> None:
        """One more fix of this run, in which it was killed."""
        before = self.store.load(name).fixes
        self.run(name, text, state=State.BEGUN, taken=taken, begun=begun)
        run = self.store.load(name)
        run.fixes[:0] = before
        with self.store.locked():
            self.store.save(run)

    def undo(self, name: str = "") -> list[TakenBack]:
        return list(self.undone(name).items)

    def undone(self, name: str = "") -> Undone:
        with self.store.locked():
            return undo.undo(self.store, self.operator, self.stop, name)

    def recover(self) -> list[TakenBack]:
        with self.store.locked():
            return undo.recover(self.store, self.operator, self.stop)

    def states(self, name: str) -> list[State]:
        return [fix.state for fix in self.store.load(name).fixes]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(steps, "_PLAIN", Attributes(0o644, os.geteuid(), os.getegid(), 0))
    monkeypatch.setattr(rehearsal, "_FOLDER", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    return Case(tmp_path)


def test_every_fix_of_a_run_is_taken_back_the_last_first(case: Case) -> None:
    case.run(FIRST, "1", "2", "3")
    assert case.seen() != case.before
    items = case.undo(FIRST)
    assert [(item.run, item.fix.subject, item.left) for item in items] == [(FIRST, n, ()) for n in "321"]
    assert case.seen() == case.before
    assert case.states(FIRST) == [State.UNDONE] * 3
    assert case.machine.done == ["reload"] * 3


def test_what_was_taken_back_is_not_taken_back_again(case: Case) -> None:
    case.run(FIRST, "1")
    case.undo(FIRST)
    case.write("site", "a new edit")
    assert case.undo(FIRST) == []
    assert case.seen()["site"] == "a new edit"


@pytest.mark.parametrize("state", [State.ROLLED_BACK, State.UNDONE])
def test_only_what_was_made_is_undone(case: Case, state: State) -> None:
    case.run(FIRST, "1", state=state)
    assert case.undo(FIRST) == []


def test_the_last_run_is_the_newest_with_something_in_it(case: Case) -> None:
    assert case.undone() == undo.Undone()
    case.run(FIRST, "1")
    case.run(SECOND, "2")
    case.run(THIRD, "3", state=State.ROLLED_BACK, taken=False)
    done = case.undone()
    assert (done.meant, done.whole, [run for run, _ in done.standing]) == ((SECOND,), True, [FIRST])
    done = case.undone()
    assert (done.meant, done.whole, done.standing) == ((FIRST,), True, ())
    assert case.seen() == case.before
    assert case.undone() == undo.Undone()


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("begun", [0, 1])
def test_a_run_that_was_killed_goes_back_as_a_whole(case: Case, count: int, taken: bool, begun: int) -> None:
    case.run(FIRST, *"123"[: count - 1])
    case.add(FIRST, "3", taken=taken, begun=begun)
    done = case.undone()
    assert case.seen() == case.before
    assert (done.meant, done.whole, done.standing, len(done.items)) == ((FIRST,), True, (), count)
    assert case.states(FIRST) == [*[State.UNDONE] * (count - 1), State.ROLLED_BACK]
    assert case.undone() == undo.Undone()


def test_what_a_killed_run_cannot_have_back_keeps_nothing_else_standing(case: Case) -> None:
    case.run(FIRST, "1")
    case.add(FIRST, "2", taken=True)
    case.write("site", "edited")
    done = case.undone()
    assert not done.whole
    assert [bool(item.left) for item in done.items] == [True, True]
    assert case.seen() == {"site": "edited", "current": "../r0"}
    assert [fix.subject for _, fix in done.standing] == ["2", "1"]


@pytest.mark.parametrize("at", [1, 2])
def test_a_signal_ends_an_undo_between_two_fixes(case: Case, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case.run(FIRST, "1", "2", "3")
    done: list[str] = []

    def do(operation: Operation) -> None:
        done.append(operation.verb.value)
        if len(done) == at:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(case.machine, "do", do)
    with pytest.raises(Interruption), case.stop.watched():
        undone = case.undone()
    assert len(undone.items) == at
    assert not undone.whole
    assert [fix.subject for _, fix in undone.standing] == ["2", "1"][at - 1 :]
    assert case.seen() == {"site": str(3 - at), "current": f"../r{3 - at}"}
    case.stop = Interruptions()
    assert case.undone().whole
    assert case.seen() == case.before


def test_an_older_run_is_not_taken_from_under_a_newer(case: Case) -> None:
    case.run(FIRST, "1")
    case.run(SECOND, "2")
    after = case.seen()
    [item] = case.undo(FIRST)
    assert len(item.left) == 3
    assert case.seen() == after
    assert case.states(FIRST) == [State.LEFT]
    case.undo(SECOND)
    [item] = case.undo(FIRST)
    assert item.left == ()
    assert case.seen() == case.before


def test_one_file_that_was_edited_keeps_nothing_else_from_going_back(case: Case) -> None:
    case.run(FIRST, "1")
    case.write("site", "edited")
    [item] = case.undo(FIRST)
    assert "site was changed since" in item.left[0]
    assert item.left[1:] == ("because of this nothing was reloaded or restarted",)
    assert case.machine.done == []
    assert case.seen() == {"site": "edited", "current": "../r0"}
    # Once the file is as the run left it, the rest goes back, too.
    case.write("site", "1")
    [item] = case.undo(FIRST)
    assert item.left == ()
    assert case.seen() == case.before


def test_a_command_that_fails_is_told(case: Case) -> None:
    case.run(FIRST, "1")
    case.machine.fail = "systemctl reload: no"
    [item] = case.undo(FIRST)
    assert item.left == ("systemctl reload: no",)
    assert case.seen() == case.before
    assert case.states(FIRST) == [State.LEFT]
    case.machine.fail = ""
    assert [item.left for item in case.undo(FIRST)] == [()]


def test_a_lost_copy_is_told(case: Case) -> None:
    case.run(FIRST, "1")
    for copy in (case.store.home / "runs" / FIRST).glob("*.before"):
        copy.unlink()
    [item] = case.undo(FIRST)
    assert "site" in item.left[0]
    assert case.seen() == {"site": "1", "current": "../r0"}


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("begun", [0, 1])
def test_what_was_interrupted_is_taken_back(case: Case, taken: bool, begun: int) -> None:
    case.run(FIRST, "1", state=State.BEGUN, taken=taken, begun=begun)
    [item] = case.recover()
    assert item.left == ()
    assert case.seen() == case.before
    assert case.states(FIRST) == [State.ROLLED_BACK]
    assert case.machine.done == ["reload"] * begun
    assert case.recover() == []


def test_what_was_cured_stays_when_a_later_fix_was_interrupted(case: Case) -> None:
    case.run(FIRST, "1")
    cured = case.seen()
    case.run(SECOND, "2", state=State.BEGUN)
    case.recover()
    assert case.seen() == cured
    assert case.states(FIRST) == [State.APPLIED]


def test_a_rehearsal_that_was_interrupted_leaves_nothing(case: Case) -> None:
    left = Path(rehearsal._FOLDER) / "flaskdoctor-rehearsal-shop.service"
    left.write_text("[Service]\n")
    case.recover()
    assert not left.exists()


def test_a_damaged_manifest_stops_everything_before_it_changes_anything(case: Case) -> None:
    case.run(FIRST, "1", state=State.BEGUN)
    case.run(SECOND, "2", state=State.BEGUN)
    (case.store.home / "runs" / FIRST / "manifest.json").write_text("{")
    before = case.seen()
    with pytest.raises(Exception, match="damaged"):
        case.recover()
    assert case.seen() == before


@pytest.mark.parametrize("state", [State.APPLIED, State.BEGUN])
def test_a_store_that_is_full_keeps_nothing_from_going_back(
    case: Case, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.run(FIRST, "1", state=state)

    def act() -> list[TakenBack]:
        return case.undo(FIRST) if state is State.APPLIED else case.recover()

    with monkeypatch.context() as patched:

        def full(_run: RunRecord) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(case.store, "save", full)
        [item] = act()
    assert case.seen() == case.before
    [sentence] = item.left
    assert "could not be written down" in sentence
    assert "No space left" in sentence
    [item] = act()
    assert item.left == ()
