"""Published schemas are valid, and what flaskdoctor writes is valid by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from doctor.cli.schema import Subject, published
from doctor.hosts.base import FileType, Stat, TextKind
from doctor.hosts.recording import RecordingHost
from doctor.hosts.tree import TreeHost


@pytest.mark.parametrize("subject", list(Subject))
def test_schema_is_valid(subject: Subject) -> None:
    schema = published(subject)
    Draft202012Validator.check_schema(schema)
    assert schema["title"]


@pytest.fixture
def recording(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "app.py").write_text("import os\nX = os.environ['X']\nDEBUG = [1, ('a', 2.5), None]\n")
    (tmp_path / "env").write_text("A=b\n")
    (tmp_path / "shop.service").write_text("[Service]\nExecStart=/bin/gunicorn a:b\n")
    host = RecordingHost(TreeHost((), str(tmp_path)))
    for path in ("/app.py", "/env", "/nothing", "/"):
        host.read(path, TextKind.PLAIN)
        host.stat(path)
        host.list(path)
        host.env_file(path)
        host.outline(path)
        host.scan(path, (".py",))
    host.now(), host.processes(), host.process(1), host.connect("127.0.0.1:1"), host.documents()
    file = tmp_path / "x.snapshot.json"
    host.save(str(file))
    written: dict[str, object] = json.loads(file.read_text())
    return written


def test_recording_is_valid(recording: dict[str, object]) -> None:
    assert recording["observations"]
    Draft202012Validator(published(Subject.SNAPSHOT)).validate(recording)


def test_damaged_recording_is_not(recording: dict[str, object]) -> None:
    stat = {"ask": ["stat", "/x"], "answer": {"type": FileType.FILE.value, "mode": "0644"}}
    damaged = recording | {"observations": [stat]}
    assert list(Draft202012Validator(published(Subject.SNAPSHOT)).iter_errors(damaged))
    assert Stat.__name__ in published(Subject.SNAPSHOT)["$defs"]


def test_rules_of_the_catalogue_are_valid() -> None:
    import yaml

    from doctor.engine.directory import rule_files, rules_directory

    validator = Draft202012Validator(published(Subject.RULE))
    rules = rule_files(rules_directory())
    assert rules
    for path in rules:
        validator.validate(yaml.load(path.read_text(), yaml.BaseLoader))
