"""The unit in which Gunicorn loads the app once: whose it runs as, what it leaves out, and that nothing is left."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import unit

from doctor.edits import dropin
from doctor.edits.changes import Operation, Verb
from doctor.fixes import operate, rehearsal
from doctor.fixes.operate import Failed
from doctor.fixes.rehearsal import Unready, rehearse
from doctor.grammar.ours import DROP_IN
from doctor.sources.systemd import Unit

COMMAND = "/srv/shop/venv/bin/gunicorn --check-config wsgi:app"
NAME = "flaskdoctor-rehearsal-shop.service"


class Manager:
    """systemd's part: notes what it is told, and what the unit said when it was started."""

    def __init__(self, folder: Path, fail: BaseException | None = None, words: str = "") -> None:
        self.folder, self.fail, self.words = folder, fail, words
        self.done: list[Operation] = []
        self.text = ""
        self.mode = 0

    def do(self, operation: Operation) -> None:
        self.done.append(operation)
        if operation.verb is Verb.START:
            path = self.folder / operation.unit
            self.text, self.mode = path.read_text(errors="surrogateescape"), stat.S_IMODE(path.stat().st_mode)
            if self.fail:
                raise self.fail

    def last_words(self, _unit: str, _since: float) -> str:
        return self.words


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "run"
    place.mkdir()
    monkeypatch.setattr(rehearsal, "_FOLDER", str(place))
    monkeypatch.setattr(dropin, "path", lambda name: str(tmp_path / "etc" / f"{name}.d" / DROP_IN))
    return place


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Unit]:
    def write(text: str, *drop_ins: str, name: str = "shop.service") -> Unit:
        (tmp_path / "shop.service").write_bytes(text.encode("utf-8", "surrogateescape"))
        paths = []
        for number, content in enumerate(drop_ins):
            paths.append(str(tmp_path / f"{number}.conf"))
            Path(paths[-1]).write_text(content)
        return unit(name, fragment=str(tmp_path / "shop.service"), drop_ins=tuple(paths))

    return write


def service(text: str) -> list[str]:
    """The lines of [Service]."""
    return text.partition("[Service]\n")[2].splitlines()


FRAGMENT = """\
[Unit]
Description=Shop
After=network.target
[Service]
User=shop
Group=www-data
Environment="KEY=se cret" B=2
EnvironmentFile=-/etc/shop.env
WorkingDirectory=/srv/shop
RuntimeDirectory=shop
StateDirectory=shop
Type=notify
ExecStartPre=/bin/migrate
ExecStart=/srv/shop/venv/bin/gunicorn wsgi:app
ExecReload=/bin/kill -HUP $MAINPID
ExecStop=/bin/drop-tables
Restart=always
KillMode=mixed
TimeoutStopSec=5
ProtectSystem=strict
PrivateTmp=yes
LimitNOFILE=4096
Sockets=shop.socket
Slice=shop.slice
StandardOutput=append:/var/log/shop.log
WatchdogSec=10
[Install]
WantedBy=multi-user.target
"""


def test_it_runs_as_the_service_does_and_does_nothing_else(folder: Path, shop: Callable[..., Unit]) -> None:
    manager = Manager(folder)
    assert rehearse(shop(FRAGMENT), COMMAND, manager)  # type: ignore[arg-type]
    assert service(manager.text) == [
        "User=shop",
        "Group=www-data",
        'Environment="KEY=se cret" B=2',
        "EnvironmentFile=-/etc/shop.env",
        "WorkingDirectory=/srv/shop",
        "StateDirectory=shop",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "LimitNOFILE=4096",
        "Type=oneshot",
        "TimeoutStartSec=60",
        f"ExecStart={COMMAND}",
    ]
    assert "network.target" not in manager.text
    assert "multi-user" not in manager.text
    assert manager.mode == 0o600
    assert manager.done == [Operation(Verb.START, NAME), Operation(Verb.RESET_FAILED, NAME)]
    assert list(folder.iterdir()) == []


def test_drop_ins_count_in_their_order(folder: Path, shop: Callable[..., Unit]) -> None:
    manager = Manager(folder)
    rehearse(shop("[Service]\nUser=a\n", "[Service]\nUser=b\n", "[Service]\nUser=\nUser=c\n"), COMMAND, manager)  # type: ignore[arg-type]
    assert service(manager.text)[:4] == ["User=a", "User=b", "User=", "User=c"]


def test_our_drop_in_counts_when_it_was_made_a_moment_ago(folder: Path, shop: Callable[..., Unit]) -> None:
    ours = Path(dropin.path("shop.service"))
    ours.parent.mkdir(parents=True)
    ours.write_text("[Service]\nEnvironment=WEB_CONCURRENCY=2\n")
    manager = Manager(folder)
    rehearse(shop("[Service]\nUser=a\n"), COMMAND, manager)  # type: ignore[arg-type]
    assert "Environment=WEB_CONCURRENCY=2" in manager.text


def test_bytes_stay_as_they_are(folder: Path, shop: Callable[..., Unit]) -> None:
    manager = Manager(folder)
    rehearse(shop("[Service]\nEnvironment=A=\udcff\n"), COMMAND, manager)  # type: ignore[arg-type]
    assert "Environment=A=\udcff\n" in manager.text


