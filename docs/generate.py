"""Writes what the documentation takes from the code, and checks that it is current.

    python docs/generate.py           # write
    python docs/generate.py --check   # say what is out of date, change nothing

- docs/proof.md: rule by rule, what the recordings of the lab's machines give today.
- docs/fixes.md: every fix with its proof, and what it withstood.
- docs/rules/: a page for each rule, as `flaskdoctor explain` prints it, and a table of all.
- docs/facts.md: every fact that a rule can ask.
- docs/rules-language.md: the table of actions.
- README.md, docs/fixing.md: what commands print, over recordings or as a machine of the lab printed it.

It also refreshes doctor/_data/catalogue.json, which git does not keep (docs/adr/0009-catalogue-by-build.md).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE), str(TREE / "tests"), str(TREE / "docs")]

import fixes_page  # noqa: E402 - found by the paths above
from lab import recording, replays, shapes  # noqa: E402
from lab.recipe import Recipe, load_all  # noqa: E402
from lab.replays import Offered, Replays, Result  # noqa: E402

from doctor.cli.explain import explanation  # noqa: E402
from doctor.engine.actions import ACTIONS  # noqa: E402
from doctor.engine.catalogue import FILE, written  # noqa: E402
from doctor.engine.load import load_rules  # noqa: E402
from doctor.engine.rule import Rule  # noqa: E402
from doctor.reports import dictionary  # noqa: E402
from doctor.reports.changes import planned_lines  # noqa: E402
from doctor.reports.layout import plain  # noqa: E402
from doctor.reports.text import lines  # noqa: E402
from doctor.run import Options, check  # noqa: E402

PRINTED = re.compile(r"(<!-- printed: (.+?) -->\n```\n).*?(```\n<!-- /printed -->)", re.DOTALL)
PASSED = re.compile(r"\d+ checks passed")
TABLE = re.compile(r"(<!-- actions -->\n).*?(<!-- /actions -->)", re.DOTALL)


def main() -> int:
    """Write every page, or with --check list those that differ; the exit status says whether any does."""
    with tempfile.TemporaryDirectory() as folder:
        pages = current(replays.kept_in(Path(folder)))
    stale = out_of_date(pages)
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"out of date: {path.relative_to(TREE)} (run: python docs/generate.py)")
        return 1 if stale else 0
    for path in stale:
        if path in pages:
            path.parent.mkdir(exist_ok=True)
            path.write_text(pages[path])
        else:
            path.unlink()
    FILE.write_text(written(load_rules()))
    return 0


def current(results: Replays) -> dict[Path, str]:
    """Every page as it ought to be."""
    return {
        TREE / "docs" / "proof.md": proof(results),
        TREE / "docs" / "fixes.md": fixes_page.page(load_all(), partial(_offered, results)),
        TREE / "docs" / "rules" / "README.md": rule_table(),
        **{TREE / "docs" / "rules" / f"{rule.name}.md": rule_page(rule) for rule in load_rules()},
        TREE / "docs" / "facts.md": dictionary.page(),
        TREE / "docs" / "rules-language.md": with_actions(TREE / "docs" / "rules-language.md"),
        **{path: with_printed(path) for path in (TREE / "README.md", TREE / "docs" / "fixing.md")},
    }


def out_of_date(pages: Mapping[Path, str]) -> list[Path]:
    """Those that differ or are missing, and those of rules that there are no more."""
    extra = set((TREE / "docs" / "rules").glob("*.md")) - set(pages)
    return sorted({path for path, text in pages.items() if not path.exists() or path.read_text() != text} | extra)


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


def with_printed(path: Path) -> str:
    """A page with what its commands print."""
    return PRINTED.sub(lambda match: match[1] + COMMANDS[match[2]]() + match[3], path.read_text())


def _demo() -> str:
    """Without how many checks passed: one more rule would change it."""
    return PASSED.sub("… checks passed", plain(lines(check(Options(demo=True)), 100)))


def _planned() -> str:
    _, fixes = replays.planned(_path("upstream-bind-mismatch", "other-path"))
    return plain(planned_lines(fixes, unsafe=True, more=0))


def _on_a_machine() -> str:
    """As tests/test_docs.py wrote it down."""
    path = TREE / "docs" / "examples" / "fixing.txt"
    return path.read_text() if path.exists() else "not recorded\n"


COMMANDS: Mapping[str, Callable[[], str]] = {
    "check --demo": _demo,
    "check --diff --unsafe-fixes": _planned,
    "check --fix, undo": _on_a_machine,
}


def with_actions(path: Path) -> str:
    """A page with the table of actions."""
    rows = [
        f"| `{name}` | {' '.join(f'`{parameter}`' for parameter in action.parameters)} "
        f"| {'unsafe' if action.drops_requests else 'safe or unsafe'} | {action.about} |\n"
        for name, action in ACTIONS.items()
    ]
    table = "".join(["| action | arguments | class of its fix | what it does |\n", "|---|---|---|---|\n", *rows])
    return TABLE.sub(lambda match: match[1] + table + match[2], path.read_text())


def proof(results: Replays) -> str:
    """What each rule's recordings give."""
    recipes = {recipe.rule: recipe for recipe in load_all()}
    sections = [section(rule, recipes[rule.name], results) for rule in load_rules() if rule.name in recipes]
    return "\n".join(
        [PREAMBLE.format(count=sum(NOT_RECORDED not in text for text in sections)), *_healthy(results), *sections]
    )


