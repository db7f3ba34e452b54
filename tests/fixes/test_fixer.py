"""The loop over a diagnosis: what is made, in which order, what is left alone and why, and what goes back."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from engine.builders import rule
from factories import app, machine, make, unit
from shown import Shown

from doctor.apps.topology import Facts
from doctor.cause import Cause
from doctor.edits.changes import Operation, Verb
from doctor.engine.actions import ACTIONS, ActionName, BoundAction
from doctor.engine.diagnosis import diagnose
from doctor.engine.finding import BoundFix, Finding, SubjectRef
from doctor.engine.judge import Judgement, Outcome
from doctor.engine.judge import Result as Judged
from doctor.engine.rule import Safety, Severity
from doctor.examination import Examination
from doctor.facts.edit import Edit
from doctor.facts.value import Absent, Unknown
from doctor.fixes import fixer as fixers
from doctor.fixes.fixer import Attempt, Fixer, Planned, Result, planned_fixes
from doctor.fixes.interrupt import Interruption, Interruptions
from doctor.fixes.operate import Failed
from doctor.fixes.record import RunRecord, State, UnitState
from doctor.fixes.store import Store
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.servers.nginx.model import Nginx
from doctor.sources.process import Process
from doctor.sources.systemd import Systemd

SHOP = "shop.service"


def act(name: ActionName, **arguments: Any) -> BoundAction:
    assert set(arguments) == set(ACTIONS[name].parameters)
    return BoundAction(name, MappingProxyType(arguments))


def a_fix(*actions: BoundAction, safety: Safety = Safety.SAFE, title: str = "Do it") -> BoundFix:
    return BoundFix(title, safety, actions)


ENABLE = act("systemd.enable", unit=SHOP)
RESTART = act("systemd.restart", unit=SHOP)


def steady(*outcomes: Outcome) -> Callable[[], Outcome]:
    """One outcome after the other; the last stays."""
    left = list(outcomes)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


class World:
    """A machine in which faults come and go, its clock, its systemd, and the way it is looked at."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.faults: dict[str, dict[str, Any]] = {}
        self.files: dict[str, str] = {}
        self.clock = 1000.0
        self.looks = 0
        self.done: list[str] = []
        self.then: dict[Verb, Callable[[], object]] = {}
        self.active = "active"
        self.enabled = "disabled"
        self.asked: list[Planned] = []
        self.watched: tuple[str, ...] = ()
        self.facts: Facts = machine(
            app(units=(unit(SHOP),)),
            nginx=make(Nginx, master=make(Process, pid=50)),
            systemd=make(Systemd, units=(unit("nginx.service", main_pid=50),)),
        )

    # The machine.

    def fault(self, name: str, *fixes: BoundFix, outcome: Callable[[], Outcome] | None = None, **given: Any) -> None:
        self.faults[name] = {"fixes": fixes, "outcome": outcome or (lambda: Outcome.FAIL), "explains": (), **given}

    def cure(self, name: str) -> Callable[[], None]:
        def cured() -> None:
            self.faults[name]["outcome"] = lambda: Outcome.PASS

        return cured

    # How it is looked at.

    def look(self) -> Examination:
        self.looks += 1
        results = []
        for name, fault in self.faults.items():
            own = rule(name=name)
            subject = SubjectRef("app", "shop")
            outcome = fault["outcome"]()
            finding = Finding(
                own, fault.get("severity", Severity.ERROR), subject, "shop", f"{name} is there", (), fault["fixes"],
                "", fault["explains"],
            )  # fmt: skip
            results.append(Judged(own, subject, "shop", outcome, "", finding if outcome is Outcome.FAIL else None))
        judgement = Judgement(tuple(results))
        host = self.host()
        for path in self.watched:
            host.stat(path)
        return Examination(host, self.facts, judgement, diagnose(judgement.findings))

    def host(self) -> Shown:
        return Shown(dict(self.files))

    # Its systemd.

    def do(self, operation: Operation) -> None:
        self.done.append(operation.verb.value)
        if operation.verb in self.then:
            self.then[operation.verb]()

    def state(self, _unit: str) -> UnitState:
        return UnitState(self.active, self.enabled)

    def complaints(self, _unit: str) -> frozenset[str]:
        return frozenset()

    # The run.

    def ask(self, answers: dict[str, bool]) -> Callable[[Planned], bool]:
        def answer(planned: Planned) -> bool:
            self.asked.append(planned)
            return answers[planned.finding.name]

        return answer

    def fix(self, **given: Any) -> dict[str, Attempt]:
        """The attempts by name of the finding (the last of each), in order."""
        return {attempt.finding.name: attempt for attempt in self.attempts(**given)}

    def attempts(self, **given: Any) -> tuple[Attempt, ...]:
        with self.store.locked():
            operator: Any = self
            its = Fixer(self.look, self.host, self.store, operator, **given)
            return its.fix(self.look())[1]

    def written(self) -> list[State]:
        return [fix.state for run in self.store.runs() for fix in run.fixes]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(Store(tmp_path / "flaskdoctor"))

    def sleep(seconds: float) -> None:
        made.clock += seconds

    monkeypatch.setattr(fixers, "time", SimpleNamespace(monotonic=lambda: made.clock, sleep=sleep))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "static.css"
    path.write_text("css")
    path.chmod(0o600)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def permit(path: Path) -> BoundFix:
    return a_fix(act("fs.mode", path=str(path), mode="0644"), safety=Safety.UNSAFE)


