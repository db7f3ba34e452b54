"""What a change touches: the files that git says are changed, and the rules that they are about."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path, PurePosixPath

from doctor.engine import expression as ex
from doctor.engine.directory import rule_files
from doctor.engine.load import load_rules
from doctor.engine.rule import Rule
from doctor.engine.subjects import SUBJECTS
from doctor.engine.types import Scope, check

ROOT = Path(__file__).parents[2]
BASE = "FLASKDOCTOR_CI_BASE"
_DAY = 24 * 3600


def touched(root: Path = ROOT) -> frozenset[str]:
    """Rules and test files of this folder (by their stem) that the change touches; without git all of them."""
    rules = frozenset(path.stem for path in rule_files(ROOT / "rules"))
    files = changed_files(root)
    if files is None:
        return rules | {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    folders = fact_folders()
    return frozenset(group for path in files for group in groups_of(path, rules, folders))


def groups_of(path: str, rules: Set[str], folders: Mapping[str, Set[str]]) -> Set[str]:
    """What a file of the repository is about. A file that is about everything, as the engine is, is about nothing more.

    `folders` are the rules that ask facts of a folder of `doctor/`.
    """
    file = PurePosixPath(path)
    match file.parts:
        case ("rules", *_):
            return {file.stem} & rules
        case ("fixtures", rule, *_):
            return {rule} & rules
        case ("tests", "lab", _):
            return {file.stem} if file.stem.startswith("test_") else set()
        case ("doctor", *_):
            return folders.get(str(file.parent), set())
    return set()


def fact_folders() -> Mapping[str, Set[str]]:
    """The folders whose modules define facts, each with the rules whose conditions ask them."""
    found: dict[str, set[str]] = {}
    for rule in load_rules(ROOT / "rules"):
        for cls in asked(rule):
            module = PurePosixPath(*cls.__module__.split("."))
            found.setdefault(str(module.parent), set()).add(rule.name)
    return found


def asked(rule: Rule) -> Set[type]:
    """The classes whose facts decide what a rule says."""
    scope = SUBJECTS[rule.subject].scope
    conditions = [e for case in rule.cases for e in (*case.given, case.expect)]
    conditions += [fix.when for case in rule.cases for fix in case.fixes if fix.when]
    return {cls for condition in conditions for cls in _classes(condition.node, scope)}


def _classes(node: ex.Node, scope: Scope) -> Iterator[type]:
    match node:
        case ex.Attribute(base=base):
            if (cls := check(base, scope).cls) is not None:
                yield cls
        case ex.Quantifier(source=source, variable=variable):
            scope = {**scope, variable: check(source, scope).items[0]}
    for part in ex.parts(node):
        yield from _classes(part, scope)


def changed_files(root: Path) -> frozenset[str] | None:
    """Files that differ from the base of the change, in the working tree as well; None where git cannot tell."""
    if not _git(root, "rev-parse", "--verify", "--quiet", "HEAD"):
        return None
    base = _base(root)
    if not base:
        return None
    differ = _git(root, "diff", "--name-only", "--no-renames", base, "--")
    new = _git(root, "ls-files", "--others", "--exclude-standard")
    return frozenset(_lines(differ, new))


def _base(root: Path) -> str:
    """The named one; where the branch left its upstream; or what there was a day before the last commit; or ""."""
    if named := os.environ.get(BASE):
        found = _git(root, "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
        if not found:
            raise ValueError(f"{BASE}={named} is no commit")
        return found
    head = _git(root, "rev-parse", "HEAD")
    left = _git(root, "merge-base", "HEAD", "@{upstream}")
    if left and left != head:
        return left
    day = int(_git(root, "show", "--no-patch", "--format=%ct", "HEAD")) - _DAY
    return _git(root, "rev-list", "--first-parent", "--max-count=1", f"--before={day}", "HEAD")


def _git(root: Path, *arguments: str) -> str:
    """What git says; "" where it fails or there is none."""
    try:
        done = subprocess.run(("git", "-C", str(root), *arguments), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _lines(*texts: str) -> Iterable[str]:
    return (line for text in texts for line in text.splitlines())
