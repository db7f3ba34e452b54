from __future__ import annotations

import os
from pathlib import Path

from doctor.cause import Cause
from doctor.hosts import paths
from doctor.hosts.base import Missing, Stat, Unseen
from doctor.hosts.live import LiveHost
from doctor.hosts.paths import resolve


def test_release_link(tmp_path: Path) -> None:
    (tmp_path / "releases/2").mkdir(parents=True)
    (tmp_path / "releases/2/app.py").touch()
    (tmp_path / "current").symlink_to("releases/2")
    (tmp_path / "srv").symlink_to(tmp_path)
    found = resolve(LiveHost(), f"{tmp_path}/srv/current/./app.py")
    assert found.physical == os.path.realpath(tmp_path / "releases/2/app.py")
    assert [(hop.path, hop.target, hop.leads_to) for hop in found.hops] == [
        (f"{tmp_path}/srv", str(tmp_path), str(tmp_path)),
        (f"{tmp_path}/current", "releases/2", f"{tmp_path}/releases/2"),
    ]
    assert found.components[0].path == "/"
    assert found.components[-1].path == found.physical
    assert isinstance(found.stat, Stat)
    assert found.stopped_at == ""


def test_agrees_with_realpath(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/up").symlink_to("../a/b/..")
    (tmp_path / "abs").symlink_to(f"{tmp_path}/a/up")
    for path in ("a/b/../up", "abs/b", "abs/../a", "abs/b/../../abs", "../../../../../..", "a//b/"):
        assert resolve(LiveHost(), f"{tmp_path}/{path}").physical == os.path.realpath(tmp_path / path)
    assert resolve(LiveHost(), "/").physical == "/"


def test_stops(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("gone/x")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "file").touch()
    host = LiveHost()
    found = resolve(host, f"{tmp_path}/dangling")
    assert (found.physical, found.stopped_at) == (Missing(), f"{tmp_path}/gone")
    assert len(found.hops) == 1
    loop = resolve(host, f"{tmp_path}/one")
    assert isinstance(loop.physical, Unseen)
    assert len(loop.hops) == 40
    below = resolve(host, f"{tmp_path}/file/x/y")
    assert (below.physical, below.stopped_at) == (Missing(), f"{tmp_path}/file/x")
    assert isinstance(resolve(host, "relative").physical, Unseen)


def test_a_pattern_that_matches_too_much_is_not_followed(tmp_path: Path) -> None:
    for number in range(paths.GLOB_LIMIT + 1):
        (tmp_path / f"{number}.env").touch()
    found = paths.glob(LiveHost(), f"{tmp_path}/*.env")
    assert isinstance(found, Unseen)
    assert found.cause is Cause.TOO_MUCH
    assert paths.glob(LiveHost(), f"{tmp_path}/100?.env") == (f"{tmp_path}/1000.env",)
    assert len(paths.expand(LiveHost(), f"{tmp_path}/*.env").paths) == paths.GLOB_LIMIT + 1


_SHUT = Unseen("permission denied", Cause.NEEDS_ROOT)


class _Shut(LiveHost):
    """A machine with a folder that may not be listed."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._shut = folder

    def list(self, path: str) -> tuple[str, ...] | Missing | Unseen:
        return _SHUT if path == self._shut else super().list(path)


def test_a_folder_that_cannot_be_listed_hides_nothing_of_the_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.conf").touch()
    host = _Shut(f"{tmp_path}/a")
    found = paths.expand(host, f"{tmp_path}/*/*.conf")
    assert found.paths == (f"{tmp_path}/b/site.conf",)
    assert found.folders == (str(tmp_path), f"{tmp_path}/b")
    assert found.unlisted == ((f"{tmp_path}/a", _SHUT),)
    assert paths.glob(host, f"{tmp_path}/*/*.conf") == _SHUT
