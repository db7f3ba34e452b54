"""What a command imports is what it costs; the budget itself is measured by the benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("psutil", "crossplane", "rich.console", "asyncio", "doctor.hosts.live", "concurrent.futures")


def imported(*arguments: str) -> set[str]:
    code = (
        "import sys, json, os\n"
        f"sys.argv = ['flaskdoctor', *{arguments!r}]\n"
        "from doctor.cli import main\n"
        "try:\n main()\n"
        "except SystemExit:\n pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", code),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_version_imports_next_to_nothing() -> None:
    modules = imported("version")
    assert not modules & {*HEAVY, "yaml"}
    assert not {name for name in modules if name.startswith(("doctor.engine", "doctor.facts", "doctor.hosts"))}


@pytest.mark.parametrize("arguments", [("explain", "nothing-like-it"), ("rules",)])
def test_words_about_rules_look_at_no_machine(arguments: tuple[str, ...]) -> None:
    assert not imported(*arguments) & set(HEAVY)


def test_a_check_reads_no_rule_file() -> None:
    assert not imported("check", "--demo", "--fail-on", "never") & {"yaml", "doctor.engine.load"}


def test_explain_imports_no_fact_model() -> None:
    modules = imported("explain", "single-worker")
    assert not {name for name in modules if name.startswith(("doctor.facts", "doctor.hosts"))}


def test_reader_that_leaves_is_no_error() -> None:
    command = (sys.executable, "-m", "doctor", "schema", "snapshot")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, b"")
