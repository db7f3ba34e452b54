"""docs/fixes.md: which fixes are proven, at what cost, and what was done to the machine while they were made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lab import recording
from lab.recipe import Recipe
from lab.replays import Offered

from doctor.engine.load import load_rules
from doctor.engine.rule import Fix, Rule, Safety

OUTCOMES = recording.FIXTURES / "chaos" / "results.json"
_CLASSES = (Safety.SAFE, Safety.UNSAFE)

_HEAD = """\
# Fixes

What each fix promises, and what it never does, is in [fixing.md](fixing.md). This page is what the lab recorded
(`python docs/generate.py`); the test suite fails if it is out of date.

## Every fix, with its proof

For each proof `pytest tests/lab/test_fixes.py --lab --record` boots a fresh machine, breaks it, and runs `check --fix`
(for unsafe ones with `--unsafe-fixes`) while a client sends requests through Nginx all the time. The finding must be
gone and the site must answer; a second `--fix` must change nothing; `undo` must bring back every byte, owner, mode and
link. What had not happened yet (a risk) is then provoked, and must not happen.

- **proven by**: the faults that this fix cured on a real machine. "not proven" is what it says.
- **requests**: sent by the client from before the fix until a second after it, over all these faults. "down" where the
  site did not answer before the fix either, so that there was nothing to lose.
- **seconds**: the longest whole run of `check --fix`, looking before and after included.

"""

_MATRIX_HEAD = """\
## When something goes wrong meanwhile

Each line is one thing that goes wrong, each column a fix. Killed and refused means: at the first step of the fix, then
in a new run at the second, and so on to the last; a step is every system call that changes something and every program
that is run. After each the machine must be **cured**, or **exactly as before** in files, units and what is served, and
`undo` must work; anything else fails the test. Where somebody else edits a file meanwhile, their edit must be there in
the end.

"""

Plans = Callable[[str, str], tuple[Offered, ...]]
"""The fixes on offer in a recording, by the folder and the name it lies under."""


def page(recipes: Iterable[Recipe], plans: Plans) -> str:
    """The whole page."""
    found = {recipe.rule: recipe for recipe in recipes}
    rows = [
        row(rule, fix, proofs(found[rule.name], fix, plans) if rule.name in found else {})
        for rule in load_rules()
        for fix in automatic(rule)
    ]
    safe = [row for row in rows if row[2] == Safety.SAFE.value]
    proven = [row for row in rows if row[4] != "not proven"]
    count = f"{len(rows)} fixes, {len(safe)} of them safe; {len(proven)} are proven, {len(rows) - len(proven)} are not."
    return f"{_HEAD}{count}\n\n{_table(_COLUMNS, rows)}\n{_MATRIX_HEAD}{_table(*matrix(outcomes()))}"


_COLUMNS = ("rule", "fix", "class", "actions", "proven by", "requests", "failed", "seconds")


def automatic(rule: Rule) -> Iterator[Fix]:
    """The safe and unsafe fixes of a rule; of those with one title and class, the first."""
    seen = set()
    for case in rule.cases:
        for fix in case.fixes:
            if fix.safety in _CLASSES and (fix.title, fix.safety) not in seen:
                seen.add((fix.title, fix.safety))
                yield fix


def proofs(recipe: Recipe, fix: Fix, plans: Plans) -> dict[str, dict[str, Any]]:
    """By fault, what was recorded of a run in which it was this fix that the finding was cured by."""
    found = {}
    for fault in recipe.faults:
        path = recipe.folder / f"{fault.name}.fix.json"
        result = json.loads(path.read_text()).get(fix.safety.value) if path.exists() else None
        if result is None:
            continue
        offered = [item for item in plans(recipe.rule, fault.name) if item.rule == recipe.rule]
        if (fix.title, fix.safety) in made(offered, fix.safety):
            found[fault.name] = result
    return found


def made(offered: Iterable[Offered], allowed: Safety) -> set[tuple[str, Safety]]:
    """Titles and classes of the fixes that are made first of each finding, so that no other is needed."""
    first: dict[str, tuple[str, Safety]] = {}
    for item in offered:
        half = item.half and allowed is Safety.UNSAFE
        if not item.passed_over and not half and item.safety in _CLASSES[: _CLASSES.index(allowed) + 1]:
            first.setdefault(item.finding, (item.title, item.safety))
    return set(first.values())


def row(rule: Rule, fix: Fix, proven: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """One line of the table."""
    actions = ", ".join(dict.fromkeys(f"`{call.action.name}`" for call in fix.actions))
    head = (f"[{rule.id}](rules/{rule.name}.md) {rule.name}", fix.title, fix.safety.value, actions)
    if not proven:
        return (*head, "not proven", "", "", "")
    seconds = max(result["seconds"] for result in proven.values())
    asked = [result for result in proven.values() if result["answered_before"]]
    sent = f"{sum(result['requests'] for result in asked):,}" if asked else "down"
    failed = str(sum(result["failed"] for result in asked)) if asked else ""
    return (*head, ", ".join(proven), sent, failed, f"{seconds:.1f}")


def outcomes() -> list[dict[str, Any]]:
    """What was recorded of every injection."""
    return list(json.loads(OUTCOMES.read_text()).values()) if OUTCOMES.exists() else []


def matrix(recorded: list[dict[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and lines: injections by scenarios."""
    if not recorded:
        return ("what goes wrong", "result"), [("everything", "not proven: nothing is recorded")]
    scenarios = tuple(sorted({result["scenario"] for result in recorded}))
    cells = {(result["injection"], result["scenario"]): _cell(result) for result in recorded}
    injections = sorted({result["injection"] for result in recorded}, key=str.lower)
    lines = [(name, *(cells.get((name, scenario), "") for scenario in scenarios)) for name in injections]
    return ("what goes wrong", *scenarios), lines


def _cell(result: dict[str, Any]) -> str:
    parts = [f"{result[key]} {word}" for key, word in (("cured", "cured"), ("as_before", "as before")) if result[key]]
    other = result["steps"] - result["cured"] - result["as_before"]
    return ", ".join([*parts, *([f"**{other} neither**"] if other else [])])


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
