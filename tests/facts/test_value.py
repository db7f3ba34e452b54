"""A fact is said by whoever builds the thing it is of, never by leaving it out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STOREYS = ("facts", "sources", "servers", "conclusions", "apps")
MODULES = sorted(path for storey in STOREYS for path in (ROOT / "doctor" / storey).glob("**/*.py"))


def _defaults(tree: ast.Module) -> Iterator[str]:
    """Fields of frozen classes that are facts and have a default: `Class.field`."""
    for cls in ast.walk(tree):
        if isinstance(cls, ast.ClassDef) and any(ast.unparse(each) == "frozen" for each in cls.decorator_list):
            for field in cls.body:
                if isinstance(field, ast.AnnAssign) and field.value and "Fact[" in ast.unparse(field.annotation):
                    yield f"{cls.name}.{ast.unparse(field.target)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "doctor")))
def test_no_fact_is_fine_by_default(path: Path) -> None:
    assert not list(_defaults(ast.parse(path.read_text())))


def test_a_default_is_found() -> None:
    text = "@frozen\nclass Unit:\n    name: str\n    start_blocker: Fact[str] = ABSENT\n    template: bool = False\n"
    assert list(_defaults(ast.parse(text))) == ["Unit.start_blocker"]
