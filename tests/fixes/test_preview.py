from __future__ import annotations

import subprocess
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from doctor.engine.actions import ACTIONS, BoundAction
from doctor.engine.finding import BoundFix
from doctor.engine.rule import Safety
from doctor.facts.edit import Edit
from doctor.facts.value import Place
from doctor.fixes.preview import dropin_path, dropin_text, edit_of, preview


def act(name: str, **arguments: Any) -> BoundAction:
    assert set(arguments) == set(ACTIONS[name].parameters)
    return BoundAction(name, MappingProxyType(arguments))


def dropin(key: str, *values: str, unit: str = "shop.service", section: str = "Service") -> BoundAction:
    return act("systemd.dropin", unit=unit, section=section, key=key, values=values)


def commands(*actions: BoundAction) -> tuple[str, ...]:
    return preview(BoundFix("x", Safety.UNSAFE, actions)).commands


def diff(*actions: BoundAction) -> str:
    return preview(BoundFix("x", Safety.UNSAFE, actions)).diff


def test_a_drop_in_is_a_new_file_and_a_daemon_reload() -> None:
    action = dropin("Restart", "on-failure")
    assert diff(action) == (
        "--- /dev/null\n"
        "+++ /etc/systemd/system/shop.service.d/50-flaskdoctor.conf\n"
        "@@ -0,0 +1,2 @@\n"
        "+[Service]\n"
        "+Restart=on-failure\n"
    )
    assert commands(action) == ("systemctl daemon-reload",)


def test_drop_ins_of_one_unit_are_one_file() -> None:
    actions = (dropin("Restart", "always"), dropin("RestartSec", "2"), dropin("StartLimitBurst", "5", section="Unit"))
    assert dropin_text(actions) == "[Service]\nRestart=always\nRestartSec=2\n\n[Unit]\nStartLimitBurst=5\n"
    assert diff(*actions).count("+++") == 1
    assert diff(*actions, dropin("Restart", "no", unit="b.service")).count("+++") == 2
    assert commands(*actions) == ("systemctl daemon-reload",)


def test_a_list_of_commands_is_reset_first() -> None:
    assert dropin_text([dropin("ExecReload", "/bin/kill -HUP $MAINPID")]) == (
        "[Service]\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID\n"
    )
    assert dropin_text([dropin("ExecReload", "", "/bin/x")]) == "[Service]\nExecReload=\nExecReload=/bin/x\n"
    assert dropin_text([dropin("Environment", "A=1", "B=2")]) == "[Service]\nEnvironment=A=1\nEnvironment=B=2\n"


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


def test_every_action_shows_something() -> None:
    samples: dict[str, Any] = {
        "unit": "a.service", "section": "Service", "key": "A", "values": ("b",), "directive": "a", "value": "b",
        "place": Place("/etc/nginx/x", 3, text="location / {"), "edit": Edit("/etc/nginx/x", 3, "a", "b"),
        "path": "/x", "target": "/y", "mode": "0755",
    }  # fmt: skip
    for action in ACTIONS.values():
        shown = preview(BoundFix("x", Safety.UNSAFE, (act(action.name, **{p: samples[p] for p in action.parameters}),)))
        assert shown.commands or shown.diff, action.name


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


def line(number: int) -> str:
    return NGINX.splitlines()[number - 1]


PATH = "/etc/nginx/sites-available/shop"


def test_an_edit_of_an_nginx_file() -> None:
    edit = Edit(PATH, 2, line(2), "    server unix:/run/shop/gunicorn.sock fail_timeout=0;")
    assert diff(act("nginx.replace", edit=edit)) == (
        f"--- {PATH}\n+++ {PATH}\n@@ -2 +2 @@\n"
        "-    server unix:/run/gunicorn/shop.sock fail_timeout=0;\n"
        "+    server unix:/run/shop/gunicorn.sock fail_timeout=0;\n"
    )
    assert commands(act("nginx.replace", edit=edit)) == ("nginx -t && systemctl reload nginx",)
    assert commands(act("edit", edit=edit)) == ("nginx -t && systemctl reload nginx",)


def test_an_edit_elsewhere() -> None:
    assert commands(act("edit", edit=Edit("/etc/systemd/system/a.service", 3, "A=b", ""))) == (
        "systemctl daemon-reload",
    )
    assert commands(act("edit", edit=Edit("/srv/shop/gunicorn.conf.py", 3, "a", "b"))) == ()


def test_a_directive_is_replaced_where_it_stands_and_added_where_a_block_opens() -> None:
    standing = act("nginx.set", place=Place(PATH, 6, text=line(6)), directive="proxy_pass", value="http://x")
    assert edit_of(standing) == Edit(PATH, 6, line(6), "        proxy_pass http://x;")
    opening = act("nginx.set", place=Place(PATH, 5, text=line(5)), directive="proxy_read_timeout", value="65s")
    assert edit_of(opening) == Edit(PATH, 5, line(5), "    location / {\n        proxy_read_timeout 65s;")
    assert commands(opening, standing) == ("nginx -t && systemctl reload nginx",)


@pytest.mark.parametrize(
    ("number", "after"),
    [(2, "    server unix:/x;"), (6, "        a b;\n        c d;"), (6, ""), (1, ""), (8, "}\n# end")],
)
def test_patch_accepts_the_diff(tmp_path: Path, number: int, after: str) -> None:
    file = tmp_path / "shop"
    file.write_text(NGINX)
    shown = diff(act("edit", edit=Edit(str(file), number, line(number), after)))
    subprocess.run(["patch", "--silent", str(file)], input=shown, text=True, check=True)
    lines = NGINX.splitlines()
    lines[number - 1 : number] = after.split("\n") if after else []
    assert file.read_text() == "\n".join(lines) + "\n"


def test_patch_accepts_the_new_file(tmp_path: Path) -> None:
    shown = diff(dropin("ExecReload", "/bin/kill -HUP $MAINPID"))
    below = shown.replace("+++ /", "+++ ")
    subprocess.run(["patch", "--silent", "-p0"], input=below, text=True, check=True, cwd=tmp_path)
    written = tmp_path / dropin_path("shop.service").lstrip("/")
    assert written.read_text() == "[Service]\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID\n"


def test_a_manual_fix_is_passed_on() -> None:
    shown = preview(BoundFix("x", Safety.MANUAL, (), ("a", "b"), ("Look.",)))
    assert (shown.title, shown.safety, shown.commands, shown.diff, shown.steps) == (
        "x",
        Safety.MANUAL,
        ("a", "b"),
        "",
        ("Look.",),
    )
    assert shown.actions == ()
