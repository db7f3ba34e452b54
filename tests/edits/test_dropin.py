"""The text of our drop-in."""

from __future__ import annotations

import pytest

from doctor.edits import dropin
from doctor.edits.effect import Setting
from doctor.grammar.ours import DROP_IN
from doctor.grammar.unitfile import Merged, parse

HEADER = "# Written by flaskdoctor check --fix; flaskdoctor undo takes it back.\n"


def setting(key: str, *values: str, section: str = "Service") -> Setting:
    return Setting("shop.service", section, key, values)


def in_force(text: str, key: str, section: str = "Service") -> list[str]:
    """What systemd takes from the drop-in, after a unit that sets ExecReload= itself."""
    unit = parse("[Service]\nExecReload=/bin/old\nRestart=no\n", "/etc/systemd/system/shop.service")
    return [item.value for item in Merged((unit, parse(text, "x.conf"))).values(section, key)]


def test_it_lies_among_the_drop_ins_of_the_unit() -> None:
    assert dropin.path("shop@1.service") == f"/etc/systemd/system/shop@1.service.d/{DROP_IN}"


def test_a_new_one_says_where_it_comes_from() -> None:
    assert dropin.extended(None, [setting("Restart", "always")]) == f"{HEADER}[Service]\nRestart=always\n"


def test_a_command_takes_the_place_of_those_there_were() -> None:
    text = dropin.extended(None, [setting("ExecReload", "/bin/new $MAINPID")])
    assert in_force(text, "ExecReload") == ["/bin/new $MAINPID"]


def test_a_command_can_be_taken_away() -> None:
    assert in_force(dropin.extended(None, [setting("ExecReload", "")]), "ExecReload") == []


def test_several_commands_are_reset_once() -> None:
    text = dropin.extended(None, [setting("ExecReload", "/bin/a", "/bin/b")])
    assert in_force(text, "ExecReload") == ["/bin/a", "/bin/b"]
    assert text.count("ExecReload=\n") == 1


def test_other_lists_are_added_to() -> None:
    assert "Environment=\n" not in dropin.extended(None, [setting("Environment", "A=1")])


@pytest.mark.parametrize(
    "there", ["", "[Service]\nRestart=no\n", "[Service]\nRestart=no", f"{HEADER}[Unit]\nAfter=a\n"]
)
def test_what_stands_there_stays_and_the_new_wins(there: str) -> None:
    text = dropin.extended(there, [setting("Restart", "always"), setting("After", "b", section="Unit")])
    assert text.startswith(there)
    assert in_force(text, "Restart")[-1] == "always"
    assert in_force(text, "After", "Unit")[-1] == "b"


def test_settings_of_one_section_stand_together() -> None:
    text = dropin.extended(None, [setting("Restart", "a"), setting("After", "b", section="Unit"), setting("User", "c")])
    assert text == f"{HEADER}[Service]\nRestart=a\nUser=c\n\n[Unit]\nAfter=b\n"
