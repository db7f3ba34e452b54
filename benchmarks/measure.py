"""Runs commands in turns and compares what they cost. Standard library only: it also runs inside a lab machine.

Machines are noisy: commands that are compared run A B A B, medians are compared, CPU time stands beside wall time, and
`go_first` lets them run before what else the machine has to do.
"""

from __future__ import annotations

import glob
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """One run: wall and CPU time (the process and all it waited for) in milliseconds, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float
    status: int


class Cost(NamedTuple):
    """All runs of one command."""

    samples: Sequence[Sample]

    @property
    def wall(self) -> float:
        """Median, in milliseconds."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """Median, in milliseconds."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def memory(self) -> float:
        """The most of any run, in MiB."""
        return max(sample.memory for sample in self.samples)

    def row(self, base: Cost | None = None) -> list[str]:
        """Cells of a table: wall (median, least, most), CPU, memory, and the ratios to `base`."""
        walls = [sample.wall for sample in self.samples]
        cells = [f"{self.wall:.0f} ms", f"{min(walls):.0f}-{max(walls):.0f}", f"{self.cpu:.0f} ms"]
        cells += [f"{self.memory:.0f} MiB"]
        cells += [f"{self.wall / base.wall:.2f}", f"{self.cpu / base.cpu:.2f}"] if base else ["", ""]
        return cells


HEAD = ["", "wall", "min-max", "CPU", "memory", "wall ratio", "CPU ratio"]
"""Column titles for `Cost.row` with a name before it."""


def go_first(processes: str = "self") -> None:
    """Ask the scheduler to prefer the sessions of these processes, a pattern of names in /proc: our own by default.

    sched(7), "The autogroup feature": sessions share the processors, whatever the nice values in them. Root only.
    """
    for file in glob.glob(f"/proc/{processes}/autogroup"):
        try:
            with open(file, "w") as setting:
                setting.write("-19")
        except OSError:  # not root, no such feature, or the process has ended
            continue


def in_turns(commands: Mapping[str, Sequence[str]], rounds: int, seconds: float = 60) -> dict[str, Cost]:
    """Run every command once a round, after one round that does not count; stop early when time is used up."""
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    deadline = time.monotonic() + seconds
    for number in range(rounds + 1):
        for name, argv in commands.items():
            sample = run(argv)
            if number or time.monotonic() > deadline:
                samples[name].append(sample)
        if time.monotonic() > deadline:
            break
    return {name: Cost(found) for name, found in samples.items()}


def run(argv: Sequence[str]) -> Sample:
    """Run a command to its end, its output thrown away."""
    start = time.perf_counter()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(wall * 1000, cpu * 1000, usage.ru_maxrss / 1024, process.returncode)


def table(title: str, rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """A Markdown table under a heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *body = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    rule = " | ".join("-" * width for width in widths)
    return "\n".join([f"## {title}", "", *(f"| {line} |" for line in (head, rule, *body)), "", *notes])


if __name__ == "__main__":
    go_first("[0-9]*")  # a lab machine: its services answer the commands
    order = json.load(sys.stdin)
    print(json.dumps(in_turns(order["commands"], order["rounds"], order["seconds"])))
