"""What a boot starts, by what the manager says of units and of those that want them."""

from __future__ import annotations

import pytest

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Unknown
from doctor.grammar.unitfile import Merged, parse
from doctor.hosts.base import Content, Missing, Output, TextKind, Unseen
from doctor.hosts.commands import Command
from doctor.sources.systemd.boot import Boot, enabling_starts_it
from doctor.sources.systemd.settings import Settings
from doctor.sources.systemd.show import Shown, parse_show

PATH = "/etc/systemd/system/shop.service"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"


class Manager:
    """Units by name, each what `systemctl show` prints of it, and files."""

    def __init__(self, units: dict[str, str], files: dict[str, str]) -> None:
        self.units = {"default.target": "Id=multi-user.target\nNames=multi-user.target default.target", **units}
        self.files = files
        self.asked: list[str] = []
        self.answers = True

    def run(self, command: Command) -> Output | Unseen:
        names = command.arguments[command.arguments.index("--") + 1 :]
        self.asked += names
        if not self.answers:
            return Unseen("timed out after 5 s", Cause.TIMED_OUT)
        found = (self.units.get(name, f"Id={name}\nLoadState=not-found") for name in names)
        return Output(0, "\n\n".join(found) + "\n", "")

    def read(self, path: str, text: TextKind = TextKind.PLAIN) -> Content | Missing:
        return Content(self.files[path]) if path in self.files else Missing()


def settings(said: str, unit: str = INSTALL, name: str = "shop.service") -> Settings:
    text = f"Id={name}\nNames={name}\nLoadState=loaded\n{said}\n"
    if "FragmentPath=" not in said:
        text += f"FragmentPath={PATH}\n"
    (properties,) = parse_show(text)
    return Settings(name, Merged((parse(unit, PATH),)), {}, Shown(name, properties), "systemd 252")


def missed(
    said: str, units: dict[str, str] | None = None, files: dict[str, str] | None = None, manager: Manager | None = None
) -> Fact[str]:
    host = manager or Manager(units or {}, files or {})
    return Boot(host, {}).missed(settings(said))  # type: ignore[arg-type]


def test_an_enabled_service_costs_no_further_question() -> None:
    manager = Manager({}, {})
    assert isinstance(missed("UnitFileState=enabled\nWantedBy=multi-user.target", manager=manager), Absent)
    # Enabled by links of which the manager does not know yet.
    assert isinstance(missed("UnitFileState=enabled", manager=manager), Absent)
    assert manager.asked == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("UnitFileState=disabled", "it is disabled"),
        ("UnitFileState=static", "no [Install] section"),
        ("UnitFileState=indirect", "not enabled itself"),
        ("UnitFileState=linked", "linked"),
        ("UnitFileState=generated", "generated"),
        ("UnitFileState=enabled-runtime\nWantedBy=multi-user.target", "until the next boot"),
        ("UnitFileState=transient\nFragmentPath=/run/systemd/transient/shop.service", "/run/systemd/transient"),
        ("UnitFileState=linked-runtime\nFragmentPath=/run/systemd/system/shop.service", "/run/systemd/system"),
        ("LoadState=masked\nUnitFileState=masked", "masked"),
    ],
)
def test_what_no_boot_starts(said: str, reason: str) -> None:
    if "LoadState" in said:
        (properties,) = parse_show(f"Id=shop.service\n{said}\n")
        masked = Settings("shop.service", Merged(()), {}, Shown("shop.service", properties), "systemd 252")
        found: Fact[str] = Boot(Manager({}, {}), {}).missed(masked)  # type: ignore[arg-type]
    else:
        found = missed(said)
    assert isinstance(found, Known)
    assert reason in found.value
    assert found.places


SOCKET = "Id=shop.socket\nNames=shop.socket\nUnitFileState={state}\nWantedBy={by}"