def readable(path: Path) -> Callable[[], Outcome]:
    return lambda: Outcome.FAIL if mode(path) == 0o600 else Outcome.PASS


# What is made.


def test_a_cure_that_shows_is_kept(world: World) -> None:
    world.fault("fault", a_fix(ENABLE))
    world.then[Verb.ENABLE] = world.cure("fault")
    [attempt] = world.attempts()
    assert (attempt.result, attempt.detail) == (Result.APPLIED, "")
    assert world.store.load(attempt.run).standing[0].title == "Do it"
    assert world.done == ["enable"]


def test_nothing_to_fix_is_nothing_done(world: World) -> None:
    world.fault("fault", outcome=lambda: Outcome.PASS)
    world.fault("manual", BoundFix("By hand", Safety.MANUAL, commands=("rm x",)))
    assert world.attempts() == ()
    assert world.looks == 1
    assert world.written() == []


def test_the_cause_comes_first_and_what_it_cured_is_not_touched(world: World) -> None:
    world.fault("after", a_fix(RESTART, safety=Safety.UNSAFE))
    world.fault("cause", a_fix(ENABLE), explains=("after",))

    def both() -> None:
        world.cure("cause")()
        world.cure("after")()

    world.then[Verb.ENABLE] = both
    assert [(a.finding.name, a.result) for a in world.attempts(unsafe=True)] == [("cause", Result.APPLIED)]
    assert world.done == ["enable"]


def test_what_remains_after_the_cause_is_cured_has_its_turn(world: World) -> None:
    world.fault("after", a_fix(act("systemd.reset-failed", unit=SHOP)))
    world.fault("cause", a_fix(ENABLE), explains=("after",))
    world.then = {Verb.ENABLE: world.cure("cause"), Verb.RESET_FAILED: world.cure("after")}
    found = world.attempts()
    assert [(a.finding.name, a.result) for a in found] == [("cause", Result.APPLIED), ("after", Result.APPLIED)]
    assert world.done == ["enable", "reset-failed"]
    assert len({attempt.run for attempt in found}) == 1


@pytest.mark.parametrize("why", ["no fix", "declined", "did not help", "unsafe"])
def test_a_consequence_is_left_alone_while_its_cause_is_there(world: World, why: str) -> None:
    fixes = [] if why == "no fix" else [a_fix(ENABLE, safety=Safety.UNSAFE if why == "unsafe" else Safety.SAFE)]
    world.fault("after", a_fix(act("systemd.reset-failed", unit=SHOP)))
    world.fault("cause", *fixes, explains=("after",))
    given = {"ask": world.ask({"cause": False, "after": True})} if why == "declined" else {}
    after = world.fix(**given)["after"]
    assert (after.result, after.detail) == (Result.SKIPPED, "it follows from cause, which has to be cured first")
    assert "reset-failed" not in world.done


