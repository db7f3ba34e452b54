"""The product as it is when it is installed: a copy of the working tree, or of a commit, built and compiled."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Cost

TREE = Path(__file__).resolve().parents[1]
_PARTS = ("doctor", "rules")
_CATALOGUE = Path("doctor", "_data", "catalogue.json")
_BUILD = (
    "import sys; sys.path.insert(0, {!r}); from doctor.engine.catalogue import FILE, written; "
    "from doctor.engine.load import load_rules; FILE.write_text(written(load_rules()))"
)
_MAIN = "import sys; sys.path.insert(0, {!r}); from doctor.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Product:
    """`folder` holds the copy; `python` has what it needs."""

    folder: Path
    python: str

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The command line of `flaskdoctor ARGUMENTS`."""
        return (self.python, "-c", _MAIN.format(str(self.folder)), *arguments)

    def runner(self) -> tuple[str, ...]:
        """The command line of `measure`, for a machine that sees `folder`."""
        return (self.python, str(self.folder / "measure.py"))


@contextmanager
def installed(where: Path | None, python: str = sys.executable, commit: str = "") -> Iterator[Product]:
    """A compiled copy below `where` (a temporary folder without it), gone afterwards; of a commit if one is named."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=where) as name:
        folder = Path(name)
        folder.chmod(0o755)
        if commit:
            _take(commit, folder)
        else:
            for part in _PARTS:
                shutil.copytree(
                    TREE / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", _CATALOGUE.name)
                )
        shutil.copy(measure.__file__, folder)
        # Commits from before docs/adr/0009-catalogue-by-build.md have the file in git.
        if not (folder / _CATALOGUE).exists():
            subprocess.run((python, "-c", _BUILD.format(str(folder))), check=True)
        subprocess.run((python, "-m", "compileall", "-q", str(folder)), check=True)
        yield Product(folder, python)


def _take(commit: str, folder: Path) -> None:
    archive = subprocess.run(("git", "-C", str(TREE), "archive", commit, *_PARTS), check=True, capture_output=True)
    subprocess.run(("tar", "-x", "-C", str(folder)), input=archive.stdout, check=True)


def rows(costs: Mapping[str, Cost], base: str) -> Sequence[Sequence[str]]:
    """A table of all costs, with ratios to the one that is called `base`."""
    return [measure.HEAD, *([name, *cost.row(costs[base])] for name, cost in costs.items())]
