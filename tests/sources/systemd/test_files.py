"""Services of a machine as their files and drop-ins say, whatever they run."""

from __future__ import annotations

import pytest
from servers.nginx_machine import MemoryHost

from doctor.cause import Cause, Doubt
from doctor.facts.value import Unknown
from doctor.hosts.base import Content, Unseen
from doctor.sources.systemd.files import on_disk
from doctor.sources.systemd.model import LoadedUnit

FOLDER = "/etc/systemd/system"


def told(files: dict[str, str]) -> LoadedUnit | Doubt:
    host = MemoryHost()
    for path, text in files.items():
        host.add(f"{FOLDER}/{path}", text)
    [unit] = on_disk(host, FOLDER, "RuntimeDirectory=")
    return unit


@pytest.mark.parametrize(
    ("files", "directories", "preserve"),
    [
        ({"a.service": "[Service]\nRuntimeDirectory=blog\n"}, ("/run/blog",), "no"),
        ({"a.service": '[Service]\nRuntimeDirectory=a b:c "d"\n'}, ("/run/a", "/run/b", "/run/d"), "no"),
        (
            {
                "a.service": "[Service]\nRuntimeDirectory=old\n",
                "a.service.d/x.conf": "[Service]\nRuntimeDirectory=\nRuntimeDirectory=new\n",
            },
            ("/run/new",),
            "no",
        ),
        (
            {
                "a.service": "[Service]\nExecStart=/bin/a\n",
                "a.service.d/x.conf": "[Service]\nRuntimeDirectory=web\nRuntimeDirectoryPreserve=yes\n",
            },
            ("/run/web",),
            "yes",
        ),
        ({"a@1.service": "[Service]\nRuntimeDirectory=%p-%i\n"}, ("/run/a-1",), "no"),
    ],
    ids=["plain", "several", "reset", "only-in-a-drop-in", "specifiers"],
)
def test_the_settings_of_a_service(files: dict[str, str], directories: tuple[str, ...], preserve: str) -> None:
    unit = told(files)
    assert isinstance(unit, LoadedUnit)
    assert unit.runtime_directories.is_(directories)
    assert unit.runtime_directory_preserve.is_(preserve)
    assert isinstance(unit.active_state, Unknown)
    assert unit.active_state.cause is Cause.NOT_ASKED


def test_a_file_that_is_not_for_our_eyes_is_a_doubt() -> None:
    class Denied(MemoryHost):
        def read(self, path: str, *args: object, **kwargs: object) -> Content | Unseen:
            return Unseen("permission denied", Cause.NEEDS_ROOT)

    host = Denied()
    host.add(f"{FOLDER}/a.service", "")
    assert list(on_disk(host, FOLDER, "RuntimeDirectory=")) == [Unseen("permission denied", Cause.NEEDS_ROOT)]


def test_only_services_in_which_the_setting_stands() -> None:
    host = MemoryHost()
    host.add(f"{FOLDER}/a.service", "[Service]\nUser=a\n")
    host.add(f"{FOLDER}/b.timer", "[Timer]\nRuntimeDirectory=b\n")
    assert not list(on_disk(host, FOLDER, "RuntimeDirectory="))
