from __future__ import annotations

import os
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.hosts import commands
from doctor.hosts.base import (
    Content,
    Document,
    DocumentKind,
    Missing,
    Scan,
    Stat,
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.tree import TreeHost

K = DocumentKind

UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/srv/venv/bin/gunicorn app:app\n"
NGINX = "server {\n  listen 80;\n  location / {\n    proxy_pass http://unix:/run/x.sock;\n  }\n}\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repository = tmp_path / "repo"
    (repository / "deploy").mkdir(parents=True)
    (repository / "deploy/nginx.conf").write_text(NGINX)
    (repository / "deploy/shop.service").write_text(UNIT)
    (repository / "app.py").write_text("X = 1\n")
    for skipped in ("node_modules", ".git", "venv"):
        (repository / skipped).mkdir()
        (repository / skipped / "nginx.conf").write_text(NGINX)
    (repository / "binary.conf").write_bytes(b"\0" + NGINX.encode())
    (repository / "huge.conf").write_text(NGINX + "#" * (1 << 20))
    (tmp_path / "outside.conf").write_text(NGINX)
    (repository / "link.conf").symlink_to("../outside.conf")
    (repository / "linked").symlink_to("deploy")
    os.mkfifo(repository / "fifo.conf")
    monkeypatch.chdir(repository)
    return repository


def test_repository(repository: Path) -> None:
    host = TreeHost((".",))
    assert host.kind is TargetKind.TREE
    assert host.documents() == (Document("deploy/nginx.conf", K.NGINX), Document("deploy/shop.service", K.UNIT))
    assert host.read("deploy/nginx.conf", TextKind.NGINX) == Content(NGINX)
    assert TreeHost(("deploy",)).documents() == host.documents()
    assert TreeHost(("deploy/nginx.conf",)).documents() == (Document("deploy/nginx.conf", K.NGINX),)
    absolute = TreeHost((str(repository),)).documents()
    assert absolute[0].path == f"{repository}/deploy/nginx.conf"
    assert isinstance(host.stat("deploy"), Stat)
    assert host.list("deploy") == ("nginx.conf", "shop.service")
    assert host.read("deploy/none") == Missing()
    scan = host.scan(".", (".py",))
    assert isinstance(scan, Scan)
    assert [file.path for file in scan.newest] == ["./app.py"] or [file.path for file in scan.newest] == ["app.py"]


def test_nothing_but_the_repository(repository: Path) -> None:
    host = TreeHost((".",))
    foreign = Unseen("not part of this repository", Cause.OUTSIDE)
    for path in ("/etc/passwd", "../outside.conf", "link.conf", "deploy/../../outside.conf", "/"):
        assert host.read(path) == foreign, path
        assert host.env_file(path) == foreign
        assert host.outline(path) == foreign
        assert host.list(path) == foreign
        assert host.scan(path, ()) == foreign
    for path in ("/etc/passwd", "../outside.conf"):
        assert host.stat(path) == foreign
    link = host.stat("link.conf")
    assert isinstance(link, Stat)
    assert link.target == "../outside.conf"
    assert isinstance(host.run(commands.nginx_version()), Unseen)
    assert isinstance(host.machine(), Unseen)
    assert isinstance(host.processes(), Unseen)
    assert isinstance(host.process(1), Unseen)
    assert isinstance(host.connect("127.0.0.1:1"), Unseen)
    assert isinstance(host.addresses(), Unseen)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "image"
    (root / "etc/nginx/sites-enabled").mkdir(parents=True)
    (root / "etc/nginx/sites-available").mkdir()
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "etc/systemd/system/shop.service").write_text(UNIT)
    (root / "etc/nginx/sites-available/shop").write_text(NGINX)
    (root / "etc/nginx/sites-enabled/shop").symlink_to("/etc/nginx/sites-available/shop")
    (root / "etc/passwd").write_text("image\n")
    (root / "usr/lib/systemd/system").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "usr/lib/systemd/system/nginx.service").write_text(UNIT)
    (root / "run").mkdir()
    (root / "var").mkdir()
    (root / "var/run").symlink_to("/run")
    (root / "run/x").write_text("x\n")
    (root / "escape").symlink_to("../../../../../../../../etc/passwd")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "updir").symlink_to("/../..")
    (root / "loop").symlink_to("loop")
    return root


def test_root(root: Path) -> None:
    host = TreeHost((), root=str(root))
    assert host.read("/etc/nginx/sites-enabled/shop", TextKind.NGINX) == Content(NGINX)
    assert host.read("/var/run/x") == Content("x\n")
    for path in ("/escape", "/absolute", "/updir/etc/passwd", "/../../etc/passwd", "/etc/nginx/../passwd"):
        assert host.read(path) == Content("image\n"), path
    link = host.stat("/etc/nginx/sites-enabled/shop")
    assert isinstance(link, Stat)
    assert link.target == "/etc/nginx/sites-available/shop"
    assert isinstance(host.read("/loop"), Unseen)
    assert host.read("/etc/shadow") == Missing()
    assert host.read("/etc/passwd/x") == Missing()
    assert host.list("/updir") == host.list("/")
    assert isinstance(host.read("etc/passwd"), Unseen)
    unseen = host.read("/etc")
    assert unseen == Unseen("/etc is a directory, not a regular file", Cause.UNREADABLE)
    assert host.documents() == (
        Document("/etc/nginx/sites-available/shop", K.NGINX),
        Document("/etc/systemd/system/shop.service", K.UNIT),
        Document("/usr/lib/systemd/system/nginx.service", K.UNIT),
    )


def test_secrets_are_removed(repository: Path) -> None:
    (repository / "prod.env").write_text("A=canary\n")
    (repository / "settings.py").write_text("SECRET_KEY = 'canary'\n")
    host = TreeHost((".",))
    assert "canary" not in repr(
        [host.env_file("prod.env"), host.outline("settings.py"), host.read("settings.py", TextKind.PYTHON)]
    )
