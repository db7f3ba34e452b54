"""What a command imports is what it costs; the budget itself is measured by the benchmarks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.engine import catalogue
from doctor.engine.load import load_rules

ROOT = Path(__file__).parents[3]
HEAVY = ("psutil", "crossplane", "rich.console", "asyncio", "doctor.hosts.live", "concurrent.futures")


def imported(*arguments: str, before: str = "", tree: Path = ROOT) -> set[str]:
    """The modules that a command has imported at its end; `before` is run first."""
    code = (
        f"import sys, json, os\n{before}\n"
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
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_version_imports_next_to_nothing() -> None:
    modules = imported("version")
    assert not modules & {*HEAVY, "yaml"}
    assert not {name for name in modules if name.startswith(("doctor.engine", "doctor.facts", "doctor.hosts"))}


@pytest.mark.parametrize("arguments", [("explain", "nothing-like-it"), ("rules",)])
def test_words_about_rules_look_at_no_machine(arguments: tuple[str, ...]) -> None:
    assert not imported(*arguments) & set(HEAVY)


READERS = {"yaml", "doctor.engine.load"}
CHECK = ("check", "--demo", "--fail-on", "never")


def test_a_check_imports_nothing_that_changes_the_machine() -> None:
    """Nor what plans and undoes: the report shows what a fix would do by what edits texts alone."""
    modules = imported(*CHECK)
    assert "doctor.edits.preview" in modules
    assert not {name for name in modules if name.startswith(("doctor.fixes", "doctor.apply"))}


def test_a_check_reads_no_rule_file(tmp_path: Path) -> None:
    made = tmp_path / "catalogue.json"
    made.write_text(catalogue.written(load_rules()))
    patch = f"from pathlib import Path\nfrom doctor.engine import catalogue\ncatalogue.FILE = Path({str(made)!r})"
    assert not imported(*CHECK, before=patch) & READERS
    made.unlink()
    assert imported(*CHECK, before=patch) >= READERS


def test_an_installed_check_reads_no_rule_file(tmp_path: Path) -> None:
    """A wheel that is built from the source distribution, as pip builds it."""
    pytest.importorskip("hatchling", reason="hatchling builds the package")
    source, installed = tmp_path / "source", tmp_path / "installed"
    shutil.unpack_archive(built("sdist", ROOT, tmp_path), source)
    [unpacked] = source.iterdir()
    where = Path("doctor", "_data", "catalogue.json")
    assert not (unpacked / where).exists()
    shutil.unpack_archive(built("wheel", unpacked, tmp_path), installed, "zip")
    made = installed / where
    assert made.read_text() == catalogue.written(load_rules())
    assert not imported(*CHECK, tree=installed) & READERS


def built(target: str, tree: Path, folder: Path) -> Path:
    """Without asking for any package."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder))
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [path] = folder.glob({"sdist": "*.tar.gz", "wheel": "*.whl"}[target])
    return path


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
