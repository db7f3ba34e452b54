"""What was not seen is not green: in repositories, and by options that hide."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

UNIT = """[Unit]
Description=shop
[Service]
User=www-data
RuntimeDirectory=shop
WorkingDirectory=/srv/shop
{more}ExecStart=/srv/shop/venv/bin/gunicorn {arguments} {entry}
ExecReload=/bin/kill -s HUP $MAINPID
Restart=always
[Install]
WantedBy=multi-user.target
"""
SITE = """server {{
    listen 80;
    server_name {name};
    location / {{
        proxy_pass http://unix:{socket}:;
    }}
}}
"""
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


def unit(more: str = "", arguments: str = "-w 3 -b unix:/run/shop/g.sock", entry: str = "wsgi:app") -> str:
    return UNIT.format(more=f"{more}\n" if more else "", arguments=arguments, entry=entry)


def site(name: str = "shop.test", socket: str = "/run/shop/g.sock") -> str:
    return SITE.format(name=name, socket=socket)


HEALTHY = {"deploy/shop.service": unit(), "deploy/shop.conf": site(), "wsgi.py": FLASK, ".git/HEAD": "ref: x\n"}
Check = Callable[..., Mapping[str, Any]]


@pytest.fixture
def check(doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:  # type: ignore[no-untyped-def]
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)

    def run(files: Mapping[str, str | bytes], *options: str, target: str = ".") -> Mapping[str, Any]:
        for path, text in files.items():
            file = repository / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = doctor("check", target, "--format", "json", *options)
        report: dict[str, Any] = json.loads(done.out)
        return {
            **report,
            "code": done.code,
            "rules": {f["rule"] for f in report["findings"] if f["severity"] != "info"},
        }

    return run


def unjudged(report: Mapping[str, Any]) -> set[str]:
    return {item["path"] for item in report["not_judged"]}


def test_a_healthy_repository_is_healthy(check: Check) -> None:
    report = check(HEALTHY, "--strict")
    assert (report["verdict"], report["code"], report["rules"]) == ("healthy", 0, set())
    assert (report["not_judged"], report["assumed"], report["unknown"]) == ([], [], [])


# ---- an environment file that only the machine has ----

ENVIRONMENT = [
    "EnvironmentFile=/etc/shop.env",
    "EnvironmentFile=-/etc/shop.env",
    "EnvironmentFile=/etc/default/shop\nEnvironmentFile=-/etc/shop.env",
    "EnvironmentFile=/etc/%N.env",
    "EnvironmentFile={{ env_file }}",
    "EnvironmentFile=/srv/shop/.env",
]


@pytest.mark.parametrize("more", ENVIRONMENT)
def test_settings_are_judged_beside_an_unseen_environment_file(check: Check, more: str) -> None:
    files = {
        **HEALTHY,
        "deploy/shop.service": unit(more, "-c gunicorn.conf.py", "wsgi:application"),
        "gunicorn.conf.py": 'bind = "127.0.0.1:8000"\nworkers = 1\n',
    }
    report = check(files)
    assert report["rules"] >= {"SOC001", "APP003", "GUN003"}
    assert report["code"] == 1
    assumed = report["assumed"]
    assert assumed
    assert all(item["path"] == "deploy/shop.service" and item["line"] for item in assumed)
    assert "GUNICORN_CMD_ARGS" in assumed[0]["what"]


def test_an_unseen_environment_file_is_never_healthy(check: Check) -> None:
    report = check({**HEALTHY, "deploy/shop.service": unit("EnvironmentFile=/etc/shop.env")})
    assert (report["verdict"], report["code"], report["rules"]) == ("incomplete", 0, set())
    assert [item["line"] for item in report["assumed"]] == [7]
    assert check({}, "--strict")["code"] == 4


def test_an_environment_file_of_a_drop_in(check: Check) -> None:
    drop_in = "[Service]\nEnvironmentFile=/etc/shop.env\n"
    report = check({**HEALTHY, "deploy/shop.service.d/env.conf": drop_in})
    assert [item["path"] for item in report["assumed"]] == ["deploy/shop.service.d/env.conf"]


def test_what_the_configuration_reads_by_name_is_not_assumed(check: Check) -> None:
    """The file is there because it sets what is named: no address is made up."""
    for settings in ('import os\nbind = "127.0.0.1:" + os.environ.get("PORT", "8000")\nworkers = 3\n',):
        files = {
            **HEALTHY,
            "deploy/shop.service": unit("EnvironmentFile=/etc/shop.env", "-c gunicorn.conf.py"),
            "gunicorn.conf.py": settings,
        }
        assert "SOC001" not in check(files)["rules"]
    files["deploy/shop.service"] = unit("EnvironmentFile=/etc/shop.env", "-w 3 -b 127.0.0.1:${PORT}")
    assert "SOC001" not in check(files)["rules"]


def test_an_environment_file_in_the_repository_is_read(check: Check) -> None:
    files = {**HEALTHY, "deploy/shop.service": unit("EnvironmentFile=/etc/shop.env"), "deploy/shop.env": "DEBUG=0\n"}
    assert check(files)["assumed"] == []


def test_a_variable_that_is_passed_on(check: Check) -> None:
    assert check({**HEALTHY, "deploy/shop.service": unit("PassEnvironment=WEB_CONCURRENCY HOME")})["assumed"]
    assert not check({**HEALTHY, "deploy/shop.service": unit("PassEnvironment=HOME")})["assumed"]


# ---- the folder of the configuration alone ----


@pytest.mark.parametrize("marker", [".git/HEAD", "pyproject.toml", "requirements.txt"])
def test_a_folder_is_judged_like_its_repository(check: Check, marker: str) -> None:
    files = {
        "ops/deploy/shop.service": unit("", "-c gunicorn.conf.py", "wsgi:application"),
        "ops/deploy/shop.conf": site(),
        "wsgi.py": FLASK,
        "gunicorn.conf.py": 'bind = "127.0.0.1:8000"\nworkers = 1\n',
        marker: "\n",
    }
    whole, part = check(files), check({}, target="ops/deploy")
    assert part["rules"] == whole["rules"] >= {"SOC001", "APP003", "GUN003"}
    assert [app["name"] for app in part["apps"]] == ["shop"]
    assert part["not_judged"] == whole["not_judged"] == []


def test_files_are_judged_like_their_repository(check: Check) -> None:
    files = {**HEALTHY, "deploy/shop.service": unit(entry="wsgi:application")}
    assert check(files, "deploy/shop.conf", target="deploy/shop.service")["rules"] == {"APP003"}


def test_apps_of_other_folders_are_none_of_a_folder(check: Check) -> None:
    other = {"other/blog.service": unit(entry="blog:app"), "blog.py": FLASK}
    assert [app["name"] for app in check({**HEALTHY, **other}, target="deploy")["apps"]] == ["shop"]


def test_what_lies_in_no_repository_is_said(check: Check) -> None:
    files = {"deploy/shop.service": unit("", "-c gunicorn.conf.py"), "deploy/shop.conf": site(), "wsgi.py": FLASK}
    report = check(files, target="deploy")
    assert unjudged(report) == {"/srv/shop/gunicorn.conf.py", "wsgi:app (shop)"}
    assert report["verdict"] == "incomplete"


def test_a_link_out_of_the_repository_is_not_followed(check: Check, tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(FLASK)
    (tmp_path / "repository" / "wsgi.py").symlink_to(tmp_path / "wsgi.py")
    files = {path: text for path, text in HEALTHY.items() if path != "wsgi.py"}
    assert "wsgi:app (shop)" in unjudged(check(files, target="deploy"))


# ---- recognised and not judged ----

RECOGNISED = {
    "docker-compose.yml": "services:\n  web:\n    build: .\n    command: gunicorn wsgi:app\n",
    "compose.yaml": "services:\n  proxy:\n    image: nginx:1.27\n",
    "Dockerfile": "FROM python:3.12\nRUN pip install gunicorn\nCMD gunicorn wsgi:app\n",
    "Procfile": "web: gunicorn wsgi:app\n",
    "supervisor.conf": "[program:shop]\ncommand=gunicorn wsgi:app\n",
    "playbook.yml": "- hosts: web\n  tasks:\n    - name: x\n      service: name=shop state=restarted\n",
    "roles/shop/tasks/main.yml": "- name: copy\n  template:\n    src: a\n",
    "main.tf": 'resource "aws_instance" "web" {\n  user_data = file("init.sh")\n}\n',
    "k8s/shop.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n",
    ".github/workflows/deploy.yml": "on: push\njobs:\n  d:\n    runs-on: x\n    steps:\n      - run: ssh a@b ls\n",
    ".gitlab-ci.yml": "stages: [d]\nd:\n  script:\n    - rsync -a . host:/srv/shop\n",
    "deploy.sh": "#!/bin/sh\ngit pull\nsudo systemctl restart shop\n",
    "uwsgi.ini": "[uwsgi]\nmodule = wsgi:app\n",
    "shop.service.j2": "{% extends 'base.j2' %}\n[Service]\nExecStart={{ command }}\n",
    "Caddyfile": "shop.test {\n  reverse_proxy localhost:8000\n}\n",
}


@pytest.mark.parametrize("path", RECOGNISED)
def test_what_has_no_rules_is_named(check: Check, path: str) -> None:
    report = check({path: RECOGNISED[path]})
    assert unjudged(report) == {path}
    assert (report["verdict"], report["code"]) == ("incomplete", 4)
    report = check({**HEALTHY, path: RECOGNISED[path]})
    assert path in unjudged(report)
    assert (report["verdict"], report["code"]) == ("incomplete", 0)


IDLE = {
    ".github/workflows/test.yml": (
        "on: push\njobs:\n  t:\n    runs-on: x\n    steps:\n"
        "      - run: sudo systemctl start mysql\n      - run: pytest\n"
    ),
    ".github/workflows/pages.yml": "on: push\njobs:\n  t:\n    steps:\n      - uses: actions/deploy-pages@v4\n",
    "docker-compose.dev.yml": "services:\n  web:\n    build: .\n",
    "docker-compose.yml": "services:\n  db:\n    image: postgres:16\n  cache:\n    image: redis\n",
    ".devcontainer/Dockerfile": "FROM python:3.12\nRUN pip install flask\n",
    "docker/db/Dockerfile": "FROM postgres:16\nCOPY init.sql /docker-entrypoint-initdb.d/\n",
    "run-tests.sh": "#!/bin/sh\npytest -q\n",
    "scripts/lint": "#!/bin/bash\nruff check .\n",
    ".env.example": "SECRET_KEY=\n",
    "mkdocs.yml": "site_name: x\nnav:\n  - index.md\n",
    "s3.tf": 'resource "aws_s3_bucket" "assets" {\n  bucket = "assets"\n}\n',
    "data.env.bin": b"\0\1",
}


@pytest.mark.parametrize("path", IDLE)
def test_what_deploys_nothing_is_not_named(check: Check, path: str) -> None:
    report = check({**HEALTHY, path: IDLE[path]})
    assert report["not_judged"] == []
    assert report["verdict"] == "healthy"


def test_files_that_cannot_be_read_for_what_they_are_called(check: Check) -> None:
    report = check({**HEALTHY, "big.service": b"#" * (1 << 20) + b"#", "wide.conf/nginx.conf": b"s\0e\0"})
    assert unjudged(report) == {"big.service", "wide.conf/nginx.conf"}
    assert report["verdict"] == "incomplete"


def test_a_byte_order_mark_is_read_over(check: Check) -> None:
    files = {**HEALTHY, "deploy/shop.service": b"\xef\xbb\xbf" + unit(entry="wsgi:application").encode()}
    assert check(files)["rules"] == {"APP003"}


# ---- an error stands for itself ----


@pytest.mark.parametrize(
    ("service", "others"),
    [
        (unit(arguments="-w 3 -b unix:/run/elsewhere.sock"), {"SOC004"}),
        (unit(entry="wsgi:application", arguments="-w 3 -b 127.0.0.1:8000"), {"APP003"}),
    ],
)
def test_addresses_that_differ_are_a_cause_of_their_own(check: Check, service: str, others: set[str]) -> None:
    report = check({**HEALTHY, "deploy/shop.service": service})
    assert report["rules"] >= {"SOC001"} | others
    found = {finding["rule"]: finding for finding in report["findings"]}
    assert found["SOC001"]["explained_by"] == []
    assert all(found[rule]["severity"] == "error" for rule in others)


def test_what_is_left_out_is_not_healthy(check: Check) -> None:
    for option in (("--select", "SOC001"), ("--ignore", "GUN")):
        report = check(HEALTHY, *option)
        assert (report["verdict"], report["code"]) == ("incomplete", 0)
        assert report["hidden"]["rules"] > 0
        assert check(HEALTHY, *option, "--strict")["code"] == 0


# ---- environments and identity ----


@pytest.mark.parametrize(
    "folders", [("staging", "production"), ("deploy/a", "deploy/b"), ("hosts/web1", "hosts/web2/x")]
)
def test_environments_are_machines_of_their_own(check: Check, folders: tuple[str, str]) -> None:
    files: dict[str, str] = {"wsgi.py": FLASK}
    for folder in folders:
        files |= {f"{folder}/systemd/shop.service": unit(), f"{folder}/nginx/shop": site()}
    report = check(files)
    assert (report["rules"], report["not_judged"], len(report["apps"])) == (set(), [], 2)
    report = check({f"{folders[1]}/systemd/shop.service": unit(arguments="-w 3 -b unix:/run/shop/o.sock")})
    found = [finding for finding in report["findings"] if finding["rule"] == "SOC001"]
    assert [finding["app"] for finding in found] == [f"{folders[1]}/systemd/shop"]
    assert report["code"] == 1


def test_folders_side_by_side_are_one_machine(check: Check) -> None:
    files = {
        **HEALTHY,
        "deploy/systemd/shop.service": unit(arguments="-w 3 -b unix:/run/shop/o.sock"),
        "deploy/nginx/shop.conf": site(),
    }
    del files["deploy/shop.service"], files["deploy/shop.conf"]
    assert "SOC001" in check(files)["rules"]


def test_two_units_of_one_name_are_said(check: Check) -> None:
    report = check({**HEALTHY, "old/shop.service": unit()})
    assert {"deploy/shop.service", "old/shop.service"} <= unjudged(report)
    assert any("exists twice" in item["reason"] for item in report["not_judged"])
    assert not report["rules"] & {"SOC008", "SOC006"}


# ---- code ----

PACKAGE = {
    **HEALTHY,
    "deploy/shop.service": unit(entry="shop.wsgi:app"),
    "shop/__init__.py": FLASK,
    "shop/wsgi.py": "from shop import app\n",
    "shop/models.py": "class Order: ...\n",
}
BROKEN = {
    "syntax-in-entry": {"shop/wsgi.py": "from shop import app\ndef f(:\n"},
    "syntax-in-package": {"shop/__init__.py": FLASK + "from shop import models\n", "shop/models.py": "x = = 1\n"},
    "open-bracket": {"shop/models.py": "x = (\n", "shop/__init__.py": "from . import models\n" + FLASK},
    "own-module": {"shop/__init__.py": FLASK + "from shop.orders import view\n"},
    "own-module-relative": {"shop/__init__.py": FLASK + "from .orders import view\n"},
    "own-submodule": {"shop/__init__.py": FLASK + "import shop.orders\n"},
    "own-name": {"shop/__init__.py": FLASK + "from shop.models import Bill\n"},
    "raise": {"shop/__init__.py": FLASK + 'raise RuntimeError("not yet")\n'},
    "in-the-factory": {
        "shop/__init__.py": "def create_app():\n    from shop import orders\n    return orders\n",
        "shop/wsgi.py": "from shop import create_app\napp = create_app()\n",
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_code_that_cannot_be_imported(check: Check, name: str) -> None:
    report = check({**PACKAGE, **BROKEN[name]})
    assert report["rules"] == {"APP001"}
    [app] = report["apps"]
    assert [hop["state"] for hop in app["path"] if hop["hop"] == "code"] == ["broken"]


FINE = {
    "guarded": {
        "shop/__init__.py": FLASK + "try:\n    from shop import orders\nexcept ImportError:\n    orders = None\n"
    },
    "type-checking": {
        "shop/__init__.py": FLASK
        + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.types import Order\n"
    },
    "conditional-raise": {"shop/__init__.py": FLASK + "import os\nif 'X' in os.environ:\n    raise RuntimeError\n"},
    "generated": {"shop/__init__.py": FLASK + "from shop import orders_pb2\n"},
    "version": {"shop/__init__.py": FLASK + "from shop._version import version\n"},
    "ignored-by-git": {
        "shop/__init__.py": FLASK + "from shop import build_info\n",
        ".gitignore": "shop/build_info.py\n",
    },
    "stub-of-an-extension": {"shop/__init__.py": FLASK + "from shop import fast\n", "shop/fast.pyi": "x: int\n"},
    "dynamic": {
        "shop/__init__.py": FLASK + "def __getattr__(name): ...\n",
        "shop/wsgi.py": "from shop import app, x\n",
    },
    "in-a-function": {"shop/__init__.py": FLASK + "def later():\n    from shop import orders\n"},
    "other-package": {"shop/__init__.py": FLASK + "import stripe\n"},
    "namespace": {"shop/__init__.py": FLASK + "from plugins import a\n", "plugins/a.py": "x = 1\n"},
}


@pytest.mark.parametrize("name", FINE)
def test_code_that_is_fine(check: Check, name: str) -> None:
    report = check({**PACKAGE, **FINE[name]})
    assert report["rules"] == set()
    assert report["verdict"] == "healthy"


@pytest.mark.parametrize("text", ["type Order = int\n", "def first[T](x: list[T]) -> T: ...\n", "x = t'{1}'\n"])
def test_syntax_of_a_newer_python_is_no_fault(check: Check, text: str) -> None:
    report = check({**PACKAGE, "shop/models.py": text, "shop/__init__.py": "from . import models\n" + FLASK})
    assert report["rules"] == set()
    assert report["verdict"] in ("incomplete", "healthy")  # healthy where the Python that looks is new enough


@pytest.mark.parametrize("entry", ["shop.wsgii:app", "shop.web.wsgi:app"])
def test_an_entry_point_that_its_package_does_not_have(check: Check, entry: str) -> None:
    assert check({**PACKAGE, "deploy/shop.service": unit(entry=entry)})["rules"] == {"APP003"}


def test_what_a_template_unit_is_started_under_is_not_a_text_of_its_own(check: Check) -> None:
    """shop@.service binds /run/shop-%i/g.sock: whether an instance has the address of the site, no file tells."""
    report = check(
        {
            "deploy/shop@.service": unit(arguments="-w 3 -b unix:/run/shop-%i/g.sock"),
            "deploy/shop.conf": site(socket="/run/shop-blue/g.sock"),
            "wsgi.py": FLASK,
            ".git/HEAD": "ref: x\n",
        }
    )
    assert (report["verdict"], report["rules"]) == ("incomplete", set())


UNIT_IN_TERRAFORM = """\
resource "aws_instance" "web" {
  user_data = <<EOT
cat >/etc/systemd/system/shop.service <<END
[Unit]
Description=shop
[Service]
ExecStart=/srv/shop/venv/bin/gunicorn wsgi:app
END
EOT
}
"""


def test_a_unit_that_terraform_writes_is_none_of_the_repository(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "main.tf").write_text(UNIT_IN_TERRAFORM)
    done = doctor("check", str(tmp_path), "--format", "json")
    report = json.loads(done.out)
    assert (done.code, report["apps"]) == (4, [])
    assert [each["kind"] for each in report["not_judged"]] == ["terraform"]


def test_a_certificate_that_may_stand_elsewhere_is_unknown(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "shop.conf").write_text(
        "server {\n  listen 443 ssl;\n  server_name shop.test;\n  include snippets/self-signed.conf;\n"
        "  location / { proxy_pass http://127.0.0.1:8000; }\n}\n"
    )
    (tmp_path / "shop.service").write_text(
        "[Unit]\nDescription=shop\n[Service]\nUser=shop\nWorkingDirectory=/srv/shop\nRestart=on-failure\n"
        "ExecStart=/srv/shop/venv/bin/gunicorn -w 3 wsgi:app\nExecReload=/bin/kill -HUP $MAINPID\n"
    )
    report = json.loads(doctor("check", str(tmp_path), "--format", "json").out)
    assert "nginx-config-invalid" not in {finding["name"] for finding in report["findings"]}
    assert "nginx-config-invalid" in {unknown["name"] for unknown in report["unknown"]}
