"""Lab machines (tests/lab) for benchmarks."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

from benchmarks.measure import Cost, Sample
from benchmarks.product import TREE, Product

sys.path.insert(0, str(TREE / "tests"))

from lab import shapes
from lab.machine import LAB, Machine, impossible
from lab.prepare import prepare
from lab.recipe import load

__all__ = ["LAB", "Machine", "impossible", "in_turns", "load", "prepare", "shapes"]


def in_turns(
    machine: Machine, product: Product, commands: Mapping[str, Sequence[str]], rounds: int, seconds: float = 30
) -> dict[str, Cost]:
    """`measure.in_turns` inside a machine."""
    order = json.dumps({"commands": commands, "rounds": rounds, "seconds": seconds})
    done = machine.run(product.runner(), stdin=order, timeout=seconds + 60)
    return {name: Cost([Sample(*sample) for sample in samples]) for name, [samples] in json.loads(done.stdout).items()}