def test_every_fix_is_tried_once(world: World) -> None:
    world.fault("fault", a_fix(ENABLE), a_fix(RESTART, safety=Safety.UNSAFE, title="Or that"))
    found = world.attempts(unsafe=True)
    assert [(a.fix.title, a.result) for a in found] == [("Do it", Result.FAILED), ("Or that", Result.FAILED)]
    assert world.done == ["enable", "restart"]


def test_the_safe_fix_comes_first(world: World) -> None:
    world.fault("fault", a_fix(RESTART, safety=Safety.UNSAFE, title="Unsafe"), a_fix(ENABLE, title="Safe"))
    world.then[Verb.ENABLE] = world.cure("fault")
    assert [attempt.fix.title for attempt in world.attempts(unsafe=True)] == ["Safe"]


def test_only_what_is_asked_about_is_fixed(world: World) -> None:
    world.fault("fault", a_fix(ENABLE))
    world.fault("other", a_fix(act("systemd.reset-failed", unit=SHOP)))
    world.then[Verb.ENABLE] = world.cure("fault")
    assert list(world.fix(wanted=lambda finding: finding.name == "fault")) == ["fault"]
    assert world.done == ["enable"]


# What is left alone.


def test_an_unsafe_fix_needs_to_be_asked_for(world: World, file: Path) -> None:
    world.fault("fault", permit(file), outcome=readable(file))
    attempt = world.fix()["fault"]
    assert attempt.result is Result.SKIPPED
    assert "--unsafe-fixes" in attempt.detail
    assert mode(file) == 0o600
    assert world.written() == []
    assert world.fix(unsafe=True)["fault"].result is Result.APPLIED
    assert mode(file) == 0o644


def test_what_the_guard_objects_to_is_not_made(world: World) -> None:
    world.fault("fault", a_fix(act("systemd.reload", unit=SHOP)))
    attempt = world.fix()["fault"]
    assert (attempt.result, attempt.detail) == (Result.SKIPPED, "shop.service was not examined")
    assert world.done == []


def test_what_is_declined_is_not_made_and_asked_about_once(world: World, file: Path) -> None:
    world.fault("no", permit(file))
    world.fault("yes", a_fix(ENABLE), severity=Severity.WARNING)
    world.then[Verb.ENABLE] = world.cure("yes")
    found = world.fix(unsafe=True, ask=world.ask({"no": False, "yes": True}))
    assert (found["no"].result, found["no"].detail) == (Result.SKIPPED, "declined")
    assert found["yes"].result is Result.APPLIED
    assert [planned.finding.name for planned in world.asked] == ["no", "yes"]
    assert world.asked[0].fix.commands == (f"chmod 0644 {file}",)
    assert mode(file) == 0o600


def test_nobody_is_asked_about_what_is_left_alone_anyway(world: World, file: Path) -> None:
    world.fault("unsafe", permit(file))
    world.fault("guarded", a_fix(act("systemd.reload", unit=SHOP)))
    world.fix(ask=world.ask({}))
    assert world.asked == []


def test_what_cannot_be_planned_is_left_to_a_person(world: World) -> None:
    action = act("systemd.dropin", unit=SHOP, section="Service", key="Environment", values=("A=<hidden:0123456789ab>",))
    world.fault("fault", a_fix(action))
    assert world.fix() == {}
    assert planned_fixes(world.look(), unsafe=True) == ()


def test_what_may_not_be_touched_is_left_alone(world: World, file: Path) -> None:
    os.link(file, file.with_name("twin"))
    world.fault("fault", permit(file))
    attempt = world.fix(unsafe=True)["fault"]
    assert (attempt.result, attempt.run) == (Result.SKIPPED, "")
    assert "2 names" in attempt.detail


