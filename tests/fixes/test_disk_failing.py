"""A disk that fails at every call: the old file whole or the new one, and nothing beside it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doctor.fixes import disk, exchange
from doctor.fixes.disk import Attributes


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def site(place: Path) -> Path:
    file = place / "site.conf"
    file.write_bytes(b"old\n")
    return file


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def attributes() -> Attributes:
    return Attributes(0o644, os.geteuid(), os.getegid(), 0)


def replaced(path: Path, *, keep_time: bool = False) -> None:
    seen = disk.look(str(path))
    disk.write(seen, b"new\n", seen.attributes or attributes(), ".new", keep_time=keep_time)


_CALLS = ("open", "write", "fchown", "fchmod", "setxattr", "utime", "fsync", "rename", "link", "symlink", "chown")


class Failing:
    """Lets the n-th call of a function of `os` fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int, code: int) -> None:
        self.seen = 0
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.seen += 1
            if self.seen == number:
                raise OSError(code, os.strerror(code))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)


def _failures(act: Callable[[], None], again: Callable[[], None], code: int) -> Iterator[str]:
    """Run `act` once for every call it makes, each time with that one failing; the names of those that did."""
    for name in _CALLS:
        for number in range(1, 30):
            again()
            with pytest.MonkeyPatch.context() as patched:
                failing = Failing(patched, name, number, code)
                try:
                    act()
                except OSError:
                    yield f"{name} {number}"
                    continue
            assert failing.seen < number
            break


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("exchanging", [True, False])
def test_a_failed_write_leaves_a_whole_file_and_nothing_beside_it(
    site: Path, place: Path, code: int, exchanging: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanging:
        monkeypatch.setattr(disk, "exchange", lambda directory, one, other: False)

    def again() -> None:
        site.unlink()
        site.write_bytes(b"old\n")

    failed = []
    for call in _failures(lambda: replaced(site, keep_time=True), again, code):
        failed.append(call)
        # Once the name has moved only the folder can fail to be synced.
        late = call.startswith("fsync 2") or (call.startswith("open") and site.read_bytes() == b"new\n")
        assert site.read_bytes() == (b"new\n" if late else b"old\n"), call
        assert names(place) == ["site.conf"], call
    expected = {"open", "write", "fchmod", "utime", "fsync", *([] if exchanging else ["rename"])}
    assert {call.split()[0] for call in failed} >= expected


def test_a_failed_write_of_a_new_file_leaves_no_half_of_it(place: Path) -> None:
    file = place / "n"
    failed = []
    act = lambda: disk.write(disk.look(str(file)), b"new\n", attributes(), ".new")  # noqa: E731
    for call in _failures(act, lambda: file.unlink(missing_ok=True), errno.ENOSPC):
        failed.append(call)
        assert names(place) in ([], ["n"]), call
        assert not file.exists() or (file.read_bytes(), file.stat().st_nlink) == (b"new\n", 1), call
    assert {call.split()[0] for call in failed} >= {"open", "write", "fchmod", "fsync", "link"}


def test_a_failed_switch_leaves_the_old_link(place: Path) -> None:
    link = place / "current"

    def again() -> None:
        link.unlink(missing_ok=True)
        link.symlink_to("r1")

    def act() -> None:
        disk.link(disk.look(str(link), follow=False), "r2", attributes(), ".new")

    failed = []
    for call in _failures(act, again, errno.ENOSPC):
        failed.append(call)
        assert os.readlink(link) in ("r1", "r2"), call
        assert names(place) == ["current"], call
    assert {call.split()[0] for call in failed} >= {"symlink", "chown"}


@pytest.mark.parametrize("how", ["in place", "another file"])
def test_what_is_saved_in_the_last_moment_is_not_lost(
    site: Path, place: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look at the file and the change of its name."""
    seen = disk.look(str(site))
    real = exchange.exchange

    def late(directory: int, one: str, other: str) -> bool:
        if how == "another file":
            (place / ".theirs").write_bytes(b"theirs\n")
            os.rename(place / ".theirs", site)
        else:
            site.write_bytes(b"theirs\n")
        return real(directory, one, other)

    monkeypatch.setattr(disk, "exchange", late)
    with pytest.raises(disk.Refused, match="changed meanwhile"):
        disk.write(seen, b"ours\n", attributes(), ".new")
    assert site.read_bytes() == b"theirs\n"
    assert names(place) == ["site.conf"]


_LIMITED = """
import os, resource, signal, sys
from doctor.fixes import disk
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
seen = disk.look(sys.argv[1])
try:
    disk.write(seen, b"x" * 100_000, seen.attributes, ".new")
except OSError as error:
    print(error.errno, sorted(os.listdir(os.path.dirname(sys.argv[1]))))
"""


def test_a_file_that_may_not_grow_is_left_as_it_was(site: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(site)], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == f"{errno.EFBIG} ['site.conf']", done.stderr
    assert site.read_bytes() == b"old\n"


_MOUNTED = """
import os, subprocess, sys
from doctor.fixes import disk
folder, how = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "none", folder], check=True)
path = folder + "/site.conf"
open(path, "w").write("old")
if how == "ro":
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
seen = disk.look(path)
try:
    disk.write(seen, b"x" * 500_000, seen.attributes, ".new")
except OSError as error:
    print(error.errno, os.listdir(folder), open(path).read())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize(("how", "code"), [("full", errno.ENOSPC), ("ro", errno.EROFS)])
def test_a_full_or_read_only_file_system_is_left_as_it_was(place: Path, how: str, code: int) -> None:
    words = ["unshare", "-m", sys.executable, "-c", _MOUNTED, str(place), how]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if "mount" in done.stderr:
        pytest.skip("nothing can be mounted here")
    assert done.stdout.strip() == f"{code} ['site.conf'] old", done.stderr
