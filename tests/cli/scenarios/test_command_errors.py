"""Bad input: each ends with 2 and says what is wrong, where, and what to do, without a traceback."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from doctor.engine import catalogue, load
from doctor.run import DEMO

HEAD = '{"schema":"flaskdoctor.snapshot/1"'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file.conf").write_text("upstream x {}\n")
    Path("package.json").write_text('{"name": "shop"}')
    Path("cut.json").write_text(HEAD)
    Path("newer.json").write_text('{"schema":"flaskdoctor.snapshot/99"}')
    Path("older.json").write_text('{"schema":"flaskdoctor.snapshot/0","target":"x","time":1,"observations":[]}')
    Path("empty.json").write_text("")
    Path("nothing.json").write_text(HEAD + ',"target":"x","time":1,"observations":[]}')
    Path("later.json").write_text(HEAD + ',"target":"x","time":1,"observations":[{"ask":["taste"],"answer":1}]}')
    Path("nothing.txt").write_text(HEAD + ',"target":"x","time":1,"observations":[]}')
    Path("layer.txt").write_text('{"schema":"flaskdoctor.layer/1","base":"healthy/systemd","observations":[]}')
    Path("cut.gz.txt").write_bytes(gzip.compress(HEAD.encode())[:-9])
    Path("list.json").write_text("[]")
    Path("binary.json").write_bytes(b"\x00\xff\xfe")
    Path("cut.json.gz").write_bytes(gzip.compress(b"{}" * 100)[:-9])
    Path("loop").symlink_to("loop")
    Path("astray").symlink_to("nowhere")
    os.mkfifo("pipe")


BAD = [
    (("check", "nowhere"), ("no such file or folder", "nowhere", "recording")),
    (("check", "astray"), ("no such file or folder", "astray", "recording")),
    (("check", "loop"), ("too many levels", "loop", "recording")),
    (("check", "--demo", "--select", "headers"), ("no rule is selected by", "headers", "flaskdoctor rules")),
    (
        ("check", "--demo", "--select", "502", "--ignore", "502"),
        ("every rule that is selected is ignored", "Ignore fewer"),
    ),
    (("check", "pipe"), ("neither a file nor a folder", "pipe", "recording")),
    (("check", "/dev/zero"), ("neither a file nor a folder", "/dev/zero", "recording")),
    (("check", ""), ("an empty value", "TARGET", "Give one")),
    (("check", "--root", ""), ("an empty value", "--root", "leave the option out")),
    (("check", "--fix", "--app", ""), ("an empty value", "--app", "leave the option out")),
    (("check", "--fix", "--select", ","), ("an empty value", "--select", "leave the option out")),
    (("check", "folder", "--ignore", " "), ("an empty value", "--ignore", "leave the option out")),
    (("check", "folder", "--since", ""), ("an empty value", "--since", "leave the option out")),
    (("snapshot", "-o", ""), ("an empty value", "--output", "leave the option out")),
    (("check", "a\nb"), (r"a\nb",)),
    (("check", "--root", "nowhere"), ("no such file or folder", "nowhere", "")),
    (("check", "--root", "file.conf"), ("not a folder", "--root file.conf", "Name the folder")),
    (("check", "--demo", "folder"), ("more than one thing", "--demo", "only one")),
    (("check", "--demo", "--probe"), ("--probe needs this machine", "", "leave out")),
    (("check", "package.json"), ("not a recording", "package.json", "snapshot")),
    (("check", "list.json"), ("not a recording", "list.json", "snapshot")),
    (("check", "cut.json"), ("not a whole recording", "cut.json", "ecord")),
    (("check", "binary.json"), ("recording", "binary.json", "ecord")),
    (("check", "newer.json"), ("newer", "newer.json", "pdate flaskdoctor")),
    (("check", "older.json"), ("older, or none this one knows", "older.json", "Record the machine")),
    (("check", "empty.json"), ("not a whole recording", "empty.json", "ecord")),
    (("check", "nothing.json"), ("nothing of a machine is recorded", "nothing.json", "Record the machine again")),
    (("check", "later.json"), ("nothing of a machine is recorded", "later.json", "Record the machine again")),
    (("check", "nothing.txt"), ("nothing of a machine is recorded", "nothing.txt", "Record the machine again")),
    (("check", "layer.txt"), ("only what differs from another recording", "layer.txt", "Give it whole")),
    (("check", "cut.gz.txt"), ("end of the file is missing", "cut.gz.txt", "ecord")),
    (("check", "nothing.txt", "folder"), ("by itself", "nothing.txt", "once for each")),
    (("check", "cut.json.gz"), ("", "cut.json.gz", "ecord")),
    (("check", "cut.json", "folder"), ("by itself", "cut.json", "once for each")),
    (("check", "--since", "soon"), ("'soon' is no duration", "--since", "90s, 30m, 1h or 2d")),
    (("check", "--since", "0h"), ("'0h' is no duration", "--since", "1h")),
    (("check", "--since", "-1h"), ("'-1h' is no duration", "--since", "1h")),
    (("check", "--since", "²h"), ("'²h' is no duration", "--since", "1h")),
    (("check", "--output", "r.html"), ("suffix", "--output r.html", ".txt or .json")),
    (("check", "--format", "sarif"), ("'sarif'", "--format", "'json'")),
    (("check", "--fail-on", "fatal"), ("'fatal'", "--fail-on", "'error'")),
    (("check", "--min-severity", "bad"), ("'bad'", "--min-severity", "'info'")),
    (("check", "--fixx"), ("No such option", "--fixx", "check -h")),
    (("check", "--fix", "--demo"), ("only this machine", "--fix", "--demo")),
    (("check", "--unsafe-fixes"), ("--unsafe-fixes", "Add --fix or --diff")),
    (("check", "--interactive"), ("--interactive needs --fix", "Add --fix")),
    (("check", "--fix", "--interactive"), ("needs a terminal",)),
    (("undo", "--list", "20261122T101500Z-1"), ("--list lists all runs",)),
    (("check", "--select"), ("requires an argument", "--select", "")),
    (("check", "--select", "NOPE999", "folder"), ("no rule", "NOPE999", "")),
    (("explain",), ("Missing argument", "RULE", "explain -h")),
    (("explain", "no-such-rule-at-all"), ("there is no rule", "no-such-rule-at-all", "flaskdoctor rules")),
    (("schema", "config"), ("'config'", "REPORT|SUBJECT|[", "")),
    (("snapshot", "-o", "nowhere/x.json"), ("", "nowhere/x.json", "")),
    (("chekc",), ("No such command", "chekc", "check")),
    ((), ("Usage:", "flaskdoctor", "check")),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(arguments) or "nothing" for arguments, _ in BAD])
def test_bad_input(arguments, words, doctor) -> None:  # type: ignore[no-untyped-def]
    done = doctor(*arguments)
    assert done.code == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "bug" not in done.err
    for word in words:
        assert any(choice in done.err for choice in word.split("|")), done.err


def test_damaged_recordings(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Wherever a compressed recording is cut or a byte of it is turned over, it is refused, or read as it was."""
    whole = gzip.compress(DEMO.read_bytes(), mtime=0)
    assert doctor("check", "--demo").code == 1
    path = tmp_path / "r.snapshot.json.gz"
    for at in range(0, len(whole), max(1, len(whole) // 20)):
        for damaged in (whole[:at], whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :]):
            path.write_bytes(damaged)
            done = doctor("check", str(path))
            assert done.code in (1, 2), done.err
            if done.code == 2:
                assert str(path) in done.err
                assert "ecord" in done.err or "give a file" in done.err
            assert "Traceback" not in done.err


@pytest.mark.parametrize("name", ["a.txt", "web1", "a.snapshot", "a.json.bak"])
@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: json.dumps(json.loads(text), indent=2, sort_keys=True).encode(),
    ],
    ids=["plain", "compressed", "UTF-16", "with a mark", "sorted"],
)
def test_recording_of_any_name(name, written, doctor) -> None:  # type: ignore[no-untyped-def]
    Path(name).write_bytes(written(DEMO.read_text()))
    done, demo = (json.loads(doctor("check", what, "--format", "json").out) for what in (name, "--demo"))
    assert done == demo


