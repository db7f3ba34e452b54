"""Single files changed as root, with somebody hostile beside it, and a disk that fails at every call."""

from __future__ import annotations

import os
import resource
import signal
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctor.fixes import disk
from doctor.fixes.disk import Attributes, Kind, Refused

STRANGER = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture
def site(place: Path) -> Path:
    file = place / "site.conf"
    file.write_bytes(b"old\n")
    file.chmod(0o640)
    os.utime(file, ns=(10**18, 10**18 + 123))
    return file


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def attributes(mode: int = 0o644, **given: Any) -> Attributes:
    return Attributes(mode, os.geteuid(), os.getegid(), given.get("mtime_ns", 0), given.get("xattrs", ()))


def replaced(path: Path, content: bytes = b"new\n", **given: Any) -> None:
    seen = disk.look(str(path))
    disk.write(seen, content, seen.attributes or attributes(), ".new", **given)


# What is looked at.


def test_a_file_is_seen_with_everything_that_goes_with_it(site: Path) -> None:
    seen = disk.look(str(site))
    assert (seen.kind, seen.content, seen.path) == (Kind.FILE, b"old\n", str(site))
    assert seen.attributes == Attributes(0o640, os.geteuid(), os.getegid(), 10**18 + 123)


def test_nothing_is_seen_where_nothing_is(place: Path) -> None:
    assert disk.look(str(place / "a")).kind is Kind.MISSING
    assert disk.look(str(place / "a/b/c")).kind is Kind.MISSING


def test_a_directory_is_seen(place: Path) -> None:
    assert disk.look(str(place)).kind is Kind.DIRECTORY


@pytest.mark.parametrize("path", ["", "relative", "./here", "/a\0b"])
def test_only_whole_paths_are_looked_at(path: str) -> None:
    with pytest.raises(Refused, match="no absolute path"):
        disk.look(path)


def test_the_root_directory_itself_is_refused() -> None:
    with pytest.raises(Refused, match="itself"):
        disk.look("/")


def test_a_file_with_two_names_is_refused(site: Path) -> None:
    os.link(site, site.parent / "twin")
    with pytest.raises(Refused, match="2 names"):
        disk.look(str(site))


@pytest.mark.parametrize("follow", [True, False])
def test_a_pipe_is_refused_without_waiting_for_its_writer(place: Path, follow: bool) -> None:
    os.mkfifo(place / "pipe")
    signal.alarm(5)
    try:
        with pytest.raises(Refused, match="no regular file"):
            disk.look(str(place / "pipe"), follow=follow)
    finally:
        signal.alarm(0)


def test_a_file_swapped_for_a_pipe_does_not_block(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def swap(path: str, flags: int, *rest: Any, **named: Any) -> int:
        if path == "site.conf":
            site.unlink()
            os.mkfifo(site)
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", swap)
    signal.alarm(5)
    try:
        with pytest.raises(Refused, match="changes while"):
            disk.look(str(site))
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
def test_a_device_is_refused(device: str) -> None:
    if not os.path.exists(device):
        pytest.skip(f"no {device} here")
    with pytest.raises(Refused, match="no regular file"):
        disk.look(device)


def test_a_huge_file_is_refused_unread(place: Path) -> None:
    with (place / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Refused, match="larger than"):
        disk.look(str(place / "huge"))


def _while_opened(monkeypatch: pytest.MonkeyPatch, name: str, then: Callable[[], object]) -> None:
    """Do something right after the file was opened and before its last byte is read."""
    real = disk._xattrs
    done: list[object] = []

    def meanwhile(file: int) -> Any:
        if not done:
            done.append(then())
        return real(file)

    real_open = os.open

    def opened(path: str, flags: int, *rest: Any, **named: Any) -> int:
        file = real_open(path, flags, *rest, **named)
        if path == name and not done:
            state["file"] = file
        return file

    state: dict[str, int] = {}
    real_fstat = os.fstat

    def after_first_look(file: int) -> os.stat_result:
        found = real_fstat(file)
        if file == state.get("file") and not done:
            done.append(then())
        return found

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fstat", after_first_look)
    monkeypatch.setattr(disk, "_xattrs", meanwhile)


def test_what_is_edited_while_it_is_read_is_not_taken_for_what_was_read(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _while_opened(patched, "site.conf", lambda: site.write_bytes(b"an edit of the second admin\n"))
        try:
            seen = disk.look(str(site))
        except Refused:
            return
    with pytest.raises(Refused, match="changed meanwhile"):
        disk.write(seen, b"ours", attributes(), ".new")
    assert site.read_bytes() == b"an edit of the second admin\n"


def test_a_file_that_grows_for_ever_does_not_fill_the_memory(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def grow() -> None:
        with site.open("ab") as file:
            file.truncate(1 << 30)

    _while_opened(monkeypatch, "site.conf", grow)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), limits[1]))
    try:
        with pytest.raises(Refused, match="changes while"):
            disk.look(str(site))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


