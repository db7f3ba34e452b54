"""Where copies and manifests lie: root's alone, one run at a time, and whole whatever happens."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.edits.changes import Operation, Verb
from doctor.errors import UserError
from doctor.fixes import store as stores
from doctor.fixes.disk import Attributes, Kind
from doctor.fixes.record import FixRecord, Form, RunRecord, State, Step, UnitState, digest, from_json, to_json
from doctor.fixes.store import Store

NAME = "20261122T101500Z-7"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "flaskdoctor")


def fix_record(state: State = State.BEGUN, **given: Any) -> FixRecord:
    before = Form(
        Kind.FILE, digest(b"x"), "0000.before", attributes=Attributes(0o4640, 1, 2, 3, (("user.x", b"\0\xff"),))
    )
    values: dict[str, Any] = {
        "rule": "SYS001",
        "name": "some-rule",
        "subject": "shop",
        "title": "Do it",
        "safety": "safe",
        "steps": (Step("/etc/x", before, Form(Kind.LINK, target="/y"), ".x"),),
        "operations": (Operation(Verb.DAEMON_RELOAD), Operation(Verb.RESTART, "shop.service")),
        "units": {"shop.service": UnitState("active", "enabled")},
        "begun": 1,
    }
    return FixRecord(**{**values, **given}, state=state)


def saved(store: Store, *fixes: FixRecord, name: str = NAME) -> RunRecord:
    run = RunRecord(name, "2026-11-22T10:15:00Z", "1.0", list(fixes))
    with store.locked():
        store.save(run)
    return run


def manifest(store: Store, name: str = NAME) -> Path:
    return store.home / "runs" / name / "manifest.json"


# What is written down.


def test_a_run_is_read_as_it_was_written(store: Store) -> None:
    run = saved(store, fix_record(), fix_record(State.APPLIED, steps=(), units={}, operations=()))
    assert store.load(NAME) == run
    assert store.runs() == [run]


_text = st.text(max_size=8) | st.sampled_from(["/srv/caf\udce9", "\udcff"])
_numbers = st.integers(0, 2**31)
_attributes = st.builds(
    Attributes,
    mode=st.integers(0, 0o7777),
    uid=_numbers,
    gid=_numbers,
    mtime_ns=st.integers(-(2**62), 2**62),
    xattrs=st.lists(st.tuples(_text, st.binary(max_size=9)), max_size=3, unique_by=lambda pair: pair[0]).map(tuple),
)
_forms = st.builds(Form, st.sampled_from(Kind), _text, _text, _text, st.none() | _attributes)
_fixes = st.builds(
    FixRecord,
    rule=_text,
    name=_text,
    subject=_text,
    title=_text,
    safety=_text,
    steps=st.lists(st.builds(Step, _text, _forms, _forms, _text), max_size=3).map(tuple),
    operations=st.lists(st.builds(Operation, st.sampled_from(Verb), _text), max_size=3).map(tuple),
    units=st.dictionaries(_text, st.builds(UnitState, _text, _text), max_size=2),
    begun=st.integers(0, 9),
    state=st.sampled_from(State),
)


@given(st.builds(RunRecord, _text, _text, _text, st.lists(_fixes, max_size=2)))
def test_every_run_comes_back_from_json(run: RunRecord) -> None:
    text = json.dumps(to_json(run), indent=1).encode(errors="surrogateescape")
    assert from_json(json.loads(text)) == run


def test_open_and_applied_fixes_are_told_apart() -> None:
    fixes = [fix_record(state) for state in State]
    run = RunRecord(NAME, "", "", fixes)
    assert [fix.state for fix in run.open] == [State.BEGUN]
    assert [fix.state for fix in run.standing] == [State.APPLIED, State.LEFT]


def test_a_run_is_named_after_its_time_and_process(store: Store) -> None:
    name = store.create().run
    assert name.endswith(f"Z-{os.getpid()}")
    saved(store, name=name)
    assert [run.run for run in store.runs()] == [name]


# Root's alone.


def test_nobody_else_may_enter(store: Store) -> None:
    before = os.umask(0)
    try:
        run = saved(store, fix_record())
        with store.locked():
            store.keep(run, b"secret")
    finally:
        os.umask(before)
    for path in (store.home, *store.home.rglob("*")):
        assert stat.S_IMODE(os.lstat(path).st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o740, 0o1707])
@pytest.mark.parametrize("which", ["", "runs"])
def test_a_folder_that_others_may_enter_is_refused(store: Store, mode: int, which: str) -> None:
    with store.locked():
        pass
    (store.home / which).chmod(mode)
    with pytest.raises(UserError, match="root alone") as caught, store.locked():
        pytest.fail("it was taken")
    assert caught.value.where == str(store.home / which).rstrip("/")


@root_only
@pytest.mark.parametrize("which", ["", "runs"])
def test_a_folder_of_another_user_is_refused(store: Store, which: str) -> None:
    with store.locked():
        pass
    os.chown(store.home / which, 65534, -1)
    with pytest.raises(UserError, match="root alone"), store.locked():
        pytest.fail("it was taken")


@pytest.mark.parametrize("what", ["link", "file", "dangling"])
def test_what_is_no_folder_is_refused(store: Store, what: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    if what == "file":
        store.home.write_text("")
    else:
        store.home.symlink_to(tmp_path / ("elsewhere" if what == "link" else "nowhere"))
    with pytest.raises(UserError, match="root alone"), store.locked():
        pytest.fail("it was taken")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_lock_that_is_a_link_is_not_followed(store: Store, tmp_path: Path) -> None:
    with store.locked():
        pass
    (tmp_path / "victim").write_text("victim")
    (store.home / "lock").unlink()
    (store.home / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(UserError), store.locked():
        pytest.fail("it was taken")
    assert (tmp_path / "victim").read_text() == "victim"


def test_a_run_folder_that_others_may_enter_is_refused(store: Store) -> None:
    run = saved(store, fix_record())
    manifest(store).parent.chmod(0o755)
    with pytest.raises(UserError, match="root alone"):
        store.save(run)
    with pytest.raises(UserError, match="root alone"):
        store.keep(run, b"x")


def test_no_parent_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no place for copies") as caught, Store(tmp_path / "a/b").locked():
        pytest.fail("it was taken")
    assert "nothing was changed" in str(caught.value)


# One at a time.

_HOLD = """
import sys, time
from pathlib import Path
from doctor.errors import UserError
from doctor.fixes.store import Store
try:
    with Store(Path(sys.argv[1])).locked():
        print("held", flush=True)
        time.sleep(float(sys.argv[2]))
