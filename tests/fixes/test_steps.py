"""Every kind of change taken back to the last byte, from every state in which a run can have been killed."""

from __future__ import annotations

import grp
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.edits.changes import Change, Permit, Relink, Rewrite, Uncompile
from doctor.fixes import steps
from doctor.fixes.disk import Attributes, Entry, Kind, Refused
from doctor.fixes.record import Form, Step
from doctor.fixes.steps import Conflict, prepare, take, take_back

RUN = "20261122T101500Z-7"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")


@pytest.fixture(autouse=True)
def _ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made belongs to root; to us where we are somebody else."""
    monkeypatch.setattr(steps, "_PLAIN", replace(steps._PLAIN, uid=os.geteuid(), gid=os.getegid()))


def take_all(made: list[tuple[Step, bytes]]) -> None:
    for step, content in made:
        take(step, content)


class Kept:
    """The store's part: bytes by name."""

    def __init__(self) -> None:
        self.copies: dict[str, bytes] = {}

    def keep(self, content: bytes) -> str:
        name = f"{len(self.copies):04d}.before"
        self.copies[name] = content
        return name

    def prepare(self, *changes: Change) -> list[tuple[Step, bytes]]:
        return prepare(changes, RUN, self.keep)

    def back(self, made: list[tuple[Step, bytes]]) -> None:
        for step, _ in reversed(made):
            take_back(step, self.copies.__getitem__)


