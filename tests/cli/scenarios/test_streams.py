"""Standard streams that are closed, full, or left by their reader; and Ctrl-C at any moment. Real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMAND = f"{sys.executable} -m doctor"


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in which `$D` is flaskdoctor; the exit code is that of the first command of the last pipe."""
    return subprocess.run(
        ("/bin/bash", "-c", f'D="{COMMAND}"\n{script}\nexit ${{PIPESTATUS[0]}}'),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


COMMANDS = ("version", "rules", "explain nginx-down", "schema report", "check --demo", "check --demo --format json")


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def code(command: str) -> int:
    return 1 if command.startswith("check") else 0


def test_closed_output_changes_no_code(command: str) -> None:
    done = shell(f"$D {command} >&-")
    assert (done.returncode, done.stderr) == (code(command), "")


def test_closed_error_changes_no_code(command: str) -> None:
    done = shell(f"$D {command} 2>&-")
    assert done.returncode == code(command)
    assert done.stdout


def test_everything_closed(command: str) -> None:
    assert shell(f"$D {command} <&- >&- 2>&-").returncode == code(command)


def test_reader_that_leaves(command: str) -> None:
    done = shell(f"$D {command} | head -c 3")  # the first sign may take three bytes
    assert (done.returncode, done.stderr) == (code(command), "")


@pytest.mark.parametrize(("words", "expected"), [("check --help | true", 0), ("check --nonsense 2>&1 | true", 2)])
def test_reader_of_typers_words_that_leaves(words: str, expected: int) -> None:
    for _ in range(3):  # it may be there long enough
        done = shell(f"$D {words}")
        assert (done.returncode, done.stderr) == (expected, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_disk_is_told(command: str) -> None:
    done = shell(f"$D {command} >/dev/full")
    assert done.returncode == 2
    assert "cannot write to standard output (no space left on device)" in done.stderr
    assert "has room" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_disk_is_told_by_help() -> None:
    done = shell("$D check --help >/dev/full")
    assert (done.returncode, done.stderr) == (2, "flaskdoctor: cannot write (no space left on device)\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("wrong", ["check nowhere", "check --since soon", "check --nosuch"])
def test_an_error_that_cannot_be_told_changes_no_code(wrong: str) -> None:
    assert shell(f"$D {wrong} 2>/dev/full").returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_output_keeps_no_file_from_being_written(tmp_path: Path) -> None:
    done = shell(f"$D check --demo --output {tmp_path}/r.json >/dev/full")
    assert done.returncode == 2
    assert (tmp_path / "r.json").read_text().startswith("{")


@pytest.mark.parametrize("wait", [0.01, 0.02, 0.05])
def test_interrupt_leaves_no_traceback(wait: float) -> None:
    # The wait counts from when our code runs. A job in the background of a shell ignores SIGINT, as do its children.
    main = (
        "import os, signal, sys, threading, doctor.cli; sys.argv = ['x', 'rules']; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"threading.Timer({wait}, os.kill, (os.getpid(), signal.SIGINT)).start(); sys.exit(doctor.cli.main())"
    )
    done = subprocess.run((sys.executable, "-c", main), capture_output=True, cwd=ROOT, timeout=20, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, b"")
