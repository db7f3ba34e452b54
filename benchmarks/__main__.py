"""`python -m benchmarks [--write] [NAME]...`: runs all benchmarks, or those that are named, and prints their tables."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import fixing, folder, lab, logs, machine, measure, startup, units
from benchmarks.product import Product, installed

RESULTS = Path(__file__).parent / "results.md"
_ON_A_MACHINE: dict[str, Callable[[Product], str]] = {
    "machine": machine.measure,
    "units": units.measure,
    "logs": logs.measure,
    "fixing": fixing.measure,
}
_NAMES = ("startup", *_ON_A_MACHINE, "folder", "gixy")


def main() -> None:
    """Run, print, and write down with --write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What flaskdoctor costs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_NAMES)}; all without one")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {RESULTS.name} as well")
    parser.add_argument("--against", metavar="COMMIT", help="only `check` on a machine, beside that of a commit")
    options = parser.parse_args()
    unknown = set(options.names) - set(_NAMES)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    measure.go_first()
    started = time.monotonic()
    sections = [_heading()]
    print(sections[0], flush=True)
    reason = lab.impossible()
    where, python = (None, sys.executable)
    if not reason:
        lab.prepare()
        where, python = lab.LAB, f"{lab.LAB}/doctor/bin/python"
    if options.against:
        print((reason and f"left out: {reason}") or _beside(options.against, where, python))
        return
    with installed(where, python) as product, tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        for name in options.names or _NAMES:
            sections.append(_section(name, product, (where or Path(scratch)) / "gixy", reason))
            print(f"\n{sections[-1]}", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s in all", file=sys.stderr)
    if options.write:
        RESULTS.write_text("\n\n".join(sections) + "\n")


def _beside(commit: str, where: Path | None, python: str) -> str:
    with installed(where, python) as product, installed(where, python, commit) as other:
        return machine.beside(product, other, commit)


def _section(name: str, product: Product, gixy: Path, no_lab: str) -> str:
    if name in _ON_A_MACHINE:
        return f"## {name}\n\nleft out: {no_lab}" if no_lab else _ON_A_MACHINE[name](product)
    if name == "startup":
        return startup.measure(product)
    return folder.growth(product) if name == "folder" else folder.beside_gixy(product, gixy)


def _heading() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"# Benchmarks\n\n`python -m benchmarks`, {time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} CPUs, load {load}.\nWall and CPU times are medians of runs in turns; compare the ratios, "
        "not the times."
    )


if __name__ == "__main__":
    main()