# Links.


def test_a_link_of_ours_is_followed(site: Path, place: Path) -> None:
    (place / "enabled").mkdir()
    (place / "enabled/site").symlink_to("../site.conf")
    assert disk.look(str(place / "enabled/site")).path == str(site)


def test_a_link_itself_is_seen_when_it_is_not_to_be_followed(site: Path, place: Path) -> None:
    (place / "link").symlink_to("site.conf")
    seen = disk.look(str(place / "link"), follow=False)
    assert (seen.kind, seen.target) == (Kind.LINK, "site.conf")
    assert disk.look(str(place / "link/."), follow=False).kind is Kind.LINK


def test_links_on_the_way_are_followed_even_when_the_last_is_not(site: Path, place: Path) -> None:
    (place / "way").symlink_to(".")
    (place / "link").symlink_to("site.conf")
    assert disk.look(str(place / "way/link"), follow=False).path == str(place / "link")


def test_a_step_up_counts_from_where_the_link_leads(place: Path) -> None:
    (place / "a/b").mkdir(parents=True)
    (place / "a/file").write_text("the right one")
    (place / "file").write_text("the wrong one")
    (place / "link").symlink_to("a/b")
    assert disk.look(str(place / "link/../file")).content == b"the right one"
    (place / "via").symlink_to("link/../file")
    assert disk.look(str(place / "via")).content == b"the right one"


def test_steps_up_end_at_the_root(place: Path) -> None:
    (place / "up").symlink_to("../" * 60 + "etc/passwd")
    assert disk.physical(str(place / "up")) == os.path.realpath("/etc/passwd")
    assert disk.physical("/../../etc") == "/etc"


