"""What the documentation takes from the code, and from a machine, is current."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from lab import fixing, recording, shapes
from lab.machine import Machine
from lab.recipe import FIXTURES, Recipe, load, release
from lab.replays import Replays

from doctor.engine.actions import ACTIONS
from doctor.engine.load import load_rules
from doctor.engine.rule import Safety

TREE = Path(__file__).parent.parent
sys.path.append(str(TREE / "docs"))

import fixes_page  # noqa: E402 - found by the path above
import generate  # noqa: E402

EXAMPLE = TREE / "docs" / "examples" / "fixing.txt"
"""What the commands of README.md printed on a machine of the lab."""


def test_generated_pages_are_current(replays: Replays) -> None:
    stale = generate.out_of_date(generate.current(replays))
    assert not stale, "run: python docs/generate.py"


def test_a_fix_without_a_record_is_not_proven() -> None:
    rule = next(rule for rule in load_rules() if rule.name == "restart-policy-missing")
    [fix] = fixes_page.automatic(rule)
    assert "not proven" in fixes_page.row(rule, fix, {})
    unrecorded = Recipe("nowhere", load(rule.name).faults, ())
    assert not fixes_page.proofs(unrecorded, fix, lambda rule, fault: ())
    assert "not proven" in str(fixes_page.matrix([]))


def test_only_the_first_fix_of_a_finding_is_credited(replays: Replays) -> None:
    found = replays(FIXTURES / "daemon-reload-missing" / f"restarted{recording.SUFFIX}").offered
    half, restart = [item for item in found if item.rule == "daemon-reload-missing"]
    assert (half.safety, half.half, restart.safety) == (Safety.SAFE, True, Safety.UNSAFE)
    assert fixes_page.made([half, restart], Safety.UNSAFE) == {(restart.title, Safety.UNSAFE)}
    assert fixes_page.made([half, restart], Safety.SAFE) == {(half.title, Safety.SAFE)}
    safe = replace(restart, title="First", safety=Safety.SAFE)
    assert {safety for _, safety in fixes_page.made([restart], Safety.UNSAFE)} == {Safety.UNSAFE}
    assert {safety for _, safety in fixes_page.made([safe, restart], Safety.UNSAFE)} == {Safety.SAFE}


def test_neither_cured_nor_as_before_is_shown() -> None:
    result = {"injection": "killed", "scenario": "a file", "steps": 9, "cured": 4, "as_before": 4}
    assert fixes_page.matrix([result])[1] == [("killed", "4 cured, 4 as before, **1 neither**")]


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_is_explained(name: str) -> None:
    assert f"`{name}`" in (TREE / "docs" / "fixing.md").read_text()


@pytest.mark.usefixtures("lab")
def test_example_of_fixing(request: pytest.FixtureRequest) -> None:
    """The story of README.md: a deploy without a reload, on a service that nothing brings back when it dies."""
    with Machine() as m:
        shapes.unix(m)
        next(fault for fault in load("restart-policy-missing").faults if fault.name == "never-written").break_it(m)
        release(shapes.SECOND, "")(m)
        before = fixing.files(m)
        done = {words: m.doctor(*words, timeout=180) for words in STORY}
        said = "\n".join(f"$ sudo flaskdoctor {' '.join(words)}\n{done[words].stdout}" for words in STORY)
        assert {words: done[words].returncode for words in STORY} == STORY, said
        assert f"release {shapes.SECOND}" in m.http()[1]
        assert not (diff := fixing.difference(before, fixing.files(m))), f"not as before after undo:\n{diff}"
    if request.config.getoption("--record"):
        EXAMPLE.write_text(said)
    assert _timeless(said) == _timeless(EXAMPLE.read_text()), f"record it anew (--record), it is now:\n{said}"


STORY = {("check", "--diff"): 1, ("check", "--fix"): 0, ("undo",): 0}
"""Commands, and how they end."""


def _timeless(text: str) -> str:
    """Without what differs from one machine to the next: times, numbers of processes, and the columns they widen."""
    return " ".join(re.sub(r"\d+", "0", text).split())
