"""How long the small verbs take, beside an interpreter that does nothing."""

from __future__ import annotations

from benchmarks.measure import in_turns, table
from benchmarks.product import Product, rows

BUDGETS = {"version": 120, "explain single-worker": 150}
"""Milliseconds of a whole process."""


def measure(product: Product) -> str:
    """`version` and `explain` as whole processes."""
    commands = {"python -c pass": (product.python, "-c", "pass")}
    commands |= {verb: product.command(*verb.split()) for verb in BUDGETS}
    costs = in_turns(commands, rounds=15, seconds=15)
    notes = [
        f"{verb}: {costs[verb].wall:.0f} of {budget} ms wall ({'within' if costs[verb].wall <= budget else 'OVER'})"
        for verb, budget in BUDGETS.items()
    ]
    return table("Start-up", rows(costs, "python -c pass"), notes)
