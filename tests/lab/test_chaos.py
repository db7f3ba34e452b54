"""Killed, or refused, at every step: the machine is cured, or exactly as before, and nothing of ours is left behind."""

from __future__ import annotations

import faulthandler
import json
from typing import Any

import pytest

from lab import fixing
from lab.chaos import (
    DROPIN,
    HOME,
    NGINX,
    SCENARIOS,
    Outcomes,
    Scenario,
    Strike,
    World,
    deaths,
    drive,
    made,
    problem,
    several,
    strikes,
)
from lab.machine import Machine

pytestmark = [pytest.mark.usefixtures("lab"), pytest.mark.slow]

ALL = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
FEWEST = {True: 5, False: 2}
"""Steps that any fix takes, by whether every one is struck: copy, manifest, change, command, manifest."""


@pytest.fixture(autouse=True)
def long_runs() -> None:
    """Some of these take minutes, which is no reason to print every stack."""
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--record"))


@ALL
def test_killed_while_fixing(scenario: Scenario, record: bool) -> None:
    outcomes = Outcomes("killed while fixing", scenario.name)
    with Machine() as m:
        scenario.ready(m)
        before = World.of(m)
        for strike in strikes(m, _check(scenario), "kill", further=deaths, every=record):
            assert strike.done.returncode in (-9, 137), f"not killed: {_said(strike.done)}"
            # Every other time by a second --fix, which finds what the first one left half done.
            again = strike.at.number % 2 == 0
            outcomes.count(cured=again and _second_fix(m, scenario, before, strike))
            _undo_all(m, strike)
            _as_before(m, before, strike)
            scenario.renew(m)
        _ended_well(m, scenario, before, outcomes, record)
    if record:
        outcomes.save()


SEVERAL = several(NGINX, DROPIN)


def test_killed_in_a_run_of_several_fixes(record: bool) -> None:
    """Two faults and one run, killed at any step: one undo takes all of it back."""
    outcomes = Outcomes("killed in a run of two fixes", SEVERAL.name)
    with Machine() as m:
        SEVERAL.ready(m)
        before = World.of(m)
        for strike in strikes(m, _check(SEVERAL), "kill", every=record):
            done = m.doctor("undo", timeout=180)
            assert done.returncode == 0, f"{strike}: undo ended with {_said(done)}"
            assert "stand" not in done.stdout, f"{strike}: {_said(done)}"
            _as_before(m, before, strike)
            assert m.doctor("undo").stdout == "nothing to take back\n", strike
            outcomes.count(cured=False)
        _ended_well(m, SEVERAL, before, outcomes, record)
    if record:
        outcomes.save()


@pytest.mark.parametrize(("signals", "status"), [("INT", 130), ("INT,INT", 130), ("TERM", 143), ("HUP,TERM", 129)])
def test_signals_while_fixing(signals: str, status: int, record: bool) -> None:
    """What was being made is taken back, what was made stays, and both are said."""
    outcomes, first = Outcomes(f"signals {signals}", SEVERAL.name), signals.partition(",")[0]
    with Machine() as m:
        SEVERAL.ready(m)
        before = World.of(m)
        for strike in strikes(m, _check(SEVERAL), "signal", signals, every=record):
            assert strike.done.returncode == status, f"{strike}: {_said(strike.done)}"
            assert f"interrupted by SIG{first}" in strike.done.stderr, f"{strike}: {_said(strike.done)}"
            assert "Traceback" not in strike.done.stderr, f"{strike}: {_said(strike.done)}"
            assert "not taken back" not in strike.done.stderr, f"{strike}: {_said(strike.done)}"
            stands = "To take it back: flaskdoctor undo" in strike.done.stderr
            if not stands:
                _as_before(m, before, strike)
            done = m.doctor("undo", timeout=180)
            assert done.returncode == 0, f"{strike}: undo ended with {_said(done)}"
            assert ("nothing to take back" not in done.stdout) == stands, f"{strike}: {_said(strike.done)}{_said(done)}"
            _as_before(m, before, strike)
            outcomes.count(cured=False)
        _ended_well(m, SEVERAL, before, outcomes, record)
    if record:
        outcomes.save()


def _second_fix(m: Machine, scenario: Scenario, before: World, strike: Strike) -> bool:
    """Whether it cured the machine; if it did not, all must be as before."""
    done = m.doctor(*_check(scenario), timeout=180)
    assert done.returncode in (0, 1), f"{strike}: the second --fix ended with {_said(done)}"
    story = f"{strike}, then --fix: {_said(done)}"
    # Killed after the last change was written down, the first one had cured it.
    cured = bool(fixing.applied(_report(done.stdout))) or not problem(scenario.cured, m)
    if cured:
        wrong = problem(scenario.confirm_cured, m)
        assert not wrong, f"not cured: {wrong}\n{story}"
    else:
        _as_before(m, before, story)
    return cured