def test_a_circle_of_links_ends(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    with pytest.raises(Refused, match="too many links"):
        disk.look(str(place / "a"))


def test_a_link_to_nothing_leads_to_what_is_to_be_made(place: Path) -> None:
    (place / "link").symlink_to("later")
    seen = disk.look(str(place / "link"))
    assert (seen.kind, seen.path) == (Kind.MISSING, str(place / "later"))


@root_only
@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("at_end", [True, False])
def test_a_link_of_another_user_is_not_followed(place: Path, site: Path, at_end: bool, follow: bool) -> None:
    link = place / "link"
    link.symlink_to("site.conf" if at_end else ".")
    os.lchown(link, STRANGER, STRANGER)
    path = str(link if at_end else link / "site.conf")
    if at_end and not follow:
        assert disk.look(path, follow=False).kind is Kind.LINK
        return
    with pytest.raises(Refused, match="another user may change"):
        disk.look(path, follow=follow)


@root_only
def test_our_link_in_a_directory_of_another_user_is_not_followed(place: Path, site: Path) -> None:
    home = place / "home"
    home.mkdir()
    (home / "link").symlink_to("../site.conf")
    os.chown(home, STRANGER, STRANGER)
    with pytest.raises(Refused, match="another user may change"):
        disk.look(str(home / "link"))


@root_only
def test_a_sticky_directory_does_not_help_its_owner(place: Path, site: Path) -> None:
    home = place / "home"
    home.mkdir()
    (home / "link").symlink_to("../site.conf")
    os.chown(home, STRANGER, STRANGER)
    home.chmod(0o1777)
    with pytest.raises(Refused, match="another user may change"):
        disk.look(str(home / "link"))


@pytest.mark.parametrize(("mode", "followed"), [(0o777, False), (0o775, False), (0o1777, True), (0o755, True)])
def test_a_link_where_others_may_rename_is_not_followed(place: Path, site: Path, mode: int, followed: bool) -> None:
    shared = place / "shared"
    shared.mkdir()
    (shared / "link").symlink_to("../site.conf")
    shared.chmod(mode)
    if followed:
        assert disk.look(str(shared / "link")).path == str(site)
    else:
        with pytest.raises(Refused, match="another user may change"):
            disk.look(str(shared / "link"))


@root_only
def test_a_planted_link_in_tmp_is_not_followed(place: Path, site: Path) -> None:
    shared = place / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "planted").symlink_to(site)
    os.lchown(shared / "planted", STRANGER, STRANGER)
    with pytest.raises(Refused, match="another user may change"):
        disk.look(str(shared / "planted"))


@root_only
def test_the_second_link_of_a_chain_is_judged_too(place: Path, site: Path) -> None:
    (place / "ours").symlink_to("theirs")
    (place / "theirs").symlink_to("site.conf")
    os.lchown(place / "theirs", STRANGER, STRANGER)
    with pytest.raises(Refused, match="theirs is a link"):
        disk.look(str(place / "ours"))


def _swapped_after_resolving(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], object]) -> None:
    real = disk.physical
    done: list[object] = []

    def physical(path: str, **named: Any) -> str:
        found = real(path, **named)
        if not done:
            done.append(swap())
        return found

    monkeypatch.setattr(disk, "physical", physical)


def test_a_directory_swapped_for_a_link_is_not_entered(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "d").mkdir()
    (place / "d/f").write_text("harmless")
    (place / "secret").mkdir()
    (place / "secret/f").write_text("secret")

    def swap() -> None:
        (place / "d").rename(place / "gone")
        (place / "d").symlink_to("secret")

    _swapped_after_resolving(monkeypatch, swap)
    with pytest.raises(Refused, match="not a directory any more"):
        disk.look(str(place / "d/f"))


def test_a_directory_swapped_for_a_link_before_the_write_is_not_entered(place: Path) -> None:
    (place / "d").mkdir()
    (place / "secret").mkdir()
    seen = disk.look(str(place / "d/f"))
    (place / "d").rmdir()
    (place / "d").symlink_to("secret")
    changes: tuple[Callable[[], object], ...] = (
        lambda: disk.write(seen, b"x", attributes(), ".new"),
        lambda: disk.link(seen, "x", attributes(), ".new"),
        lambda: disk.make_directory(str(place / "d/f")),
    )
    for change in changes:
        with pytest.raises(Refused, match="not a directory any more"):
            change()
    assert names(place / "secret") == []


def test_a_file_swapped_for_a_link_is_not_written_through(place: Path, site: Path) -> None:
    (place / "victim").write_text("victim")
    seen = disk.look(str(site))
    site.unlink()
    site.symlink_to("victim")
    changes: tuple[Callable[[], object], ...] = (
        lambda: disk.write(seen, b"x", attributes(), ".new"),
        lambda: disk.set_attributes(seen, attributes(0o777)),
        lambda: disk.remove(seen),
    )
    for change in changes:
        with pytest.raises(Refused, match="changed meanwhile"):
            change()
    assert (place / "victim").read_text() == "victim"
    assert (place / "victim").stat().st_mode & 0o777 != 0o777