@pytest.mark.parametrize(
    "data",
    [
        b"server { listen 80; }\n",
        b'# {"schema":"flaskdoctor.snapshot/1"\nserver { listen 80; }\n',
        b'{"schema": "other/1"}',
        gzip.compress(b"127.0.0.1 - - GET / 200"),
        b"",
        b"\x00\xff\xfe",
    ],
    ids=["nginx", "a comment", "other JSON", "a compressed log", "empty", "binary"],
)
def test_what_is_no_recording_is_configuration(data, doctor) -> None:  # type: ignore[no-untyped-def]
    Path("site.conf").write_bytes(data)
    done = doctor("check", "site.conf", "folder")
    assert done.code in (0, 1, 4)
    assert done.err == ""


def test_what_a_recording_does_not_hold_is_unknown(doctor) -> None:  # type: ignore[no-untyped-def]
    """That nobody could look into a file is no fault of the file."""
    Path("little.json").write_text(HEAD + ',"target":"x","time":1,"observations":[{"ask":["now",0],"answer":1.0}]}')
    done = doctor("check", "little.json", "--format", "json")
    report = json.loads(done.out)
    assert (done.code, report["verdict"], report["findings"]) == (4, "incomplete", [])
    assert "HST005" in {item["rule"] for item in report["unknown"]}


