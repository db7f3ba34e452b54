"""What only shows when the files of a repository are read together, and what was not looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wild.trees import CODE, Judge, Tree, faults, site, unit

from doctor.cause import Cause
from doctor.hosts import files
from doctor.hosts.base import Unseen
from doctor.reports.model import Verdict
from doctor.run import exit_code


def test_a_module_whose_name_was_mistyped(judged: Judge) -> None:
    report = judged({"deploy/shop.service": unit().replace("wsgi:app", "myshop_wsgi:app"), "shop_wsgi.py": CODE})
    finding = next(finding for finding in report.findings if finding.name == "wrong-wsgi-entrypoint")
    assert finding.message.endswith("the repository has no myshop_wsgi; shop_wsgi.py defines app.")
    assert ("shop_wsgi.py", None) in [(item.path, item.line) for item in finding.evidence]


@pytest.mark.parametrize(
    ("told", "tree"),
    [
        ("wsgi:app", {"asgi.py": CODE}),
        ("shop_wsgi2:app", {"backend/shop_wsgi2.py": CODE, "shop_wsgi.py": CODE}),
        ("myshop_wsgi:app", {"shop_wsgi.py": "import flask\n"}),
        ("myshop_wsgi:app", {"shop_wsgi.py": CODE, "my_shop_wsgi.py": CODE}),
        ("myshop.wsgi:app", {"shop/wsgi.py": CODE}),
    ],
)
def test_a_module_made_elsewhere_is_not_missing(judged: Judge, told: str, tree: Tree) -> None:
    assert faults(judged({"deploy/shop.service": unit().replace("wsgi:app", told), **tree})) == set()


def test_a_sample_tells_which_variables_the_machine_sets(judged: Judge) -> None:
    """What .env.example does not name is not set in .env; what it names has a value that nobody sees."""
    config = "import os\nfrom pathlib import Path\nHERE = Path(__file__).resolve().parent\nworkers = 3\nbind = {}\n"
    tree = {
        "deploy/shop.service": unit()
        .replace("--workers 3 --bind 127.0.0.1:8000", "-c /srv/shop/gunicorn.conf.py")
        .replace("[Install]", "EnvironmentFile=/srv/shop/.env\n\n[Install]"),
        ".env.example": "SECRET_KEY=\nBIND=127.0.0.1:8000\n",
        "deploy/shop.conf": site("http://unix:/home/ann/shop/sock"),
        "wsgi.py": CODE,
    }
    named = config.format("os.getenv('BIND', 'unix:' + str(HERE / 'sock'))")
    assert "upstream-bind-mismatch" not in faults(judged({**tree, "gunicorn.conf.py": named}))
    report = judged({**tree, "gunicorn.conf.py": config.format("os.getenv('SOCKET', f\"unix:{HERE / 'sock'}\")")})
    finding = next(finding for finding in report.findings if finding.name == "upstream-bind-mismatch")
    assert "unix:/srv/shop/sock" in finding.message
    assert ("gunicorn.conf.py", 5) in [(item.path, item.line) for item in finding.evidence]


def test_variants_of_nginx_of_which_none_fits(judged: Judge) -> None:
    """The names of the logs tell whose they are."""
    logs = "access_log /var/log/nginx/shop.access.log;\n    location"
    report = judged(
        {
            "shop.service": unit("unix:/run/shop/sock"),
            "nginx.unix.conf": site("http://unix:/run/old/sock").replace("shop.test", "_").replace("location", logs),
            "nginx.tcp.conf ": site("http://127.0.0.1:8000").replace("shop.test", "_").replace("location", logs),
        }
    )
    named = [finding.evidence[0].path for finding in report.findings if finding.name == "upstream-bind-mismatch"]
    assert sorted(map(str, named)) == ["nginx.tcp.conf ", "nginx.unix.conf"]


BARE = unit().partition("[Install]")[0]


def test_a_unit_that_cannot_be_enabled(judged: Judge) -> None:
    assert "unit-not-enabled" in faults(judged({"deploy/shop.service": BARE, "shop.conf": site()}))


@pytest.mark.parametrize(
    "tree",
    [
        {"deploy/shop.socket": "[Socket]\nListenStream=127.0.0.1:8000\n\n[Install]\nWantedBy=sockets.target\n"},
        {"deploy/web.target": "[Unit]\nWants=shop.service\n"},
        {"deploy/shop.service.d/install.conf": "[Install]\nWantedBy=multi-user.target\n"},
        {"deploy/shop.service": BARE.replace("[Service]", "PartOf=web.target\n\n[Service]")},
        {"install.sh": "#!/bin/sh\nsystemctl add-wants multi-user.target shop.service\n"},
    ],
)
def test_a_unit_that_something_else_starts(judged: Judge, tree: Tree) -> None:
    assert "unit-not-enabled" not in faults(judged({"deploy/shop.service": BARE, "shop.conf": site(), **tree}))


def test_a_reload_that_reaches_nobody(judged: Judge) -> None:
    text = unit().replace("$MAINPID", "\\$MAINPID")
    report = judged({"shop.service": text, "shop.conf": site()})
    [finding] = [finding for finding in report.findings if finding.name == "execreload-missing"]
    assert ("shop.service", 9) in [(item.path, item.line) for item in finding.evidence]


def test_a_large_repository_is_looked_through(judged: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies high up is found first, and what was left out is no silent pass."""
    monkeypatch.setattr("doctor.hosts.documents.WALK_LIMIT", 60)
    for index in range(100):
        (tmp_path / f"app/deep/module_{index}").mkdir(parents=True)
    (tmp_path / "vendor/other").mkdir(parents=True)
    (tmp_path / "vendor/other/other.service").write_text(unit().replace("Restart=on-failure\n", ""))
    report = judged({"deploy/shop.service": unit(), "deploy/shop.conf": site(), "app/deep/module_1/x.service": unit()})
    assert [app.name for app in report.apps] == ["shop"]
    assert faults(report) == set()
    assert report.verdict is Verdict.INCOMPLETE
    assert "app/deep/module_0 and more were not looked at" in report.unknown[0].reason
    assert exit_code(report, strict=True) == 4


def test_a_file_that_may_not_be_read_is_told(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.read_bytes

    def denied(path: str, *given: Any, **more: Any) -> object:
        refused = Unseen(f"permission denied reading {path}", Cause.NEEDS_ROOT)
        return refused if path.endswith("b.service") else real(path, *given, **more)

    monkeypatch.setattr(files, "read_bytes", denied)
    report = judged({"a.service": unit(), "b.service": unit(), "shop.conf": site()})
    assert [item.reason for item in report.unknown] == ["permission denied reading b.service"]


@pytest.mark.parametrize(
    ("more", "patience", "told"),
    [
        ("--threads 4 --timeout 120", 60, True),
        ("--threads 4 --timeout 120", 120, False),
        ("--threads 4", 20, False),
    ],
)
def test_threads_that_nginx_does_not_wait_for(judged: Judge, more: str, patience: int, told: bool) -> None:
    served = site().replace("include", f"proxy_read_timeout {patience}s;\n        include")
    report = judged({"shop.service": unit(more=more), "shop.conf": served})
    assert ("nginx-read-timeout" in [finding.name for finding in report.findings]) is told
    assert faults(report) == set()