# What is changed.


def test_a_file_is_replaced_as_a_whole(site: Path, place: Path) -> None:
    reader, inode = site.open("rb"), site.stat().st_ino
    replaced(site)
    assert site.read_bytes() == b"new\n"
    assert reader.read() == b"old\n"
    assert site.stat().st_ino != inode
    assert stat.S_IMODE(site.stat().st_mode) == 0o640
    assert site.stat().st_mtime_ns != 10**18 + 123
    assert names(place) == ["site.conf"]
    reader.close()


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o4755, 0o2750, 0o400, 0o777])
def test_the_mode_stays_whatever_the_umask(site: Path, mode: int) -> None:
    site.chmod(mode)
    before = os.umask(0o077)
    try:
        replaced(site)
    finally:
        os.umask(before)
    assert stat.S_IMODE(site.stat().st_mode) == mode


@root_only
def test_owner_and_group_stay(site: Path) -> None:
    os.chown(site, STRANGER, 12345)
    site.chmod(0o6755)
    replaced(site)
    found = site.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (STRANGER, 12345, 0o6755)


def test_a_copy_goes_back_with_its_time(site: Path) -> None:
    was = disk.look(str(site)).attributes
    assert was is not None
    replaced(site)
    disk.write(disk.look(str(site)), b"old\n", was, ".new", keep_time=True)
    assert disk.look(str(site)).attributes == was


def test_an_empty_file_can_be_written(site: Path) -> None:
    replaced(site, b"")
    assert site.read_bytes() == b""


def test_a_large_file_is_written_to_its_last_byte(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:1000]))
    content = os.urandom(70_001)
    replaced(site, content)
    assert site.read_bytes() == content


