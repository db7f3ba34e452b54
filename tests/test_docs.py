"""What the documentation takes from the code is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parent.parent


def test_generated_pages_are_current() -> None:
    done = subprocess.run((sys.executable, "docs/generate.py", "--check"), cwd=TREE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
