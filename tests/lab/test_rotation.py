"""A run of real machines takes what the change touches, and in as many turns as it says everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.rotation import SLOW, Selection, Test, select, told

CATALOGUE = tuple(Test(f"{rule}/{fault}", f"rule-{rule}") for rule in range(140) for fault in range(8))
MACHINE = tuple(Test(f"machine/{number}", "test_machine", always=True) for number in range(200))
CHAOS = tuple(Test(f"chaos/{number}", "test_chaos", slow=True) for number in range(20))
ALL = (*MACHINE, *CHAOS, *CATALOGUE)


def some_tests() -> st.SearchStrategy[list[Test]]:
    kinds = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["always", "slow", ""])), max_size=80)
    return kinds.map(
        lambda found: [
            Test(f"test-{number}", f"rule-{group}", always=kind == "always", slow=kind == "slow")
            for number, (group, kind) in enumerate(found)
        ]
    )


@given(some_tests(), st.sets(st.integers(0, 9).map("rule-{}".format)), st.integers(0, 10**9), st.integers(0, 200))
def test_as_many_turns_as_it_says_take_everything(tests: list[Test], touched: set[str], turn: int, limit: int) -> None:
    turns = select(tests, touched, turn, limit).turns
    seen = [select(tests, touched, turn + each, limit).names for each in range(turns)]
    assert frozenset().union(*seen) == {test.name for test in tests}


@given(some_tests(), st.sets(st.integers(0, 9).map("rule-{}".format)), st.integers(0, 10**9), st.integers(0, 200))
def test_every_run_takes_what_always_runs_and_the_first_of_what_is_touched(
    tests: list[Test], touched: set[str], turn: int, limit: int
) -> None:
    selected = select(tests, touched, turn, limit)
    assert {test.name for test in tests if test.always} <= selected.names
    for group in touched:
        of_group = [test for test in tests if test.group == group and not test.always]
        assert not of_group or of_group[0].name in selected.names


def _cost(selection: Selection) -> int:
    return sum(test.cost for test in ALL if test.name in selection.names)


def test_what_is_touched_is_taken_whole_where_it_fits() -> None:
    touched = {"rule-3", "rule-77", "test_chaos"}
    for turn in range(5):
        selected = select(ALL, touched, turn, limit=580)
        assert {test.name for test in ALL if test.group in touched} <= selected.names
        assert selected.rest.taken, "and of the rest a share"
        assert _cost(selected) <= 580 + SLOW


def test_when_everything_is_touched_a_run_still_ends() -> None:
    touched = {test.group for test in ALL}
    for turn in range(5):
        selected = select(ALL, touched, turn, limit=580)
        assert {f"{rule}/0" for rule in range(140)} <= selected.names
        assert _cost(selected) <= 580 + SLOW


def test_the_change_leaves_something_for_the_rest() -> None:
    selected = select(ALL, {f"rule-{number}" for number in range(130)}, 0, limit=580)
    assert len(selected.rest.taken) >= 15


def test_little_is_taken_whole() -> None:
    tests = CATALOGUE[:50]
    assert select(tests, set(), 7, limit=50).names == {test.name for test in tests}
    assert list(told(select(tests, set(), 7, limit=50), set(), 7)) == ["all 50 tests of real machines"]


def test_the_output_names_the_share_and_how_to_run_the_rest() -> None:
    touched = {"rule-3"}
    said = "\n".join(told(select(ALL, touched, 8, limit=580), touched, 8))
    assert "always: 200" in said
    assert "touched by the change: 8 of 8 (rule-3)" in said
    assert "of 1132, part 1 of 4" in said
    assert "FLASKDOCTOR_CI_TURN=8" in said
    assert "--all" in said


def test_the_output_says_what_of_the_change_was_left_out() -> None:
    touched = {test.group for test in CATALOGUE}
    said = "\n".join(told(select(ALL, touched, 8, limit=580), touched, 8))
    assert "only with --all" in said
