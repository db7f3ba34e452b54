"""Bad input: each ends with 2 and says what is wrong, where, and what to do, without a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

HEAD = '{"schema":"flaskdoctor.snapshot/1"'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file.conf").write_text("upstream x {}\n")
    Path("package.json").write_text('{"name": "shop"}')
    Path("cut.json").write_text(HEAD)
    Path("newer.json").write_text('{"schema":"flaskdoctor.snapshot/99"}')
    Path("list.json").write_text("[]")
    Path("binary.json").write_bytes(b"\x00\xff\xfe")
    Path("cut.json.gz").write_bytes(gzip.compress(b"{}" * 100)[:-9])
    Path("loop").symlink_to("loop")


BAD = [
    (("check", "nowhere"), ("no such file or folder", "nowhere", "recording")),
    (("check", "--root", "nowhere"), ("no such file or folder", "nowhere", "")),
    (("check", "--root", "file.conf"), ("not a folder", "--root file.conf", "Name the folder")),
    (("check", "--demo", "folder"), ("more than one thing", "--demo", "only one")),
    (("check", "--demo", "--probe"), ("--probe needs this machine", "", "leave out")),
    (("check", "package.json"), ("not a recording", "package.json", "snapshot")),
    (("check", "list.json"), ("not a recording", "list.json", "snapshot")),
    (("check", "cut.json"), ("not a whole recording", "cut.json", "ecord")),
    (("check", "binary.json"), ("recording", "binary.json", "ecord")),
    (("check", "newer.json"), ("newer", "newer.json", "pdate flaskdoctor")),
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
    (("check", "--fix"), ("No such option", "--fix", "check -h")),
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
