"""The doctor asked as others than root, under other programs, and watched while it looks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from lab.machine import LAB, Machine

MAIN = "import sys; from doctor.cli import main; sys.exit(main())"

PYTHON = f"{LAB}/doctor/bin/python"


def ask(
    m: Machine,
    *arguments: str,
    under: Sequence[str] = (),
    variables: Sequence[str] = (),
    main: str = MAIN,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run flaskdoctor `under` another command line, with more environment variables, by another main program."""
    command = (*under, "env", f"PYTHONPATH={LAB}/tree", *variables, PYTHON, "-c", main, *arguments)
    return m.run(command, check=False, timeout=timeout)


def told(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """The command ended with this code, without a traceback, and said these words."""
    said = done.stdout + done.stderr
    assert done.returncode == code, f"exit {done.returncode}, not {code}:\n{said[-3000:]}"
    assert "Traceback" not in said, said[-3000:]
    assert "bug of its own" not in said, said[-3000:]
    flat = " ".join(said.split())
    for word in words:
        assert word in flat, f"does not say {word!r}:\n{said[-3000:]}"
