"""The command line in this process, as in tests/cli."""

from __future__ import annotations

from cli.conftest import _clean_environment, doctor

__all__ = ["_clean_environment", "doctor"]
