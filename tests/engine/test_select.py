from __future__ import annotations

import pytest
from engine.builders import rule

from doctor.engine.load import load_rules
from doctor.engine.rule import SYMPTOMS
from doctor.engine.select import SelectorError, causes, select
from doctor.errors import UserError

RULES = (
    rule(id="GUN901", name="one", symptoms='["502"]'),
    rule(id="GUN902", name="two", symptoms="[stale-code]"),
    rule(id="GUN913", name="three", symptoms='["502", startup]'),
)

MANY = (*RULES, *(rule(id=f"GUN95{number}", name=f"other-{number}") for number in range(9)))


@pytest.mark.parametrize(
    ("wanted", "ignore", "extend", "expected"),
    [
        ([], [], [], "123"),
        (["ALL"], [], [], "123"),
        (["GUN"], [], [], "123"),
        (["GUN90"], [], [], "12"),
        (["GUN901"], [], [], "1"),
        (["two"], [], [], "2"),
        (["502"], [], [], "13"),
        (["startup", "one"], [], [], "13"),
        ([], ["502"], [], "2"),
        (["GUN"], ["GUN90"], [], "3"),
        (["GUN901"], ["GUN90"], [], "1"),
        (["GUN90"], ["GUN"], [], "12"),
        (["two"], [], ["502"], "123"),
        ([], ["GUN9"], ["GUN91"], "3"),
        (["502"], ["startup"], [], "1"),
    ],
)
def test_the_narrower_word_wins(wanted: list[str], ignore: list[str], extend: list[str], expected: str) -> None:
    chosen = select(RULES, wanted, ignore, extend)
    assert "".join(str(1 + RULES.index(r)) for r in chosen) == expected


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("GN902", "did you mean 'GUN902'?"),
        ("tree", "did you mean 'three'?"),
        ("stale", "did you mean 'stale-code'?"),
        ("gun901", "did you mean 'GUN901'?"),
        ("zzzzzz", "See `flaskdoctor rules`."),
        ("", "See `flaskdoctor rules`."),
    ],
)
def test_a_word_that_selects_nothing(word: str, hint: str) -> None:
    ways: tuple[list[list[str]], ...] = ([[word], [], []], [[], [word], []], [[], [], [word]])
    for arguments in ways:
        with pytest.raises(SelectorError) as caught:
            select(MANY, *arguments)
        assert (caught.value.word, caught.value.hint) == (word, hint)
        assert isinstance(caught.value, UserError)


def test_a_symptom_that_no_rule_has_selects_nothing() -> None:
    with pytest.raises(SelectorError):
        select(RULES, ["504"])


@pytest.mark.parametrize(("wanted", "ignore"), [([], ["ALL"]), (["GUN901"], ["one"]), (["502"], ["GUN901", "GUN91"])])
def test_a_choice_that_leaves_no_rule(wanted: list[str], ignore: list[str]) -> None:
    with pytest.raises(UserError, match="every rule that is selected is ignored as well"):
        select(RULES, wanted, ignore)


def test_every_symptom_belongs_to_a_rule() -> None:
    assert set(SYMPTOMS) == {symptom for rule in load_rules() for symptom in rule.symptoms}


def test_causes_reach_what_is_selected() -> None:
    chain = (
        rule(id="GUN901", name="root", explains="[middle]"),
        rule(id="GUN902", name="middle", explains="[leaf]"),
        rule(id="GUN903", name="leaf"),
        rule(id="GUN904", name="aside"),
    )
    leaf = chain[2:3]
    assert [found.name for found in causes(chain, leaf)] == ["root", "middle"]
    assert [found.name for found in causes(chain, leaf, ["root"])] == ["middle"]
    assert causes(chain, chain) == ()


def test_whatever_keeps_an_app_from_starting_is_asked_for_with_502() -> None:
    rules = load_rules()
    asked = select(rules, ["502"])
    names = {found.name for found in (*asked, *causes(rules, asked))}
    assert {found.name for found in rules if "gunicorn-not-running" in found.explains} <= names
    named = {found.id for found in asked}
    assert named >= {"APP002", "APP003", "ENV002", "ENV003", "HST005", "SOC005", "SYS004", "SYS019", "SYS020", "SYS022"}
