"""Unit files that are filled in later: what is written down is judged, what is left open is not, and is no gap."""

from __future__ import annotations

import pytest
from wild.trees import Judge, faults

from doctor.grammar.gaps import marked

UNIT = """[Unit]
Description=The shop
After=network.target

[Service]
User={{ app_user }}
WorkingDirectory={{ app_root }}/current
EnvironmentFile={{ app_root }}/env
ExecStart={{ venv }}/bin/gunicorn --workers {{ workers }} --bind unix:/run/{{ app }}/sock {{ wsgi_module }}
ExecReload=/bin/kill -s HUP $MAINPID
RuntimeDirectory={{ app }}
TimeoutStopSec={{ patience }}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
SITE = "server {\n  listen 80;\n  location / {\n    proxy_pass http://unix:/run/shop/sock;\n  }\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        UNIT,
        UNIT.replace("{{ app_user }}", "__APP__").replace("{{ venv }}", "__INSTALL_DIR__/venv"),
        UNIT.replace("{{ app_user }}", "${APP}").replace("{{ app }}", "${APP}").replace("{{ venv }}", "/srv/${APP}"),
        UNIT.replace("{{ app_user }}", "@USER@"),
        UNIT.replace("{{ app_user }}", " <the user>"),
        UNIT.replace("{{ wsgi_module }}", "wsgi:app {{ more }}"),
        UNIT.replace("--workers {{ workers }}", "\\\n    --workers {{ workers }} \\\n   "),
        "{# for the shop,\n   by role #}\n" + UNIT,
    ],
)
def test_what_is_filled_in_is_no_fault(judged: Judge, text: str) -> None:
    report = judged({"deploy/shop.service.j2": text, "deploy/shop.conf": SITE})
    assert [app.name for app in report.apps] == ["shop"]
    assert (faults(report), report.unknown, report.templates) == (set(), (), ())
    # No fault, and not healthy either: what is filled in decides.
    [left_open] = [each for each in report.not_judged if each.kind == "template"]
    assert (left_open.path, report.verdict) == ("deploy/shop.service.j2", "incomplete")
    assert left_open.reason.startswith("filled in later: ")


def test_what_is_written_down_is_judged(judged: Judge) -> None:
    text = UNIT.replace("ExecReload=/bin/kill -s HUP $MAINPID\n", "").replace("Restart=on-failure\n", "")
    text = text.replace("--workers {{ workers }}", "").replace("{{ app_root }}/current", "/srv/shop")
    text = text.replace("EnvironmentFile={{ app_root }}/env\n", "")
    assert faults(judged({"shop.service.j2": text})) == {
        "execreload-missing", "restart-policy-missing", "single-worker",
    }  # fmt: skip


def test_an_address_that_is_filled_in_is_not_compared(judged: Judge) -> None:
    unit = UNIT.replace("unix:/run/{{ app }}/sock", "127.0.0.1:8000")
    socket = "[Socket]\nListenStream=/run/{{ app }}/other\n"
    assert not faults(judged({"shop.service.j2": unit, "shop.socket.j2": socket, "shop.conf": SITE}))


@pytest.mark.parametrize(
    "text",
    [
        UNIT.replace("[Install]", "{% if more %}\nEnvironment=A=b\n{% endif %}\n[Install]"),
        UNIT.replace("[Install]", "{{ more }}\n[Install]"),
        UNIT.replace("[Install]", "Environment={{ name }}={{ value }}\n[Install]"),
        UNIT.replace("{{ venv }}/bin/gunicorn", "{{ program }}"),
        UNIT.replace("[Service]", "[{{ section }}]"),
        "{% extends 'base.service.j2' %}\n",
    ],
)
def test_what_may_be_anything_is_named(judged: Judge, text: str) -> None:
    report = judged({"deploy/gunicorn.service.j2": text})
    assert (report.templates, report.apps, report.findings) == (("deploy/gunicorn.service.j2",), (), ())


def test_lines_stay_where_they_are() -> None:
    text = "{# one\ntwo #}\n" + UNIT
    filled = marked(text)
    assert filled is not None
    assert len(filled.splitlines()) == len(text.splitlines())
    assert filled.splitlines()[7] == "User=‹app_user›"


def test_a_hidden_secret_is_no_gap() -> None:
    text = "[Service]\nUser=<user>\nEnvironment=KEY=<hidden:1a2b>\n"
    assert marked(text) == "[Service]\nUser=‹user›\nEnvironment=KEY=<hidden:1a2b>\n"
