"""One-time preparation on the machine that runs the lab: virtual environments that machines copy or use.

Run by the tests when needed; idempotent. The environments are built with the distribution's own interpreter,
because a service user must be able to execute it.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import tomllib  # type: ignore[import-not-found, unused-ignore] # from 3.11 on

from lab.machine import LAB, TREE

PYTHON = "/usr/bin/python3"
_VENVS = {
    "app-27": ("flask", "gunicorn==27.0.1"),
    "app-23": ("flask", "gunicorn==23.0.0"),
    "app-20": ("flask", "gunicorn==20.1.0", "setuptools<80"),
    "doctor": tuple(tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["dependencies"]),
}
_WHEELS = ("humanize", "setuptools<80")
"""Packages that recipes install inside a machine, which has no network."""


def prepare() -> None:
    """Make what is missing or out of date: half a minute the first time, nothing later. Safe in several processes."""
    LAB.mkdir(parents=True, exist_ok=True)
    with (LAB / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, packages in _VENVS.items():
            _once(name, packages, _make_venv)
        _once("wheels", _WHEELS, _download)
        (LAB / "tree").mkdir(exist_ok=True)
        # The tree is read-only in the machines: without compiled modules every check there would compile them all.
        _run(str(LAB / "doctor" / "bin" / "python"), "-m", "compileall", "-q", str(TREE / "doctor"))


def _once(name: str, packages: tuple[str, ...], make: Callable[[Path, tuple[str, ...]], None]) -> None:
    """Make LAB/name unless its stamp says that it was made of these very packages."""
    stamp = LAB / f"{name}.stamp"
    wanted = "\n".join(packages)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(LAB / name, ignore_errors=True)
    make(LAB / name, packages)
    stamp.write_text(wanted)


def _make_venv(venv: Path, packages: tuple[str, ...]) -> None:
    _run(PYTHON, "-m", "venv", str(venv))
    _run(f"{venv}/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)


def _download(folder: Path, packages: tuple[str, ...]) -> None:
    pip = LAB / "app-27" / "bin" / "pip"
    _run(str(pip), "download", "-q", "--disable-pip-version-check", "--no-deps", "-d", str(folder), *packages)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, cwd=TREE)


if __name__ == "__main__":
    prepare()
