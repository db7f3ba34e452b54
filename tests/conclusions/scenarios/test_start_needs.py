"""What the next start needs: placement, supervision, PID file, accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions.release import Release
from doctor.conclusions.service import pidfile, placement, supervision
from doctor.facts.accounts import Accounts
from doctor.facts.value import Absent, Known, Place, Unknown
from doctor.hosts.base import Content, FileType, Missing, Stat, TargetKind, Unseen
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.sources.process import Process
from doctor.sources.systemd import ExecCommand, Unit

PASSWD = "root:x:0:0::/root:/bin/sh\nshop:x:999:998::/:/bin/sh\n"
GROUP = "root:x:0:\nshop:x:998:\nwww-data:x:33:nobody,shop\nlogs:x:44:\n"
BASE: Mapping[str, Any] = {
    "/etc/passwd": PASSWD,
    "/etc/group": GROUP,
    "/srv/shop/current/wsgi.py": "",
    "/srv/shop/venv/bin/gunicorn": "",
    "/srv/shop/venv/bin/python": "",
    "/srv/shop/venv/pyvenv.cfg": "",
    "/usr/bin/gunicorn": "",
}


class FakeHost:
    """Files and the directories above them, owned by root; `modes` and `owners` (uid, gid) where they differ."""

    def __init__(
        self,
        files: Mapping[str, Any] = BASE,
        modes: Mapping[str, int] | None = None,
        kind: TargetKind = TargetKind.LIVE,
    ) -> None:
        self.files = files
        self.modes = modes or {}
        self.kind = kind

    def named_in(self, *_: str) -> FakeHost:
        return self

    def lent(self, _: Any) -> FakeHost:
        return self

    def read(self, path: str, *_: Any, **__: Any) -> Content | Missing | Unseen:
        found = self.files.get(path, Missing())
        return Content(found) if isinstance(found, str) else found

    def stat(self, path: str) -> Stat | Missing:
        mode = self.modes.get(path, 0o755)
        if path in self.files:
            return Stat(FileType.FILE, mode, 0, 0, 1, 0.0, 0.0, 1, 1)
        if path == "/" or any(name.startswith(f"{path}/") for name in self.files):
            return Stat(FileType.DIRECTORY, mode, 0, 0, 1, 0.0, 0.0, 1, 1)
        return Missing()

    def list(self, path: str) -> tuple[str, ...]:
        return tuple({name[len(path) + 1 :].partition("/")[0] for name in self.files if name.startswith(f"{path}/")})


def unit(program: str = "/srv/shop/venv/bin/gunicorn", **more: Any) -> Known[Unit]:
    fields: dict[str, Any] = {
        "name": "shop.service",
        "user": Known("shop"),
        "working_directory": Known("/srv/shop/current"),
        "working_directory_optional": Known(False),
        "exec_start": Known((ExecCommand((program, "wsgi:app")),)),
        "runtime_directories": Known(("/run/shop",)),
        **more,
    }
    return Known(make(Unit, **fields))


OWN_VENV = Known("/srv/shop/venv")


def gunicorn(program: str = "/srv/shop/venv/bin/gunicorn", venv: Any = OWN_VENV, **more: Any) -> Gunicorn:
    settings = more.pop("settings", make(Settings))
    return make(
        Gunicorn,
        program=Known(program),
        python=Known("/srv/shop/venv/bin/python"),
        venv=venv,
        settings=settings,
        **more,
    )


def look(host: FakeHost, of: Known[Unit], g: Gunicorn | None = None, **more: Any) -> placement.Placement:
    release = make(Release, **{"configured": Known("/srv/shop/current"), **more})
    return placement.collect(host, of, g or gunicorn(), release)  # type: ignore[arg-type]


def test_nothing_stands_in_the_way_of_a_usual_unit() -> None:
    found = look(FakeHost(), unit())
    assert all(isinstance(getattr(found, name), Absent) for name in placement.Placement.__dataclass_fields__)


def test_a_script_whose_interpreter_is_gone() -> None:
    moved, first = "/srv/shop/env/bin/gunicorn", "/srv/shop/old/bin/python"
    shebang = Known(first, (Place(path=moved, line=1, text=f"#!{first}"),))
    g = replace(gunicorn(moved, Known("/srv/shop/old")), python=shebang)
    found = look(FakeHost({moved: "", "/srv/shop/current/wsgi.py": ""}), unit(moved), g)
    assert found.missing_program.is_(first)
    assert found.broken_script.is_(moved)
    # The unit itself names what is not there.
    found = look(FakeHost(), unit("/srv/nowhere/gunicorn"))
    assert found.missing_program.is_("/srv/nowhere/gunicorn")
    assert isinstance(found.broken_script, Absent)


def test_a_directory_that_is_not_there() -> None:
    found = look(FakeHost(), unit(working_directory=Known("/srv/shop/curent"))).missing_directory
    assert isinstance(found, Known)
    assert found.value == "/srv/shop/curent"
    optional = unit(working_directory=Known("/srv/shop/curent"), working_directory_optional=Known(True))
    assert isinstance(look(FakeHost(), optional).missing_directory, Absent)
    chdir = gunicorn(settings=make(Settings, chdir=Known("/srv/nowhere")))
    assert look(FakeHost(), optional, chdir).missing_directory.value == "/srv/nowhere"  # type: ignore[union-attr]


@pytest.mark.parametrize("gone", ["/srv/shop/venv/bin/gunicorn", "/srv/shop/venv/bin/python"])
def test_a_program_or_interpreter_that_is_not_there(gone: str) -> None:
    host = FakeHost({path: text for path, text in BASE.items() if path != gone})
    assert look(host, unit()).missing_program.value == gone  # type: ignore[union-attr]


def test_a_program_without_a_slash_is_looked_for_where_systemd_does() -> None:
    assert isinstance(look(FakeHost(), unit("gunicorn")).missing_program, Absent)
    assert look(FakeHost(), unit("gunicron")).missing_program.value == "gunicron"  # type: ignore[union-attr]


def test_a_folder_closed_to_the_user_is_an_obstacle_unless_a_group_may_enter() -> None:
    closed = FakeHost(modes={"/srv/shop": 0o700})
    found = look(closed, unit()).obstacle
    assert isinstance(found, Known)
    assert (found.value.path, found.value.right) == ("/srv/shop", "x")
    by_group = FakeHost(modes={"/srv/shop": 0o750})
    assert isinstance(look(by_group, unit(group=Known("root"))).obstacle, Absent)
    assert isinstance(look(by_group, unit(supplementary_groups=Known(("root",)))).obstacle, Absent)
    assert isinstance(look(closed, unit(user=Absent())).obstacle, Absent)


def test_a_user_that_is_made_at_the_start_cannot_be_judged() -> None:
    assert isinstance(look(FakeHost(), unit(dynamic_user=Known(True))).obstacle, Unknown)


def test_a_virtual_environment_of_the_app_counts_where_the_systems_python_runs() -> None:
    system = gunicorn("/usr/bin/gunicorn", Absent())
    link = Known("/srv/shop/current")
    assert look(FakeHost(), unit("/usr/bin/gunicorn"), system, link=link).project_venv.value == "/srv/shop/venv"  # type: ignore[union-attr]
    bare = FakeHost({path: text for path, text in BASE.items() if path != "/srv/shop/venv/bin/gunicorn"})
    assert isinstance(look(bare, unit("/usr/bin/gunicorn"), system, link=link).project_venv, Absent)
    assert isinstance(look(FakeHost(), unit(), gunicorn(venv=Known("/opt/venv"))).project_venv, Absent)


def test_the_virtual_environment_of_another_release() -> None:
    files = {**BASE, "/srv/shop/releases/2/venv/pyvenv.cfg": "", "/srv/shop/releases/2/venv/bin/gunicorn": ""}
    old = gunicorn(venv=Known("/srv/shop/releases/1/venv"))
    places = {"configured": Known("/srv/shop/releases/2"), "folder": Known("/srv/shop/releases")}
    assert look(FakeHost(files), unit(), old, **places).project_venv.value == "/srv/shop/releases/2/venv"  # type: ignore[union-attr]
    places["configured"] = Known("/srv/shop/releases/1")
    assert isinstance(look(FakeHost(files), unit(), old, **places).project_venv, Absent)


def test_a_repository_tells_nothing_of_the_server() -> None:
    found = look(FakeHost(kind=TargetKind.TREE), unit())
    assert isinstance(found.missing_directory, Unknown)


def running(owner: str, **more: Any) -> Gunicorn:
    master = make(Process, pid=7, unit=Known(owner) if owner else Absent(), **more)
    return gunicorn(master=Known(master))


@pytest.mark.parametrize("owner", ["session-3.scope", "session-c1.scope", "cron.service", "ssh.service"])
def test_what_starts_nothing_again(owner: str) -> None:
    found = supervision.collect(FakeHost(), Absent(), running(owner))  # type: ignore[arg-type]
    assert isinstance(found, Known)
    assert owner == found.value.name


@pytest.mark.parametrize("owner", ["supervisor.service", "docker-4f.scope", "run-r1.scope", ""])
def test_what_may_start_it_again_or_is_not_known(owner: str) -> None:
    assert isinstance(supervision.collect(FakeHost(), Absent(), running(owner)), Absent)  # type: ignore[arg-type]


def test_a_process_of_a_container_or_a_unit_is_supervised() -> None:
    inside = running("session-3.scope", elsewhere=Known(True))
    assert isinstance(supervision.collect(FakeHost(), Absent(), inside), Absent)  # type: ignore[arg-type]
    assert isinstance(supervision.collect(FakeHost(), unit(), running("session-3.scope")), Absent)  # type: ignore[arg-type]


def test_services_of_a_user_need_lingering() -> None:
    own = running("user@999.service")
    found = supervision.collect(FakeHost(), Absent(), own)  # type: ignore[arg-type]
    assert isinstance(found, Known)
    assert found.value == supervision.Starter(supervision.StarterKind.USER, "shop")
    assert str(found.value) == "the services of shop, who does not linger"
    lingers = FakeHost({**BASE, "/var/lib/systemd/linger/shop": ""})
    assert isinstance(supervision.collect(lingers, Absent(), own), Absent)  # type: ignore[arg-type]
    assert isinstance(supervision.collect(FakeHost(), Absent(), running("user@5.service")), Unknown)  # type: ignore[arg-type]


def problem(content: Any, of: Known[Unit] | None = None, master: bool = True, path: str = "/run/shop/shop.pid") -> Any:
    settings = make(Settings, pidfile=Known(path)) if path else make(Settings)
    g = gunicorn(settings=settings, master=Known(make(Process, pid=7)) if master else Absent())
    files = {**BASE, "/run/x": "", **({path: content} if content is not None else {})}
    return pidfile.collect(FakeHost(files), of or unit(), g)  # type: ignore[arg-type]


def test_a_pid_file_that_names_another_process() -> None:
    assert isinstance(problem("7\n"), Absent)
    assert "names process 8, but the master is 7" in problem("8\n").value
    assert isinstance(problem(None), Absent)
    assert isinstance(problem(Unseen("permission denied", Cause.NEEDS_ROOT)), Unknown)


def test_two_pid_files_matter_for_forking_services_alone() -> None:
    other: dict[str, Any] = {"pid_file": Known("/run/other.pid")}
    assert isinstance(problem("7", unit(type=Known("notify"), **other)), Absent)
    assert "/run/other.pid" in problem("7", unit(type=Known("forking"), **other)).value
    assert "writes none" in problem(None, unit(type=Known("forking"), **other), path="").value


def test_a_pid_file_that_cannot_be_written() -> None:
    assert isinstance(problem(None, master=False), Absent)
    assert "may not write" in problem(None, master=False, path="/run/shop.pid").value
    assert "does not exist" in problem(None, master=False, path="/run/gunicorn/shop.pid").value
    assert isinstance(problem(None, unit(user=Absent()), master=False, path="/run/shop.pid"), Absent)


def test_credentials_are_those_of_initgroups() -> None:
    accounts = Accounts(FakeHost())  # type: ignore[arg-type]
    assert accounts.credentials("shop", Absent(), Absent()).value == (999, frozenset({998, 33}))  # type: ignore[union-attr]
    more = accounts.credentials("shop", Known("root"), Known(("logs", "7")))
    assert more.value == (999, frozenset({0, 33, 44, 7}))  # type: ignore[union-attr]
    assert isinstance(accounts.credentials("nobody", Absent(), Absent()), Absent)
    assert accounts.uid("shop").value == 999  # type: ignore[union-attr]
    assert accounts.gid("33").value == 33  # type: ignore[union-attr]


def test_a_file_where_a_directory_is_meant_is_nobodys_obstacle() -> None:
    """Nobody can change to it, whatever its mode: "may not use" would be untrue."""
    host: Any = FakeHost(modes={"/srv/shop/current/wsgi.py": 0o644})
    of = unit(working_directory=Known("/srv/shop/current/wsgi.py"))
    assert isinstance(
        placement.collect(host, of, make(Gunicorn, settings=make(Settings)), make(Release)).obstacle, Absent
    )
