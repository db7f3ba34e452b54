from __future__ import annotations

import gzip
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

from doctor.cause import Cause
from doctor.hosts import commands
from doctor.hosts.base import (
    Content,
    Host,
    Missing,
    Output,
    ProcessLine,
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.live import LiveHost
from doctor.hosts.recording import RecordingHost
from doctor.hosts.serial import decode, encode
from doctor.hosts.snapshot import SnapshotHost
from doctor.hosts.snapshotfile import LENT, SnapshotError
from doctor.hosts.tree import TreeHost

SOURCE = """
import os
from x import (a, b)
SIZES = (1, ("a", None, True), 1.5)
X = compute()
KEY = os.environ["KEY"]
app = Flask(__name__, static_folder=None)
"""


@pytest.fixture
def questions(tmp_path: Path) -> list[Callable[[Host], object]]:
    (tmp_path / "env").write_text("A=b\nexport C=d\n")
    (tmp_path / "app.py").write_text(SOURCE)
    (tmp_path / "bad.py").write_text("def (:")
    (tmp_path / "link").symlink_to("app.py")
    here = str(tmp_path)
    return [
        lambda host: host.now(),
        lambda host: host.machine(),
        lambda host: host.processes(),
        lambda host: host.process(os.getpid()),
        lambda host: host.process(1),
        lambda host: host.process(2**22 + 1),
        lambda host: host.run(commands.nginx_version()),
        lambda host: host.run(commands.show_units(("x.service", "y.service"))),
        lambda host: host.read(f"{here}/app.py", TextKind.PYTHON),
        lambda host: host.read(f"{here}/app.py", TextKind.PYTHON, limit=20, tail=True),
        lambda host: host.read(f"{here}/none"),
        lambda host: host.read(here),
        lambda host: host.env_file(f"{here}/env"),
        lambda host: host.outline(f"{here}/app.py"),
        lambda host: host.outline(f"{here}/bad.py"),
        lambda host: host.stat(f"{here}/link"),
        lambda host: host.list(here),
        lambda host: host.scan(here, (".py", ".html"), limit=50),
        lambda host: host.connect("127.0.0.1:9"),
        lambda host: host.addresses(),
        lambda host: host.documents(),
    ]


@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_recording_answers_as_the_machine_did(
    tmp_path: Path, questions: list[Callable[[Host], object]], name: str
) -> None:
    recording = RecordingHost(LiveHost())
    answers = [question(recording) for question in questions]
    recording.pause(0)
    second = (recording.processes(), recording.now())
    path = tmp_path / name
    recording.save(str(path))
    replay = SnapshotHost(str(path))
    assert [question(replay) for question in questions] == answers
    assert replay.kind is TargetKind.SNAPSHOT
    assert replay.name == os.uname().nodename
    replay.pause(100)
    assert (replay.processes(), replay.now()) == second
    replay.pause(100)
    assert replay.processes() == second[0]
    assert replay.read("/other") == Unseen("not in this recording", Cause.NOT_RECORDED)
    assert replay.machine() != Unseen("not in this recording", Cause.NOT_RECORDED)


def test_file(tmp_path: Path, questions: list[Callable[[Host], object]]) -> None:
    recordings = []
    host = LiveHost()
    for order in (questions, questions[::-1]):
        recording = RecordingHost(host)
        for question in order:
            question(recording)
        path = tmp_path / "x.json"
        recording.save(str(path))
        recordings.append(path.read_text())
    assert recordings[0] == recordings[1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(recordings[0])
    assert document["schema"] == "flaskdoctor.snapshot/1"
    assert set(document) == {"schema", "version", "target", "time", "observations"}
    assert len(recordings[0].splitlines()) == len(document["observations"]) + 2
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_an_unwritable_place(tmp_path: Path) -> None:
    recording = RecordingHost(LiveHost())
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link.json").symlink_to("target")
    for path in (tmp_path / "link.json", tmp_path / "none" / "x.json", tmp_path):
        with pytest.raises(SnapshotError) as error:
            recording.save(str(path))
        assert error.value.path == str(path)
        assert error.value.what
        assert error.value.todo
    assert (tmp_path / "target").read_text() == "precious"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link.json", "target"]


def test_damaged_recordings(tmp_path: Path) -> None:
    recording = RecordingHost(LiveHost())
    recording.list("/etc")
    whole = tmp_path / "whole.json"
    recording.save(str(whole))
    text = whole.read_text()
    document = json.loads(text)
    packed = gzip.compress(text.encode())
    broken: dict[str, bytes] = {
        "half": text[: len(text) // 2].encode(),
        "empty": b"",
        "binary": bytes(range(256)),
        "html": b"<html>",
        "list": b"[]",
        "number": b"7",
        "deep": b"[" * 200_000,
        "other": json.dumps({**document, "schema": "flaskdoctor.report/1"}).encode(),
        "newer": json.dumps({**document, "schema": "flaskdoctor.snapshot/2"}).encode(),
        "odd": json.dumps({**document, "schema": "flaskdoctor.snapshot/x"}).encode(),
        "targetless": json.dumps({key: value for key, value in document.items() if key != "target"}).encode(),
        "timeless": json.dumps({**document, "time": "noon"}).encode(),
        "observations": json.dumps({**document, "observations": 3}).encode(),
        "askless": json.dumps({**document, "observations": [{"answer": 1}]}).encode(),
        "strange ask": json.dumps({**document, "observations": [{"ask": 3, "answer": 1}]}).encode(),
        "null": json.dumps({**document, "observations": [None]}).encode(),
        "unhashable": json.dumps({**document, "observations": [{"ask": ["list", [["x"]]], "answer": []}]}).encode(),
        "bad answer": json.dumps({**document, "observations": [{"ask": ["list", "/"], "answer": [1]}]}).encode(),
        "lacking": json.dumps({**document, "observations": [{"ask": ["machine"], "answer": {"euid": 0}}]}).encode(),
        "half.gz": packed[: len(packed) // 2],
        "damaged.gz": packed[:30] + b"\0\0\0\0" + packed[34:],
    }
    for name, data in broken.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(SnapshotError) as error:
            SnapshotHost(str(path))
        assert str(path) in str(error.value), name
        assert error.value.todo
        if name == "newer":
            assert "newer" in error.value.what
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SnapshotError):
            SnapshotHost(str(path))


def test_questions_of_a_later_version_are_left_out(tmp_path: Path) -> None:
    recording = RecordingHost(LiveHost())
    path = tmp_path / "x.json"
    recording.save(str(path))
    document = json.loads(path.read_text())
    document["observations"].append({"ask": ["divine", "x"], "answer": 42})
    document["observations"][0]["answer"]["flavour"] = "sweet"
    path.write_text(json.dumps(document))
    assert SnapshotHost(str(path)).machine() == recording.machine()


class Stub(LiveHost):
    """A machine on which some commands and files are."""

    def run(self, command: commands.Command) -> Output | Missing | Unseen:
        return Output(0, command.text, "")

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = 1 << 20, tail: bool = False
    ) -> Content | Missing | Unseen:
        return Content("x\n")


def test_recordings_outlive_a_change_of_bounds(tmp_path: Path) -> None:
    recording = RecordingHost(Stub())
    recording.run(commands.journal("shop.service", 1000.0, 200))
    recording.run(commands.cat_units(("a.service",)))
    recording.read("/var/log/nginx/error.log", TextKind.LOG, limit=100, tail=True)
    recording.scan(str(tmp_path), (".py",), limit=10)
    recording.save(str(tmp_path / "x.json"))
    replay = SnapshotHost(str(tmp_path / "x.json"))
    assert isinstance(replay.run(commands.journal("shop.service", 2000.0, 50)), Output)
    assert replay.run(commands.journal("other.service", 1000.0, 200)) == Unseen(
        "not in this recording", Cause.NOT_RECORDED
    )
    assert replay.run(commands.cat_units(("b.service",))) == Unseen("not in this recording", Cause.NOT_RECORDED)
    assert replay.read("/var/log/nginx/error.log", TextKind.LOG, limit=50, tail=True) == Content("x\n")
    assert replay.read("/var/log/nginx/error.log", TextKind.LOG) == Unseen("not in this recording", Cause.NOT_RECORDED)
    assert replay.scan(str(tmp_path), (".py",)) == recording.scan(str(tmp_path), (".py",), limit=10)


def test_a_folder_can_be_recorded_too(tmp_path: Path) -> None:
    (tmp_path / "shop.service").write_text("[Unit]\n[Service]\nExecStart=/x\n")
    recording = RecordingHost(TreeHost((str(tmp_path),)))
    documents = recording.documents()
    recording.save(str(tmp_path / "x.json"))
    assert SnapshotHost(str(tmp_path / "x.json")).documents() == documents != ()


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/d")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/d/\xff")).touch()
    recording = RecordingHost(LiveHost())
    names = recording.list(f"{tmp_path}/d")
    recording.save(str(tmp_path / "x.json"))
    assert SnapshotHost(str(tmp_path / "x.json")).list(f"{tmp_path}/d") == names == ("\udcff",)


