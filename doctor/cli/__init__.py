"""The command line: thin; whatever it does can be called without it."""

from __future__ import annotations

import gc


def main() -> int:
    """Run the command line and return its exit code, as `doctor.cli.app` says."""
    # A process that lives for a moment makes few cycles; looking for them while modules are imported takes 10 ms.
    gc.disable()
    try:
        from doctor.cli.app import main as run

        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        gc.enable()
