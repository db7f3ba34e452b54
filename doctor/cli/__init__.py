"""The command line: thin; whatever it does can be called without it."""

from __future__ import annotations

import gc

from doctor.own_path import restrict


def main() -> int:
    """Run the command line and return its exit code, as `doctor.cli.app` says."""
    # A process that lives for a moment has no cycles worth looking for, neither while it imports nor at its end, when
    # the interpreter goes through all there is: together a tenth of a check.
    gc.disable()
    restrict()
    try:
        from doctor.cli.app import main as run

        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        gc.freeze()
        gc.enable()