def state(folder: Path) -> dict[str, Any]:
    """Everything below a folder that a change can touch; times of files alone."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        own = os.lstat(path)
        at = str(path.relative_to(folder))
        common = (stat.S_IMODE(own.st_mode), own.st_uid, own.st_gid)
        if path.is_symlink():
            found[at] = ("link", os.readlink(path), own.st_uid, own.st_gid)
        elif path.is_dir():
            found[at] = ("directory", *common)
        else:
            xattrs = {name: os.getxattr(path, name) for name in os.listxattr(path)}
            found[at] = ("file", path.read_bytes(), own.st_mtime_ns, own.st_nlink, xattrs, *common)
    return found


def build(folder: Path) -> None:
    """A machine in small."""
    (folder / "sites-available").mkdir()
    (folder / "sites-enabled").mkdir()
    site = folder / "sites-available/shop"
    site.write_bytes(b"server {} # \xff\r\n")
    site.chmod(0o640)
    os.utime(site, ns=(10**18, 10**18 + 1))
    (folder / "sites-enabled/shop").symlink_to("../sites-available/shop")
    (folder / "releases/r1").mkdir(parents=True)
    (folder / "releases/r2").mkdir()
    (folder / "current").symlink_to("releases/r1")
    (folder / "static").mkdir(0o700)
    (folder / "static").chmod(0o2710)
    program = folder / "static/program"
    program.write_bytes(b"#!")
    program.chmod(0o4711)
    for name in ("a.cpython-311.pyc", "b.cpython-311.pyc"):
        (folder / "app/__pycache__").mkdir(parents=True, exist_ok=True)
        (folder / "app/__pycache__" / name).write_bytes(name.encode())
        os.utime(folder / "app/__pycache__" / name, ns=(10**18, 10**18 + 2))
    (folder / "app/__pycache__/linked.pyc").symlink_to("a.cpython-311.pyc")
    (folder / "app/a.py").write_text("x = 1\n")
    if os.geteuid() == 0:
        os.chown(site, 1234, 1235)
        os.lchown(folder / "current", 1234, 1235)
        os.chown(program, 1234, 1235)
        program.chmod(0o4711)
    with suppress(OSError):  # not every file system has them
        os.setxattr(site, "user.note", b"kept")


def other_group() -> str:
    mine = os.getegid()
    groups = [g for g in grp.getgrall() if g.gr_gid != mine and (os.geteuid() == 0 or g.gr_gid in os.getgroups())]
    if not groups:
        pytest.skip("there is no other group to give a file to")
    return groups[-1].gr_name


SITE = b"server {} # \xff\r\n".decode("utf-8", "surrogateescape")
CHANGES: dict[str, Callable[[Path], Change]] = {
    "file rewritten": lambda f: Rewrite(f"{f}/sites-available/shop", SITE, f"{SITE}# \udcfe more\n"),
    "file rewritten through its link": lambda f: Rewrite(f"{f}/sites-enabled/shop", SITE, "other\n"),
    "file made": lambda f: Rewrite(f"{f}/sites-available/blog", None, "server {}\n"),
    "file made in a new directory": lambda f: Rewrite(f"{f}/shop.service.d/zz-flaskdoctor.conf", None, "[Unit]\n"),
    "link switched": lambda f: Relink(f"{f}/current", f"{f}/releases/r2"),
    "link made": lambda f: Relink(f"{f}/sites-enabled/blog", "../sites-available/blog"),
    "link made in a new directory": lambda f: Relink(f"{f}/enabled/shop", "../sites-available/shop"),
    "mode of a file": lambda f: Permit(f"{f}/sites-available/shop", mode="0604"),
    "mode of a program": lambda f: Permit(f"{f}/static/program", mode="4755"),
    "mode of a directory": lambda f: Permit(f"{f}/static", mode="0711"),
    "group of a file": lambda f: Permit(f"{f}/sites-available/shop", group=other_group()),
    "group of a setuid program": lambda f: Permit(f"{f}/static/program", group=other_group()),
    "group of a directory": lambda f: Permit(f"{f}/static", group=other_group()),
    "bytecode removed": lambda f: Uncompile(f"{f}/app"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "machine"
    place.mkdir()
    build(place)
    return place


@pytest.fixture(params=list(CHANGES))
def change(request: pytest.FixtureRequest, folder: Path) -> Change:
    return CHANGES[request.param](folder)


def test_what_was_taken_is_taken_back_to_the_last_byte(folder: Path, change: Change) -> None:
    kept, before = Kept(), state(folder)
    made = kept.prepare(change)
    assert state(folder) == before
    take_all(made)
    assert state(folder) != before
    kept.back(made)
    assert state(folder) == before
    kept.back(made)
    assert state(folder) == before


def test_what_was_never_taken_is_left_alone(folder: Path, change: Change) -> None:
    kept, before = Kept(), state(folder)
    kept.back(kept.prepare(change))
    assert state(folder) == before


def test_what_is_so_already_takes_no_step(folder: Path, change: Change) -> None:
    kept = Kept()
    for step, content in kept.prepare(change):
        take(step, content)
    if isinstance(change, Rewrite):
        change = Rewrite(change.path, change.after, change.after)
    assert kept.prepare(change) == []


def test_a_step_is_not_taken_twice(folder: Path, change: Change) -> None:
    made = Kept().prepare(change)
    take_all(made)
    after = state(folder)
    for step, content in made:
        with pytest.raises(Refused, match="changed meanwhile"):
            take(step, content)
    assert state(folder) == after


_CHANGING = (
    "write", "fchown", "fchmod", "chown", "setxattr", "removexattr", "utime", "fsync", "rename", "link", "symlink",
    "unlink", "mkdir", "rmdir",
)  # fmt: skip


class Killed(BaseException):
    """SIGKILL: nothing that changes the disk works from here on."""


@contextmanager
def killed_at(number: int, *, after: bool) -> Iterator[list[str]]:
    """The process ends right before or `after` its n-th call that changes the disk. Yields the calls made."""
    calls: list[str] = []
    with pytest.MonkeyPatch.context() as patched:

        def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                calls.append(name)
                if len(calls) > number or (len(calls) == number and not after):
                    raise Killed
                result = real(*arguments, **named)
                if len(calls) == number:
                    raise Killed
                return result

            return call

        for name in _CHANGING:
            patched.setattr(os, name, guarded(name, getattr(os, name)))
        try:
            yield calls
        except Killed:
            calls.append("killed")


def _run_to_its_end(act: Callable[[], None], after: bool, check: Callable[[str], None]) -> int:
    """Kill `act` at each of its calls in turn; how many there were."""
    for number in range(1, 200):
        with killed_at(number, after=after) as calls:
            act()
        check(f"killed {'after' if after else 'before'} {calls[number - 1 :][:1]} ({number})")
        if "killed" not in calls:
            return number - 1
    raise AssertionError("it does not end")


@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_is_killed_it_can_be_taken_back(folder: Path, change: Change, after: bool) -> None:
    before = state(folder)
    kept, made = Kept(), list[tuple[Step, bytes]]()

    def act() -> None:
        nonlocal kept, made
        kept = Kept()
        made = kept.prepare(change)
        take_all(made)

    def check(where: str) -> None:
        kept.back(made)
        assert state(folder) == before, where

    assert _run_to_its_end(act, after, check) >= 2


@pytest.mark.parametrize("after", [False, True])
def test_wherever_the_way_back_is_killed_it_can_be_gone_again(folder: Path, change: Change, after: bool) -> None:
    kept, before = Kept(), state(folder)
    made = kept.prepare(change)

    def act() -> None:
        kept.back(made)

    def check(where: str) -> None:
        kept.back(made)
        assert state(folder) == before, where
        take_all(made)

    take_all(made)
    assert _run_to_its_end(act, after, check) >= 2


def test_a_disk_that_fails_at_any_call_leaves_something_that_can_be_taken_back(folder: Path, change: Change) -> None:
    before = state(folder)
    for number in range(1, 100):
        kept, count = Kept(), 0
        made = kept.prepare(change)
        with pytest.MonkeyPatch.context() as patched:

            def failing(real: Callable[..., Any], number: int = number) -> Callable[..., Any]:
                def call(*arguments: Any, **named: Any) -> Any:
                    nonlocal count
                    count += 1
                    if count == number:
                        raise OSError(28, "No space left on device")
                    return real(*arguments, **named)

                return call

            for name in _CHANGING:
                patched.setattr(os, name, failing(getattr(os, name)))
            with suppress(OSError):
                take_all(made)
        temporaries = {step.temporary for step, _ in made} - {""}
        assert not temporaries & {path.name for path in folder.rglob("*")}
        kept.back(made)
        assert state(folder) == before, number
        if count < number:
            return
    raise AssertionError("it does not end")


# What somebody else does meanwhile.


def test_a_file_that_says_something_else_by_now_is_not_prepared(folder: Path) -> None:
    path = folder / "sites-available/shop"
    change = Rewrite(str(path), SITE, "ours\n")
    path.write_text("an edit of the second admin\n")
    with pytest.raises(Refused, match="changed since"):
        Kept().prepare(change)


def test_a_file_that_was_there_and_is_gone_is_not_prepared(folder: Path) -> None:
    path = folder / "sites-available/shop"
    path.unlink()
    with pytest.raises(Refused, match="changed since"):
        Kept().prepare(Rewrite(str(path), SITE, "ours\n"))


def test_a_file_that_appeared_is_not_prepared(folder: Path) -> None:
    with pytest.raises(Refused, match="changed since"):
        Kept().prepare(Rewrite(f"{folder}/sites-available/shop", None, "ours\n"))


def _meddle(folder: Path, change: Change) -> None:
    """Somebody changes what the change is about."""
    path = Path(change.path)
    match change:
        case Rewrite():
            path.write_text("theirs")
        case Relink():
            path.unlink(missing_ok=True)
            path.parent.mkdir(exist_ok=True)
            path.symlink_to("theirs")
        case Permit():
            path.chmod(0o750)
        case Uncompile():
            (path / "__pycache__/a.cpython-311.pyc").write_bytes(b"theirs")


def test_what_was_changed_since_it_was_prepared_is_not_taken(folder: Path, change: Change) -> None:
    made = Kept().prepare(change)
    Path(change.path).parent.mkdir(exist_ok=True)
    _meddle(folder, change)
    theirs = state(folder)
    with pytest.raises(Refused, match="changed meanwhile"):
        take_all(made)
    after = state(folder)
    assert theirs == {path: after.get(path) for path in theirs}


def test_what_was_changed_since_it_was_taken_is_left_and_told(folder: Path, change: Change) -> None:
    kept = Kept()
    made = kept.prepare(change)
    take_all(made)
    _meddle(folder, change)
    theirs = state(folder)
    told = []
    for step, _ in reversed(made):
        try:
            take_back(step, kept.copies.__getitem__)
        except Conflict as error:
            told.append(str(error))
    if isinstance(change, Uncompile):
        # Python compiles anew what was taken away: nobody's change.
        assert told == []
        return
    assert len(told) == 1
    assert "was changed since: it is left as it is" in told[0]
    assert state(folder) == theirs


def test_a_directory_that_others_use_by_now_stays(folder: Path) -> None:
    kept = Kept()
    made = kept.prepare(Rewrite(f"{folder}/shop.service.d/zz-flaskdoctor.conf", None, "[Unit]\n"))
    take_all(made)
    (folder / "shop.service.d/theirs.conf").write_text("[Unit]\n")
    kept.back(made)
    assert os.listdir(folder / "shop.service.d") == ["theirs.conf"]


def test_a_link_in_the_place_of_a_file_is_not_followed_on_the_way_back(folder: Path) -> None:
    kept = Kept()
    path = folder / "sites-available/shop"
    made = kept.prepare(Rewrite(str(path), SITE, "ours\n"))
    take_all(made)
    (folder / "victim").write_text("ours\n")
    path.unlink()
    path.symlink_to("../victim")
    with pytest.raises(Conflict):
        kept.back(made)
    assert (folder / "victim").read_text() == "ours\n"


def test_a_copy_that_is_damaged_is_not_put_back(folder: Path) -> None:
    kept = Kept()
    made = kept.prepare(Rewrite(f"{folder}/sites-available/shop", SITE, "ours\n"))
    take_all(made)
    after = state(folder)
    kept.copies = {name: content[:3] for name, content in kept.copies.items()}
    with pytest.raises(Conflict, match="damaged"):
        kept.back(made)
    assert state(folder) == after


# What is refused from the start.


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: Rewrite(f"{f}/static", None, "x"), "no file"),
        (lambda f: Relink(f"{f}/static", "x"), "no link"),
        (lambda f: Relink(f"{f}/app/a.py", "x"), "no link"),
        (lambda f: Permit(f"{f}/nothing", mode="0644"), "not there"),
        (lambda f: Permit(f"{f}/static", group="no-such-group"), "no group no-such-group"),
    ],
)
def test_only_what_fits_is_prepared(folder: Path, change: Callable[[Path], Change], reason: str) -> None:
    before = state(folder)
    with pytest.raises(Refused, match=reason):
        Kept().prepare(change(folder))
    assert state(folder) == before


def test_only_one_directory_is_made(folder: Path) -> None:
    kept, before = Kept(), state(folder)
    made = kept.prepare(Rewrite(f"{folder}/a/b/c", None, "x"))
    with pytest.raises(Refused, match="not there"):
        take_all(made)
    kept.back(made)
    assert state(folder) == before


def test_a_pipe_among_the_bytecode_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "app/__pycache__/c.pyc")
    with pytest.raises(Refused, match="no regular file"):
        Kept().prepare(Uncompile(f"{folder}/app"))


def test_too_much_bytecode_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_MOST_FILES", 2)
    with pytest.raises(Refused, match="more than 2"):
        Kept().prepare(Uncompile(f"{folder}/app"))


def test_bytecode_behind_a_link_is_not_removed(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "x.pyc").write_text("theirs")
    (folder / "app/linked").symlink_to(outside)
    paths = [step.path for step, _ in Kept().prepare(Uncompile(f"{folder}/app"))]
    assert len(paths) == 3
    assert all(path.startswith(f"{folder}/app/__pycache__/") for path in paths)


@root_only
def test_a_link_of_another_user_leads_nowhere(folder: Path) -> None:
    os.lchown(folder / "sites-enabled/shop", 1234, 1234)
    with pytest.raises(Refused, match="another user"):
        Kept().prepare(Rewrite(f"{folder}/sites-enabled/shop", SITE, "x"))


@root_only
def test_a_new_file_belongs_to_root_and_is_readable(folder: Path) -> None:
    os.umask(0o077)
    try:
        for step, content in Kept().prepare(Rewrite(f"{folder}/u.d/50.conf", None, "x")):
            take(step, content)
    finally:
        os.umask(0o022)
    assert state(folder)["u.d"] == ("directory", 0o755, 0, 0)
    assert state(folder)["u.d/50.conf"][5:] == (0o644, 0, 0)


def test_the_new_file_is_hidden_while_it_is_written(folder: Path) -> None:
    step = Kept().prepare(Rewrite(f"{folder}/sites-enabled/shop", SITE, "x"))[0][0]
    assert step.temporary.startswith(".")
    assert not step.temporary.endswith(".conf")


def test_the_longest_name_there_is_can_be_taken_back(folder: Path) -> None:
    long = folder / "app/__pycache__" / ("x" * 251 + ".pyc")
    long.write_bytes(b"compiled")
    site = folder / ("y" * 255)
    site.write_text("old")
    kept, before = Kept(), state(folder)
    made = kept.prepare(Uncompile(f"{folder}/app"), Rewrite(str(site), "old", "new"))
    take_all(made)
    kept.back(made)
    assert state(folder) == before


def test_no_two_steps_of_a_fix_share_a_temporary_file(folder: Path) -> None:
    made = Kept().prepare(Uncompile(f"{folder}/app"), Rewrite(f"{folder}/app/a", None, "x"))
    assert len({step.temporary for step, _ in made}) == len(made)


def test_several_changes_of_one_fix_can_meet(folder: Path) -> None:
    before = state(folder)
    kept = Kept()
    made = kept.prepare(
        Rewrite(f"{folder}/new.d/a", None, "a"),
        Rewrite(f"{folder}/new.d/b", None, "b"),
        Relink(f"{folder}/new.d/c", "a"),
        Relink(f"{folder}/current", "releases/r2"),
        Permit(f"{folder}/static", mode="0755"),
    )
    take_all(made)
    assert sorted(os.listdir(folder / "new.d")) == ["a", "b", "c"]
    kept.back(made)
    assert state(folder) == before


def test_a_form_without_attributes_is_compared_by_its_kind() -> None:
    # As in a manifest of a link or a directory that was made.
    assert not steps._matches(Entry("/x", Kind.MISSING), Form(Kind.DIRECTORY))


names = st.sampled_from([name for name in CHANGES if os.geteuid() == 0 or not name.startswith("group")])


@settings(max_examples=60, deadline=None)
@given(chosen=st.lists(names, min_size=1, max_size=6), kill=st.none() | st.integers(1, 60))
def test_any_sequence_of_fixes_is_taken_back_in_turn(chosen: list[str], kill: int | None) -> None:
    with tempfile.TemporaryDirectory() as base, pytest.MonkeyPatch.context() as patched:
        patched.setattr(steps, "_PLAIN", Attributes(0o644, os.geteuid(), os.getegid(), 0))
        folder = Path(base) / "machine"
        folder.mkdir()
        build(folder)
        before = state(folder)
        done: list[tuple[Kept, list[tuple[Step, bytes]]]] = []
        with killed_at(kill or 10_000, after=bool(kill and kill % 2)):
            for name in chosen:
                change = CHANGES[name](folder)
                if isinstance(change, Rewrite):
                    path = Path(change.path)
                    text = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else None
                    change = Rewrite(change.path, text, f"{text or ''}{len(done)}\n")
                kept = Kept()
                made = kept.prepare(change)
                done.append((kept, made))
                take_all(made)
        for kept, made in reversed(done):
            kept.back(made)
        assert state(folder) == before
