"""What the lab records is kept small and comes back whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.hosts.snapshot import SnapshotHost
from doctor.hosts.snapshotfile import SnapshotError
from lab import layer, normal, recording
from lab.machine import TREE

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\n", max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_change_makes_the_new_of_the_old(old: Any, new: Any) -> None:
    change = json.loads(json.dumps(layer.change(old, new)))
    assert layer.same(layer.changed(old, change), new)
    assert len(json.dumps(change)) <= len(json.dumps({"is": new}))


def test_a_change_of_a_text_says_which_lines() -> None:
    old = "".join(f"line {number}\n" for number in range(40))
    assert layer.change(old, old.replace("line 7\n", "line seven\n")) == {"lines": [7, -1, "line seven\n", 32]}
    assert layer.change({"a": 1, "b": "x" * 40}, {"a": 1.0, "b": "x" * 40}) == {"fields": {"a": {"is": 1.0}}}


def test_a_change_of_another_value_is_refused() -> None:
    with pytest.raises(ValueError, match="spoken of"):
        layer.changed("one\ntwo\n", {"lines": [1]})


def document(**answers: Any) -> dict[str, Any]:
    asked = [{"ask": ["read", f"/{name}", "plain", 9, False], "answer": answers[name]} for name in sorted(answers)]
    return {"schema": "flaskdoctor.snapshot/1", "version": "1", "target": "web1", "time": 7.5, "observations": asked}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(recording, "FIXTURES", tmp_path)
    monkeypatch.setattr(recording, "HEALTHY", tmp_path / "healthy")
    return tmp_path


def keep(rule: str, name: str, kept: dict[str, Any], base: str = "") -> Path:
    recording.save(recording.FIXTURES / rule, name, json.dumps(kept), base)
    return recording.FIXTURES / rule / f"{name}{recording.SUFFIX}"


def test_a_fault_is_kept_as_what_it_changed(folder: Path) -> None:
    healthy = keep("healthy", "unix", document(a={"text": "same\n" * 50}, b={"text": "here"}))
    broken = document(a={"text": "same\n" * 50}, c={"text": "new"})
    path = keep("some-rule", "broken", broken, "unix")
    assert json.loads(recording.load(path)) == broken
    assert json.loads(healthy.read_text())["schema"] == "flaskdoctor.snapshot/1"
    kept = json.loads(path.read_text())
    assert kept["base"] == "healthy/unix"
    assert [o["ask"][1] for o in kept["observations"]] == ["/b", "/c"]
    assert kept["observations"][0]["gone"]


def test_a_shape_that_is_not_kept_has_the_plainest_below(folder: Path) -> None:
    keep("healthy", "unix", document(a={"text": "x"}))
    assert json.loads(keep("some-rule", "broken", document(), "shape").read_text())["base"] == "healthy/unix"


def test_another_healthy_machine_changes_no_fault_over_it(folder: Path) -> None:
    keep("healthy", "unix", document(a={"text": "x\n" * 9}, b={"text": "y"}))
    path = keep("some-rule", "broken", document(a={"text": "x\n" * 8 + "z\n"}), "unix")
    before, layer_before = recording.load(path), path.read_text()
    keep("healthy", "unix", document(a={"text": "x\n" * 8 + "z\n"}, d={"text": "v"}))
    assert recording.load(path) == before
    assert path.read_text() != layer_before


def test_a_layer_lies_over_one_machine_only(folder: Path) -> None:
    healthy = keep("healthy", "unix", document(a={"text": "x"}))
    path = keep("some-rule", "broken", document(b={"text": "y"}), "unix")
    healthy.write_text(healthy.read_text().replace("web1", "web2"))
    with pytest.raises(ValueError, match="record it anew"):
        recording.load(path)


def test_what_every_boot_changes_stands_apart(folder: Path) -> None:
    def machine(pid: int, mode: int, workers: int) -> dict[str, Any]:
        stat = {"type": "file", "mode": mode, "mtime": 1.5 + pid, "inode": pid}
        argv = {"line": {"pid": pid, "ppid": 1, "started": 3.5 + pid, "argv": ["gunicorn", "-w", str(workers)]}}
        asked = [(["stat", "/x"], stat), (["process", pid, 0], argv), (["stat", "/y"], {**stat, "mode": 0o600})]
        observations = [{"ask": ask, "answer": answer} for ask, answer in asked]
        return {**document(), "observations": observations}

    keep("healthy", "unix", machine(17, 0o644, 3))
    same = json.loads(keep("some-rule", "same", machine(23, 0o644, 3), "unix").read_text())
    assert not same["observations"]
    assert same["noise"]
    other = json.loads(keep("some-rule", "other", machine(23, 0o640, 5), "unix").read_text())
    assert [o["ask"] for o in other["observations"]] == [["process", 17, 0], ["process", 23, 0], ["stat", "/x"]]
    assert [o["ask"] for o in other["noise"]] == [["stat", "/y"]]


def test_random_names_are_counted_and_stay_the_same_ones() -> None:
    boot, start, token = "9d08f57d2a704bbaadf85ad19e6b40e3", "c45c835343b54847869c1ed02d242058", "c320b0db5c96"
    entries = [{"_BOOT_ID": boot, "__CURSOR": f"s={start};x=1", "A": 1}, {"A": 2, "INVOCATION_ID": start}]
    asked = [
        {"ask": ["run", "journalctl"], "answer": {"stdout": "".join(f"{json.dumps(e)}\n" for e in entries)}},
        {"ask": ["run", "systemctl"], "answer": {"stdout": f"InvocationID={start}\nX=<hidden:{token}>\n"}},
        {"ask": ["read", "/proc/net/if_inet6"], "answer": {"text": f"{'0' * 31}1 01 80 10 80 lo\n"}},
    ]
    journal, show, table = normal.normal({"observations": asked})["observations"]
    first, second = map(json.loads, journal["answer"]["stdout"].splitlines())
    assert first == {"_BOOT_ID": f"{1:032x}", "A": 1}
    assert [*json.loads(journal["answer"]["stdout"].splitlines()[1])] == ["A", "INVOCATION_ID"]
    assert show["answer"]["stdout"] == f"InvocationID={second['INVOCATION_ID']}\nX=<hidden:{3:012x}>\n"
    assert table == asked[2]


def test_a_layer_alone_is_called_by_its_name(tmp_path: Path) -> None:
    path = next(path for path in recording.saved() if path.parent != recording.HEALTHY)
    with pytest.raises(SnapshotError, match="only what differs from another recording"):
        SnapshotHost(str(path))
    command = (sys.executable, "-m", "lab.recording", str(path))
    done = subprocess.run(command, cwd=TREE, env={"PYTHONPATH": "tests:."}, capture_output=True, text=True, check=True)
    (tmp_path / "whole.snapshot.json").write_text(done.stdout)
    assert SnapshotHost(str(tmp_path / "whole.snapshot.json")).name == "web1"


def test_every_layer_lies_over_a_healthy_machine_and_is_written_the_shortest_way() -> None:
    for path in recording.saved()[::40]:
        kept = json.loads(path.read_text())
        if path.parent == recording.HEALTHY:
            continue
        below = recording.FIXTURES / f"{kept['base']}{recording.SUFFIX}"
        assert below.parent == recording.HEALTHY
        assert recording.written(recording.split(below, json.loads(recording.load(path)))) == path.read_text()
