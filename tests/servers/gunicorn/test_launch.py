from __future__ import annotations

from pathlib import Path

import pytest
from factories import make

from doctor.cause import Cause
from doctor.facts.value import Absent, Known, Place, Unknown
from doctor.hosts.base import ProcessLine, Unseen
from doctor.hosts.live import LiveHost
from doctor.servers import gunicorn
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.launch import Launch, Setting, direct, interpreter, parse
from doctor.servers.gunicorn.plan import plan
from doctor.servers.gunicorn.program import locate
from doctor.sources.systemd import ExecCommand, Unit
from doctor.sources.variables import Variable

VENV = "/srv/shop/venv/bin"


class Files(LiveHost):
    """Files without processes."""

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return Unseen("there are no processes in a repository", Cause.OUTSIDE)


def launched(*argv: str, directory: str = "/srv/shop", **variables: str) -> Launch | None:
    return parse(argv, Setting(LiveHost(), variables, True, directory, Place(note="test")))


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        ([f"{VENV}/gunicorn", "-w", "3", "wsgi:app"], "direct"),
        ([f"{VENV}/python", "-u", f"{VENV}/gunicorn", "-w", "3", "wsgi:app"], "direct"),
        ([f"{VENV}/python3.11", "-X", "dev", "-m", "gunicorn", "-w", "3", "wsgi:app"], "module"),
        (["/usr/bin/env", "A=1", f"{VENV}/gunicorn", "-w", "3", "wsgi:app"], "env"),
        (["/usr/local/bin/uv", "run", "--frozen", "gunicorn", "-w", "3", "wsgi:app"], "uv"),
        (["/usr/bin/poetry", "run", "gunicorn", "-w", "3", "wsgi:app"], "other"),
        (["/bin/bash", "-c", "cd /srv/shop && gunicorn -w 3 wsgi:app"], "shell-exec"),
        (["/bin/bash", "-lc", "source venv/bin/activate; exec gunicorn -w 3 wsgi:app"], "shell-exec"),
        (["/bin/sh", "-c", "exec gunicorn -w 3 wsgi:app"], "shell-exec"),
        (["/bin/bash", "-c", "gunicorn -w 3 wsgi:app >> /var/log/shop.log 2>&1"], "shell"),
        (["/bin/bash", "-c", "gunicorn -w 3 wsgi:app | tee /var/log/shop.log"], "shell"),
        (["/bin/bash", "-c", "gunicorn -w 3 wsgi:app; echo ended"], "shell"),
        (["/bin/sh", "-c", "gunicorn -w 3 wsgi:app"], "shell"),
    ],
)
def test_shapes(argv: list[str], kind: str) -> None:
    found = launched(*argv)
    assert found is not None
    assert found.kind == kind
    assert found.arguments == ("-w", "3", "wsgi:app")


@pytest.mark.parametrize(
    "argv",
    [
        ["/usr/sbin/nginx", "-g", "daemon on;"],
        [f"{VENV}/uvicorn", "wsgi:app"],
        [f"{VENV}/celery", "-A", "gunicorn"],
        ["/bin/bash", "-c", "pkill gunicorn"],
        ["/usr/bin/python3", "-c", "print(1)", "gunicorn"],
        ["/bin/bash"],
        [],
    ],
)
def test_what_is_no_gunicorn(argv: list[str]) -> None:
    assert launched(*argv) is None


def test_a_script_with_and_without_exec(tmp_path: Path) -> None:
    start = tmp_path / "start.sh"
    text = (
        "#!/usr/bin/env bash\nset -e\ncd /srv/shop\nexport WORKERS=3\n. venv/bin/activate\n"
        '{}gunicorn -w $WORKERS -b "${{BIND:-unix:/run/x.sock}}" \\\n  wsgi:app\n'
    )
    for prefix, kind in (("", "script"), ("exec ", "shell-exec")):
        start.write_text(text.format(prefix))
        for argv in ([str(start)], ["/bin/bash", "start.sh"]):
            found = launched(*argv, directory=str(tmp_path))
            assert found is not None
            assert found.kind == kind
            assert found.arguments == ("-w", "3", "-b", "unix:/run/x.sock", "wsgi:app")
            assert (found.directory, found.venv) == ("/srv/shop", "/srv/shop/venv")
            assert found.assignments["WORKERS"].value == "3"


