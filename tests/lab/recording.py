"""Recordings of machines: where they lie, how they are written, and what they must say.

`fixtures/<rule>/<fault>.snapshot.json.gz` is a broken machine, `lookalike-<name>.snapshot.json.gz` one that only
resembles it, `fixtures/healthy/<shape>.snapshot.json.gz` a healthy one. Beside each lies `<name>.expected.txt`, the
report a person sees. They are compressed, so that a diff of a recording never hides a diff of a recipe.
"""

from __future__ import annotations

import gzip
from pathlib import Path

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


def saved() -> list[Path]:
    """Every recording there is."""
    return sorted(FIXTURES.glob(f"*/*{SUFFIX}"))


def name_of(path: Path) -> str:
    """The fault, look-alike or shape a recording is of."""
    return path.name.removesuffix(SUFFIX)