def _ended_well(m: Machine, scenario: Scenario, before: World, outcomes: Outcomes, record: bool) -> None:
    """The last run was left alone."""
    assert outcomes.steps >= FEWEST[record], f"only {outcomes.steps} steps were struck"
    scenario.confirm_cured(m)
    _undo_all(m, "the run that was left alone")
    _as_before(m, before, "the run that was left alone")


def _as_before(m: Machine, before: World, strike: Strike | str) -> None:
    differs = before.comes_back(m)
    assert not differs, f"{strike}: not as before:\n{differs}"
    assert not (ours := fixing.leftovers(m)), f"{strike}: left behind: {ours}"


def _undo_all(m: Machine, strike: Strike | str) -> None:
    """Take back every run there is."""
    for _ in range(4):
        done = m.doctor("undo", timeout=180)
        assert done.returncode == 0, f"{strike}: undo ended with {_said(done)}"
        if "nothing to" in done.stdout:
            return
    raise AssertionError(f"{strike}: undo does not come to an end: {_said(done)}")


@ALL
def test_killed_while_undoing(scenario: Scenario, record: bool) -> None:
    outcomes = Outcomes("killed while undoing", scenario.name)
    with Machine() as m:
        scenario.ready(m)
        before = World.of(m)
        _fix(m, scenario)
        for strike in strikes(m, ("undo",), "kill", further=deaths, every=record):
            assert strike.done.returncode in (-9, 137), f"not killed: {_said(strike.done)}"
            _undo_all(m, strike)
            _as_before(m, before, strike)
            outcomes.count(cured=False)
            scenario.renew(m)
            _fix(m, scenario)
        assert outcomes.steps >= FEWEST[record], f"only {outcomes.steps} steps were struck"
        _as_before(m, before, "the undo that was left alone")
    if record:
        outcomes.save()


@ALL
@pytest.mark.parametrize("error", ["ENOSPC", "EROFS"])
def test_every_step_fails(scenario: Scenario, error: str, record: bool) -> None:
    """No room or no right at any one step: the doctor itself puts everything back, or gets on without that step."""
    outcomes = Outcomes(f"{error} at a step", scenario.name)
    with Machine() as m:
        scenario.ready(m)
        before = World.of(m)
        for strike in strikes(m, _check(scenario), "fail", error, every=record):
            assert strike.done.returncode in (0, 1, 2), f"{strike}: {_said(strike.done)}"
            assert "Traceback" not in strike.done.stderr, f"{strike}: {_said(strike.done)}"
            cured = _says_applied(strike, scenario)
            if cured:
                wrong = problem(scenario.confirm_cured, m)
                assert not wrong, f"{strike}: not cured: {wrong}\n{_said(strike.done)}"
            elif not _applied(strike):  # nor another fix, of what is found only where this one was not made
                _as_before(m, before, strike)
            outcomes.count(cured=cured)
            _undo_all(m, strike)
            _as_before(m, before, strike)
            scenario.renew(m)
        _ended_well(m, scenario, before, outcomes, record)
    if record:
        outcomes.save()


def _says_applied(strike: Strike, scenario: Scenario) -> bool:
    return scenario.rule in _applied(strike)


def _applied(strike: Strike) -> set[str]:
    """Rules whose fixes were made, as the run says; none of a run that made no report."""
    entries = fixing.applied(_report(strike.done.stdout)) if strike.done.stdout else []
    return {entry["name"] for entry in entries}


@pytest.mark.parametrize("error", ["ENOSPC"])
def test_every_step_of_undo_fails(error: str, record: bool) -> None:
    """Undo that cannot get on says so, and the next one gets it done."""
    scenario, outcomes = NGINX, Outcomes(f"{error} at a step of undo", NGINX.name)
    with Machine() as m:
        scenario.ready(m)
        before = World.of(m)
        _fix(m, scenario)
        for strike in strikes(m, ("undo",), "fail", error, every=record):
            assert strike.done.returncode in (0, 1, 2), f"{strike}: {_said(strike.done)}"
            assert "Traceback" not in strike.done.stderr, f"{strike}: {_said(strike.done)}"
            _undo_all(m, strike)
            _as_before(m, before, strike)
            outcomes.count(cured=False)
            _fix(m, scenario)
        assert outcomes.steps >= FEWEST[record], f"only {outcomes.steps} steps were struck"
        _as_before(m, before, "the undo that was left alone")
    if record:
        outcomes.save()


EDIT = "# edited meanwhile"


