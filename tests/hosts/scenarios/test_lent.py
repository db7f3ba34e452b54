"""With whose rights a path is looked at. The kernel decides, so that only root can try it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.grammar.envfile import EnvFile
from doctor.hosts import credentials, files
from doctor.hosts.base import Content, Host, Missing, Stat, Unseen
from doctor.hosts.credentials import NOBODY, Reader, reader_of, reading_as
from doctor.hosts.holders import writer_of
from doctor.hosts.live import LiveHost
from doctor.hosts.recording import RecordingHost
from doctor.hosts.snapshot import SnapshotHost

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whose rights are what is lent")

APP, OTHER, GROUP = 23001, 23002, 23003
SHOP = Reader(APP, APP, (APP, GROUP))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may pass, with a secret of root's, a folder of an app and one of somebody else."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        _file(folder / "root" / "secret", 0, 0o600)
        (folder / "root").chmod(0o700)
        _file(folder / "etc" / "secret", 0, 0o600)
        _file(folder / "other" / "secret", OTHER, 0o600)
        _file(folder / "app" / "own", APP, 0o600)
        _file(folder / "app" / "of-group", 0, 0o640, GROUP)
        for name, uid in (("app", APP), ("other", OTHER)):
            os.chown(folder / name, uid, uid)
        yield folder
    finally:
        shutil.rmtree(folder)


def _file(path: Path, uid: int, mode: int, gid: int | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("LEVEL=1\n")
    os.chown(path, uid, uid if gid is None else gid)
    path.chmod(mode)


def _link(path: Path, target: Path, uid: int = APP) -> Path:
    path.symlink_to(target)
    os.lchown(path, uid, uid)
    return path


SECRETS = ("root/secret", "etc/secret", "other/secret")


@pytest.mark.parametrize("secret", SECRETS)
def test_what_the_app_names_is_read_as_the_app(place: Path, secret: str) -> None:
    host = LiveHost().lent(SHOP)
    path = str(place / secret)
    for answer in (host.read(path), host.outline(path), host.env_file(path), host.read(path, limit=1, tail=True)):
        assert isinstance(answer, Unseen)
        assert f"as user {APP}" in answer.reason
    assert isinstance(host.list(str(place / "root")), Unseen)
    assert isinstance(host.scan(str(place / "root"), ()), Unseen)
    assert isinstance(host.stat(str(place / "root" / "secret")), Unseen)
    assert isinstance(host.stat(str(place / "root" / "none")), Unseen)  # not even that it is not there
    assert host.lent(SHOP).read(str(place / "app" / "own")) == Content("LEVEL=1\n")
    assert host.read(str(place / "app" / "of-group")) == Content("LEVEL=1\n")
    assert isinstance(host.read(str(place / "app" / "none")), Missing)
    assert LiveHost().read(path) == Content("LEVEL=1\n")  # named by nobody else: root's own look


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("shape", ["link", "folder", "chain"])
def test_a_link_of_somebody_else_is_his(place: Path, secret: str, shape: str) -> None:
    """For root's own look too, also where the link lies in a folder of root's, or is passed on the way."""
    target = place / secret
    path = {
        "link": lambda: _link(place / "link", target),
        "folder": lambda: _link(place / "folder", target.parent) / target.name,
        "chain": lambda: _link(place / "chain", _link(place / "app" / "next", target, 0), 0),
    }[shape]()
    assert isinstance(LiveHost().read(str(path)), Unseen)
    assert isinstance(LiveHost().env_file(str(path)), Unseen) or shape == "chain"
    if shape == "folder" and secret.startswith("root"):
        assert isinstance(LiveHost().list(str(path.parent)), Unseen)
        assert isinstance(LiveHost().stat(str(path)), Unseen)


def test_links_of_root_lead_on(place: Path) -> None:
    assert LiveHost().read(str(_link(place / "link", place / "root" / "secret", 0))) == Content("LEVEL=1\n")
    assert LiveHost().read(str(_link(place / "up", Path("root/../etc/secret"), 0))) == Content("LEVEL=1\n")


class TestFolderOfSomebodyElse:
    """Below it he decides what a name leads to, whoever owns what lies there."""

    def test_file_of_root(self, place: Path) -> None:
        _file(place / "app" / "root", 0, 0o600)
        assert isinstance(LiveHost().read(str(place / "app" / "root")), Unseen)
        assert LiveHost().read(str(place / "app" / "own")) == Content("LEVEL=1\n")

    def test_second_name(self, place: Path) -> None:
        os.link(place / "root" / "secret", place / "app" / "second")
        assert isinstance(LiveHost().read(str(place / "app" / "second")), Unseen)
        assert isinstance(LiveHost().env_file(str(place / "app" / "second")), Unseen)

    def test_environment_file_of_root(self, place: Path) -> None:
        """systemd reads it as root, and usual it is; only names are shown."""
        _file(place / "app" / "env", 0, 0o600)
        assert isinstance(LiveHost().env_file(str(place / "app" / "env")), EnvFile)

    def test_anybody_may_write_to_it(self, place: Path) -> None:
        (place / "etc").chmod(0o777)
        assert isinstance(LiveHost().read(str(place / "etc" / "secret")), Unseen)
        (place / "etc").chmod(0o1777)  # as /tmp: nobody moves what is root's
        assert LiveHost().read(str(place / "etc" / "secret")) == Content("LEVEL=1\n")
        os.link(place / "root" / "secret", place / "etc" / "second")
        assert isinstance(LiveHost().read(str(place / "etc" / "second")), Unseen)


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "writer"),
    [
        (0, 0, 0o644, None),
        (0, 0, 0o600, None),
        (APP, APP, 0o644, reader_of(APP)),
        (0, GROUP, 0o664, Reader(NOBODY.uid, GROUP, (GROUP,))),
        (0, 0, 0o666, NOBODY),
    ],
)
def test_who_may_write_what_a_file_says(place: Path, uid: int, gid: int, mode: int, writer: Reader | None) -> None:
    _file(place / "etc" / "conf", uid, mode, gid)
    assert writer_of(str(place / "etc" / "conf")) == writer
    host = LiveHost()
    assert host.named_in(str(place / "none"), str(place / "etc" / "conf")).reader == writer
    assert host.lent(SHOP).named_in(str(place / "etc" / "conf")).reader == SHOP


def test_who_may_put_another_file_in_its_place(place: Path) -> None:
    _file(place / "etc" / "conf", 0, 0o644)
    for mode, writer in ((0o2775, Reader(NOBODY.uid, GROUP, (GROUP,))), (0o777, NOBODY), (0o1777, None), (0o755, None)):
        os.chown(place / "etc", 0, GROUP)
        (place / "etc").chmod(mode)
        assert writer_of(str(place / "etc" / "conf")) == writer


def test_a_path_that_is_turned_between_two_steps(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that a group may write to, the file was root's when it was looked at, and a link when opened."""
    _file(place / "etc" / "file", 0, 0o644)
    (place / "etc").chmod(0o775)
    opened = os.open

    def turning(path: str, flags: int) -> int:
        os.unlink(place / "etc" / "file")
        _link(place / "etc" / "file", place / "root" / "secret")
        return opened(path, flags)

    monkeypatch.setattr(os, "open", turning)
    answer = files.read_bytes(str(place / "etc" / "file"), 100)
    assert answer == Unseen(f"{place}/etc/file was changed while it was looked at", Cause.VANISHED)


