"""Writes what the documentation takes from the code, and checks that it is current.

    python docs/generate.py           # write
    python docs/generate.py --check   # say what is out of date, change nothing

- docs/proof.md: rule by rule, what the recordings of the lab's machines give today.
- docs/rules/: a page for each rule, as `flaskdoctor explain` prints it, and a table of all.
- README.md: the report of `flaskdoctor check --demo`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE), str(TREE / "tests")]

from lab import recording, shapes  # noqa: E402 - found by the paths above
from lab.recipe import Recipe, load_all  # noqa: E402

from doctor.cli.explain import explanation  # noqa: E402
from doctor.engine.load import load_rules  # noqa: E402
from doctor.engine.rule import Rule  # noqa: E402
from doctor.reports.layout import plain  # noqa: E402
from doctor.reports.model import Report  # noqa: E402
from doctor.reports.text import lines  # noqa: E402
from doctor.run import Options, check  # noqa: E402

REPORT = re.compile(r"(<!-- report: flaskdoctor check --demo -->\n```\n).*?(```\n<!-- /report -->)", re.DOTALL)


def main() -> int:
    """Write every page, or with --check list those that differ; the exit status says whether any does."""
    pages = {
        TREE / "docs" / "proof.md": proof(),
        TREE / "docs" / "rules" / "README.md": rule_table(),
        **{TREE / "docs" / "rules" / f"{rule.name}.md": rule_page(rule) for rule in load_rules()},
        TREE / "README.md": readme(),
    }
    extra = set((TREE / "docs" / "rules").glob("*.md")) - set(pages)
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in sorted({*stale, *extra}):
            print(f"out of date: {path.relative_to(TREE)} (run: python docs/generate.py)")
        return 1 if stale or extra else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(pages[path])
    for path in extra:
        path.unlink()
    return 0


def rule_page(rule: Rule) -> str:
    """One rule's page."""
    return f"# {rule.id} {rule.name}\n\n```\n{plain(explanation(rule.name, 100))}```\n"


def rule_table() -> str:
    """Every rule in a line."""
    rows = [
        f"| [{rule.id}]({rule.name}.md) | {rule.name} | {severities(rule)} | {rule.title} |" for rule in load_rules()
    ]
    return "\n".join(["# Rules", "", "| id | name | severity | what it says |", "|---|---|---|---|", *rows, ""])


def severities(rule: Rule) -> str:
    """The severities its cases can have, the worst first."""
    ranked = sorted({case.severity for case in rule.cases}, key=lambda severity: severity.rank)
    return ", ".join(severity.value for severity in ranked)


def readme() -> str:
    """README.md with the report of the bundled recording."""
    text = plain(lines(check(Options(demo=True)), 100))
    return REPORT.sub(lambda match: match[1] + text + match[2], (TREE / "README.md").read_text())


def proof() -> str:
    """What each rule's recordings give."""
    recipes = {recipe.rule: recipe for recipe in load_all()}
    sections = [section(rule, recipes[rule.name]) for rule in load_rules() if rule.name in recipes]
    return "\n".join([PREAMBLE.format(count=len(sections)), *_healthy(), *sections])


PREAMBLE = """\
# Proof

Each rule below was proven on a real machine: systemd as PID 1, nginx, Gunicorn, a Flask app. `pytest --lab` boots a
fresh machine for every line, deploys a healthy app, breaks it, sees the symptom, asks the doctor, applies the cure, and
sees symptom and finding go. With `--record` the machine is recorded at the moment the doctor is asked. This page is
what those recordings give today (`python docs/generate.py`); the test suite fails if it is out of date.

{count} rules are proven.
"""


def _healthy() -> Iterator[str]:
    yield "## Healthy machines"
    yield ""
    yield "| shape | errors | warnings | info | checks passed |"
    yield "|---|---|---|---|---|"
    for name, shape in shapes.HEALTHY.items():
        report = _replay("healthy", shape.__name__)
        s = report.summary
        yield f"| {name} | {s.error} | {s.warning} | {s.info} | {s.passed} |"
    yield ""


def section(rule: Rule, recipe: Recipe) -> str:
    """One rule: its faults with what was named first, and its look-alikes with what was said of them."""
    out = [f"## {rule.id} {rule.name}", "", rule.title + ".", ""]
    out += ["| fault | named first | severity | now or foretold |", "|---|---|---|---|"]
    for fault in recipe.faults:
        findings = _replay(recipe.rule, fault.name).findings
        first = findings[0] if findings else None
        named, severity = (first.name, first.severity.value) if first else ("nothing", "")
        out.append(f"| {fault.name} | {named} | {severity} | {'foretold' if fault.foretold else 'now'} |")
    out += ["", "| look-alike | errors and warnings |", "|---|---|"]
    for other in recipe.lookalikes:
        findings = _replay(recipe.rule, f"{recording.LOOKALIKE}{other.name}").findings
        loud = [finding.name for finding in findings if finding.severity != "info"]
        out.append(f"| {other.name} | {', '.join(loud) or 'none'} |")
    return "\n".join([*out, ""])


def _replay(folder: str, name: str) -> Report:
    return check(Options(targets=(str(recording.FIXTURES / folder / f"{name}{recording.SUFFIX}"),)))


if __name__ == "__main__":
    sys.exit(main())
