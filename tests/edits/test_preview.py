from __future__ import annotations

import subprocess
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from shown import BLIND, Shown

from doctor.edits import dropin as dropins
from doctor.edits.actions import systemd
from doctor.edits.plan import plan
from doctor.edits.preview import FixPreview, in_full, preview
from doctor.engine.actions import ACTIONS, ActionName, BoundAction
from doctor.engine.finding import BoundFix
from doctor.engine.rule import Safety
from doctor.facts.edit import Edit
from doctor.facts.value import Place

HEADER = "# Written by flaskdoctor check --fix; flaskdoctor undo takes it back.\n"


def act(name: ActionName, **arguments: Any) -> BoundAction:
    assert set(arguments) == set(ACTIONS[name].parameters)
    return BoundAction(name, MappingProxyType(arguments))


def dropin(key: str, *values: str, unit: str = "shop.service", section: str = "Service") -> BoundAction:
    return act("systemd.dropin", unit=unit, section=section, key=key, values=values)


def extended(text: str | None, *actions: BoundAction) -> str:
    return dropins.extended(text, map(systemd.dropin, actions))


def shown(*actions: BoundAction) -> FixPreview:
    return preview(BoundFix("x", Safety.UNSAFE, actions), HOST)


def commands(*actions: BoundAction) -> tuple[str, ...]:
    return shown(*actions).commands


def diff(*actions: BoundAction) -> str:
    return shown(*actions).diff


def test_a_drop_in_is_a_new_file_and_a_daemon_reload() -> None:
    action = dropin("Restart", "on-failure")
    assert diff(action) == (
        "--- /dev/null\n"
        "+++ /etc/systemd/system/shop.service.d/zz-flaskdoctor.conf\n"
        "@@ -0,0 +1,3 @@\n"
        f"+{HEADER}"
        "+[Service]\n"
        "+Restart=on-failure\n"
    )
    assert commands(action) == ("systemctl daemon-reload",)


def test_drop_ins_of_one_unit_are_one_file() -> None:
    actions = (dropin("Restart", "always"), dropin("RestartSec", "2"), dropin("StartLimitBurst", "5", section="Unit"))
    assert extended(None, *actions) == HEADER + "[Service]\nRestart=always\nRestartSec=2\n\n[Unit]\nStartLimitBurst=5\n"
    assert diff(*actions).count("+++") == 1
    assert diff(*actions, dropin("Restart", "no", unit="b.service")).count("+++") == 2
    assert commands(*actions) == ("systemctl daemon-reload",)


def test_a_list_of_commands_is_reset_first() -> None:
    assert extended("", dropin("ExecReload", "/bin/kill -HUP $MAINPID")) == (
        "[Service]\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID\n"
    )
    assert extended("", dropin("ExecReload", "", "/bin/x")) == "[Service]\nExecReload=\nExecReload=/bin/x\n"
    assert extended("", dropin("Environment", "A=1", "B=2")) == "[Service]\nEnvironment=A=1\nEnvironment=B=2\n"


def test_a_drop_in_is_in_force_before_the_unit_is_restarted() -> None:
    restart = act("systemd.restart", unit="shop.service")
    assert commands(dropin("Restart", "no"), restart) == ("systemctl daemon-reload", "systemctl restart shop.service")
    assert commands(act("systemd.daemon-reload"), dropin("Restart", "no")) == ("systemctl daemon-reload",)


@pytest.mark.parametrize(
    ("action", "command"),
    [
        (act("systemd.start", unit="shop.service"), "systemctl start shop.service"),
        (act("systemd.restart", unit="shop.service"), "systemctl restart shop.service"),
        (act("systemd.reload", unit="shop.service"), "systemctl reload shop.service"),
        (act("systemd.enable", unit="nginx.service"), "systemctl enable nginx.service"),
        (act("systemd.reset-failed", unit=r"a\x2db.service"), r"systemctl reset-failed 'a\x2db.service'"),
        (act("systemd.daemon-reload"), "systemctl daemon-reload"),
        (act("nginx.reload"), "nginx -t && systemctl reload nginx"),
        (act("fs.mode", path="/run/my app", mode="0755"), "chmod 0755 '/run/my app'"),
        (act("fs.link", path="/srv/shop/current", target="/srv/$x"), "ln -sfn '/srv/$x' /srv/shop/current"),
        (act("fs.remove-bytecode", path="/srv/shop"), "find /srv/shop -name '*.pyc' -delete"),
    ],
)
def test_commands(action: BoundAction, command: str) -> None:
    assert commands(action) == (command,)
    assert diff(action) == ""


NGINX = """\
upstream shop {
    server unix:/run/gunicorn/shop.sock fail_timeout=0;
}
server {
    location / {
        proxy_pass http://shop;
    }
}
"""
PATH = "/etc/nginx/sites-available/shop"
HOST = Shown({PATH: NGINX})


def line(number: int) -> str:
    return NGINX.splitlines()[number - 1]


def at(number: int) -> Place:
    return Place(PATH, number, text=line(number))


ADDRESS = Edit(PATH, 2, line(2), "    server unix:/run/shop/gunicorn.sock fail_timeout=0;")


def test_every_action_shows_something() -> None:
    samples: dict[str, Any] = {
        "unit": "a.service", "section": "Service", "key": "A", "values": ("b",), "directive": "proxy_pass",
        "value": "http://b", "place": at(6), "edit": ADDRESS, "path": "/x/sites-available/y", "target": "/y",
        "mode": "0755", "group": "www-data",
    }  # fmt: skip
    for action in ACTIONS.values():
        seen = shown(act(action.name, **{p: samples[p] for p in action.parameters}))
        assert seen.commands or seen.diff, action.name
        assert seen.safety is Safety.UNSAFE, action.name


