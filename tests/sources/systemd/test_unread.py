"""Units that were changed on disk and not read by the manager."""

from __future__ import annotations

from typing import Any

from doctor.facts.value import Absent, Known
from doctor.hosts.base import Content, FileType, Machine, Missing, Output, Stat, TargetKind, TextKind
from doctor.hosts.commands import Command
from doctor.sources.systemd import Unit, collect

FRAGMENT = "/etc/systemd/system/shop.service"
DROP_IN = "/etc/systemd/system/shop.service.d"
UNIT = "[Service]\nUser=shop\nExecStart=/srv/shop/venv/bin/gunicorn --workers 3 app\nRestart=always\n"
SHOW = f"""Id=shop.service
Names=shop.service
LoadState=loaded
ActiveState=active
MainPID=107
Type=simple
Restart=always
User=shop
Group=
WorkingDirectory=
Environment=
ExecStart={{ path=/srv/shop/venv/bin/gunicorn ; argv[]=/srv/shop/venv/bin/gunicorn --workers 3 app ; \
ignore_errors=no ; pid=107 }}
NeedDaemonReload=no
FragmentPath={FRAGMENT}
DropInPaths=
"""


class FakeHost:
    kind = TargetKind.LIVE

    def __init__(self, files: dict[str, str], show: str, masked: str = "") -> None:
        self.files = files
        self.show = show
        self.masked = masked

    def machine(self) -> Machine:
        return Machine("web1", 0, "root", 2, 0.0, True, "")

    def run(self, command: Command) -> Output:
        return Output(0, self.show if command.arguments[0] == "show" else "", "")

    def read(self, path: str, text: TextKind = TextKind.PLAIN, **options: Any) -> Content | Missing:
        return Content(self.files[path]) if path in self.files else Missing()

    def stat(self, path: str) -> Stat | Missing:
        if path not in self.files:
            return Missing()
        target = "/dev/null" if path == self.masked else ""
        return Stat(FileType.LINK if target else FileType.FILE, 0o644, 0, 0, 10, 0.0, 0.0, 1, 1, target=target)

    def list(self, path: str) -> tuple[str, ...] | Missing:
        below = {name[len(path) + 1 :].partition("/")[0] for name in self.files if name.startswith(f"{path}/")}
        return tuple(sorted(below)) if below else Missing()


def unit(files: dict[str, str], show: str = SHOW, masked: str = "") -> Unit:
    host = FakeHost({"/etc/passwd": "shop:x:999:999::/:/bin/sh\n", **files}, show, masked)
    (found,) = collect(host).units  # type: ignore[arg-type]
    return found


def outdated(text: str) -> Unit:
    return unit({FRAGMENT: text}, SHOW.replace("NeedDaemonReload=no", "NeedDaemonReload=yes"))


def test_nothing_is_unread_of_a_unit_that_is_up_to_date() -> None:
    found = unit({FRAGMENT: UNIT})
    assert found.need_daemon_reload == Known(False, found.need_daemon_reload.places)
    assert isinstance(found.unread, Absent)


def test_the_settings_that_differ_are_named_with_the_line_on_disk_first() -> None:
    text = UNIT.replace("workers 3", "workers 5").replace("User=shop", "User=deploy")
    found = outdated(text).unread
    assert isinstance(found, Known)
    assert found.value == ("ExecStart", "User")
    assert (found.places[0].path, found.places[0].line) == (FRAGMENT, 3)


def test_a_line_that_was_taken_out_differs() -> None:
    found = outdated(UNIT.replace("User=shop\n", "")).unread
    assert isinstance(found, Known)
    assert found.value == ("User",)


def test_a_setting_that_was_not_there_differs() -> None:
    found = outdated(UNIT + "Group=www-data\nEnvironment=A=1\nWorkingDirectory=/srv\n").unread
    assert isinstance(found, Known)
    assert set(found.value) == {"Group", "Environment", "WorkingDirectory"}


def test_what_shapes_no_process_is_not_named() -> None:
    found = outdated(UNIT.replace("always", "on-failure"))
    assert found.need_daemon_reload == Known(True, found.need_daemon_reload.places)
    assert isinstance(found.unread, Absent)


def test_a_drop_in_the_manager_overlooked_needs_a_reload() -> None:
    """systemd 252 says NeedDaemonReload=no for the first drop-in of a unit."""
    found = unit({FRAGMENT: UNIT, f"{DROP_IN}/release.conf": "[Service]\nEnvironment=GREETING=hello\n"})
    assert isinstance(found.need_daemon_reload, Known)
    assert found.need_daemon_reload.value
    assert found.need_daemon_reload.places[0].path == f"{DROP_IN}/release.conf"
    assert isinstance(found.unread, Known)
    assert found.unread.value == ("Environment",)
    assert isinstance(found.restart, Known)
    assert found.restart.value == "always"


def test_the_command_is_still_the_one_the_manager_knows() -> None:
    override = "[Service]\nExecStart=\nExecStart=/srv/shop/venv/bin/gunicorn --workers 9 app\n"
    found = unit({FRAGMENT: UNIT, f"{DROP_IN}/override.conf": override})
    assert isinstance(found.exec_start, Known)
    assert [command.argv[2] for command in found.exec_start.value] == ["3"]
    assert isinstance(found.unread, Known)
    assert found.unread.value == ("ExecStart",)


def test_known_masked_and_foreign_files_are_no_unread_drop_ins() -> None:
    path = f"{DROP_IN}/10.conf"
    read = unit({FRAGMENT: UNIT, path: "[Service]\n"}, SHOW.replace("DropInPaths=", f"DropInPaths={path}"))
    elsewhere = SHOW.replace("DropInPaths=", "DropInPaths=/lib/systemd/system/shop.service.d/10.conf")
    same_folder = unit({FRAGMENT: UNIT, "/usr/lib/systemd/system/shop.service.d/10.conf": "[Service]\n"}, elsewhere)
    masked = unit({FRAGMENT: UNIT, path: ""}, masked=path)
    backup = unit({FRAGMENT: UNIT, f"{DROP_IN}/10.conf.bak": "[Service]\nUser=root\n"})
    for found in (read, same_folder, masked, backup):
        assert found.need_daemon_reload == Known(False, found.need_daemon_reload.places)
