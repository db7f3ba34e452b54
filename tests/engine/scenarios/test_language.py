"""What keeps rules short: named conditions, the bad state, where a rule is judged, shared cures."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine.builders import rule, rule_text
from factories import app, machine, make, running, unit

from doctor.cause import Cause
from doctor.engine.directory import CURES, rule_files, rules_directory
from doctor.engine.expression import parse, substituted
from doctor.engine.impossible import never_passes
from doctor.engine.judge import Outcome, judge
from doctor.engine.load import RuleError, load_rule
from doctor.engine.rule import Rule
from doctor.facts.value import Unknown
from doctor.hosts.base import TargetKind
from doctor.servers.gunicorn.model import Settings

SHOP = app(units=(unit(active_state="failed", restart="no"),), gunicorns=(running(settings=make(Settings, workers=1)),))


def outcome(judged: Rule, facts=None) -> Outcome:  # type: ignore[no-untyped-def]
    (result,) = judge([judged], facts or machine(SHOP)).results
    assert result.outcome is not Outcome.ERROR, result.reason
    return result.outcome


def titles(judged: Rule) -> list[str]:
    (finding,) = judge([judged], machine(SHOP)).findings
    return [fix.title for fix in finding.fixes]


def test_named_conditions_are_written_out() -> None:
    text = substituted("down and not up or x.down == 1 and any(down for y in x.z)", {"down": "a or b", "up": "c"})
    assert text == "(a or b) and not (c) or x.down == 1 and any((a or b) for y in x.z)"
    judged = rule(
        let='{few: app.gunicorn.settings.workers < 2, alone: "few and len(app.gunicorns) == 1"}', expect="not alone"
    )
    assert outcome(judged) is Outcome.FAIL
    assert judged.cases[0].expect.text == "not ((app.gunicorn.settings.workers < 2) and len(app.gunicorns) == 1)"


@pytest.mark.parametrize(
    ("let", "message"),
    [
        ("{app: true}", "cannot be the name"),
        ("{len: true}", "cannot be the name"),
        ("{a b: true}", "cannot be the name"),
        ("{few: app.gunicorn.settings.workers}", "let needs true or false"),
        ("{few: later, later: true}", "unknown name 'later'"),
        ("{few: app.gunicorn.settings.worker < 1}", "has no attribute 'worker'"),
    ],
)
def test_a_named_condition_that_is_wrong(let: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        rule(let=let)


def test_what_is_named_is_found_where_it_stands() -> None:
    with pytest.raises(RuleError) as caught:
        rule(let="{few: app.gunicorn.settings.workers < 2}", expect="not fewer")
    assert "did you mean 'few'?" in str(caught.value)


def test_the_bad_state() -> None:
    judged = rule(expect=None, fault='app.unit.active_state == "failed"')
    assert outcome(judged) is Outcome.FAIL
    assert outcome(judged, machine(app(unit=unit(active_state="active")))) is Outcome.PASS
    assert outcome(judged, machine(app(unit=Unknown("permission denied", Cause.NEEDS_ROOT)))) is Outcome.UNKNOWN


def test_either_the_good_state_or_the_bad_one() -> None:
    with pytest.raises(RuleError, match="either 'expect' or 'fault'"):
        rule(fault="app.service.socket_activated")
    with pytest.raises(RuleError, match="either 'expect', 'fault' or 'cases'"):
        rule(expect=None)


@pytest.mark.parametrize(
    ("on", "kind", "expected"),
    [
        ("machine", TargetKind.LIVE, Outcome.FAIL),
        ("machine", TargetKind.SNAPSHOT, Outcome.FAIL),
        ("machine", TargetKind.TREE, Outcome.NOT_APPLICABLE),
        ("files", TargetKind.LIVE, Outcome.NOT_APPLICABLE),
        ("files", TargetKind.TREE, Outcome.FAIL),
    ],
)
def test_where_it_is_judged(on: str, kind: TargetKind, expected: Outcome) -> None:
    assert outcome(rule(on=on), machine(SHOP, kind=kind)) is expected


def test_seen_is_never_unknown() -> None:
    hidden = machine(app(unit=Unknown("permission denied", Cause.NEEDS_ROOT)))
    assert outcome(rule(expect="seen(app.unit)"), hidden) is Outcome.FAIL
    assert outcome(rule(expect="not seen(app.unit)"), hidden) is Outcome.PASS
    assert outcome(rule(expect="seen(app.unit)")) is Outcome.PASS


FIX = """\
fix:
  - {title: First, safety: manual, when: app.service.socket_activated, steps: [A]}
  - {title: Second, safety: manual, steps: [B]}
  - {title: Third, safety: manual, steps: [C]}
  - {title: Fourth, safety: manual, also: true, steps: [D]}
  - {title: Fifth, safety: unsafe, actions: [{systemd.restart: {unit: "{app.unit.name}"}}]}
"""


def test_the_first_of_a_class_speaks_and_those_to_choose_from() -> None:
    assert titles(rule(FIX)) == ["Second", "Fourth", "Fifth"]


def test_cures_by_name(tmp_path: Path) -> None:
    shared = tmp_path / CURES
    shared.mkdir()
    (shared / "start-it.yaml").write_text('- {title: Start it, safety: manual, commands: ["true {app.unit.name}"]}\n')
    extra = "cures:\n  own: [{title: Own, safety: manual, steps: [Do.]}]\n"

    def loaded(fix: str) -> Rule:
        return load_rule(tmp_path / "gunicorn/test-rule.yaml", rule_text(f"{extra}fix: {fix}\n"))

    assert titles(loaded("own")) == ["Own"]
    assert titles(loaded("start-it")) == ["Start it"]
    both = loaded("[start-it, own, {title: Here, safety: manual, also: true, steps: [Do.]}]")
    assert [fix.title for fix in both.cases[0].fixes] == ["Start it", "Own", "Here"]
    with pytest.raises(RuleError, match=r"no cure is named 'start-itt'.*did you mean 'start-it'"):
        loaded("start-itt")
    (shared / "again.yaml").write_text("- start-it\n")
    with pytest.raises(RuleError, match="names another"):
        loaded("again")


@pytest.mark.parametrize(
    ("given", "expect", "never"),
    [
        ("a and b", "not a", True),
        ("a and b == 1", "b != 1", True),
        ("a and b == 1", "b == 2", False),
        ("x in [1]", "x not in [1]", True),
        ("not a", "a", True),
        ("a and b", "not (a and b)", True),
        ("a", "not (a and b)", False),
        ("a", "not (a or b)", True),
        ("a and b", "not a or not b", True),
        ("a", "not a or c", False),
        ("a", "c and not a", True),
        ("a", "b", False),
    ],
)
def test_a_case_that_can_never_pass(given: str, expect: str, never: bool) -> None:
    assert never_passes([parse(given)], parse(expect)) is never


def test_a_case_that_can_never_pass_is_refused() -> None:
    with pytest.raises(RuleError, match="can never pass"):
        rule(given="app.service.socket_activated", expect="not app.service.socket_activated")


LONG = 80
"""Lines. What needs more holds several causes, or thinking that belongs into a fact."""


@pytest.mark.parametrize("path", rule_files(rules_directory()), ids=lambda path: path.stem)
def test_a_rule_can_be_read_on_one_page(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONG


def test_a_shared_cure_is_used() -> None:
    named = "".join(path.read_text() for path in rule_files(rules_directory()))
    for cure in (rules_directory() / CURES).glob("*.yaml"):
        assert cure.stem in named, f"no rule names {cure.name}"