except UserError as error:
    print(error.what, error.where, flush=True)
"""


@contextmanager
def another(store: Store, seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", _HOLD, str(store.home), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_is_told_who_has_the_lock(store: Store) -> None:
    with store.locked(), another(store) as process:
        said = first_line(process)
    assert said == f"another flaskdoctor is changing this machine pid {os.getpid()} has the lock"


def test_a_killed_holder_holds_nothing(store: Store) -> None:
    with another(store) as process:
        assert first_line(process) == "held"
        with pytest.raises(UserError, match=f"pid {process.pid}"), store.locked():
            pytest.fail("two at once")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        with store.locked():
            pass


def test_the_lock_is_free_after_a_failure(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.locked():
        raise ZeroDivisionError
    with store.locked():
        pass


def test_who_has_the_lock_is_not_always_known(store: Store) -> None:
    with another(store) as process:
        first_line(process)
        (store.home / "lock").write_text("")
        with pytest.raises(UserError, match="it has the lock"), store.locked():
            pytest.fail("two at once")


def test_a_child_does_not_keep_the_lock(store: Store) -> None:
    with store.locked():
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with store.locked():
            pass
    finally:
        child.kill()
        child.wait()


# Names.


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", f"../runs/{NAME}", f"{NAME}/../{NAME}", f"{NAME}\n", f"{NAME}\0", "/etc", f"{NAME}x", "²"],
)
def test_a_name_that_is_none_leads_nowhere(store: Store, name: str) -> None:
    saved(store, fix_record())
    with pytest.raises(UserError, match="no such run"):
        store.load(name)


def test_an_unknown_run_is_no_run(store: Store) -> None:
    with pytest.raises(UserError, match="no such run") as caught:
        store.load(NAME)
    assert "undo --list" in caught.value.advice


def test_nothing_is_written_down_yet(store: Store) -> None:
    assert store.runs() == []


def test_a_run_that_ended_before_it_changed_anything_is_none(store: Store) -> None:
    run = store.create()
    with store.locked():
        store.keep(run, b"x")
    (store.home / "runs/lost+found").mkdir()
    assert store.runs() == []


def test_runs_come_oldest_first(store: Store) -> None:
    names = ["20261122T101500Z-9", "20251122T101500Z-7", "20261122T101501Z-1"]
    for name in names:
        saved(store, name=name)
    assert [run.run for run in store.runs()] == [names[1], names[0], names[2]]


# A manifest that is none.


def _damaged(data: Any) -> list[Any]:
    """JSON that is none of ours, each a different way."""
    out: list[Any] = [None, [], {}, "text", 7]
    for key in data:
        out.append({k: v for k, v in data.items() if k != key})
    fix = data["fixes"][0]
    for key in fix:
        for value in (None, 7, ["x"], {"x": "y"}, "no such word"):
            if isinstance(value, type(fix[key])) or (key in {"rule", "name", "subject", "title", "safety"}):
                continue
            out.append({**data, "fixes": [{**fix, key: value}]})
    return out


def _refused(store: Store, name: str = NAME) -> None:
    for act in (lambda: store.load(name), store.runs):
        with pytest.raises(UserError, match="damaged") as caught:
            act()
        assert caught.value.where == str(manifest(store, name))
        assert "copies" in caught.value.advice


def test_a_manifest_cut_anywhere_is_refused(store: Store) -> None:
    saved(store, fix_record())
    whole = manifest(store).read_bytes()
    for length in range(0, len(whole) - 1, 37):
        manifest(store).write_bytes(whole[:length])
        _refused(store)


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\xfe", b"\xff" * 100, b"{} {}", b"[" * 100_000, b'{"fixes": ' + b"9" * 5000]
)
def test_garbage_is_refused(store: Store, garbage: bytes) -> None:
    saved(store, fix_record())
    manifest(store).write_bytes(garbage)
    _refused(store)


def test_a_manifest_without_end_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(store, fix_record())
    monkeypatch.setattr(stores, "_LARGEST", manifest(store).stat().st_size)
    store.load(NAME)
    with manifest(store).open("a") as file:
        file.write(" ")
    _refused(store)


def test_json_that_is_no_manifest_is_refused(store: Store) -> None:
    saved(store, fix_record())
    for data in _damaged(json.loads(manifest(store).read_bytes())):
        manifest(store).write_text(json.dumps(data))
        _refused(store)


def test_a_newer_manifest_is_refused_by_name(store: Store) -> None:
    saved(store, fix_record())
    text = manifest(store).read_text().replace("flaskdoctor.run/1", "flaskdoctor.run/2")
    manifest(store).write_text(text)
    with pytest.raises(UserError, match=r"flaskdoctor\.run/2"):
        store.load(NAME)


def test_a_manifest_that_cannot_be_read_is_no_bug(store: Store) -> None:
    saved(store, fix_record())
    manifest(store).unlink()
    manifest(store).mkdir()
    _refused(store)


# A disk that fails.

_CALLS = ("open", "write", "fsync", "rename", "mkdir", "ftruncate", "pwrite")


def _each_failing(act: Callable[[], object], error: BaseException) -> Iterator[str]:
    """Run `act` with every call in turn failing; yields after each that did."""
    for name in _CALLS:
        for number in range(1, 20):
            seen = 0
            with pytest.MonkeyPatch.context() as patched:
                real = getattr(os, name)

                def call(*arguments: Any, real: Callable[..., Any] = real, number: int = number, **named: Any) -> Any:
                    nonlocal seen
                    seen += 1
                    if seen == number:
                        raise error
                    return real(*arguments, **named)

                patched.setattr(os, name, call)
                try:
                    act()
                except (OSError, UserError, KeyboardInterrupt):
                    yield f"{name} {number}"
            if seen < number:
                break


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_manifest_is_the_old_one_or_the_new_one(store: Store, error: BaseException) -> None:
    old = saved(store, fix_record())
    new = RunRecord(NAME, old.started, old.version, [fix_record(State.APPLIED), fix_record()])
    failed = []
    for call in _each_failing(lambda: store.save(new), error):
        failed.append(call)
        assert store.load(NAME) in (old, new), call
        store.save(old)
    assert {call.split()[0] for call in failed} >= {"open", "write", "fsync", "rename"}


def test_the_manifest_is_on_the_disk_before_it_has_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved(store, fix_record())
    done: list[str] = []
    for name in ("write", "fsync", "rename"):
        real = getattr(os, name)

        def call(*arguments: Any, name: str = name, real: Callable[..., Any] = real, **named: Any) -> Any:
            done.append(name)
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)
    store.save(run)
    assert done == ["write", "fsync", "rename", "fsync", "fsync"]


def test_half_a_manifest_from_before_is_no_hindrance(store: Store) -> None:
    run = saved(store, fix_record())
    (manifest(store).parent / ".manifest.json.new").write_text('{"half')
    store.save(run)
    assert store.load(NAME) == run


def test_copies_are_kept_apart(store: Store) -> None:
    run = saved(store, fix_record())
    names = [store.keep(run, content) for content in (b"", b"\0\xff", b"x" * 100_000)]
    assert len(set(names)) == 3
    assert [store.kept(run, name) for name in names] == [b"", b"\0\xff", b"x" * 100_000]


def test_a_full_disk_takes_no_copy_for_another(store: Store) -> None:
    run = saved(store, fix_record())
    first = store.keep(run, b"first")
    for call in _each_failing(lambda: store.keep(run, b"half"), OSError(28, "No space left on device")):
        assert store.kept(run, first) == b"first", call
    assert store.kept(run, store.keep(run, b"later")) == b"later"


def test_the_lock_can_be_had_on_a_full_disk(store: Store) -> None:
    # Without it nothing could be taken back.
    saved(store, fix_record())
    full = OSError(28, "No space left on device")
    with pytest.MonkeyPatch.context() as patched:

        def fail(*_: Any) -> None:
            raise full

        patched.setattr(os, "pwrite", fail)
        with store.locked():
            assert store.runs()


def test_a_read_only_place_is_told_as_such(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(store, fix_record())
    real = os.open

    def read_only(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(30, "Read-only file system", str(path))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(UserError, match="read-only file system") as caught, store.locked():
        pytest.fail("it was taken")
    assert "nothing was changed" in str(caught.value)


def test_where_it_lies() -> None:
    assert Path("/var/lib/flaskdoctor") == stores.HOME