def test_line_of_process_table() -> None:
    # Guards the leaving out of defaults: a field without one is always written.
    line = ProcessLine(1, 0, "", "", 0.0, ())
    assert decode(encode(line), ProcessLine) == line


HEAD = '{"schema":"flaskdoctor.snapshot/1","target":"x","time":1,"observations":'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"schema":"flaskdoctor.snapshot/' + "9" * 5000 + '"}', "newer flaskdoctor"),
        ('{"schema":"flaskdoctor.snapshot/\u0663"}', "not a recording"),
        (HEAD + "{}}", "damaged"),
        (HEAD + '[{"ask":[]}]}', "damaged"),
        (HEAD + "[1]}", "damaged"),
        (HEAD + '[{"ask":["now",0],"answer":1e300}]}', "out of range"),
        (HEAD + '[{"ask":["now",0],"answer":NaN}]}', "out of range"),
        (
            HEAD + '[{"ask":["list","/"],"answer":["a",1]}]}',
            r"\(observations\[0\]\.answer\[1\]: 1 is not of type str\)",
        ),
        (HEAD + "[" + "[]," * (1 << 22) + "[]]}", "more than a recording can"),
    ],
    ids=(
        "huge version",
        "other digits",
        "object",
        "no question",
        "number",
        "far future",
        "NaN",
        "in an answer",
        "many values",
    ),
)
def test_what_is_no_recording(text: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SnapshotError, match=what) as caught:
        SnapshotHost(str(path))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("depth", [400, 900, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_recording_nested_deep(tmp_path: Path, depth: int, opening: str, closing: str) -> None:
    path = tmp_path / "deep.snapshot.json"
    value = opening * depth + "1" + closing * depth
    answer = f'{{"imports":[],"assignments":[{{"name":"A","value":{value},"line":1}}]}}'
    path.write_text(
        f'{{"schema":"flaskdoctor.snapshot/1","version":"0","target":"x","time":1.0,"observations":'
        f'[{{"ask":["outline","/a.py"],"answer":{answer}}}]}}'
    )
    with pytest.raises(SnapshotError):
        SnapshotHost(str(path))


_HEALTHY = sorted(Path(__file__).parents[2].glob("fixtures/healthy/*.json"))


@pytest.mark.parametrize("path", _HEALTHY, ids=lambda path: path.name)
def test_answers_are_written_as_they_were_read(path: Path) -> None:
    """Byte for byte: a field or mark in another order would change every line of a recording that is made anew."""
    for observation in json.loads(path.read_text())["observations"]:
        ask, answer = observation["ask"], observation["answer"]
        question = ask[2] if ask[0] == LENT else ask[0]
        if question == "named_in":
            continue
        again = json.dumps(encode(decode(answer, get_type_hints(getattr(Host, question))["return"])))
        if "$cause" not in json.dumps(answer):  # older ones have none
            again = re.sub(r', "\$cause": "[a-z-]+"', "", again)
        assert again == json.dumps(answer), ask
