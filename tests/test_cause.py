"""A reason is for people: the program decides by causes, and hands both on by `Unknown.of` and `because`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from doctor.cause import Cause, Doubt, doubt, together
from doctor.facts.value import Place, Unknown
from doctor.hosts.base import Missing, Unseen

ROOT = Path(__file__).parents[1]
DOUBTS = {"Doubt", "Unknown", "Unseen"}

SHOWING = {
    "doctor/engine/judge.py": "the result",
    "doctor/fixes/guard.py": "what is said against a fix",
    "doctor/fixes/operate.py": "what a failed step says",
    "doctor/hosts/serial.py": "a recording",
    "doctor/hosts/tree.py": "the path as it was given",
    "doctor/probe.py": "what became of the request",
    "doctor/reports/build.py": "the report",
    "doctor/reports/dictionary.py": "the list of facts",
    "doctor/apps/path.py": "the way of a request",
    "doctor/conclusions/service/reload.py": "what speaks against a reload",
    "doctor/reports/reasons.py": "why a rule fails, and the values of facts",
    "doctor/reports/verdict.py": "the lines of what could not be checked",
    "doctor/servers/nginx/conflict.py": "a message in the words of nginx",
    "doctor/servers/nginx/include.py": "a message in the words of nginx",
}
"""Modules that show a reason to people, and where."""

OTHERS = {
    ("doctor/apps/collect.py", "each.reason"),  # of what is not judged
    ("doctor/apps/kept.py", "self.keeper.reason"),
    ("doctor/apps/kept.py", "x.reason"),
    ("doctor/apps/unjudged.py", "skipped.reason"),
    ("doctor/engine/yaml.py", "error.reason"),  # of a UnicodeError
}
"""Attributes of this name that are no reason of a doubt."""

MODULES = sorted(path for path in ROOT.glob("doctor/**/*.py") if path != ROOT / "doctor/cause.py")


def _reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a reason is read: as an attribute, or by a pattern that takes it out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "reason" and isinstance(node.ctx, ast.Load):
            yield node.lineno, ast.unparse(node)
        if (
            isinstance(node, ast.MatchClass)
            and ast.unparse(node.cls) in DOUBTS
            and (node.patterns or "reason" in node.kwd_attrs)
        ):
            yield node.lineno, ast.unparse(node)


def _rewrapped(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """A doubt made by hand from the reason of another, whose cause is then forgotten."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in DOUBTS:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Attribute) and inner.attr == "reason":
                    yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_reads_a_reason_but_to_show_it(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text())
    if name not in SHOWING and name != "doctor/facts/value.py":
        assert not [f"{name}:{line}: {text}" for line, text in _reads(tree) if (name, text) not in OTHERS]
    if name not in ("doctor/facts/value.py", "doctor/apps/kept.py"):
        assert not [f"{name}:{line}: {text}" for line, text in _rewrapped(tree)]


def test_the_lists_are_no_longer_than_they_need_to_be() -> None:
    for name in SHOWING:
        assert list(_reads(ast.parse((ROOT / name).read_text()))), name
    for name, text in OTHERS:
        assert text in {read for _, read in _reads(ast.parse((ROOT / name).read_text()))}, (name, text)


@pytest.mark.parametrize(
    "text",
    ["x = Unknown(other.reason, Cause.HIDDEN)", "x = Unseen(f'{a.reason} (b)', Cause.HIDDEN)", "Doubt(a.reason, c)"],
)
def test_a_doubt_made_by_hand_is_found(text: str) -> None:
    assert list(_rewrapped(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    ["if 'sudo' in x.reason: pass", "match a:\n case Unknown(why): pass", "match a:\n case Unseen(reason=why): pass"],
)
def test_a_reason_that_is_read_is_found(text: str) -> None:
    assert list(_reads(ast.parse(text)))


DENIED = Unseen("permission denied reading /etc/shop/env (run with sudo)", Cause.NEEDS_ROOT)


def test_what_is_handed_on_keeps_the_cause() -> None:
    place = Place(path="/etc/shop/env")
    assert Unknown.of(DENIED, (place,)) == Unknown(DENIED.reason, Cause.NEEDS_ROOT, (place,))
    handed = Unknown.of(DENIED, (place,)).because("chdir may be set")
    assert handed == Unknown(f"chdir may be set: {DENIED.reason}", Cause.NEEDS_ROOT, (place,))
    assert DENIED.because("the app loads a .env file").cause is Cause.NEEDS_ROOT
    assert DENIED.about("/etc/passwd") == Unseen(f"{DENIED.reason} (/etc/passwd)", Cause.NEEDS_ROOT)


def test_what_has_no_word_of_its_own_gets_one() -> None:
    assert doubt(DENIED, "it is gone", Cause.VANISHED) is DENIED
    assert doubt(Missing(), "it is gone", Cause.VANISHED) == Doubt("it is gone", Cause.VANISHED)


def test_several_at_once() -> None:
    late = Unseen("timed out after 5 s", Cause.TIMED_OUT)
    assert together([late, late]) == Doubt(late.reason, Cause.TIMED_OUT)
    assert together([late, DENIED]) == Doubt(f"{late.reason}; {DENIED.reason}", Cause.NEEDS_ROOT)
