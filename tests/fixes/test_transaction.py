"""One fix: what is written down before what is done, and which operations lead back from where it ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import unit

from doctor.edits.changes import Operation, Rewrite, Verb
from doctor.fixes import rehearsal, steps, transaction
from doctor.fixes.disk import Attributes, Kind, Refused
from doctor.fixes.operate import Failed
from doctor.fixes.record import FixRecord, Form, RunRecord, State, Step, UnitState
from doctor.fixes.rehearsal import Unready
from doctor.fixes.store import Store
from doctor.fixes.transaction import Runner, Transaction, revert, units_of
from doctor.grammar.ours import DROP_IN

SHOP = "shop.service"
V = Verb


def ops(*words: str) -> tuple[Operation, ...]:
    """ "restart" is about the shop, "nginx-reload" and "daemon-reload" about nobody."""
    return tuple(Operation(V(w), "" if w in ("daemon-reload", "nginx-reload") else SHOP) for w in words)


class Machine:
    """systemd's and nginx's part: states of units, and a note of everything that was asked for."""

    def __init__(self, active: str = "active", enabled: str = "disabled", **fails: str) -> None:
        self.now = UnitState(active, enabled)
        self.fails = fails
        self.done: list[str] = []
        self.says: list[frozenset[str]] = []

    def do(self, operation: Operation) -> None:
        self.done.append(operation.verb.value)
        if operation.verb.name in self.fails:
            raise Failed(self.fails[operation.verb.name])

    def state(self, _unit: str) -> UnitState:
        return self.now

    def complaints(self, _unit: str) -> frozenset[str]:
        return self.says.pop(0) if self.says else frozenset()

    def last_words(self, _unit: str, _since: float) -> str:
        return ""


def way_back(
    operations: tuple[Operation, ...],
    begun: int,
    *,
    before: str = "active",
    now: str = "active",
    enabled: tuple[str, str] = ("disabled", "disabled"),
    steps: bool = True,
    unit_name: str = SHOP,
) -> list[str]:
    """What is run to take a fix back that changed a file (which is back already) and began some operations."""
    made = (Step("/nowhere/x", Form(Kind.MISSING), Form(Kind.FILE), ""),) if steps else ()
    units = {unit_name: UnitState(before, enabled[0])}
    record = FixRecord("R", "r", "s", "t", "safe", made, operations, units, begun)
    machine = Machine(now, enabled[1])
    assert revert(record, machine, lambda name: b"") == []  # type: ignore[arg-type]
    return machine.done


# What leads back.


@pytest.mark.parametrize(
    ("begun", "back"),
    [(0, []), (1, ["daemon-reload"]), (2, ["daemon-reload", "restart"])],
)
def test_a_drop_in_with_a_restart(begun: int, back: list[str]) -> None:
    assert way_back(ops("daemon-reload", "restart"), begun) == back


@pytest.mark.parametrize(("begun", "back"), [(0, []), (1, ["reload"])])
def test_a_link_with_a_reload(begun: int, back: list[str]) -> None:
    assert way_back(ops("reload"), begun) == back


@pytest.mark.parametrize("begun", [0, 1])
def test_a_line_of_nginx(begun: int) -> None:
    """Also where it was not reloaded yet: the file is newer than the workers, whatever stands in it."""
    assert way_back(ops("nginx-reload"), begun, unit_name="nginx.service") == ["nginx-reload"]


def test_nothing_is_run_again_where_no_file_was_changed() -> None:
    for verb in ("reload", "restart"):
        assert way_back(ops(verb), 1, steps=False) == []
    assert way_back(ops("daemon-reload"), 1, steps=False) == []


@pytest.mark.parametrize(
    ("begun", "now", "back"),
    [
        (0, "active", []),
        (1, "inactive", []),
        (1, "active", []),
        (2, "inactive", []),
        (2, "failed", []),
        (2, "active", ["stop"]),
        (2, "activating", ["stop"]),
        (2, "reloading", ["stop"]),
    ],
)
@pytest.mark.parametrize("before", ["inactive", "failed", "deactivating"])
def test_a_start_is_stopped_again_if_it_was_ours(before: str, begun: int, now: str, back: list[str]) -> None:
    assert way_back(ops("reset-failed", "start"), begun, before=before, now=now, steps=False) == back


@pytest.mark.parametrize("now", ["failed", "inactive", "deactivating"])
@pytest.mark.parametrize("before", ["active", "activating", "reloading"])
@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_a_service_that_went_down_is_brought_up_again(verb: str, before: str, now: str) -> None:
    assert way_back(ops(verb), 1, before=before, now=now, steps=False) == ["reset-failed", "start"]


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_a_service_whose_state_is_not_told_is_not_taken_for_down(verb: str) -> None:
    assert way_back(ops(verb), 1, now="") == [verb]


def test_files_come_before_daemon_reload_before_units() -> None:
    back = way_back(ops("daemon-reload", "restart"), 2, now="failed")
    assert back == ["daemon-reload", "reset-failed", "start"]


def test_a_service_that_went_down_by_itself_is_not_ours() -> None:
    assert way_back(ops("daemon-reload", "restart"), 0, now="failed") == []


@pytest.mark.parametrize(
    ("begun", "enabled", "back"),
    [
        (0, ("disabled", "enabled"), []),
        (1, ("disabled", "enabled"), ["disable"]),
        (1, ("disabled", "disabled"), []),
        (1, ("enabled", "enabled"), []),
    ],
)
def test_an_enablement_is_taken_back(begun: int, enabled: tuple[str, str], back: list[str]) -> None:
    assert way_back(ops("enable"), begun, enabled=enabled, steps=False) == back


def test_enable_and_start_go_back_in_turn() -> None:
    back = way_back(ops("enable", "start"), 2, before="inactive", enabled=("disabled", "enabled"), steps=False)
    assert back == ["disable", "stop"]


def test_what_cannot_be_undone_is_told_and_the_rest_goes_on() -> None:
    record = FixRecord(
        "R", "r", "s", "t", "safe", (Step("relative", Form(Kind.MISSING), Form(Kind.FILE), ""),),
        ops("daemon-reload", "restart"), {SHOP: UnitState("active", "")}, 2,
    )  # fmt: skip
    machine = Machine(DAEMON_RELOAD="it does not want to")
    left = revert(record, machine, lambda name: b"")  # type: ignore[arg-type]
    assert [sentence.split(":")[0] for sentence in left] == [
        "relative",
        "because of this nothing was reloaded or restarted",
    ]
    assert machine.done == []


def test_a_command_that_fails_is_told_and_the_rest_goes_on() -> None:
    gone = (Step("/nowhere/x", Form(Kind.MISSING), Form(Kind.FILE), ""),)
    units = {SHOP: UnitState("active", "")}
    record = FixRecord("R", "r", "s", "t", "safe", gone, ops("daemon-reload", "restart"), units, 2)
    machine = Machine(DAEMON_RELOAD="it does not want to")
    assert revert(record, machine, lambda name: b"") == ["it does not want to"]  # type: ignore[arg-type]
    assert machine.done == ["daemon-reload", "restart"]


def test_a_service_that_somebody_stopped_since_stays_stopped() -> None:
    units = {SHOP: UnitState("active", "enabled")}
    record = FixRecord("R", "r", "s", "t", "unsafe", (), ops("restart"), units, 1, State.APPLIED)
    for late, done in ((True, []), (False, ["reset-failed", "start"])):
        machine = Machine("inactive", "enabled")
        assert revert(record, machine, lambda name: b"", late=late) == []  # type: ignore[arg-type]
        assert machine.done == done


@pytest.mark.parametrize("late", [False, True])
def test_a_link_goes_back_late_only_to_what_is_there(tmp_path: Path, late: bool) -> None:
    link = tmp_path / "current"
    link.symlink_to("new")
    step = Step(str(link), Form(Kind.LINK, target="pruned"), Form(Kind.LINK, target="new"), ".new")
    record = FixRecord("R", "r", "s", "t", "unsafe", (step,), ops("reload"), {SHOP: UnitState("active", "")}, 1)
    machine = Machine()
    left = revert(record, machine, lambda name: b"", late=late)  # type: ignore[arg-type]
    if late:
        assert "led to pruned, which is not there any more" in left[0]
        assert (os.readlink(link), machine.done) == ("new", [])
    else:
        assert (left, os.readlink(link), machine.done) == ([], "pruned", ["reload"])


# What was the state before.


def test_states_are_noted_of_every_unit_once() -> None:
    machine: Any = Machine("active", "enabled")
    found = units_of((*ops("daemon-reload", "reload", "restart", "nginx-reload"),), machine)
    assert found == {SHOP: UnitState("active", "enabled"), "nginx.service": UnitState("active", "enabled")}


def test_a_unit_whose_state_cannot_be_told_is_not_touched() -> None:
    # Taken for one that was down, it would be stopped on the way back.
    machine: Any = Machine("", "")
    with pytest.raises(Refused, match=SHOP):
        units_of(ops("restart"), machine)
    assert units_of(ops("daemon-reload"), machine) == {}


# One fix.


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "flaskdoctor")


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import os

    own = Attributes(0o644, os.geteuid(), os.getegid(), 0)
    monkeypatch.setattr(steps, "_PLAIN", own)
    place = tmp_path / "etc"
    place.mkdir()
    return place


class Fix:
    """A fix that makes our drop-in of the shop, written down in a store."""

    def __init__(self, store: Store, etc: Path, machine: Any, operations: tuple[Operation, ...]) -> None:
        self.store, self.machine, self.path = store, machine, etc / f"{SHOP}.d" / DROP_IN
        self.run = RunRecord("20261122T101500Z-7", "", "")
        with store.locked():
            made = steps.prepare((Rewrite(str(self.path), None, "[Unit]\n"),), self.run.run, lambda content: "x")
        units = {SHOP: UnitState("active", "")}
        self.record = FixRecord("R", "r", "s", "t", "safe", tuple(s for s, _ in made), operations, units)
        self.contents = [content for _, content in made]
        self.transaction = Transaction(store, self.run, self.record, self.contents, machine)

    def apply(self, **runners: Runner) -> None:
        self.transaction.apply({f"{name}.service": runner for name, runner in runners.items()})

    def written(self) -> FixRecord:
        return self.store.load(self.run.run).fixes[-1]


@pytest.fixture
def fix(store: Store, etc: Path) -> Callable[..., Fix]:
    return lambda machine, *words: Fix(store, etc, machine, ops(*words))


def test_it_is_written_down_before_anything_is_changed(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    its = fix(Machine(), "daemon-reload")
    real, seen = steps.take, []

    def take(step: Step, content: bytes) -> None:
        seen.append((its.written().state, its.written().begun, len(its.written().steps)))
        real(step, content)

    monkeypatch.setattr(transaction, "take", take)
    its.apply()
    assert seen == [(State.BEGUN, 0, 2)] * 2
    assert its.path.exists()


def test_every_operation_is_written_down_before_it_is_run(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    its = fix(machine, "daemon-reload", "reload", "restart")
    begun: list[int] = []
    real = machine.do

    def do(operation: Operation) -> None:
        begun.append(its.written().begun)
        real(operation)

    monkeypatch.setattr(machine, "do", do)
    its.apply()
    assert begun == [1, 2, 3]
    its.transaction.commit()
    assert its.written().state is State.APPLIED


def test_what_systemd_would_ignore_is_a_failure(fix: Callable[..., Fix]) -> None:
    machine = Machine()
    machine.says = [frozenset({"old complaint"}), frozenset({"old complaint", "x.conf:2: Unknown key"})]
    its = fix(machine, "daemon-reload")
    with pytest.raises(Failed, match="Unknown key"):
        its.apply()
    assert machine.done == []
    assert its.transaction.roll_back() == []
    assert not its.path.parent.exists()
    assert its.written().state is State.ROLLED_BACK


def test_old_complaints_are_not_ours(fix: Callable[..., Fix]) -> None:
    machine = Machine()
    machine.says = [frozenset({"old"}), frozenset({"old"})]
    fix(machine).apply()


def test_code_that_does_not_load_is_never_loaded_in_earnest(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unready(*_: Any) -> bool:
        raise Unready("no module")

    monkeypatch.setattr(rehearsal, "rehearse", unready)
    machine = Machine()
    its = fix(machine, "daemon-reload", "restart")
    with pytest.raises(Unready):
        its.apply(shop=Runner(unit(SHOP), "gunicorn --check-config"))
    assert machine.done == ["daemon-reload"]
    assert its.written().begun == 1
    assert its.transaction.roll_back() == []
    assert machine.done == ["daemon-reload", "daemon-reload"]


@pytest.mark.parametrize(("seconds", "waits"), [(7.0, 4.0), (4.0, 4.0), (3.9, 4.0), (90.0, 60.0), (0.0, 4.0)])
def test_a_safe_reload_keeps_nobody_waiting_for_longer_than_nginx_does(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch, seconds: float, waits: float
) -> None:
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: seconds)
    machine = Machine()
    its, runner = fix(machine, "reload"), Runner(unit(SHOP), "gunicorn --check-config", waits)
    if seconds < waits:
        its.apply(shop=runner)
    else:
        with pytest.raises(Failed, match=f"takes {seconds:.1f} s to load, and nginx waits {waits:g} s"):
            its.apply(shop=runner)
    assert machine.done == (["reload"] if seconds < waits else [])


def test_a_restart_is_asked_for_knowing_that_requests_wait(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: 7.0)
    machine = Machine()
    fix(machine, "restart").apply(shop=Runner(unit(SHOP), "gunicorn --check-config", 4.0))
    assert machine.done == ["restart"]


def test_only_what_loads_code_is_rehearsed(fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed: list[str] = []
    monkeypatch.setattr(rehearsal, "rehearse", lambda unit, command, _: rehearsed.append(command))
    fix(Machine(), "daemon-reload", "enable", "reset-failed").apply(shop=Runner(unit(SHOP), "x"))
    assert rehearsed == []


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_a_service_without_a_known_command_is_not_rehearsed(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    rehearsed: list[str] = []
    monkeypatch.setattr(rehearsal, "rehearse", lambda unit, command, _: rehearsed.append(command))
    fix(Machine(), verb).apply(shop=Runner(unit(SHOP), ""), blog=Runner(unit("blog.service"), "x"))
    assert rehearsed == []


def test_a_store_that_is_full_from_the_start_changes_nothing(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    its = fix(machine, "daemon-reload")

    def full(_run: RunRecord) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(its.store, "save", full)
    with pytest.raises(OSError, match="No space"):
        its.apply()
    assert its.transaction.roll_back() == []
    assert machine.done == []
    assert not its.path.parent.exists()


def test_a_store_that_fills_up_meanwhile_does_not_keep_it_from_going_back(
    fix: Callable[..., Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    its = fix(machine, "daemon-reload", "restart")
    real, count = its.store.save, [0]

    def filling(run: RunRecord) -> None:
        count[0] += 1
        if count[0] > 2:
            raise OSError(28, "No space left on device")
        real(run)

    monkeypatch.setattr(its.store, "save", filling)
    with pytest.raises(OSError, match="No space"):
        its.apply()
    assert its.path.exists()
    assert its.transaction.roll_back() == []
    assert not its.path.parent.exists()
    # The next run looks at it once more, which does no harm.
    assert its.written().state is State.BEGUN
    assert revert(its.written(), machine, lambda name: b"") == []  # type: ignore[arg-type]


def test_what_was_not_taken_back_whole_is_written_down(fix: Callable[..., Fix]) -> None:
    its = fix(Machine())
    its.apply()
    its.path.write_text("edited by the second admin")
    left = its.transaction.roll_back()
    assert "was changed since" in left[0]
    assert its.written().state is State.LEFT
    assert its.path.read_text() == "edited by the second admin"


def test_a_copy_is_looked_for_in_its_own_run(store: Store, etc: Path) -> None:
    file = etc / "site"
    file.write_text("old")
    run = RunRecord("20261122T101500Z-7", "", "")
    with store.locked():
        made = steps.prepare((Rewrite(str(file), "old", "new"),), run.run, lambda content: store.keep(run, content))
        record = FixRecord("R", "r", "s", "t", "unsafe", tuple(s for s, _ in made), (), {})
        machine: Any = Machine()
        its = Transaction(store, run, record, [content for _, content in made], machine)
        its.apply({})
        assert file.read_text() == "new"
        assert its.roll_back() == []
    assert file.read_text() == "old"


def test_an_unknown_after_is_none(etc: Path) -> None:
    # A manifest in which a step lost its bytes: what lies there is left alone.
    (etc / "f").write_text("x")
    step = Step(str(etc / "f"), replace(Form(Kind.FILE), digest="0" * 64, copy="c"), Form(Kind.FILE, "1" * 64), ".f")
    with pytest.raises(steps.Conflict):
        steps.take_back(step, lambda name: b"")
    assert (etc / "f").read_text() == "x"
