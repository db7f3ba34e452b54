"""Folders of configuration: how the cost grows, and one site beside gixy-next."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import HEAD, in_turns, table
from benchmarks.product import Product, rows

SIZES = (1, 250, 500, 1000)
LIMIT_SECONDS, LIMIT_MEMORY = 5, 300
"""For the largest size; memory in MiB."""

UNIT = """\
[Unit]
Description={name}

[Service]
User=www-data
WorkingDirectory=/srv/{name}/current
EnvironmentFile=/etc/{name}.env
ExecStart=/srv/{name}/venv/bin/gunicorn --workers 3 --bind unix:/run/{name}/gunicorn.sock wsgi:app
ExecReload=/bin/kill -s HUP $MAINPID
RuntimeDirectory={name}

[Install]
WantedBy=multi-user.target
"""

SITE = """\
upstream {name} {{
    server unix:/run/{name}/gunicorn.sock fail_timeout=0;
}}

server {{
    listen 80;
    server_name {name}.example;

    location /static/ {{
        alias /srv/{name}/current/static/;
    }}

    location / {{
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://{name};
    }}
}}
"""


def write(folder: Path, size: int) -> None:
    """A repository with that many units and sites."""
    for part in ("systemd", "nginx"):
        (folder / part).mkdir(parents=True)
    for number in range(size):
        name = f"app{number}"
        (folder / "systemd" / f"{name}.service").write_text(UNIT.format(name=name))
        (folder / "nginx" / f"{name}.conf").write_text(SITE.format(name=name))


def growth(product: Product) -> str:
    """Units and sites, up to a thousand of each."""
    table_rows = [[*HEAD, "an app"]]
    notes: list[str] = []
    first = None
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
            write(Path(name), size)
            cost = in_turns({"": product.command("check", name)}, rounds=3, seconds=12)[""]
        first = first or cost
        table_rows.append([f"{size} units and sites", *cost.row(first), f"{cost.wall / size:.1f} ms"])
        if size == SIZES[-1]:
            good = cost.wall <= LIMIT_SECONDS * 1000 and cost.memory <= LIMIT_MEMORY
            notes = [
                f"budget of the last: {LIMIT_SECONDS} s and {LIMIT_MEMORY} MiB ({'within' if good else 'OVER'})",
            ]
    return table("A folder of configuration", table_rows, notes)


def beside_gixy(product: Product, venv: Path) -> str:
    """One site alone, checked by both."""
    title = "One site, beside gixy-next"
    reason = _install(venv)
    if reason:
        return f"## {title}\n\nleft out: {reason}"
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        site = Path(name, "site.conf")
        site.write_text(f"events {{}}\nhttp {{\n{SITE.format(name='shop')}}}\n")
        commands: Mapping[str, tuple[str, ...]] = {
            "gixy-next": (str(venv / "bin" / "gixy"), str(site)),
            "flaskdoctor check": product.command("check", str(site)),
        }
        costs = in_turns(commands, rounds=10, seconds=20)
    return table(title, rows(costs, "gixy-next"))


def _install(venv: Path) -> str:
    """Install gixy-next once; why it cannot be, "" if it is there."""
    if (venv / "bin" / "gixy").exists():
        return ""
    for argv in (
        (sys.executable, "-m", "venv", str(venv)),
        (str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "gixy-next"),
    ):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            return f"gixy-next could not be installed: {done.stderr.strip().splitlines()[-1:]}"
    return ""
