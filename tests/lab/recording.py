"""Recordings of machines: where they lie, how they are written, and what they must say.

`fixtures/<rule>/<fault>.snapshot.json.gz` is a broken machine, `lookalike-<name>.snapshot.json.gz` one that only
resembles it, `fixtures/healthy/<shape>.snapshot.json.gz` a healthy one. Beside each lies `<name>.expected.txt`, the
report a person sees. They are compressed, so that a diff of a recording never hides a diff of a recipe.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from doctor.reports.layout import plain
from doctor.reports.model import Report
from doctor.reports.text import lines
from lab.recipe import FIXTURES

SUFFIX = ".snapshot.json.gz"
LOOKALIKE = "lookalike-"
HEALTHY = FIXTURES / "healthy"


def save(folder: Path, name: str, text: str) -> None:
    """Write a recording; the same text gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}{SUFFIX}").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def load(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def golden(report: Report) -> str:
    """What a recording is known for: the report as people see it, without its last line.

    That line counts checks: one new rule would change it in every recording (tests/reports holds its words).
    """
    return plain(lines(report, 100)[:-1])


def saved() -> list[Path]:
    """Every recording there is."""
    return sorted(FIXTURES.glob(f"*/*{SUFFIX}"))


def name_of(path: Path) -> str:
    """The fault, look-alike or shape a recording is of."""
    return path.name.removesuffix(SUFFIX)
