"""Real Gunicorns for tests: where they are installed, and how one is started and stopped.

FLASKDOCTOR_TEST_GUNICORN names one or more gunicorn scripts, separated by colons; else the one on PATH is taken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def scripts() -> list[str]:
    named = os.environ.get("FLASKDOCTOR_TEST_GUNICORN", "")
    found = [path for path in named.split(":") if path]
    return found or [path for path in (shutil.which("gunicorn"),) if path]


def script() -> str:
    """One gunicorn, or the test is skipped."""
    found = scripts()
    if not found:
        pytest.skip("no gunicorn is installed (name one in FLASKDOCTOR_TEST_GUNICORN)")
    return found[0]


@contextmanager
def running(
    argv: Sequence[str], cwd: Path, env: dict[str, str] | None = None, workers: int = 1
) -> Iterator[subprocess.Popen[bytes]]:
    """A started process and all below it; ready when that many workers say that they boot."""
    log = cwd / "test.log"
    with log.open("wb") as output:
        started = subprocess.Popen(
            argv, cwd=cwd, env={**CLEAN, **(env or {})}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 15
        while log.read_text().count("Booting worker") < workers:
            assert started.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield started
    finally:
        with_children = [started.pid, *descendants(started.pid)]
        for pid in with_children:
            kill(pid)
        started.wait()


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for name in Path(f"/proc/{pid}/task").glob("*/children") if Path(f"/proc/{pid}").exists() else ():
        for child in name.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, 9)