def test_an_edit_of_an_nginx_file() -> None:
    expected = (
        f"--- {PATH}\n+++ {PATH}\n@@ -2 +2 @@\n"
        "-    server unix:/run/gunicorn/shop.sock fail_timeout=0;\n"
        "+    server unix:/run/shop/gunicorn.sock fail_timeout=0;\n"
    )
    for host in (HOST, BLIND):
        seen = preview(BoundFix("x", Safety.UNSAFE, (act("nginx.replace", edit=ADDRESS),)), host)
        assert seen.diff == expected
        assert seen.commands == ("nginx -t && systemctl reload nginx",)


def test_in_full_shows_what_stands_around() -> None:
    seen = in_full(shown(act("nginx.replace", edit=ADDRESS)), HOST)
    assert seen.diff.splitlines()[2:] == [
        "@@ -1,5 +1,5 @@",
        " upstream shop {",
        "-    server unix:/run/gunicorn/shop.sock fail_timeout=0;",
        "+    server unix:/run/shop/gunicorn.sock fail_timeout=0;",
        " }",
        " server {",
        "     location / {",
    ]


def test_a_directive_is_replaced_or_added_or_taken_out() -> None:
    assert "-        proxy_pass http://shop;\n+        proxy_pass http://x;\n" in diff(
        act("nginx.set", place=at(5), directive="proxy_pass", value="http://x")
    )
    assert diff(act("nginx.set", place=at(5), directive="proxy_read_timeout", value="65s")).endswith(
        "@@ -5,0 +6 @@\n+        proxy_read_timeout 65s;\n"
    )
    assert diff(act("nginx.remove", place=at(6), directive="proxy_pass")).endswith(
        "@@ -6 +5,0 @@\n-        proxy_pass http://shop;\n"
    )


def test_several_edits_of_one_file_keep_their_lines() -> None:
    both = diff(
        act("nginx.set", place=at(5), directive="proxy_read_timeout", value="65s"),
        act("nginx.set", place=at(6), directive="proxy_pass", value="http://x"),
    )
    assert both.count("---") == 1
    assert "+        proxy_read_timeout 65s;\n" in both
    assert "+        proxy_pass http://x;\n" in both


@pytest.mark.parametrize(
    ("action", "host", "reason"),
    [
        (act("nginx.replace", edit=Edit(PATH, 2, "    server a;", "    server b;")), HOST, "no longer reads"),
        (act("nginx.replace", edit=Edit("/etc/nginx/gone", 1, "a;", "b;")), HOST, "/etc/nginx/gone is not there"),
        (act("nginx.set", place=at(5), directive="a", value="b"), BLIND, "could not be read"),
        (dropin("Environment", "KEY=<hidden:0123456789ab>"), HOST, "a secret"),
    ],
)
def test_what_does_not_fit_is_left_to_a_person(action: BoundAction, host: Shown, reason: str) -> None:
    seen = preview(BoundFix("x", Safety.UNSAFE, (action,), steps=("Look.",)), host)
    assert (seen.safety, seen.actions, seen.commands, seen.diff) == (Safety.MANUAL, (), (), "")
    assert seen.steps[0] == "Look."
    assert reason in seen.steps[1]


def test_patch_accepts_the_diff(tmp_path: Path) -> None:
    file = tmp_path / "shop"
    file.write_text(NGINX)
    edit = Edit(str(file), 2, line(2), "    server unix:/x;\n    server unix:/y;")
    seen = preview(BoundFix("x", Safety.UNSAFE, (act("nginx.replace", edit=edit),)), Shown({str(file): NGINX}))
    subprocess.run(["patch", "--silent", str(file)], input=seen.diff, text=True, check=True)
    assert file.read_text() == NGINX.replace(line(2), edit.after)


def test_patch_accepts_the_new_file(tmp_path: Path) -> None:
    seen = diff(dropin("ExecReload", "/bin/kill -HUP $MAINPID"))
    below = seen.replace("+++ /", "+++ ")
    subprocess.run(["patch", "--silent", "-p0"], input=below, text=True, check=True, cwd=tmp_path)
    written = tmp_path / dropins.path("shop.service").lstrip("/")
    assert written.read_text() == HEADER + "[Service]\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID\n"


def test_our_drop_in_is_added_to() -> None:
    before = f"{HEADER}[Service]\nRestart=always"
    action = dropin("TimeoutStopSec", "45")
    seen = preview(BoundFix("x", Safety.SAFE, (action,)), Shown({dropins.path("shop.service"): before}))
    assert seen.diff.endswith("\\ No newline at end of file\n+Restart=always\n+[Service]\n+TimeoutStopSec=45\n")


def test_a_manual_fix_is_passed_on() -> None:
    seen = preview(BoundFix("x", Safety.MANUAL, (), ("a", "b"), ("Look.",)), BLIND)
    assert (seen.title, seen.safety, seen.commands, seen.diff, seen.steps, seen.actions) == (
        "x",
        Safety.MANUAL,
        ("a", "b"),
        "",
        ("Look.",),
        (),
    )


@pytest.mark.parametrize("name", ["nginx.append", "fs.owner", "systemd.stop", "x"])
def test_an_action_that_nobody_knows_comes_to_nothing(name: str) -> None:
    """Neither to an edit like that of another action, nor silently to none."""
    unknown: Any = name
    action = BoundAction(unknown, MappingProxyType({"place": at(6), "directive": "proxy_pass", "unit": "a.service"}))
    with pytest.raises(AssertionError, match=name):
        plan((action,), lambda path: HOST.read(path).text)  # type: ignore[union-attr]
