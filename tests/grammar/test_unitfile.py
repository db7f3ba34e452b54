from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.ours import DROP_IN
from doctor.grammar.unitfile import (
    Merged,
    boolean,
    comment_after,
    drop_in_folders,
    duration,
    expand,
    merge,
    mode,
    order_drop_ins,
    parse,
    set_after_ours,
    signal_name,
    specifiers,
    template_of,
)
from doctor.grammar.unitkeys import home_of, meant

TEXT = """stray = 1
[Service]
# comment
; another
ExecStart=/bin/a \\
  # inside
  --b \\
  --c
Environment=A=1 # no comment
just words
=value
 User = shop
"""


def test_lines_places_and_oddities() -> None:
    file = parse(TEXT, "/u")
    assert [(item.key, item.value, item.line) for item in file.assignments] == [
        ("ExecStart", "/bin/a    --b    --c", 5),
        ("Environment", "A=1 # no comment", 9),
        ("User", "shop", 12),
    ]
    assert file.assignments[0].text == "ExecStart=/bin/a \\"
    assert [(odd.line, odd.fatal) for odd in file.oddities] == [(1, False), (10, False), (11, False)]


def test_a_broken_header_ends_the_file() -> None:
    file = parse("[Service\nUser=x\n", "/u")
    assert file.assignments == ()
    assert file.oddities[0].fatal


def test_an_escaped_backslash_does_not_continue() -> None:
    file = parse("[Service]\nA=x\\\\\nB=y\n", "/u")
    assert [(item.key, item.value) for item in file.assignments] == [("A", "x\\\\"), ("B", "y")]


def test_merging() -> None:
    unit = merge(
        [
            parse("[Service]\nExecStart=/a\nUser=one\nRestart=always\n", "/f"),
            parse("[Service]\nExecStart=\nExecStart=/b\nUser=\nRestart=\nRestart=nonsense\n", "/d.conf"),
        ]
    )
    assert [(item.value, item.path, item.line) for item in unit.values("Service", "ExecStart")] == [
        ("/b", "/d.conf", 3)
    ]
    assert unit.value("Service", "User") is None
    valid = {"always": "always"}.get
    kept = unit.value("Service", "Restart", valid=valid, empty_resets=False)
    assert kept is not None
    assert (kept.value, kept.path) == ("always", "/f")


def test_drop_in_folders_and_order() -> None:
    assert drop_in_folders("a-b-c@x.service") == (
        "a-b-c@x.service.d", "a-b-c@.service.d", "a-b-.service.d", "a-.service.d", "service.d",
    )  # fmt: skip
    assert order_drop_ins(["/etc/u.d/20.conf", "/etc/u.d/readme", "/run/u.d/10.conf", "/run/u.d/20.conf"]) == (
        "/run/u.d/10.conf",
        "/etc/u.d/20.conf",
    )


def test_specifiers() -> None:
    known = specifiers("shop-web@a-b.service", host_name="web1.example.com")
    assert expand("%n %N %p %i %I %j %H %l %t %% %q", known) == (
        "shop-web@a-b.service shop-web@a-b shop-web a-b a/b web web1.example.com web1 /run % %q"
    )
    assert expand("%i %n %p", specifiers("shop@.service")) == "‹%i› ‹%n› shop"
    assert template_of("shop@a.service") == "shop@.service"
    assert template_of("shop@.service") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("1min 30s", 90), ("5min", 300), ("infinity", inf), ("100ms", 0.1), ("1h2m", 3720), ("2.5", 2.5),
        ("", None), ("5 # s", None), ("abc", None), ("5 parsecs", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds


def test_other_values() -> None:
    assert [boolean(word) for word in ("yes", "ON", "t", "0", "off", "maybe", "")] == [
        True,
        True,
        True,
        False,
        False,
        None,
        None,
    ]
    assert [mode(word) for word in ("0660", "7777", "9999", "-1", "")] == [0o660, 0o7777, None, None, None]
    assert [signal_name(word) for word in ("SIGHUP", "TERM", "15", "FOO", "99")] == [
        "SIGHUP",
        "SIGTERM",
        "SIGTERM",
        None,
        None,
    ]
    assert comment_after("/srv # x")
    assert not comment_after("/srv#x")


def test_names_of_settings() -> None:
    sections = ("Unit", "Service", "Install")
    assert home_of("StartLimitIntervalSec", sections) == "Unit"
    assert home_of("ConditionPathExists", sections) == "Unit"
    assert home_of("RestartSteps", sections) == "Service"
    assert meant("Workingdirectory", "Service") == "WorkingDirectory"
    assert meant("EnvironmentFiles", "Service") == "EnvironmentFile"
    assert meant("SomethingNew", "Service") is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    lines = text.count("\n") + 1
    file = parse(text, "/u")
    assert all(
        1 <= line <= lines for line in [item.line for item in file.assignments] + [item.line for item in file.oddities]
    )


@given(st.floats(0, 1e6).map(lambda number: round(number, 3)))
def test_seconds_come_back(number: float) -> None:
    assert duration(f"{number:.3f}s") == pytest.approx(number)


def test_keys_that_a_later_drop_in_sets() -> None:
    """A value in our drop-in does not count where another one is applied after it."""
    texts = {
        "/etc/systemd/system/shop.service": "[Service]\nUser=shop\n",
        "/etc/systemd/system/shop.service.d/10-early.conf": "[Service]\nRestart=no\n",
        f"/etc/systemd/system/shop.service.d/{DROP_IN}": "[Service]\nRestart=always\n",
        "/run/systemd/system/shop.service.d/zzz.conf": "[Unit]\nAfter=x\n[Service]\nRuntimeDirectoryMode=0700\n",
    }
    merged = Merged(tuple(parse(text, path) for path, text in texts.items()))
    assert set_after_ours(merged, "Service") == ("RuntimeDirectoryMode",)
