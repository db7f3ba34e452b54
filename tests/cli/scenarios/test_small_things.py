"""What a person meets beside the report: words of options, lists of rules, places to write to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from doctor.cli.explain import explanation
from doctor.engine.load import load_rules
from doctor.reports import layout


@pytest.mark.parametrize("time", ["99999999999999d", "3651d", "9" * 5000 + "s"])
def test_a_time_too_long_ago_is_wrong_usage(time: str, doctor) -> None:  # type: ignore[no-untyped-def]
    done = doctor("check", "--demo", "--since", time)
    assert done.code == 2
    assert "too long ago" in done.err


def test_the_longest_time(doctor) -> None:  # type: ignore[no-untyped-def]
    assert doctor("check", "--demo", "--since", "3650d").code == 1


@pytest.mark.parametrize("option", ["--config", "--fi", "--unsafe-fix", "--interactiv"])
def test_a_switch_that_changes_the_machine_is_never_proposed(option: str, doctor) -> None:  # type: ignore[no-untyped-def]
    done = doctor("check", option)
    assert done.code == 2
    assert not re.search("Possible.*--(fix|unsafe|inter)|Did you.*--(fix|unsafe|inter)", done.err)


def test_another_option_is_proposed(doctor) -> None:  # type: ignore[no-untyped-def]
    assert "--select" in doctor("check", "--selec", "x").err


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written lands in no checkout."""
    monkeypatch.chdir(tmp_path)


def test_suffix_in_capitals(doctor) -> None:  # type: ignore[no-untyped-def]
    assert doctor("check", "--demo", "--output", "O.JSON").code == 1
    assert Path("O.JSON").read_text().startswith("{")


@pytest.mark.parametrize("place", ["missing/r.json", "folder.json"])
def test_a_place_that_cannot_be_written_is_told_before_the_look(place: str, doctor) -> None:  # type: ignore[no-untyped-def]
    Path("folder.json").mkdir(exist_ok=True)
    done = doctor("check", "--demo", "--output", place)
    assert (done.code, done.out) == (2, "")
    assert (
        f"cannot write the output file ({'no such folder' if '/' in place else 'is a directory'}): {place}" in done.err
    )


@pytest.mark.parametrize("word", ["SOC", "soc", "502", "stale-code"])
def test_explain_lists(word: str, doctor) -> None:  # type: ignore[no-untyped-def]
    done = doctor("explain", word)
    assert done.code == 0
    rows = done.out.splitlines()
    assert len(rows) > 3
    assert all(re.match(r"[A-Z]{3}\d{3}  ", row) and len(row) <= 100 for row in rows)


def test_rules_takes_a_selector(doctor) -> None:  # type: ignore[no-untyped-def]
    rows = doctor("rules", "NGX001", "SOC").out.splitlines()
    assert {row[:3] for row in rows} == {"NGX", "SOC"}
    assert sum(row.startswith("NGX") for row in rows) == 1
    assert doctor("rules", "nonsense").code == 2


def test_summaries_are_whole(doctor) -> None:  # type: ignore[no-untyped-def]
    _, commands = doctor("--help").out.split("Commands:")
    assert "..." not in commands


@pytest.mark.parametrize("rule", [rule.name for rule in load_rules()])
def test_explanations_are_in_words(rule: str) -> None:
    shown = layout.plain(explanation(rule, 100))
    assert "{app." not in shown
    assert not re.search(r"‹(app|host|unit|route|site|static|server|location)[.]", shown)
