"""No secret that lies in files is told by a check of them, in any form, whole or broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import Done
from planted import MARK, Where, texts

UNIT = "[Unit]\nDescription=shop\n[Service]\nUser=shop\nWorkingDirectory=/srv/shop\n"
UNIT += "ExecStart=/srv/shop/venv/bin/gunicorn wsgi:app\n"
SITE = "server {{\nlisten 80;\nserver_name shop.test;\n{}\nlocation / {{ proxy_pass http://127.0.0.1:8000; }}\n}}\n"


def _plant(folder: Path, *, broken: bool) -> None:
    files = {
        "wsgi.py": "import os\n\nfrom flask import Flask\n\napp = Flask(__name__)\n"
        + "\n".join(texts(Where.CODE))
        + "\n",
        "gunicorn.conf.py": 'bind = "127.0.0.1:8000"\n' + "\n".join(texts(Where.SETTINGS)),
        "deploy/shop.service": UNIT + "\n".join(texts(Where.UNIT)) + "\nEnvironmentFile=/srv/shop/shop.env\n",
        "shop.env": f"PLAIN={MARK}\nWEB_CONCURRENCY=4 # {MARK}\nGUNICORN_CMD_ARGS=--workers {MARK} --{MARK}\n",
        "deploy/shop.nginx": "\n".join(texts(Where.HTTP)) + "\n" + SITE.format("\n".join(texts(Where.SERVER))),
        "compose.yaml": texts(Where.COMPOSE)[0] + "\n",
        "Dockerfile": "FROM python:3.11\n" + "\n".join(texts(Where.DOCKERFILE)),
        "supervisord.conf": "\n".join(texts(Where.SUPERVISOR)) + "\ncommand=gunicorn wsgi:app\n",
        "start.sh": "#!/bin/sh\n" + "\n".join(texts(Where.SCRIPT)) + "\nexec gunicorn wsgi:app\n",
    }
    if broken:
        files["wsgi.py"] += "\n".join(texts(Where.BROKEN_CODE))
        files["deploy/shop.nginx"] = SITE.format("\n".join(texts(Where.SERVER, Where.BROKEN_SERVER)))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken"])
@pytest.mark.parametrize("form", ["text", "concise", "json"])
@pytest.mark.parametrize("more", [(), ("--diff", "--unsafe-fixes")], ids=["", "diff"])
def test_no_secret_is_told_of_files(
    tmp_path: Path, doctor: Callable[..., Done], broken: bool, form: str, more: tuple[str, ...]
) -> None:
    _plant(tmp_path, broken=broken)
    told = doctor("check", str(tmp_path), "--format", form, "--min-severity", "info", *more)
    assert told.code in (0, 1), told.err
    assert MARK not in told.out + told.err


@pytest.mark.parametrize(
    "line",
    [
        "WEB_CONCURRENCY=4 # {}", "WEB_CONCURRENCY={}", "PORT={}", "PORT=80 {}", "GUNICORN_CMD_ARGS=--workers {}",
        "GUNICORN_CMD_ARGS={}", "GUNICORN_CMD_ARGS=--{}", "GUNICORN_CMD_ARGS='--work={} x'",
        "GUNICORN_CMD_ARGS='--reload={}'", 'GUNICORN_CMD_ARGS="\'{}"', "GUNICORN_CMD_ARGS='--bind {}:x:y'",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_value_of_a_variable_is_in_no_reason(
    tmp_path: Path, doctor: Callable[..., Done], line: str, form: str
) -> None:
    (tmp_path / "shop.service").write_text(UNIT + "EnvironmentFile=/srv/shop/shop.env\n")
    (tmp_path / "srv/shop").mkdir(parents=True)
    (tmp_path / "shop.env").write_text(line.replace("{}", f"{MARK} words") + "\n")
    (tmp_path / "gunicorn.conf.py").write_text('import os\nworkers = os.environ.get("WEB_CONCURRENCY", 2)\n')
    told = doctor("check", str(tmp_path), "--format", form, "--min-severity", "info")
    assert told.code in (0, 1), told.err
    assert MARK not in told.out + told.err