def _nginx(path: Path, line: str, new: str) -> BoundFix:
    return a_fix(act("nginx.replace", edit=Edit(str(path), 1, line, new)), safety=Safety.UNSAFE)


def test_a_file_that_was_edited_since_it_was_looked_at_is_left_alone(world: World, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.write_text("listen 80;\n# an edit of the second admin\n")
    world.fault("fault", _nginx(site, "listen 80;", "listen 81;"))
    world.files[str(site)] = "listen 80;\n"
    first = world.look()
    world.files[str(site)] = site.read_text()
    with world.store.locked():
        operator: Any = world
        [attempt] = Fixer(world.look, world.host, world.store, operator, unsafe=True).fix(first)[1]
    assert (attempt.result, attempt.run) == (Result.SKIPPED, "")
    assert "was changed since it was looked at" in attempt.detail
    assert "second admin" in site.read_text()
    assert world.done == []


def test_a_file_that_is_edited_while_the_fix_is_planned_is_left_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.write_text("listen 80;\n")
    world.files[str(site)] = "listen 80;\n"
    world.fault("fault", _nginx(site, "listen 80;", "listen 81;"))
    real = fixers._as_seen

    def then_edited(*arguments: Any) -> None:
        real(*arguments)
        site.write_text("listen 80;\n# an edit of the second admin\n")

    monkeypatch.setattr(fixers, "_as_seen", then_edited)
    attempt = world.fix(unsafe=True)["fault"]
    assert attempt.result is Result.SKIPPED
    assert "second admin" in site.read_text()


@pytest.mark.parametrize("what", ["mode", "link"])
def test_a_mode_or_link_that_was_changed_since_it_was_looked_at_is_left_alone(
    world: World, file: Path, what: str
) -> None:
    link = file.with_name("current")
    link.symlink_to("r1")
    (file.parent / "r2").mkdir()
    relink = a_fix(act("fs.link", path=str(link), target=str(file.parent / "r2")), safety=Safety.UNSAFE)
    world.fault("fault", permit(file) if what == "mode" else relink)
    world.watched = (str(file), str(link))
    first = world.look()
    file.chmod(0o640)
    link.unlink()
    link.symlink_to("r3")
    with world.store.locked():
        operator: Any = world
        [attempt] = Fixer(world.look, world.host, world.store, operator, unsafe=True).fix(first)[1]
    assert attempt.result is Result.SKIPPED
    assert "was changed since it was looked at" in attempt.detail
    assert (mode(file), os.readlink(link)) == (0o640, "r3")


# What goes back.


def test_a_fix_that_does_not_help_goes_back(world: World, file: Path) -> None:
    world.fault("fault", permit(file))
    attempt = world.fix(unsafe=True)["fault"]
    assert (attempt.result, attempt.run) == (Result.ROLLED_BACK, "")
    assert "did not help" in attempt.detail
    assert mode(file) == 0o600
    assert world.written() == [State.ROLLED_BACK]


def test_a_cure_has_its_time_to_show(world: World, file: Path) -> None:
    world.fault("fault", permit(file), outcome=steady(*[Outcome.FAIL] * 20, Outcome.PASS))
    assert world.fix(unsafe=True)["fault"].result is Result.APPLIED


def test_a_cure_that_breaks_something_else_goes_back(world: World, file: Path) -> None:
    world.fault("fault", permit(file), outcome=readable(file))
    world.fault("new", outcome=lambda: Outcome.FAIL if mode(file) == 0o644 else Outcome.PASS)
    attempt = world.fix(unsafe=True)["fault"]
    assert attempt.result is Result.ROLLED_BACK
    assert attempt.detail == "it would have led to new: new is there"
    assert mode(file) == 0o600


@pytest.mark.parametrize(
    ("severity", "was", "result"),
    [
        (Severity.ERROR, Outcome.NOT_APPLICABLE, Result.ROLLED_BACK),
        (Severity.ERROR, Outcome.UNKNOWN, Result.ROLLED_BACK),
        (Severity.WARNING, Outcome.PASS, Result.ROLLED_BACK),
        (Severity.WARNING, Outcome.UNKNOWN, Result.APPLIED),
        (Severity.WARNING, Outcome.NOT_APPLICABLE, Result.APPLIED),
        (Severity.ERROR, Outcome.FAIL, Result.APPLIED),
    ],
)
def test_what_only_comes_to_light_is_no_damage(
    world: World, file: Path, severity: Severity, was: Outcome, result: Result
) -> None:
    world.fault("fault", permit(file), outcome=readable(file))
    world.fault("other", outcome=lambda: Outcome.FAIL if mode(file) == 0o644 else was, severity=severity)
    assert world.fix(unsafe=True)["fault"].result is result


def test_what_cannot_be_seen_yet_is_waited_for(world: World, file: Path) -> None:
    world.fault("fault", permit(file), outcome=steady(Outcome.FAIL, *[Outcome.UNKNOWN] * 5, Outcome.PASS))
    assert world.fix(unsafe=True)["fault"].result is Result.APPLIED
    assert world.looks == 7


def test_what_is_never_seen_to_be_cured_is_taken_back(world: World, file: Path) -> None:
    world.fault("fault", permit(file), outcome=steady(Outcome.FAIL, Outcome.UNKNOWN))
    attempt = world.fix(unsafe=True)["fault"]
    assert (attempt.result, attempt.detail) == (Result.ROLLED_BACK, "whether it is cured could not be seen")
    assert mode(file) == 0o600


def test_a_reload_whose_old_workers_go_on_is_made_and_says_what_was_not_seen(world: World) -> None:
    reload = act("systemd.reload", unit="shop.service")
    world.fault("fault", a_fix(reload, safety=Safety.UNSAFE), outcome=steady(Outcome.FAIL, Outcome.UNKNOWN))
    attempt = world.fix(unsafe=True)["fault"]
    assert (attempt.result, attempt.detail) == (Result.APPLIED, "whether it is cured could not be seen")


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.FAIL])
def test_a_rule_that_breaks_proves_no_cure(world: World, file: Path, outcome: Outcome) -> None:
    world.fault("fault", permit(file), outcome=steady(Outcome.FAIL, outcome))
    assert world.fix(unsafe=True)["fault"].result is Result.ROLLED_BACK
    assert mode(file) == 0o600