@pytest.mark.parametrize("fail", [Failed("systemctl start: failed"), KeyboardInterrupt(), OSError(28, "full")])
def test_nothing_is_left_when_it_fails(folder: Path, shop: Callable[..., Unit], fail: BaseException) -> None:
    manager = Manager(folder, fail, "ModuleNotFoundError: No module named 'flask'")
    wanted = Unready if isinstance(fail, Failed) else type(fail)
    with pytest.raises(wanted) as caught:
        rehearse(shop(FRAGMENT), COMMAND, manager)  # type: ignore[arg-type]
    if wanted is Unready:
        assert str(caught.value) == "ModuleNotFoundError: No module named 'flask'"
    assert list(folder.iterdir()) == []
    assert manager.done[-1] == Operation(Verb.RESET_FAILED, NAME)


def test_without_last_words_systemd_has_the_word(folder: Path, shop: Callable[..., Unit]) -> None:
    with pytest.raises(Unready, match="start: failed"):
        rehearse(shop(FRAGMENT), COMMAND, Manager(folder, Failed("systemctl start: failed")))  # type: ignore[arg-type]


def test_what_a_killed_run_left_is_taken_away(folder: Path, shop: Callable[..., Unit]) -> None:
    (folder / NAME).write_text("[Service]\nUser=root\n")
    (folder / "flaskdoctor-rehearsal-other.service").write_text("")
    (folder / "shop.service").write_text("theirs")
    manager = Manager(folder)
    assert rehearse(shop(FRAGMENT), COMMAND, manager)  # type: ignore[arg-type]
    assert "User=shop" in manager.text
    assert [path.name for path in folder.iterdir()] == ["shop.service"]


def test_a_machine_without_the_folder_has_nothing_to_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_FOLDER", str(tmp_path / "none"))
    rehearsal.clean()


@pytest.mark.parametrize("value", ["yes", "true", "1", "on", "TRUE"])
def test_an_app_of_a_user_made_at_the_start_is_not_loaded_as_root(
    folder: Path, shop: Callable[..., Unit], value: str
) -> None:
    manager = Manager(folder)
    assert not rehearse(shop(f"[Service]\nDynamicUser={value}\n"), COMMAND, manager)  # type: ignore[arg-type]
    assert not rehearse(shop("[Service]\n", f"[Service]\nDynamicUser={value}\n"), COMMAND, manager)  # type: ignore[arg-type]
    assert manager.done == []


@pytest.mark.parametrize(
    ("text", "faithful"),
    [
        ("Environment=NAME=%n", False),
        ("WorkingDirectory=/srv/%p", False),
        ("WorkingDirectory=/srv/%i", True),
        ("Environment=A=100%%n", True),
        ("Environment=A=%%%N", False),
        ("ExecStartPre=/bin/x %n", True),
    ],
)
def test_a_unit_that_speaks_of_itself_is_not_rehearsed(
    folder: Path, shop: Callable[..., Unit], text: str, faithful: bool
) -> None:
    assert (rehearse(shop(f"[Service]\n{text}\n"), COMMAND, Manager(folder)) > 0) is faithful  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["shop@1.service", "a\\x2db.service", "x:y.service"])
def test_names_of_units_stay_names(folder: Path, shop: Callable[..., Unit], name: str) -> None:
    manager = Manager(folder)
    assert rehearse(shop(FRAGMENT, name=name), COMMAND, manager)  # type: ignore[arg-type]
    assert manager.done[0].unit == f"flaskdoctor-rehearsal-{name}"


def test_what_is_not_known_is_not_rehearsed(folder: Path, shop: Callable[..., Unit], tmp_path: Path) -> None:
    manager: Any = Manager(folder)
    assert not rehearse(unit("shop.service"), COMMAND, manager)
    assert not rehearse(unit("shop.service", fragment=str(tmp_path / "none")), COMMAND, manager)
    assert not rehearse(shop(FRAGMENT), f"{COMMAND} --env KEY=<hidden:a1b2c3d4e5f6>", manager)
    assert manager.done == []


# The last words.


def _entries(*entries: Any) -> str:
    return "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)


def test_the_last_word_is_that_of_the_process() -> None:
    said = _entries(
        {"MESSAGE": "first", "_COMM": "gunicorn"},
        {"MESSAGE": "ModuleNotFoundError: x", "_COMM": "gunicorn"},
        {"MESSAGE": "  ", "_COMM": "gunicorn"},
        {"MESSAGE": None, "_COMM": "gunicorn"},
        {"MESSAGE": "Failed to start", "_COMM": "systemd"},
    )
    assert operate._last_message(said) == "ModuleNotFoundError: x"


@pytest.mark.parametrize("cut", ['{"MESSAGE": "half', "[1]", "7", "no json", ""])
def test_half_an_entry_is_passed_over(cut: str) -> None:
    assert operate._last_message(_entries({"MESSAGE": "whole", "_COMM": "gunicorn"}, cut)) == "whole"