PREAMBLE = """\
# Proof

Each rule below was proven on a real machine: systemd as PID 1, nginx, Gunicorn, a Flask app. `pytest --lab` boots a
fresh machine for every line, deploys a healthy app, breaks it, sees the symptom, asks the doctor, applies the cure, and
sees symptom and finding go. With `--record` the machine is recorded at the moment the doctor is asked. This page is
what those recordings give today (`python docs/generate.py`); the test suite fails if it is out of date.

{count} rules are proven.
"""


def _healthy(results: Replays) -> Iterator[str]:
    yield "## Healthy machines"
    yield ""
    yield "| shape | errors | warnings | info |"
    yield "|---|---|---|---|"
    for name, shape in shapes.HEALTHY.items():
        result = _result(results, "healthy", shape.__name__)
        if result is None:
            yield f"| {name} | {NOT_RECORDED} | | |"
            continue
        yield f"| {name} | {result.count('error')} | {result.count('warning')} | {result.count('info')} |"
    yield ""


def section(rule: Rule, recipe: Recipe, results: Replays) -> str:
    """One rule: its faults with what was named first, and its look-alikes with what was said of them."""
    out = [f"## {rule.id} {rule.name}", "", rule.title + ".", ""]
    out += ["| fault | named first | severity | now or later |", "|---|---|---|---|"]
    for fault in recipe.faults:
        result = _result(results, recipe.rule, fault.name)
        named, severity = (
            result.findings[0] if result and result.findings else ("nothing" if result else NOT_RECORDED, "")
        )
        out.append(f"| {fault.name} | {named} | {severity} | {'later' if fault.foretold else 'now'} |")
    out += ["", "| look-alike | errors and warnings |", "|---|---|"]
    for other in recipe.lookalikes:
        result = _result(results, recipe.rule, f"{recording.LOOKALIKE}{other.name}")
        loud = result.loud if result else [NOT_RECORDED]
        out.append(f"| {other.name} | {', '.join(loud) or 'none'} |")
    return "\n".join([*out, ""])


NOT_RECORDED = "**not recorded**"


def _path(folder: str, name: str) -> Path:
    return recording.FIXTURES / folder / f"{name}{recording.SUFFIX}"


def _result(results: Replays, folder: str, name: str) -> Result | None:
    """What is said of a recording; None where there is none."""
    path = _path(folder, name)
    return results(path) if path.exists() else None


def _offered(results: Replays, folder: str, name: str) -> tuple[Offered, ...]:
    result = _result(results, folder, name)
    return result.offered if result else ()


if __name__ == "__main__":
    sys.exit(main())