def test_a_cure_that_moves_processes_has_to_hold(world: World) -> None:
    world.fault("fault", a_fix(RESTART, safety=Safety.UNSAFE))
    world.then[Verb.RESTART] = world.cure("fault")
    before = world.clock
    assert world.fix(unsafe=True)["fault"].result is Result.APPLIED
    assert world.clock - before >= fixers.STEADY


def test_a_cure_that_does_not_hold_is_none(world: World) -> None:
    outcome = steady(Outcome.FAIL, Outcome.PASS, Outcome.PASS, Outcome.FAIL)
    world.fault("fault", a_fix(RESTART, safety=Safety.UNSAFE), outcome=outcome)
    assert world.fix(unsafe=True)["fault"].result is Result.FAILED


def test_a_service_that_has_failed_is_not_waited_for(world: World, file: Path) -> None:
    both = a_fix(act("fs.mode", path=str(file), mode="0644"), RESTART, safety=Safety.UNSAFE)
    world.fault("fault", both)
    world.then[Verb.RESTART] = lambda: setattr(world, "active", "failed")
    before = world.clock
    attempt = world.fix(unsafe=True)["fault"]
    assert (attempt.result, attempt.detail) == (Result.ROLLED_BACK, "shop.service has failed")
    assert world.clock - before < fixers.PATIENCE / 2
    assert world.done == ["restart", "reset-failed", "start"]
    assert mode(file) == 0o600


def test_a_command_that_refuses_ends_it(world: World, file: Path) -> None:
    def refuse() -> None:
        raise Failed("systemctl restart: refused")

    world.fault("fault", a_fix(act("fs.mode", path=str(file), mode="0644"), RESTART, safety=Safety.UNSAFE))
    world.then[Verb.RESTART] = refuse
    attempt = world.fix(unsafe=True)["fault"]
    assert attempt.result is Result.FAILED
    assert "systemctl restart: refused" in attempt.detail
    assert mode(file) == 0o600