@pytest.mark.parametrize(
    ("said", "units"),
    [
        ("UnitFileState=static\nWantedBy=multi-user.target", {}),
        ("UnitFileState=disabled\nRequiredBy=multi-user.target", {}),
        (
            "UnitFileState=disabled\nTriggeredBy=shop.socket",
            {"shop.socket": SOCKET.format(state="enabled", by="sockets.target")},
        ),
        ("UnitFileState=disabled\nTriggeredBy=shop.socket", {"shop.socket": SOCKET.format(state="enabled", by="")}),
        (
            "UnitFileState=disabled\nWantedBy=shop.target",
            {
                "shop.target": "Id=shop.target\nUnitFileState=static\nWantedBy=sites.target",
                "sites.target": "Id=sites.target\nUnitFileState=enabled\nWantedBy=multi-user.target",
            },
        ),
        # The default target is one of its own.
        (
            "UnitFileState=enabled\nWantedBy=site.target",
            {
                "default.target": "Id=site.target\nNames=site.target default.target",
                "site.target": "Id=site.target\nUnitFileState=static",
            },
        ),
        # A cluster starts it.
        ("UnitFileState=disabled\nDropInPaths=/run/systemd/system/shop.service.d/50-pacemaker.conf", {}),
    ],
)
def test_what_starts_by_other_ways(said: str, units: dict[str, str]) -> None:
    assert isinstance(missed(said, units), Absent)


def test_a_target_that_nothing_starts() -> None:
    manager = Manager({"shop.target": "Id=shop.target\nUnitFileState=disabled\nWantedBy="}, {})
    for said, unit in (
        ("UnitFileState=enabled\nWantedBy=shop.target", INSTALL),
        # The target is not loaded: only the [Install] section tells of it.
        ("UnitFileState=enabled\nWantedBy=", "[Install]\nWantedBy=shop.target\n"),
    ):
        found = Boot(manager, {}).missed(settings(said, unit))  # type: ignore[arg-type]
        assert isinstance(found, Known)
        assert found.value == "only shop.target starts it, and nothing that a boot starts wants that"


def test_a_socket_that_is_disabled_too() -> None:
    units = {"shop.socket": SOCKET.format(state="disabled", by="")}
    assert isinstance(missed("UnitFileState=disabled\nTriggeredBy=shop.socket", units), Known)


def test_units_that_want_each_other_come_to_an_end() -> None:
    units = {
        "a.service": "Id=a.service\nUnitFileState=static\nWantedBy=b.service",
        "b.service": "Id=b.service\nUnitFileState=static\nWantedBy=a.service",
    }
    assert isinstance(missed("UnitFileState=static\nWantedBy=a.service", units), Known)


def test_enabled_at_run_time_and_wanted_for_good() -> None:
    units = {"blog.service": "Id=blog.service\nUnitFileState=enabled\nWantedBy=multi-user.target"}
    assert isinstance(missed("UnitFileState=enabled-runtime\nWantedBy=multi-user.target blog.service", units), Absent)


def test_a_script_for_the_boot_may_start_it() -> None:
    script = "#!/bin/sh\nservice shop start\n"
    assert isinstance(missed("UnitFileState=disabled", files={"/etc/rc.local": script}), Unknown)
    for other in (script.replace("shop", "blog"), script.replace("service", "# service")):
        assert isinstance(missed("UnitFileState=disabled", files={"/etc/rc.local": other}), Known)


def test_a_manager_that_does_not_answer() -> None:
    manager = Manager({}, {})
    manager.answers = False
    assert missed("UnitFileState=disabled\nWantedBy=a.target", manager=manager) == Unknown(
        "timed out after 5 s", Cause.TIMED_OUT, missed("UnitFileState=disabled", manager=Manager({}, {})).places[:1]
    )


@pytest.mark.parametrize(
    ("unit", "said", "expected"),
    [
        (INSTALL, "", True),
        ("[Install]\nRequiredBy=default.target\n", "", True),
        ("[Service]\nUser=shop\n", "", False),
        ("[Install]\nWantedBy=shop.target\n", "", False),
        # It would enable another unit as well.
        (INSTALL + "Also=shop.socket\n", "", False),
        (INSTALL, "FragmentPath=/run/systemd/transient/shop.service", False),
    ],
)
def test_what_enabling_does(unit: str, said: str, expected: bool) -> None:
    found = enabling_starts_it(settings(f"UnitFileState=disabled\n{said}".strip(), unit))
    assert isinstance(found, Known)
    assert found.value is expected
