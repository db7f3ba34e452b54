"""The whole way from files to a report and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from doctor.cli.schema import Subject, published

UNIT = """[Service]
User=www-data
WorkingDirectory=/srv/shop/current
ExecStart=/srv/shop/venv/bin/gunicorn --workers 3 --bind unix:/run/{folder}/gunicorn.sock shop.wsgi:app
"""
SITE = """upstream shop {
    server unix:/run/shop/gunicorn.sock fail_timeout=0;
}
server {
    listen 80;
    server_name shop.test;
    location / {
        proxy_pass http://shop;
    }
}
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)

    def write(folder: str) -> Path:
        (tmp_path / "deploy").mkdir()
        (tmp_path / "deploy" / "shop.service").write_text(UNIT.format(folder=folder))
        (tmp_path / "deploy" / "shop.conf").write_text(SITE)
        return tmp_path / "deploy"

    return write


def test_mismatch_between_two_files(repository, doctor) -> None:  # type: ignore[no-untyped-def]
    repository("gunicorn")
    done = doctor("check", "deploy", "--select", "SOC001")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "✗ shop · shop.service · http://shop.test"
    assert any(line.startswith("   ✗ upstream  unix:/run/shop/gunicorn.sock") for line in lines)
    assert any(line.startswith(" error   SOC001 upstream-bind-mismatch") for line in lines)
    assert any("deploy/shop.conf:2 " in line for line in lines)
    assert lines[-1].startswith("1 error · ")


def test_agreeing_files_are_clean(repository, doctor) -> None:  # type: ignore[no-untyped-def]
    repository("shop")
    done = doctor("check", "deploy", "--select", "SOC001", "--format", "json")
    report = json.loads(done.out)
    assert (done.code, report["findings"], report["verdict"]) == (0, [], "incomplete")
    assert report["hidden"]["rules"] > 50
    states = {hop["hop"]: hop["state"] for hop in report["apps"][0]["path"]}
    assert states["server"] == states["upstream"] == "ok"


def test_json_is_as_published(repository, doctor) -> None:  # type: ignore[no-untyped-def]
    repository("gunicorn")
    report = json.loads(doctor("check", "deploy", "--format", "json").out)
    Draft202012Validator(published(Subject.REPORT)).validate(report)
    finding = next(finding for finding in report["findings"] if finding["rule"] == "SOC001")
    assert finding["app"] == "shop"
    assert finding["fixes"][0]["diff"]


def test_app_by_name_and_unit(repository, doctor) -> None:  # type: ignore[no-untyped-def]
    repository("gunicorn")
    for name in ("shop", "shop.service"):
        assert doctor("check", "deploy", "--app", name, "--select", "SOC001").code == 1
    done = doctor("check", "deploy", "--app", "blog")
    assert done.code == 2
    assert done.err == "flaskdoctor: no app is called 'blog': --app blog\n  Found: shop.\n"


def test_severity_that_is_not_shown_counts_all_the_same(repository, doctor, monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from doctor.engine import catalogue, load

    rule = (load.rules_directory() / "socket" / "upstream-bind-mismatch.yaml").read_text()
    milder = tmp_path / "rules" / "socket"
    milder.mkdir(parents=True)
    (milder / "upstream-bind-mismatch.yaml").write_text(rule.replace("severity: error", "severity: warning"))
    for module in (load, catalogue):
        monkeypatch.setattr(module, "rules_directory", lambda: tmp_path / "rules")
    monkeypatch.setattr(load, "_check_together", lambda _: None)  # what it explains is not there
    repository("gunicorn")
    assert doctor("check", "deploy").code == 1
    assert doctor("check", "deploy", "--fail-on", "error").code == 0
    done = doctor("check", "deploy", "--min-severity", "error")
    assert done.code == 1
    assert "SOC001" not in done.out
    assert "not shown (--min-severity)" in done.out.splitlines()[-1]


def test_folder_without_an_app(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "README").write_text("nothing here\n")
    done = doctor("check", str(tmp_path))
    assert done.code == 4
    assert "no unit runs Gunicorn" in done.out
    assert done.out.splitlines()[-1] == "nothing to check: no Flask app was found"


def test_root_is_a_machine(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for path, text in (
        ("etc/systemd/system/shop.service", UNIT.format(folder="gunicorn")),
        ("etc/nginx/nginx.conf", f"http {{ {SITE} }}\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    done = doctor("check", "--root", str(tmp_path), "--select", "SOC001", "--format", "concise")
    assert done.code == 1
    assert done.out.startswith("/etc/nginx/nginx.conf:")
    assert "SOC001 upstream-bind-mismatch: " in done.out


def test_recording_says_what_the_machine_says(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "here.snapshot.json"
    assert doctor("snapshot", "-o", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    Draft202012Validator(published(Subject.SNAPSHOT)).validate(json.loads(file.read_text()))
    done = doctor("check", str(file), "--format", "json")
    report = json.loads(done.out)
    assert done.code in (0, 1, 4)
    assert report["target"]["kind"] == "snapshot"
    assert report["target"]["name"] == json.loads(file.read_text())["target"]


def test_recording_goes_to_stdout(doctor) -> None:  # type: ignore[no-untyped-def]
    assert json.loads(doctor("snapshot").out)["schema"] == "flaskdoctor.snapshot/1"


def test_what_files_do_not_tell_is_no_gap(repository, doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Nothing runs in a repository, and nobody could make it run: a healthy one is healthy, strictly too."""
    repository("shop")
    for name, text in {"__init__.py": "", "wsgi.py": "from flask import Flask\napp = Flask(__name__)\n"}.items():
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop" / name).write_text(text)
    (tmp_path / ".git").mkdir()
    done = doctor("check", "deploy", "--select", "SOC,NGX002,NGX020,SYS001,SYS003,REL001", "--strict")
    assert done.code == 0
    last = done.out.splitlines()[-1]
    assert last.startswith("no faults found, but not everything was judged · ")
    assert last.endswith(" rules not run (--select, --ignore)")


def test_selecting_a_symptom_keeps_its_cause(doctor) -> None:  # type: ignore[no-untyped-def]
    whole = json.loads(doctor("check", "--demo", "--format", "json").out)
    done = doctor("check", "--demo", "--select", "502", "--format", "json")
    report = json.loads(done.out)
    assert report["findings"][0]["name"] == whole["findings"][0]["name"]
    narrow = json.loads(doctor("check", "--demo", "--select", "SYS001", "--format", "json").out)
    assert [finding["rule"] for finding in narrow["findings"]][:2] == ["APP002", "SYS001"]
    assert "REL014" not in {finding["rule"] for finding in narrow["findings"]}


def test_templates_are_named(doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.service.j2").write_text("{% extends 'base.j2' %}\n[Service]\nExecStart={{ command }}\n")
    done = doctor("check", ".")
    assert done.code == 4
    assert done.out.splitlines()[:2] == ["Seen, but not judged:", "   shop.service.j2 (it needs rendering first)"]
