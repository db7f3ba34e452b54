"""Texts of a small repository that is fine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from doctor.reports.model import Report

UNIT = """[Unit]
Description=The shop
After=network.target

[Service]
User=shop
WorkingDirectory=/srv/shop
ExecStart=/srv/shop/venv/bin/gunicorn --workers 3 --bind {bind} {more} wsgi:app
ExecReload=/bin/kill -s HUP $MAINPID
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
SITE = """server {{
    listen 80;
    server_name shop.test;
    location / {{
        include proxy_params;
        proxy_pass {target};
    }}
}}
"""
CODE = "from flask import Flask\n\napp = Flask(__name__)\n"

Tree = Mapping[str, str]
Judge = Callable[[Tree], Report]


def unit(bind: str = "127.0.0.1:8000", more: str = "") -> str:
    text = UNIT.format(bind=bind, more=more)
    # Only root may make a file in /run itself.
    return text.replace("Restart=", "RuntimeDirectory=shop\nRestart=") if bind.startswith("unix:/run/") else text


def site(target: str = "http://127.0.0.1:8000") -> str:
    return SITE.format(target=target)


def faults(report: Report) -> set[str]:
    return {finding.name for finding in report.findings if finding.severity.value != "info"}
