"""Which file an import would load; what CPython's own finder says is the measure."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.hosts.base import Missing, Unseen
from doctor.hosts.live import LiveHost
from doctor.sources.python.modules import Found, Interpreter, Modules, find, interpreter

SUFFIX = importlib.machinery.EXTENSION_SUFFIXES[0]
# ruff: noqa: E501
FILES = ("a.py", "b/__init__.py", "b/c.py", f"d{SUFFIX}", "e.abi3.so", f"f/__init__{SUFFIX}", "g.so", "h/x.py", "i.py", f"i{SUFFIX}",
         "j/__init__.py", "j.py", "k.txt", f"l.cpython-27{SUFFIX[-3:]}", "m/.keep", "n.foo.so")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


@pytest.mark.parametrize("name", [*"abdefghijk", "m", "n", "zz", "b.c", "b.d", "h.x", "h.y", "a.b"])
def test_agrees_with_python(folder: Path, name: str) -> None:
    program = (
        "import sys, importlib.util\nsys.path[:] = [sys.argv[1]]\n"
        "try: spec = importlib.util.find_spec(sys.argv[2])\nexcept ModuleNotFoundError: spec = None\n"
        "print('' if spec is None else spec.origin or list(spec.submodule_search_locations)[0])"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", program, str(folder), name], capture_output=True, text=True, check=True
    )
    expected = run.stdout.strip()
    found = find(LiveHost(), name, (str(folder),))
    assert found == (expected or Missing())


def test_standard_library_of_a_virtual_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    python = interpreter(LiveHost(), str(tmp_path / "v"))
    assert python.version == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert python.unseen is None
    modules = Modules(LiveHost(), (), python)
    for name in ("json", "os", "sys", "time", "math", "_struct", "sqlite3.dbapi2", "xml.dom.minidom", "zlib"):
        assert isinstance(modules.find(name), Found), name
    assert isinstance(modules.find("numpy"), Missing)
    assert isinstance(modules.find("xml.nothing"), Missing)


def test_system_site_packages(tmp_path: Path) -> None:
    for flag, known in (("--without-pip", False), ("--system-site-packages", True)):
        venv = tmp_path / flag
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", flag, str(venv)], check=True)
        assert (len(interpreter(LiveHost(), str(venv)).sites) > 1) is known


def test_folder_that_cannot_be_listed_is_unseen(tmp_path: Path) -> None:
    class Denied(LiveHost):
        def list(self, path: str) -> tuple[str, ...] | Missing | Unseen:
            return Unseen("permission denied", Cause.NEEDS_ROOT)

    assert isinstance(find(Denied(), "x", (str(tmp_path),)), Unseen)


def test_zip_archives_are_unseen(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "x.egg").write_text("")
    (tmp_path / "site" / "easy-install.pth").write_text("../x.egg\n")
    modules = Modules(LiveHost(), (), Interpreter("3.11", "", (str(tmp_path / "site"),), None))
    assert isinstance(modules.find("anything"), Unseen)


def test_finder_that_is_not_understood_makes_unseen(tmp_path: Path) -> None:
    (tmp_path / "__editable__.x.pth").write_text("import __editable___x_finder; __editable___x_finder.install()\n")
    (tmp_path / "__editable___x_finder.py").write_text("MAPPING = load()\n")
    modules = Modules(LiveHost(), (), Interpreter("3.11", "", (str(tmp_path),), None))
    assert isinstance(modules.find("x"), Unseen)
