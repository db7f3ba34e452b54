"""Modules of the folder one stands in are not imported, whatever they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = ("click", "crossplane", "gzip", "json", "psutil", "pwd", "rich", "shlex", "subprocess", "typer", "yaml")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of somebody else, each of whose modules leaves a mark when it is run."""
    folder = tmp_path / "app"
    folder.mkdir()
    for name in NAMES:
        path = folder / f"{name}.py" if name != "rich" else folder / "rich" / "__init__.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    return folder


def _run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run((sys.executable, *words), cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the interpreter imports runpy from there before we can help it")
@pytest.mark.parametrize("command", [("check", "--demo"), ("check", "--format", "json"), ("version",), ("rules",)])
def test_run_as_a_module(hostile: Path, command: tuple[str, ...]) -> None:
    done = _run(hostile, "-m", "doctor", *command)
    assert done.returncode in (0, 1, 4), done.stderr
    assert not (hostile.parent / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="for root alone such a folder is left out")
def test_python_path_of_somebody_else(hostile: Path) -> None:
    main = "import sys; from doctor.cli import main; sys.exit(main())"
    done = _run(hostile, "-c", main, "check", "--demo", PYTHONPATH=f"{hostile}:{ROOT}")
    assert done.returncode == 1, done.stderr
    assert not (hostile.parent / "ran").exists()