def test_what_cannot_go_back_is_told_with_the_run(world: World, file: Path) -> None:
    edits = steady(0, 1)  # type: ignore[arg-type]

    def outcome() -> Outcome:
        if edits():
            file.write_text("an edit of the second admin")
        return Outcome.FAIL

    world.fault("fault", permit(file), outcome=outcome)
    attempt = world.fix(unsafe=True)["fault"]
    assert attempt.result is Result.FAILED
    assert "not taken back" in attempt.detail
    assert [fix.state for fix in world.store.load(attempt.run).fixes] == [State.LEFT]
    assert file.read_text() == "an edit of the second admin"


# The safe half of a fix.


DAEMON_RELOAD = act("systemd.daemon-reload")


def halves(world: World) -> None:
    """A fault of two halves; reading the files reveals another one."""
    world.fault("fault", a_fix(DAEMON_RELOAD, title="half"), a_fix(DAEMON_RELOAD, RESTART, safety=Safety.UNSAFE))

    def revealing() -> None:
        world.cure("fault")()
        world.fault("revealed")

    world.then[Verb.DAEMON_RELOAD] = revealing


def test_what_reading_reveals_is_not_its_fault(world: World) -> None:
    halves(world)
    assert world.fix()["fault"].result is Result.APPLIED
    assert world.done == ["daemon-reload"]


def test_the_whole_is_made_where_it_may_be(world: World) -> None:
    halves(world)
    world.then[Verb.DAEMON_RELOAD] = world.cure("fault")
    [item] = planned_fixes(world.look(), unsafe=True)
    assert item.fix.safety is Safety.UNSAFE
    assert [item.fix.title for item in planned_fixes(world.look(), unsafe=False)] == ["half", "Do it"]
    assert world.fix(unsafe=True)["fault"].result is Result.APPLIED
    assert world.done == ["daemon-reload", "restart"]


def test_what_another_change_reveals_is(world: World, file: Path) -> None:
    world.fault("fault", permit(file), outcome=readable(file))
    world.fault("revealed", outcome=lambda: Outcome.FAIL if mode(file) == 0o644 else Outcome.NOT_APPLICABLE)
    assert world.fix(unsafe=True)["fault"].result is Result.ROLLED_BACK


# What interrupts it.


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_who_interrupts_it_finds_all_as_before(world: World, file: Path, end: type[BaseException]) -> None:
    def outcome() -> Outcome:
        if mode(file) == 0o644:
            raise end
        return Outcome.FAIL

    world.fault("fault", permit(file), outcome=outcome)
    with pytest.raises(end):
        world.fix(unsafe=True)
    assert mode(file) == 0o600
    assert world.written() == [State.ROLLED_BACK]


