"""The rooms of docs/architecture.md: each imports only from those before it, and nothing imports itself in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(ROOT.glob("doctor/**/*.py"))

ROOMS = (
    "grammar", "hosts", "facts", "sources", "servers", "conclusions", "apps", "engine", "examination", "edits",
    "fixes", "reports", "cli",
)  # fmt: skip
"""From left to right. `examination` is a single module."""

PARTED = {"sources", "servers", "conclusions"}
"""Rooms of several packages, one a program or a question."""

EVERYWHERE = {"doctor", "doctor.cause", "doctor.frozen", "doctor.parallel", "doctor.errors", "doctor.serial"}
"""The version, and tools that know nothing of the rooms."""


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _room(path: Path) -> str:
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


def _imports(path: Path, *, types: bool = True) -> Iterator[str]:
    """Modules of ours that a module imports, inside functions too; with `types` those for type checkers as well."""
    known = set(map(_name, MODULES))
    tree = ast.parse(path.read_text())
    skipped = set() if types else {id(n) for block in _for_types(tree) for n in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
            for item in node.names:
                name = f"{node.module}.{item.name}"
                if (found := name if name in known else node.module) in known:
                    yield found


def _for_types(tree: ast.Module) -> Iterator[ast.If]:
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield node


@pytest.mark.parametrize("path", [p for p in MODULES if _room(p) in ROOMS], ids=_name)
def test_a_room_looks_to_its_left(path: Path) -> None:
    room = _room(path)
    if room == "cli":
        return
    may = {*ROOMS[: ROOMS.index(room) + 1]}
    for name in _imports(path):
        parts = name.split(".")
        assert name in EVERYWHERE or (len(parts) > 1 and parts[1] in may), f"{_name(path)} imports {name}"


def test_the_table_of_fixes_is_in_order() -> None:
    """Each module of `doctor/edits/` and `doctor/fixes/` imports only from those above it in docs/architecture.md."""
    rows = [line for line in (ROOT / "docs/architecture.md").read_text().splitlines() if line.startswith("| `")]
    order = [
        f"doctor.{room}.{name}".replace("/", ".")
        for row in rows
        for room, name in re.findall(r"`(edits|fixes)/([\w/]+)\.py`", row.split(" | ")[0])
    ]
    there = {_name(path) for path in MODULES if _room(path) in ("edits", "fixes")}
    assert set(order) == {name for name in there if not any(other.startswith(f"{name}.") for other in there)}
    for path in MODULES:
        if (own := _name(path)) in order:
            below = set(order[order.index(own) :])
            assert not below & set(_imports(path)), f"{own} imports what stands below it"


@pytest.mark.parametrize("package", ["hosts/redact"])
def test_not_even_types_go_in_a_circle(package: str) -> None:
    own = {_name(path) for path in MODULES if path.is_relative_to(ROOT / "doctor" / package)}
    graph = {_name(path): own.intersection(_imports(path)) - {_name(path)} for path in MODULES if _name(path) in own}
    packages = {name for name in graph if any(other.startswith(f"{name}.") for other in graph)}
    TopologicalSorter({name: needs - packages for name, needs in graph.items()}).prepare()


def test_no_circles() -> None:
    """Of modules: a package stands for what it brings."""
    graph = {_name(path): {name for name in _imports(path) if name != _name(path)} for path in MODULES}
    packages = {name for name in graph if any(other.startswith(f"{name}.") for other in graph)}
    # A module inside a package that imports its neighbours is no circle.
    _in_order({name: needs - packages for name, needs in graph.items() if name not in packages})


def test_no_circles_of_packages() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        own = _package(_name(path))
        graph.setdefault(own, set()).update({_package(name) for name in _imports(path)} - {own})
    _in_order(graph)


def _package(module: str) -> str:
    """The packages inside a room count by themselves; a room's own __init__ brings nothing."""
    return (
        ".".join(module.split(".")[:3])
        if module.split(".")[1:2] and module.split(".")[1] in PARTED
        else ".".join(module.split(".")[:2])
    )


def _in_order(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_room_is_a_quarter_of_the_house() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in MODULES}
    whole = sum(lines.values())
    for room in ROOMS:
        share = sum(n for path, n in lines.items() if path.relative_to(ROOT).parts[1] == room) / whole
        assert share <= 0.25, f"doctor/{room} is {share:.0%} of the code"
