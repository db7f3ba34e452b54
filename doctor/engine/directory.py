"""Where the rules lie. A module of its own, because `explain` has no time to import the engine."""

from __future__ import annotations

from pathlib import Path


def rules_directory() -> Path:
    """Where the catalogue lies: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parent.parent  # importlib.resources would say the same, 7 ms later
    packaged = package / "_data" / "rules"
    return packaged if packaged.is_dir() else package.parent / "rules"


CURES = "_cures"
"""The folder of the cures that rules share, beside those of the layers."""


def rule_files(folder: Path) -> tuple[Path, ...]:
    """The files of rules below `folder`, `<layer>/<name>.yaml`, sorted; the shared cures are none."""
    return tuple(path for path in sorted(folder.glob("*/*.yaml")) if path.parent.name != CURES)


OWN_IDS = 900
"""From this number on ids are for rules of one's own: no layer of the catalogue gets there."""