def test_recording_cut_in_half(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = DEMO.read_text()
    path = tmp_path / "half.snapshot.json"
    path.write_text(text[: len(text) // 2])
    done = doctor("check", str(path))
    assert (done.code, done.out) == (2, "")
    assert "not a whole recording" in done.err
    assert "ecord the machine again" in done.err


@pytest.mark.parametrize("command", [("check", "--demo"), ("rules",)])
@pytest.mark.parametrize(
    ("old", "new", "what", "hint"),
    [
        ("severity: error", "severity: eror", "unknown severity 'eror'", "did you mean 'error'?"),
        ("fault: ", "falt: ", "unknown key 'falt'", "did you mean 'fault'?"),
        ("exists(app.unit) and", "exists(app.unitt) and", "App has no attribute 'unitt'", "did you mean 'unit'?"),
        ("subject: app", "subject: app\nsubject: app", "subject", ""),
        ("why: |", "why: [", "", ""),
    ],
)
def test_typo_in_a_rule_file(command, old, new, what, hint, doctor, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rules = tmp_path / "rules"
    shutil.copytree(load.rules_directory(), rules)
    path = rules / "systemd" / "gunicorn-not-running.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for module in (load, catalogue):
        monkeypatch.setattr(module, "rules_directory", lambda: rules)
    done = doctor(*command)
    assert (done.code, done.out) == (2, "")
    assert re.search(rf"{re.escape(str(path))}:\d+:\d+: ", done.err), done.err
    assert what in done.err
    assert hint in done.err


def test_removed_working_directory(doctor, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for target in (".", "x"):
        done = doctor("check", target)
        assert (done.code, done.out) == (2, "")
        assert "working directory was removed" in done.err


@pytest.mark.parametrize("name", ["r.json", "r.txt"])
def test_output_into_a_pipe_waits_for_nobody(name: str, doctor) -> None:  # type: ignore[no-untyped-def]
    os.mkfifo(name)
    done = doctor("check", "--demo", "--output", name)
    assert done.code == 2
    assert f"cannot write the output file (is no regular file): {name}" in done.err
    reader = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    done = doctor("check", "--demo", "--output", name)
    os.close(reader)
    assert "is no regular file" in done.err


def test_output_replaces_a_longer_file(doctor) -> None:  # type: ignore[no-untyped-def]
    path = Path("r.json")
    path.write_text("x" * 1_000_000)
    assert doctor("check", "--demo", "--output", "r.json").code == 1
    assert path.read_text().endswith("}\n")


def test_empty_variables_are_no_options(doctor, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for name in ("APP", "ROOT", "SELECT", "IGNORE", "RULES", "SINCE", "OUTPUT", "FORMAT", "FIX"):
        monkeypatch.setenv(f"FLASKDOCTOR_{name}", "")
    assert doctor("check", "--demo").code == 1
