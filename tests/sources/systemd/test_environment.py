"""One environment of a start, and what each of its readers makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import make

from doctor.apps.collect import collect_facts
from doctor.apps.topology import App
from doctor.cause import Cause
from doctor.facts.address import tcp
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.grammar.envfile import EnvAssignment, EnvFile
from doctor.hosts.base import TargetKind, Unseen
from doctor.hosts.tree import TreeHost
from doctor.sources.systemd import EnvironmentFileRef, Unit
from doctor.sources.systemd.environment import start_environment
from doctor.sources.variables import Variable, Variables

UNIT = "/etc/systemd/system/shop.service"
SHOP = "[Service]\nWorkingDirectory=/srv/shop\nExecStart=/srv/shop/venv/bin/gunicorn wsgi:app\n"


def look(tmp_path: Path, *lines: str, files: dict[str, str] | None = None) -> App:
    """The app of a machine whose root file system holds this unit and these files."""
    written = {UNIT: SHOP + "".join(f"{line}\n" for line in lines), "/srv/shop/wsgi.py": "app = 1\n", **(files or {})}
    for path, text in written.items():
        there = tmp_path / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)
    (app,) = collect_facts(TreeHost((), root=str(tmp_path))).apps
    return app


def settings(app: App) -> Any:
    assert isinstance(app.gunicorn, Known)
    return app.gunicorn.value.settings


def value(fact: Fact[Any]) -> Any:
    return fact.value if isinstance(fact, Known) else type(fact)


ARGS = "Environment=GUNICORN_CMD_ARGS=--bind=127.0.0.1:9999"


@pytest.mark.parametrize(
    ("unset", "port"),
    [
        ("GUNICORN_CMD_ARGS", 8000),
        ("GUNICORN_CMD_ARGS=--bind=127.0.0.1:9999", 8000),
        ("GUNICORN_CMD_ARGS=--bind=127.0.0.1:7777", 9999),
        ("OTHER", 9999),
    ],
)
def test_what_is_unset_is_not_read(tmp_path: Path, unset: str, port: int) -> None:
    """As Gunicorn 27 binds under systemd 252."""
    app = look(tmp_path, ARGS, f"UnsetEnvironment={unset}")
    assert value(settings(app).bind) == (tcp("127.0.0.1", port),)
    assert ("GUNICORN_CMD_ARGS" in value(app.environment.declared)) == (port == 9999)


def test_what_a_file_sets_is_unset_too(tmp_path: Path) -> None:
    files = {"/etc/shop.env": "GUNICORN_CMD_ARGS=--bind=127.0.0.1:9999\nPORT=7000\n"}
    app = look(tmp_path, "EnvironmentFile=/etc/shop.env", "UnsetEnvironment=GUNICORN_CMD_ARGS", files=files)
    assert value(settings(app).bind) == (tcp("0.0.0.0", 7000),)


def test_a_pattern_names_the_files_that_it_matches(tmp_path: Path) -> None:
    files = {"/etc/shop/1.env": "PORT=7000\n", "/etc/shop/2.env": "PORT=7001\n"}
    app = look(tmp_path, "EnvironmentFile=/etc/shop/*.env", files=files)
    assert value(settings(app).bind) == (tcp("0.0.0.0", 7001),)


@pytest.mark.parametrize(
    ("pattern", "port"),
    [
        ("/etc/shop/*.env", 7006),  # .env is hidden from a star
        ("/etc/shop/.*", 7009),
        ("/etc/*/1.env", 7000),
        ("/etc/s*p/[12].env", 7001),
        ("/etc/*/gone.env", 8000),
        (r"/etc/shop/\[x\].env*", 7005),
    ],
)
def test_a_pattern_means_what_glob_means(tmp_path: Path, pattern: str, port: int) -> None:
    """As a service of systemd 252 has it."""
    files = {f"/etc/shop/{name}": f"PORT={number}\n" for name, number in PORTS.items()}
    bind = settings(look(tmp_path, f"EnvironmentFile=-{pattern}", files=files)).bind
    assert value(bind)[0].port == port


PORTS = {"1.env": 7000, "2.env": 7001, ".env": 7009, "[x].env": 7005, "x.env": 7006}


def test_a_folder_that_may_not_be_listed_is_not_an_empty_one() -> None:
    denied = Unseen("permission denied", Cause.NEEDS_ROOT)

    class Closed(Machine):
        def list(self, path: str) -> Unseen:
            return denied

    files = Known((EnvironmentFileRef("/etc/shop/*.env", True),))
    host: Any = Closed()
    found = start_environment(host, make(Unit, environment_files=files))
    assert [why.cause for why in found.unseen] == [Cause.NEEDS_ROOT]
    assert isinstance(found.variables.get("PORT"), Unknown)


def test_a_later_line_of_the_same_name_is_the_one_shown(tmp_path: Path) -> None:
    bind = settings(look(tmp_path, "Environment=XPORT=1", "Environment=PORT=7000", "Environment=PORT=7001")).bind
    assert value(bind) == (tcp("0.0.0.0", 7001),)
    assert (bind.places[0].line, bind.places[0].text) == (6, "Environment=PORT=7001")


def test_the_module_path_of_a_file_is_searched(tmp_path: Path) -> None:
    files = {"/etc/shop.env": "PYTHONPATH=/srv/lib\n", "/srv/shop/wsgi.py": "import shared\napp = 1\n"}
    app = look(tmp_path, "EnvironmentFile=/etc/shop.env", files={**files, "/srv/lib/shared.py": ""})
    assert not isinstance(app.code.missing_module, Known)
    (tmp_path / "srv/lib/shared.py").unlink()
    assert not isinstance(look(tmp_path, "EnvironmentFile=/etc/shop.env", files=files).code.missing_module, Absent)


class Machine:
    """A machine with one environment file."""

    kind = TargetKind.LIVE

    def __init__(self, *assignments: tuple[str, str], truncated: bool = False) -> None:
        lines = (EnvAssignment(name, value, at) for at, (name, value) in enumerate(assignments, 1))
        self._file = EnvFile(tuple(lines), (), truncated)

    def env_file(self, _: str) -> EnvFile:
        return self._file


def variables(host: Any, **facts: Any) -> Variables:
    files = Known((EnvironmentFileRef("/etc/shop.env", False),))
    return start_environment(host, make(Unit, environment_files=files, **facts)).variables


def test_what_systemd_hands_on_is_not_known(tmp_path: Path) -> None:
    passed = {"pass_environment": Known(("PORT", "HOST", "DEBUG"))}
    found = variables(Machine(("HOST", "a")), unset_environment=Known(("DEBUG",)), **passed)
    assert isinstance(found.implicit("PORT"), Unknown)
    assert value(found.get("HOST")) == "a"
    assert found.get("DEBUG") == found.get("OTHER") == Absent()
    unset = make(Unit, unset_environment=Known(("DEBUG", "PORT=9")), **passed)
    assert start_environment(Machine(), unset).passed == {"PORT", "HOST"}  # type: ignore[arg-type]
    assert found.overlaid({"PORT": Variable("PORT", "9", Place())}).get("PORT").is_("9")
    # A repository does not tell: there it is assumed to be nothing that decides unasked.
    app = look(tmp_path, "PassEnvironment=PORT", "Environment=A=1")
    assert value(settings(app).bind) == (tcp("127.0.0.1", 8000),)


def test_a_file_that_is_too_large_may_set_more() -> None:
    assert isinstance(variables(Machine(("A", "1"), truncated=True)).get("PORT"), Unknown)


def test_a_token_is_no_value() -> None:
    found = variables(Machine(("PORT", "<hidden:0123456789ab>")))
    assert isinstance(found.get("PORT"), Unknown)
    assert "PORT" not in found.plain()
