"""Every fix on a real machine: cured, nothing changed the second time, and taken back to the last byte."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from lab import fixing
from lab.fixing import Offer, difference
from lab.machine import Machine, impossible
from lab.recipe import FIXTURES, brief

OTHER_CURE = {
    # The reload switches the site off, as its files say; the recipe's cure switches it on again.
    ("nginx-not-reloaded", "disabled"),
}
"""Faults whose fix goes another way than their recipe, so that its symptom says nothing about it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "offer" not in metafunc.fixturenames:
        return
    # Which fixes there are is read from the recordings, which takes some seconds.
    asked = metafunc.config.getoption("--lab") or os.environ.get("FLASKDOCTOR_LAB") == "required"
    found = fixing.offers() if asked and not impossible() else ()
    params = [pytest.param(offer, id=offer.name) for offer in found] or [pytest.param(None, id="every-fix")]
    metafunc.parametrize("offer", params)


@pytest.mark.usefixtures("lab")
def test_fix(offer: Offer, request: pytest.FixtureRequest) -> None:
    with Machine() as m:
        curable = _break(m, offer)
        before = fixing.files(m)
        answered = m.http(host=offer.fault.host)[0] == 200
        begun = time.monotonic()
        with fixing.hammering(m, offer.fault.host) as requests:
            report = fixing.fix(m, *offer.options)
            seconds = time.monotonic() - begun
        _cured(report, offer, curable)
        if answered and offer.safety.value == "safe":
            assert not requests.failed, f"{len(requests.failed)} of {requests.sent} failed: {requests.counts}"
        if not offer.fault.foretold:
            _symptom_is_gone(m, offer)
        after = fixing.files(m)
        _again_changes_nothing(m, offer, after)
        _taken_back(m, before)
        if offer.fault.foretold:
            _never_comes(m, offer)
    if request.config.getoption("--record"):
        result = {
            "rule": offer.recipe.rule,
            "fault": offer.fault.name,
            "class": offer.safety.value,
            "answered_before": answered,
            "requests": requests.sent,
            "failed": len(requests.failed) if answered else 0,
            "seconds": round(seconds, 1),
            "files_changed": len(fixing.changed(before, after)),
        }
        fixing.save(offer, result)


def _break(m: Machine, offer: Offer) -> dict[tuple[str, str], str]:
    """Break the machine, and name the subjects that are to be cured."""
    fault = offer.fault
    fault.shape(m)
    fault.break_it(m)
    if not fault.foretold:
        fault.confirm(m)
    report = m.check()
    curable = fixing.curable(report, offer)
    assert curable, f"{offer.recipe.rule} offers no {offer.safety.value} fix:\n{brief(report)}"
    return curable


def _cured(report: dict[str, Any], offer: Offer, curable: dict[tuple[str, str], str]) -> None:
    story = f"{fixing.tried(report)}\n{brief(report)}"
    rule = offer.recipe.rule
    own = [entry for entry in fixing.applied(report) if entry.get("name") == rule]
    assert own, f"no fix of {rule} was applied:\n{story}"
    assert all(entry["undo"] for entry in fixing.applied(report)), f"applied, and no run to undo it:\n{story}"
    assert not [e for e in report["fixes"] if e["result"] in ("failed", "rolled-back")], f"a fix failed:\n{story}"
    left = fixing.not_cured(report, offer, curable)
    assert not left, f"still found after the fix: {left}\n{story}"


def _again_changes_nothing(m: Machine, offer: Offer, after: list[str]) -> None:
    again = fixing.fix(m, *offer.options)
    assert not fixing.applied(again), f"a second --fix made another fix:\n{fixing.tried(again)}"
    assert not (diff := difference(after, fixing.files(m))), f"a second --fix changed files:\n{diff}"


def _taken_back(m: Machine, before: list[str]) -> None:
    fixing.undo(m)
    assert not (diff := difference(before, fixing.files(m))), f"not as before after undo:\n{diff}"
    assert not (ours := fixing.leftovers(m)), f"left behind: {ours}"


def _never_comes(m: Machine, offer: Offer) -> None:
    """Made once more after it was taken back, the fix holds when what was foretold is made to happen."""
    report = fixing.fix(m, *offer.options)
    assert fixing.applied(report), f"not applied again after undo:\n{fixing.tried(report)}\n{brief(report)}"
    _symptom_is_gone(m, offer)


def _symptom_is_gone(m: Machine, offer: Offer) -> None:
    if offer.whole and (offer.recipe.rule, offer.fault.name) not in OTHER_CURE:
        offer.fault.confirm_gone(m)


@pytest.mark.parametrize("rule", sorted(fixing.automatic_rules()))
def test_every_fix_is_proven(rule: str) -> None:
    proofs = sorted((FIXTURES / rule).glob("*.fix.json"))
    assert proofs, "prove it with: pytest tests/lab/test_fixes.py --lab --record"