def test_flask_servers(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\napp.run()\n")
    (tmp_path / "serve.py").write_text("from flask import Flask\nfrom waitress import serve\nserve(Flask(__name__))\n")
    for argv in (
        ["flask", "run"],
        ["/v/bin/flask", "--app", "x", "run", "-p", "80"],
        ["python3", "-m", "flask", "run"],
        ["python", "app.py"],
    ):
        found = launched(*argv, directory=str(tmp_path))
        assert found is not None
        assert found.kind == "flask"
    assert launched("python", "serve.py", directory=str(tmp_path)) is None
    assert launched("python", "gone.py", directory=str(tmp_path)) is None


def test_what_the_kernel_shows() -> None:
    assert direct(["gunicorn: master [wsgi:app]"]) is None
    assert direct(["/bin/sh", "/srv/gunicorn"]) is None
    found = direct([f"{VENV}/python", f"{VENV}/gunicorn", "wsgi:app"])
    assert found is not None
    assert (found.python, found.program) == (f"{VENV}/python", f"{VENV}/gunicorn")


def test_interpreters_of_scripts() -> None:
    assert interpreter("#!/srv/shop/venv/bin/python3\nimport re\n") == "/srv/shop/venv/bin/python3"
    assert interpreter("#!/usr/bin/env -S python3 -E\n") == "python3"
    long = "#!/bin/sh\n'''exec' /srv/very/long/venv/bin/python \"$0\" \"$@\"\n' '''\n"
    assert interpreter(long) == "/srv/very/long/venv/bin/python"
    assert interpreter("\x7fELF") == ""


def installation(folder: Path, version: str) -> Path:
    bin_ = folder / "bin"
    site = folder / "lib" / "python3.11" / "site-packages"
    bin_.mkdir(parents=True)
    (site / f"gunicorn-{version}.dist-info").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (bin_ / "gunicorn").write_text(f"#!{bin_}/python3\nimport re\n")
    (bin_ / "python3").symlink_to("/usr/bin/python3")
    return bin_ / "gunicorn"


def test_the_installation_follows_from_the_script(tmp_path: Path) -> None:
    script = installation(tmp_path / "venv", "27.0.1")
    bare = locate(LiveHost(), Launch("direct", "gunicorn", ()), Known("/"), f"/usr/bin:{script.parent}", Place())
    full = locate(LiveHost(), Launch("direct", "venv/bin/gunicorn", ()), Known(str(tmp_path)), "", Place())
    for found in (bare, full):
        assert isinstance(found.program, Known)
        assert found.program.value == str(script)
        assert isinstance(found.python, Known)
        assert found.python.value == str(script.parent / "python3")
        assert isinstance(found.venv, Known)
        assert found.venv.value == str(tmp_path / "venv")
        assert isinstance(found.version, Known)
        assert found.version.value == "27.0.1"


def test_a_virtual_environment_that_is_gone(tmp_path: Path) -> None:
    script = str(tmp_path / "venv" / "bin" / "gunicorn")
    found = locate(LiveHost(), Launch("direct", script, ()), Known("/"), "", Place())
    assert isinstance(found.venv, Known)
    assert found.venv.value == str(tmp_path / "venv")
    assert isinstance(found.version, Unknown)


def collect(host: LiveHost, units: tuple[Unit, ...]) -> tuple[Gunicorn, ...]:
    return gunicorn.collect(host, gunicorn.plans(host, units).values())


def unit(name: str, *argv: str, line: str = "", **facts: object) -> Unit:
    place = Place(path=f"/etc/systemd/system/{name}", line=9, text=line or "ExecStart=" + " ".join(argv))
    given = {
        "exec_start": Known((ExecCommand(tuple(argv), place=place),), (place,)),
        "working_directory": Known("/srv/shop"),
    }
    return make(Unit, name=name, **{**given, **facts})


def test_variables_of_a_unit_are_put_into_its_command(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("WORKERS=3\nOPTIONS=--preload -t 9\n")
    found = plan(
        LiveHost(),
        unit(
            "shop.service", f"{VENV}/gunicorn", "-w", "${WORKERS}", "$OPTIONS", "wsgi:app",
            environment=Known((Variable("WORKERS", "2", Place()),)),
        ),
    )  # fmt: skip
    assert found.launch is not None
    assert found.launch.arguments == ("-w", "2", "wsgi:app")


def test_a_unit_that_does_not_run(tmp_path: Path) -> None:
    script = installation(tmp_path / "venv", "23.0.0")
    shop = unit("shop.service", str(script), "-w", "3", "--bind", "unix:/run/shop/x.sock", "wsgi:app")
    other = unit("nginx.service", "/usr/sbin/nginx")
    (found,) = collect(Files(), (shop, other))
    assert found.name == "shop.service"
    assert isinstance(found.master, Unknown)
    assert isinstance(found.worker_count, Unknown)
    assert isinstance(found.settings.workers, Known)
    assert found.settings.workers.value == 3
    assert found.settings.workers.places[0].line == 9
    assert isinstance(found.logical_directory, Known)
    assert found.logical_directory.value == "/srv/shop"
    assert isinstance(found.version_installed, Known)
    assert found.version_installed.value == "23.0.0"
    (stopped,) = collect(LiveHost(), (shop,))[:1]
    assert isinstance(stopped.master, Absent)


def test_a_development_server_of_a_unit() -> None:
    shop = unit("shop.service", f"{VENV}/flask", "run", "--host=0.0.0.0", "-p", "8080")
    (found,) = collect(Files(), (shop,))
    assert isinstance(found.launcher, Known)
    assert found.launcher.value == "flask"
    assert isinstance(found.settings.bind, Known)
    assert [str(address) for address in found.settings.bind.value] == ["0.0.0.0:8080"]
    assert isinstance(found.settings.workers, Absent)


def test_a_misspelt_program() -> None:
    found = launched(f"{VENV}/guincorn", "-w", "3", "wsgi:app")
    assert found is not None
    assert (found.kind, found.program) == ("direct", f"{VENV}/guincorn")
    assert launched(f"{VENV}/guincorn", "--version") is None
    assert launched("/usr/bin/unicorn_rails", "-c", "config.rb", "app:main") is None


def test_a_script_without_its_first_line(tmp_path: Path) -> None:
    """bash reads it, named as a command of its own systemd refuses it: either way it is what was meant."""
    script = tmp_path / "start.sh"
    script.write_text("cd /srv/shop\nexec gunicorn -w 3 wsgi:app\n")
    for argv in (["/bin/bash", str(script)], [str(script)]):
        found = launched(*argv)
        assert found is not None
        assert (found.kind, found.arguments) == ("shell-exec", ("-w", "3", "wsgi:app"))
    script.write_bytes(b"\x7fELF\0gunicorn wsgi:app\n")
    assert launched(str(script)) is None