def _acl(*entries: tuple[int, int, int]) -> bytes:
    """As the kernel has it (linux/posix_acl_xattr.h): version 2, then tag, permission and id of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


_NO_ID = 0xFFFFFFFF
BOB = _acl((1, 6, _NO_ID), (2, 6, 12345), (4, 4, _NO_ID), (0x10, 6, _NO_ID), (0x20, 0, _NO_ID))
"""u::rw, u:12345:rw, g::r, m::rw, o::-"""


def _give(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip(f"{name} cannot be set on this file system: {error.strerror}")


def test_extended_attributes_stay(site: Path) -> None:
    _give(site, "user.note", b"\0by hand\xff")
    replaced(site)
    assert os.getxattr(site, "user.note") == b"\0by hand\xff"


def test_an_access_list_stays(site: Path) -> None:
    _give(site, "system.posix_acl_access", BOB)
    replaced(site)
    assert os.getxattr(site, "system.posix_acl_access") == BOB
    assert stat.S_IMODE(site.stat().st_mode) == 0o660


def test_a_folder_hands_its_default_access_list_to_no_file_that_had_none(site: Path, place: Path) -> None:
    _give(place, "system.posix_acl_default", BOB)
    assert "system.posix_acl_access" not in os.listxattr(site)
    before = disk.look(str(site)).attributes
    replaced(site)
    assert "system.posix_acl_access" not in os.listxattr(site)
    disk.write(disk.look(str(site)), b"old\n", before or attributes(), ".new", keep_time=True)
    assert disk.look(str(site)).attributes == before


@root_only
@pytest.mark.parametrize("change", ["rewritten", "other mode", "other group"])
def test_capabilities_of_a_program_stay(site: Path, change: str) -> None:
    # VFS_CAP_REVISION_2 with cap_net_bind_service, permitted and effective.
    capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    _give(site, "security.capability", capability)
    seen = disk.look(str(site))
    was = seen.attributes
    assert was is not None
    if change == "rewritten":
        replaced(site)
    else:
        gid = 12345 if change == "other group" else was.gid
        mode = 0o755 if change == "other mode" else was.mode
        disk.set_attributes(seen, Attributes(mode, was.uid, gid, 0, was.xattrs))
        assert (stat.S_IMODE(site.stat().st_mode), site.stat().st_gid) == (mode, gid)
    assert os.getxattr(site, "security.capability") == capability


def test_a_file_is_made_where_nothing_is(place: Path) -> None:
    disk.write(disk.look(str(place / "n")), b"x", attributes(0o600), ".new")
    assert (place / "n").read_bytes() == b"x"
    assert (place / "n").stat().st_nlink == 1
    assert names(place) == ["n"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = disk.look(str(place / "n"))
    real = os.link

    def late(*arguments: Any, **named: Any) -> None:
        (place / "n").write_text("theirs")
        real(*arguments, **named)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(Refused, match="somebody else"):
        disk.write(seen, b"ours", attributes(), ".new")
    assert (place / "n").read_text() == "theirs"
    assert names(place) == ["n"]


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "directory"])
def test_what_appears_in_an_empty_place_stays(place: Path, kind: str) -> None:
    file, link = disk.look(str(place / "n")), disk.look(str(place / "n"), follow=False)
    match kind:
        case "file":
            (place / "n").write_text("theirs")
        case "directory":
            (place / "n").mkdir()
        case _:
            (place / "n").symlink_to("nowhere" if kind == "dangling link" else ".")
    before = os.lstat(place / "n")
    with pytest.raises(Refused):
        disk.write(file, b"ours", attributes(), ".new")
    with pytest.raises(Refused):
        disk.link(link, "ours", attributes(), ".new")
    with pytest.raises(OSError, match="exists"):
        disk.make_directory(str(place / "n"))
    assert os.lstat(place / "n") == before
    assert names(place) == ["n"]


def _edit(path: Path) -> None:
    path.write_bytes(b"edited")


def _same_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def _chmod(path: Path) -> None:
    path.chmod(0o604)


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def _linked(path: Path) -> None:
    os.link(path, path.with_name("twin"))


@pytest.mark.parametrize("edit", [_edit, _same_bytes, _chmod, _replace, _linked, os.unlink])
@pytest.mark.parametrize(
    "change",
    [
        lambda seen: disk.write(seen, b"ours", attributes(), ".new"),
        lambda seen: disk.set_attributes(seen, attributes(0o777)),
        disk.remove,
    ],
    ids=["write", "attributes", "remove"],
)
def test_what_was_touched_since_the_look_is_left_alone(
    site: Path, place: Path, edit: Callable[[Path], None], change: Callable[[disk.Entry], None]
) -> None:
    seen = disk.look(str(site))
    edit(site)
    before = (names(place), os.lstat(site) if site.exists() else None)
    with pytest.raises(Refused, match="changed meanwhile"):
        change(seen)
    assert (names(place), os.lstat(site) if site.exists() else None) == before


def test_an_edit_while_the_new_file_is_written_is_seen(
    site: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def late(file: int) -> None:
        _edit(site)
        real(file)

    seen = disk.look(str(site))
    monkeypatch.setattr(os, "fsync", late)
    with pytest.raises(Refused, match="changed meanwhile"):
        disk.write(seen, b"ours", attributes(), ".new")
    assert site.read_bytes() == b"edited"
    assert names(place) == ["site.conf"]


def test_a_directory_that_is_gone_is_no_place_to_write(place: Path) -> None:
    seen = disk.look(str(place / "d/f"))
    with pytest.raises(Refused, match="not there any more"):
        disk.write(seen, b"x", attributes(), ".new")
    with pytest.raises(Refused, match="not there"):
        disk.make_directory(str(place / "d/e"))


@root_only
def test_mode_and_group_change_without_a_new_file(site: Path) -> None:
    seen = disk.look(str(site))
    disk.set_attributes(seen, Attributes(0o2750, os.geteuid(), 12345, 0))
    found = site.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid, found.st_ino) == (0o2750, 12345, seen.identity[1])
    assert found.st_mtime_ns == 10**18 + 123


def test_the_mode_of_a_directory_changes(place: Path) -> None:
    disk.set_attributes(disk.look(str(place)), attributes(0o751))
    assert stat.S_IMODE(place.stat().st_mode) == 0o751


def test_a_directory_is_made_open_to_readers_whatever_the_umask(place: Path) -> None:
    before = os.umask(0o077)
    try:
        disk.make_directory(str(place / "d"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "d").stat().st_mode) == 0o755


def test_a_link_is_switched_in_one_step(place: Path) -> None:
    (place / "current").symlink_to("r1")
    seen = disk.look(str(place / "current"), follow=False)
    disk.link(seen, "r2", attributes(), ".new")
    assert os.readlink(place / "current") == "r2"
    assert names(place) == ["current"]


@root_only
def test_a_link_keeps_its_owner(place: Path) -> None:
    (place / "current").symlink_to("r1")
    disk.link(disk.look(str(place / "current"), follow=False), "r2", Attributes(0o777, STRANGER, 12345, 0), ".new")
    found = os.lstat(place / "current")
    assert (found.st_uid, found.st_gid) == (STRANGER, 12345)


def test_a_full_directory_is_not_removed(place: Path) -> None:
    (place / "d").mkdir()
    seen = disk.look(str(place / "d"))
    disk.remove(seen)
    assert names(place) == []
    (place / "d").mkdir()
    (place / "d/f").write_text("x")
    with pytest.raises(OSError, match="not empty"):
        disk.remove(disk.look(str(place / "d")))


def test_a_temporary_file_left_behind_is_taken_away(place: Path) -> None:
    (place / ".left").write_text("half")
    disk.discard(str(place / ".left"))
    disk.discard(str(place / ".left"))
    disk.discard(str(place / "no/such/folder/.left"))
    assert names(place) == []


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(place: Path, site: Path) -> None:
    (place / ".new").symlink_to("site.conf")
    disk.discard(str(place / ".new"))
    assert names(place) == ["site.conf"]


def test_a_temporary_name_that_is_taken_is_not_written_through(place: Path, site: Path) -> None:
    (place / "victim").write_text("victim")
    (place / ".new").symlink_to("victim")
    with pytest.raises(FileExistsError):
        replaced(site)
    assert (place / "victim").read_text() == "victim"
    assert site.read_bytes() == b"old\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_is_given_its_owner_and_time_and_nothing_else_is(place: Path) -> None:
    (place / "victim").write_text("root's")
    before = os.lstat(place / "victim")
    seen = disk.look(str(place / "mine"), follow=False)
    disk.link(seen, "victim", Attributes(0o777, STRANGER, STRANGER, 10**18), ".new", keep_time=True)
    made = os.lstat(place / "mine")
    assert (made.st_uid, made.st_gid, made.st_mtime_ns) == (STRANGER, STRANGER, 10**18)
    assert os.lstat(place / "victim") == before


@pytest.mark.parametrize("swapped", ["a hard link", "another link"])
def test_what_is_put_in_the_place_of_the_new_link_gets_no_owner(
    place: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = place / "victim"
    victim.write_text("root's")
    real = os.symlink

    def swap(target: str, name: str, *, dir_fd: int) -> None:
        real(target, name, dir_fd=dir_fd)
        (place / name).unlink()
        if swapped == "a hard link":
            os.link(victim, place / name)
        else:
            real("victim", place / name)

    monkeypatch.setattr(os, "symlink", swap)
    monkeypatch.setattr(os, "chown", lambda *_, **__: pytest.fail("it was given away"))
    seen = disk.look(str(place / "mine"), follow=False)
    with pytest.raises(Refused, match="somebody else"):
        disk.link(seen, "r2", attributes(), ".new")
    assert not (place / "mine").exists()
    assert victim.read_text() == "root's"
