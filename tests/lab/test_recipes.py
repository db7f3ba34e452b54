"""Every rule against real machines: broken, diagnosed, cured, and left alone where nothing is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from lab import recording, shapes
from lab.machine import Machine
from lab.recipe import Fault, LookAlike, Recipe, brief, findings, load_all
from lab.shapes import Shape

RECIPES = load_all()
FAULTS = [
    pytest.param(recipe, fault, id=f"{recipe.rule}/{fault.name}") for recipe in RECIPES for fault in recipe.faults
]
LOOKALIKES = [
    pytest.param(recipe, other, id=f"{recipe.rule}/{other.name}") for recipe in RECIPES for other in recipe.lookalikes
]
SHAPES = [pytest.param(shape, id=name) for name, shape in shapes.HEALTHY.items()]

pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture
def doctor(request: pytest.FixtureRequest) -> bool:
    """The doctor is asked, too."""
    return not request.config.getoption("--no-doctor")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--record"))


@pytest.mark.parametrize(("recipe", "fault"), FAULTS)
def test_fault(recipe: Recipe, fault: Fault, doctor: bool, record: bool) -> None:
    with Machine() as m:
        fault.shape(m)
        if doctor:
            assert recipe.rule not in _names(m.check()), "the rule speaks before anything is broken"
        if not fault.foretold:
            _absent(m, fault)
        fault.break_it(m)
        if not fault.foretold:
            fault.confirm(m)
        if doctor:
            _diagnosed(m, recipe, fault, record)
        if fault.foretold:
            fault.confirm(m)
        fault.cure(m)
        fault.confirm_gone(m)
        if doctor:
            report = m.check()
            assert recipe.rule not in _names(report), f"still reported after the cure:\n{brief(report)}"


def _absent(m: Machine, fault: Fault) -> None:
    with pytest.raises(AssertionError):
        fault.symptom(m)


def _diagnosed(m: Machine, recipe: Recipe, fault: Fault, record: bool) -> None:
    report = m.check()
    assert report["findings"], f"no finding; {brief(report)}"
    first = fault.led_by or recipe.rule
    assert report["findings"][0]["name"] == first, f"{first} is not named first:\n{brief(report)}"
    assert recipe.rule in _names(report), f"not reported:\n{brief(report)}"
    if record:
        recording.save(recipe.folder, fault.name, m.snapshot(), fault.shape.__name__)


@pytest.mark.parametrize(("recipe", "other"), LOOKALIKES)
def test_lookalike(recipe: Recipe, other: LookAlike, doctor: bool, record: bool) -> None:
    with Machine() as m:
        other.shape(m)
        other.prepare(m)
        m.wait_http(other.status, host=other.host)
        if doctor:
            _is_left_alone(m, recipe.rule, other.besides)
            if record:
                name = f"{recording.LOOKALIKE}{other.name}"
                recording.save(recipe.folder, name, m.snapshot(), other.shape.__name__)


@pytest.mark.parametrize("shape", SHAPES)
def test_healthy_shape(shape: Shape, doctor: bool, record: bool) -> None:
    with Machine() as m:
        shape(m)
        if doctor:
            _is_left_alone(m)
            report = m.check()
            assert report["verdict"] == "healthy", f"not called healthy: {report['unknown']}"
            if record:
                recording.save(recording.HEALTHY, shape.__name__, m.snapshot())


def _is_left_alone(m: Machine, rule: str = "", besides: tuple[str, ...] = ()) -> None:
    report = m.check()
    assert rule not in _names(report), f"a look-alike is reported:\n{brief(report)}"
    loud = [name for name, severity in findings(report) if severity != "info" and name not in besides]
    assert not loud, f"a healthy machine is blamed:\n{brief(report)}"


def _names(report: dict[str, Any]) -> list[str]:
    return [name for name, _ in findings(report)]