def test_the_rights_of_other_threads_stay(place: Path) -> None:
    secret = place / "root" / "secret"
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def elsewhere() -> None:
        inside.wait()
        seen.append(secret.read_text())
        go_on.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    groups = os.getgroups()
    with reading_as(SHOP):
        inside.set()
        go_on.wait()
        with pytest.raises(PermissionError):
            secret.read_text()
    thread.join()
    assert seen == [secret.read_text()] == ["LEVEL=1\n"]
    assert os.getgroups() == groups
    with pytest.raises(ZeroDivisionError), reading_as(SHOP):
        raise ZeroDivisionError
    assert secret.read_text()


@pytest.mark.parametrize("why", ["machine", "groups"])
def test_where_it_cannot_be_done_nothing_is_read(place: Path, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "machine":
        monkeypatch.setattr(credentials, "_NUMBERS", {})
        credentials._system_call.cache_clear()
    else:
        monkeypatch.setattr(credentials, "_become", _refused)
    try:
        answer = LiveHost().lent(SHOP).read(str(place / "app" / "own"))
    finally:
        monkeypatch.undo()
        credentials._system_call.cache_clear()
    assert isinstance(answer, Unseen)
    assert (place / "root" / "secret").read_text()


def _refused(*_: object) -> None:
    raise OSError(22, "the kernel does not let us")


def test_a_recording_keeps_what_each_was_shown(place: Path, tmp_path: Path) -> None:
    secret, shared, written = str(place / "root" / "secret"), str(place / "etc" / "conf"), str(place / "app" / "own")
    _file(Path(shared), 0, 0o644)

    def asked(host: Host) -> list[object]:
        lent, named = host.lent(SHOP), host.named_in(written)
        views = (lent, host, named, host.lent(reader_of(OTHER)))
        return [view.read(path) for path in (secret, shared, written) for view in views] + [named.list(str(place))]

    recording = RecordingHost(LiveHost())
    live = asked(recording)
    assert [type(answer) for answer in live[:4]] == [Unseen, Content, Unseen, Unseen]
    path = tmp_path / "r.snapshot.json"
    recording.save(str(path))
    assert asked(SnapshotHost(str(path))) == live

    recording = RecordingHost(LiveHost())
    assert isinstance(recording.lent(SHOP).read(secret), Unseen)
    assert "LEVEL" not in recording.text()


def test_stat_needs_no_right_to_read(place: Path) -> None:
    stat = LiveHost().lent(SHOP).stat(str(place / "etc" / "secret"))
    assert isinstance(stat, Stat)
    assert (stat.uid, stat.mode) == (0, 0o600)
