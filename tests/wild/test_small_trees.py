"""Repositories of the shapes people commit: what is wrong is said, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from wild.trees import CODE, Judge, Tree, faults, site, unit

from doctor.reports.model import Verdict
from doctor.run import exit_code

HEALTHY: dict[str, Tree] = {
    "tcp": {"deploy/shop.service": unit(), "deploy/nginx.conf": site(), "wsgi.py": CODE},
    "no code": {"shop.service": unit(), "shop.conf": site()},
    "settings in a file": {
        "shop.service": unit().replace("--workers 3 --bind 127.0.0.1:8000", "-c gunicorn.conf.py"),
        "gunicorn.conf.py": "bind = '127.0.0.1:8000'\nworkers = 3\n",
        "shop.conf": site(),
        "wsgi.py": CODE,
    },
    "settings found without being named": {
        "deploy/shop.service": unit("unix:/run/").replace("--workers 3 --bind unix:/run/", ""),
        "gunicorn.conf.py": "bind = 'unix:/run/shop/sock'\nworkers = 3\n",
        "deploy/shop.conf": site("http://unix:/run/shop/sock"),
        "wsgi.py": CODE,
    },
    "settings that only the machine knows": {
        "shop.service": unit()
        .replace("--workers 3 --bind 127.0.0.1:8000", "-c gunicorn.conf.py")
        .replace("[Install]", "EnvironmentFile=/etc/shop/secrets\n\n[Install]"),
        "gunicorn.conf.py": "import os\nbind = os.environ.get('BIND', 'unix:/run/x.sock')\n"
        "workers = int(os.environ.get('WORKERS', 1))\n",
        "shop.conf": site(),
        "wsgi.py": CODE,
    },
    "arguments in an environment file of the same name": {
        "shop.service": unit("unix:/run/")
        .replace("--workers 3 --bind unix:/run/", "$ARGS")
        .replace("[Install]", "EnvironmentFile=-/etc/default/shop\n\n[Install]"),
        "deploy/default/shop": 'ARGS="--workers 3 --bind unix:/run/shop/other"\n',
        "shop.conf": site("http://unix:/run/shop/other"),
    },
    "a relative socket": {
        "shop.service": unit("unix:shop.sock"),
        "shop.conf": site("http://unix:/srv/shop/shop.sock"),
    },
    "a socket with a URI": {"s.service": unit("unix:/run/shop/sock"), "s.conf": site("http://unix:/run/shop/sock:/")},
    "a socket without a slash": {"s.service": unit("unix:/run/shop/sock"), "s.conf": site("http://unix:run/shop/sock")},
    "a socket unit, whose address counts": {
        "shop.service": unit("127.0.0.1:8000"),
        "shop.socket": "[Socket]\nListenStream=/run/shop.sock\nListenStream=/run/shop/second\n",
        "a.conf": site("http://unix:/run/shop.sock"),
        "b.conf": site("http://unix:/run/shop/second:"),
    },
    "a bare path that a socket unit saves": {
        "shop.service": unit("/run/shop.sock"),
        "shop.socket": "[Socket]\nListenStream=/run/shop.sock\n",
        "shop.conf": site("http://unix:/run/shop.sock"),
    },
    "php beside": {
        "shop.service": unit("unix:/run/shop/sock"),
        "php.conf": "server {\n  listen 80;\n  location ~ [.]php$ {\n fastcgi_pass unix:/run/php-fpm.sock;\n  }\n}\n",
    },
    "nginx of docker compose": {
        "shop.service": unit("unix:/run/shop/sock"),
        "docker/nginx.conf": site("http://web:5000"),
        "docker-compose.yml": "services:\n  web:\n    build: .\n    command: gunicorn -b 0.0.0.0:5000 wsgi:app\n",
    },
    "variants of nginx": {
        "shop.service": unit("unix:/run/shop/sock"),
        "nginx.unix.conf": site("http://unix:/run/shop/sock"),
        "nginx.other.conf ": site("http://unix:/run/shop/sock"),
    },
    "staging and production": {
        "production/shop.service": unit("unix:/run/shop/sock"),
        "production/nginx.conf": "upstream shop {\n  server unix:/run/shop/sock;\n}\n" + site("http://shop"),
        "staging/shop.service": unit("127.0.0.1:9000"),
        "staging/nginx.conf": "upstream shop {\n  server 127.0.0.1:9000;\n}\n" + site("http://shop"),
    },
    "an installer that writes another unit": {
        "shop.service": unit(),
        "shop.conf": site(),
        "install.sh": "#!/bin/bash\ncat > /etc/systemd/system/shop.service <<EOF\n" + unit("unix:/x") + "EOF\n",
        "README.md": "```\n" + unit("unix:/y") + "```\n```\n" + site("http://unix:/z") + "```\n",
    },
    "a module two folders down": {
        "deploy/shop.service": unit().replace("WorkingDirectory=/srv/shop", "WorkingDirectory=/opt/x/backend"),
        "backend/wsgi.py": CODE,
        "shop.conf": site(),
    },
    "a name that the framework sets": {
        "shop.service": unit().replace("wsgi:app", "wsgi:__hug_wsgi__"),
        "shop.conf": site(),
        "wsgi.py": "import hug\n\n\n@hug.get()\ndef hello():\n    return 1\n",
    },
    "what the machine makes": {
        "shop.service": unit().replace("[Install]", "EnvironmentFile=/srv/shop/.env\n\n[Install]"),
        "shop.conf": site(),
        "wsgi.py": "import os\nimport not_installed_here\nfrom settings_local import X\n"
        + CODE
        + "K = os.environ['KEY']\n",
    },
}


@pytest.mark.parametrize("tree", HEALTHY.values(), ids=HEALTHY)
def test_silent(judged: Judge, tree: Tree) -> None:
    report = judged(tree)
    assert report.apps
    assert faults(report) == set()
    assert report.bugs == ()


def test_a_healthy_repository_is_healthy(judged: Judge) -> None:
    """What nobody could check in files is no gap in the report."""
    report = judged(HEALTHY["tcp"])
    assert (report.verdict, report.unknown) == (Verdict.HEALTHY, ())
    assert exit_code(report, strict=True) == 0
    assert report.summary.passed > 5


def test_an_expression_is_still_a_gap(judged: Judge) -> None:
    """Unlike a process, a computed setting is part of the repository, and its value could be written down."""
    report = judged(
        {
            "shop.service": unit().replace("--bind 127.0.0.1:8000", ""),
            "gunicorn.conf.py": "from somewhere import address\nbind = address()\n",
            "wsgi.py": CODE,
            "shop.conf": site("http://unix:/run/shop/sock"),
        }
    )
    assert faults(report) == set()
    assert any("address()" in item.reason for item in report.unknown)


def test_mismatch_in_a_template_without_gaps(judged: Judge) -> None:
    report = judged(
        {
            "roles/app/templates/shop.service.j2": unit("0.0.0.0:8000"),
            "roles/web/templates/site.j2": site("http://unix:/shop/shop.sock"),
        }
    )
    finding = next(finding for finding in report.findings if finding.name == "upstream-bind-mismatch")
    assert next((item.path, item.line) for item in finding.evidence if item.path) == ("roles/web/templates/site.j2", 6)


def test_a_config_that_is_copied_to_the_machine(judged: Judge) -> None:
    report = judged(
        {
            "contrib/shop.service": unit().replace("--workers 3 --bind 127.0.0.1:8000", "-c /etc/shop/gunicorn.py"),
            "contrib/gunicorn.py": "bind = '127.0.0.1:8000'\nworkers = 1\n",
            "contrib/nginx.conf": site(),
        }
    )
    finding = next(finding for finding in report.findings if finding.name == "single-worker")
    assert ("contrib/gunicorn.py", 2) in [(item.path, item.line) for item in finding.evidence]


def test_one_worker_where_nothing_says_otherwise(judged: Judge) -> None:
    assert "single-worker" in faults(judged({"shop.service": unit().replace("--workers 3", "")}))


def test_code_is_found_under_the_paths_of_the_machine(judged: Judge) -> None:
    from doctor.apps.collect import collect_facts
    from doctor.hosts.tree import TreeHost

    judged({"deploy/shop.service": unit(), "wsgi.py": "from flask import Flask\napplication = Flask(__name__)\n"})
    code = collect_facts(TreeHost((".",))).apps[0].code
    assert code.entry_problem.value == "/srv/shop/wsgi.py does not define app; it defines application"  # type: ignore[union-attr]
    assert "wsgi.py" in [place.path for place in code.entry_problem.places]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (unit().replace("[Service]", "[User]"), 8, "outside of [Service]"),
        (unit().replace("=/srv/shop\n", "=shop\n"), 7, "WorkingDirectory=shop is not absolute"),
        (unit().replace("wsgi:app", '"wsgi:app'), 8, "the unit does not load"),
    ],
)
def test_units_that_systemd_refuses(judged: Judge, text: str, line: int, said: str) -> None:
    from doctor.apps.collect import collect_facts
    from doctor.hosts.tree import TreeHost

    report = judged({"shop.service": text, "shop.conf": site()})
    assert "upstream-bind-mismatch" not in faults(report)
    facts = collect_facts(TreeHost((".",)))
    refused = facts.unreadable[0]
    assert said in str(refused.value)  # type: ignore[union-attr]
    assert (refused.places[0].path, refused.places[0].line) == ("shop.service", line)
    assert facts.systemd.units[0].load_state.value == "bad-setting"  # type: ignore[union-attr]


BROKEN: dict[str, bytes] = {
    "binary.conf": b"\0" + site().encode(),
    "latin.service": unit().replace("The shop", "Le caf\xe9").encode("latin-1"),
    "half.conf": site()[:70].encode(),
    "cycle.conf": b"include cycle.conf; include other.conf;\n" + site().encode(),
    "other.conf": b"include *.conf;\n" + site().encode(),
    "bad.service": unit().replace("[Install]", "no line\n=\n[\n[Install").encode(),
    "odd.socket": b"[Socket]\nListenStream=\nListenStream=x:y\n",
    "gunicorn.conf.py": b"workers = (((",
    "wsgi.py": b"\xff\xfe(" * 500,
    "deep.conf": b"http {" + b"location / {" * 3000,
    "long.conf": b"server { server_name " + b"a" * 200_000 + b"; location / { proxy_pass http://127.0.0.1:1; } }",
    "line\nbreak\x1b[31m.service": unit().encode(),
    "empty.service": b"",
}


@pytest.mark.parametrize("form", ["text", "concise", "json"])
def test_whatever_lies_there(tmp_path: Path, doctor: Callable[..., object], form: str) -> None:
    for name, data in BROKEN.items():
        (tmp_path / name).write_bytes(data)
    for name, target in (("loop", "loop"), ("self", "."), ("etc.conf", "/etc/passwd"), ("up", ".."), ("gone", "x")):
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "fifo.service")
    done = doctor("check", str(tmp_path), "--format", form)
    assert done.code == 1  # type: ignore[attr-defined]
    assert done.err == ""  # type: ignore[attr-defined]
    assert "\x1b" not in done.out  # type: ignore[attr-defined]
    assert "root:" not in done.out  # type: ignore[attr-defined]
