"""Makes doctor/_data/catalogue.json for a wheel or an editable install (docs/adr/0009-catalogue-by-build.md)."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):  # type: ignore[type-arg]
    """Loads and checks the rule files once, so that no check has to; a wrong one ends the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file into the tree that is built."""
        sys.path.insert(0, self.root)
        from doctor.engine.catalogue import FILE, written
        from doctor.engine.load import load_rules

        FILE.write_text(written(load_rules()), encoding="utf-8")
