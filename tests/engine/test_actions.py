from __future__ import annotations

from types import MappingProxyType
from typing import Any, get_args

import pytest

from doctor.cause import Cause
from doctor.engine.actions import ACTIONS, ActionCall, ActionName, BoundAction, Parameter, bind_action, well_formed
from doctor.engine.evaluate import bind
from doctor.engine.expression import Expression
from doctor.facts.edit import Edit
from doctor.facts.value import Absent, Known, Place, Unknown


def test_what_can_drop_requests_or_change_behaviour_is_never_safe() -> None:
    assert {action.name for action in ACTIONS.values() if not action.drops_requests} == {
        "systemd.dropin", "systemd.daemon-reload", "systemd.start", "systemd.reload", "systemd.enable",
        "systemd.reset-failed", "nginx.reload",
    }  # fmt: skip


def test_no_action_takes_a_command_line() -> None:
    assert not {"command", "shell", "argv", "exec"} & {p for action in ACTIONS.values() for p in action.parameters}


def test_every_name_has_a_signature() -> None:
    assert tuple(ACTIONS) == get_args(ActionName)


def test_an_argument_of_another_type_is_a_bug() -> None:
    action = BoundAction("systemd.dropin", MappingProxyType({"values": "x", "unit": ("a.service",)}))
    with pytest.raises(TypeError, match="values"):
        action.texts("values")
    with pytest.raises(TypeError, match="unit"):
        action.text("unit")


NO_UNITS = ["a", ".service", "-a.service", "a b.service", "a/b.service", "a.service\n", ""]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Parameter.UNIT, ["a.service", "a@1.service", r"a\x2db.socket"], NO_UNITS),
        (Parameter.PATH, ["/", "/a b"], ["", "a", "./a", "/a\nb"]),
        (Parameter.MODE, ["755", "0755", "1777"], ["", "75", "0789", "00755", "u+x"]),
        (Parameter.TEXT, ["", "a; b"], ["a\nb", "a\x1b[0m"]),
    ],
)
def test_the_form_of_arguments(kind: Parameter, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not well_formed(kind, text)] == []
    assert [text for text in bad if well_formed(kind, text)] == []


FILE = Place("/etc/nginx/a", 3)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (Known(1, (FILE,)), FILE),
        (Known(1, (Place(note="pid 1"), Place("/proc/1/cmdline"), FILE)), FILE),
        (Known(FILE), FILE),
        (Known(1, (Place(note="default"),)), None),
        (Absent((FILE,)), None),
        (Unknown("x", Cause.AMBIGUOUS, (FILE,)), None),
    ],
)
def test_a_place_is_a_line_of_a_file(fact: Any, expected: Place | None) -> None:
    call = ActionCall(ACTIONS["nginx.set"], (("place", Expression("fact")),))
    bound = bind_action(call, bind({"fact": fact}))
    assert (bound.arguments["place"] if bound else None) == expected


@pytest.mark.parametrize("fact", [Absent(), Unknown("x", Cause.AMBIGUOUS), Known("text")])
def test_an_edit_is_one_or_the_action_is_not_offered(fact: Any) -> None:
    call = ActionCall(ACTIONS["nginx.replace"], (("edit", Expression("fact")),))
    assert bind_action(call, bind({"fact": fact})) is None
    edit = Edit("/a", 1, "b", "c")
    bound = bind_action(call, bind({"fact": Known(edit)}))
    assert bound is not None
    assert bound.arguments["edit"] is edit