def test_an_interruption_keeps_what_was_cured_before(world: World, file: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    world.fault("first", permit(file), outcome=readable(file))
    world.fault("second", a_fix(ENABLE), severity=Severity.WARNING)
    world.then[Verb.ENABLE] = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.fix(unsafe=True)
    assert mode(file) == 0o644
    assert world.written() == [State.APPLIED, State.ROLLED_BACK]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("again", [0, 2])
def test_a_signal_takes_back_what_was_begun_and_tells(
    world: World, file: Path, number: signal.Signals, again: int
) -> None:
    stop = Interruptions()

    def strike() -> None:
        os.kill(os.getpid(), number)

    def outcome() -> Outcome:
        if world.done[-1:] == [Verb.ENABLE.value]:
            strike()
        return Outcome.FAIL

    world.fault("first", permit(file), outcome=readable(file))
    world.fault("second", a_fix(ENABLE), severity=Severity.WARNING, outcome=outcome)

    def disabled() -> None:
        for _ in range(again):
            strike()

    world.then[Verb.ENABLE] = lambda: setattr(world, "enabled", "enabled")
    world.then[Verb.DISABLE] = disabled
    operator: Any = world
    its = Fixer(world.look, world.host, world.store, operator, unsafe=True, stop=stop)
    with world.store.locked(), pytest.raises(Interruption) as raised, stop.watched():
        its.fix(world.look())
    assert raised.value.number == number
    assert world.done == ["enable", "disable"]
    assert [(attempt.finding.name, attempt.result) for attempt in its.attempts] == [
        ("first", Result.APPLIED),
        ("second", Result.FAILED),
    ]
    assert "interrupted" in its.attempts[1].detail
    assert world.written() == [State.APPLIED, State.ROLLED_BACK]


@pytest.mark.parametrize("call", ["keep", "save"])
def test_without_room_for_copies_nothing_is_changed(
    world: World, file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "/var/lib/flaskdoctor/x")

    monkeypatch.setattr(world.store, call, full)
    world.fault("fault", permit(file))
    attempt = world.fix(unsafe=True)["fault"]
    assert attempt.result in (Result.FAILED, Result.ROLLED_BACK)
    assert "No space left on device" in attempt.detail
    assert attempt.run == ""
    assert mode(file) == 0o600
    assert world.written() == []


def test_a_store_that_fills_up_before_the_cure_is_written_down_takes_it_back(
    world: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = world.store.save

    def filling(run: RunRecord) -> None:
        if run.standing:
            raise OSError(28, "No space left on device")
        real(run)

    monkeypatch.setattr(world.store, "save", filling)
    world.fault("fault", permit(file), outcome=readable(file))
    assert world.fix(unsafe=True)["fault"].result is Result.ROLLED_BACK
    assert mode(file) == 0o600
    assert world.written() == [State.ROLLED_BACK]


def test_a_unit_of_which_systemd_says_nothing_is_left_alone(world: World) -> None:
    world.active = ""
    world.fault("fault", a_fix(ENABLE))
    assert world.fix()["fault"].result is Result.SKIPPED
    assert world.done == []


# What is shown without being made.


def test_a_plan_holds_every_fix_and_changes_nothing(world: World, file: Path) -> None:
    world.fault("after", a_fix(ENABLE))
    world.fault("cause", permit(file), a_fix(ENABLE), explains=("after",))
    found = planned_fixes(world.look(), unsafe=False)
    assert [(p.finding.name, p.fix.safety, bool(p.objection)) for p in found] == [
        ("cause", Safety.SAFE, False),
        ("cause", Safety.UNSAFE, False),
        ("after", Safety.SAFE, True),
    ]
    assert found[1].fix.commands == (f"chmod 0644 {file}",)
    assert mode(file) == 0o600
    assert world.done == []
    assert not world.store.home.exists()


# By which command the app is loaded before a reload.


@pytest.mark.parametrize(
    ("user", "drops", "rehearsed"),
    [
        ("shop", Absent(), True),
        ("shop", "other", True),
        ("shop", Unknown("x", Cause.AMBIGUOUS), True),
        (Absent(), Absent(), True),
        ("root", Absent(), True),
        ("root", "www-data", False),
        (Absent(), "www-data", False),
        (Absent(), Unknown("x", Cause.AMBIGUOUS), False),
        (Unknown("x", Cause.AMBIGUOUS), "www-data", False),
    ],
)
def test_an_app_whose_workers_drop_the_rights_of_root_is_not_loaded_with_them(
    world: World, user: Any, drops: Any, rehearsed: bool
) -> None:
    gunicorn = make(Gunicorn, name=SHOP, preflight="gunicorn --check-config", settings=make(Settings, user=drops))
    world.facts = machine(app(units=(unit(SHOP, user=user),), gunicorns=(gunicorn,)))
    assert fixers._runners(world.look())[SHOP].preflight == ("gunicorn --check-config" if rehearsed else "")


def test_a_gunicorn_of_another_unit_says_nothing_of_this_one(world: World) -> None:
    gunicorn = make(Gunicorn, name="blog.service", preflight="gunicorn --check-config")
    world.facts = machine(app(units=(unit(SHOP),), gunicorns=(gunicorn,)))
    assert fixers._runners(world.look()) == {}