def test_edited_meanwhile(record: bool) -> None:
    """A second admin saves the file just before any of the steps: what was written is never lost."""
    scenario, outcomes = NGINX, Outcomes("edited meanwhile", NGINX.name)
    lost = []
    with Machine() as m:
        scenario.ready(m)
        m.sh(f"cp -a {scenario.file} /root/site")
        for strike in strikes(m, _check(scenario), "shell", f"echo '{EDIT}' >>{scenario.file}", every=record):
            assert strike.done.returncode in (0, 1, 2), f"{strike}: {_said(strike.done)}"
            lost += _lost(m, scenario, str(strike))
            outcomes.count(cured=not problem(scenario.cured, m))
            # Undo takes back what it made where nobody has changed it since, or says why it does not.
            done = m.doctor("undo")
            assert done.returncode in (0, 1), f"{strike}: undo ended with {_said(done)}"
            lost += _lost(m, scenario, f"{strike}, then undo")
            m.sh(f"rm -rf {HOME}; cp -a /root/site {scenario.file}; nginx -t -q; systemctl reload nginx")
            m.wait_http(502)
        assert outcomes.steps >= FEWEST[record], f"only {outcomes.steps} steps were struck"
    assert not lost, "the other one's edit is lost:\n" + "\n".join(lost)
    if record:
        outcomes.save()


def _lost(m: Machine, scenario: Scenario, story: str) -> list[str]:
    m.sh("nginx -t -q")
    return [] if m.read(scenario.file).count(EDIT) == 1 else [story]


VICTIM = "/etc/victim"


@pytest.mark.parametrize("swap", ["file", "directory"])
def test_link_swapped_in(swap: str, record: bool) -> None:
    """The site lies where its user may write, who swaps it for a link to a file of root's, at any step."""
    scenario, outcomes = NGINX, Outcomes(f"{swap} swapped for a link", NGINX.name)
    web = "/srv/shop/web"
    folder, site = f"{web}/conf", f"{web}/conf/shop"
    with Machine() as m:
        scenario.ready(m)
        m.sh(
            f"mkdir -p {folder} {VICTIM}; mv {scenario.file} {site}; chown -R shop:shop {web}; "
            f"ln -sfn {site} /etc/nginx/sites-enabled/shop; cp -a {web} /root/web; cp {site} {VICTIM}/shop; "
            f"chmod 600 {VICTIM}/shop; nginx -t -q; systemctl reload nginx"
        )
        m.wait_http(502)
        victim = m.sh(f"stat -c '%a %u %g %i %Y' {VICTIM}/shop; cat {VICTIM}/shop")
        attack = {
            "file": f"ln -sfn {VICTIM}/shop {site}",
            "directory": f"mv {folder} {folder}.old; ln -s {VICTIM} {folder}",
        }[swap]
        by_the_user = f"runuser -u shop -- /bin/sh -ec '{attack}'"
        # Once the file is in its place, a fix only looks at it: the first steps after that are enough.
        change = _changes(m, scenario, site)
        numbers = range(1 if record else change - 2, change + 3)
        for strike in strikes(m, _check(scenario), "shell", by_the_user, numbers=numbers):
            assert strike.done.returncode in (0, 1, 2), f"{strike}: {_said(strike.done)}"
            done = m.doctor("undo")
            assert done.returncode in (0, 1, 2), f"{strike}: undo ended with {_said(done)}"
            now = m.sh(f"stat -c '%a %u %g %i %Y' {VICTIM}/shop; cat {VICTIM}/shop")
            assert now == victim, f"{strike}: written through a link\n{now}"
            assert m.sh(f"ls -A {VICTIM}").split() == ["shop"], f"{strike}: left beside it"
            outcomes.count(cured=False)
            m.sh(f"rm -rf {HOME} {web}; cp -a /root/web {web}; systemctl reload nginx")
            m.wait_http(502)
    if record:
        outcomes.save()


def _changes(m: Machine, scenario: Scenario, path: str) -> int:
    """The last step at which a fix that is left alone changes a file's folder; the fix is taken back."""
    done = drive(m, 0, "count", *_check(scenario))
    assert fixing.applied(_report(done.stdout)), f"there is nothing to attack: {_said(done)}"
    folder, _, name = path.rpartition("/")
    found = [
        step.number for step in made(m) if name in step.about.split("/")[-1] and step.name in ("exchange", "rename")
    ]
    assert found, f"nothing was put into {folder}"
    fixing.undo(m)
    m.wait_http(502)
    return found[-1]


def _check(scenario: Scenario) -> tuple[str, ...]:
    return ("check", "--format", "json", *scenario.options)


def _fix(m: Machine, scenario: Scenario) -> None:
    done = m.doctor(*_check(scenario), timeout=180)
    assert done.returncode in (0, 1), _said(done)
    scenario.confirm_cured(m)


def _report(text: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(text)
    return report


def _said(done: Any) -> str:
    return f"{done.returncode}\n{done.stdout[-600:]}\n{done.stderr[-3000:]}"
