"""Tests lie where the code lies: tests/<room>/test_<module>.py beside doctor/<room>/<module>.py.

A long module may have several: test_<module>_<aspect>.py. What is tested end to end, from a host to facts or from a
command line to a report, lies in the folder `scenarios` of its room.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
CODE = ROOT / "doctor"

ELSEWHERE = {"scenarios", "lab", "proofs", "wild"}
"""Folders of tests that are about no single module."""

OF_THE_REPOSITORY = {"test_ci", "test_docs", "test_factories", "test_mirror", "test_patterns", "test_rooms"}

LINES = 60
"""A module of more lines has tests of its own."""

COVERED: dict[str, tuple[str, ...]] = {
    "servers/scenarios/test_nginx.py": (
        "servers/nginx/ check collect configured conflict effective include model newer process scope",
        "servers/nginx/ select shadow sites upstream",
    ),
    "servers/scenarios/test_nginx_differential.py": ("servers/nginx/ grammar parse",),
    "servers/gunicorn/test_discover.py": ("servers/gunicorn/ development look model program running start tree",),
    "servers/gunicorn/test_settings.py": ("servers/gunicorn/ config expression layers values",),
    "sources/scenarios/test_systemd.py": (
        "sources/systemd/ build dropins interest lists machine model problems reload settings show",
    ),
    "sources/scenarios/test_sockets.py": ("sources/sockets/ file kernel listeners model",),
    "sources/logs/test_unit.py": ("sources/logs/ entries failure journal model patterns tracebacks",),
    "sources/logs/test_nginx.py": ("sources/logs/ nginx_lines",),
    "conclusions/scenarios/test_appcode.py": ("conclusions/appcode/ collect flask loads model walk",),
    "conclusions/scenarios/test_environment.py": ("conclusions/environment/ collect compare model",),
    "conclusions/scenarios/test_release.py": (
        "conclusions/release/ age collect copies follow git layout model serving way",
    ),
    "conclusions/scenarios/test_static.py": (
        "conclusions/static/ assets mapping paths",
        "facts/ access",
    ),
    "conclusions/scenarios/test_start_needs.py": (
        "conclusions/service/ pidfile placement supervision",
        "facts/ accounts",
    ),
    "conclusions/scenarios/test_next_start.py": (
        "conclusions/service/ runtimedir",
        "servers/gunicorn/ rundir address_in_use",
    ),
    "apps/test_routing.py": ("apps/ affinity candidates edits decide joining logfiles nobody resting topology ways",),
    "apps/scenarios/test_views.py": (
        "apps/ build checkout collect join",
        "sources/ lending",
    ),
    "conclusions/service/test_outlook.py": ("conclusions/service/ model",),
    "sources/test_keeper.py": ("apps/ kept",),
    "sources/systemd/test_environment.py": ("sources/ variables",),
    "engine/test_load.py": ("engine/ impossible rule",),
    "engine/test_judge.py": ("engine/ finding functions subjects",),
    "grammar/test_outline.py": ("grammar/ literals positions python_source pytext",),
    "grammar/test_unitfile.py": ("grammar/ gaps unitkeys",),
    "hosts/test_live.py": ("hosts/ base commands content credentials deploying execute files holders processes",),
    "hosts/test_tree.py": ("hosts/ documents",),
    "hosts/scenarios/test_redact.py": ("hosts/redact/ commandline hider log nginx plain process secrets text unit",),
    "hosts/test_snapshot.py": ("hosts/ recording snapshotfile",),
    "fixes/test_fixer.py": ("fixes/ interrupt operate store",),
    "edits/test_preview.py": ("edits/ changes plan",),
    "reports/scenarios/test_front_page.py": ("reports/ catalogue finding model picture text verdict words",),
    "reports/scenarios/test_report_forms.py": ("reports/ build schema",),
    "reports/scenarios/test_published_schemas.py": ("reports/ snapshot_schema",),
    "cli/test_rules_command.py": ("cli/ new_rule",),
    "cli/test_check_command.py": ("cli/ options output",),
    "cli/scenarios/test_small_things.py": ("cli/ app explain",),
    "cli/test_check_repository.py": ("run",),
    "cli/test_undo_command.py": ("apply", "examination"),
    "engine/test_dictionary.py": ("reports/ dictionary",),
}
"""Long modules that are tested only with those that call them, by the tests that do it. To shrink, never to grow."""


def _modules() -> dict[str, Path]:
    """Modules by their path below doctor/, without the suffix."""
    paths = [path for path in CODE.glob("**/*.py") if path.stem != "__init__"]
    return {str(path.relative_to(CODE).with_suffix("")): path for path in paths}


def _tests() -> list[Path]:
    return sorted(path.relative_to(TESTS) for path in TESTS.glob("**/test_*.py"))


def _mirrored(test: Path) -> str:
    """The module that a test is about by its name, the longest that fits; "" if there is none."""
    words = test.stem.removeprefix("test_").split("_")
    names = (str(test.parent / "_".join(words[:count])) for count in range(len(words), 0, -1))
    return next((name for name in names if name in _modules()), "")


@pytest.mark.parametrize("test", _tests(), ids=str)
def test_it_names_a_module(test: Path) -> None:
    if not ELSEWHERE & set(test.parts) and test.stem not in OF_THE_REPOSITORY:
        assert _mirrored(test), f"doctor/{test.parent} has no module of that name; end to end is in scenarios/"


def _untested() -> set[str]:
    tested = {_mirrored(test) for test in _tests()}
    return {name for name, path in _modules().items() if len(path.read_text().splitlines()) > LINES} - tested


def _listed() -> Iterator[str]:
    for words in (each for listed in COVERED.values() for each in listed):
        folder, *names = words.split()
        yield from (f"{folder}{name}" for name in names) if names else (folder,)


def test_every_module_has_tests_or_is_listed() -> None:
    listed = set(_listed())
    assert not _untested() - listed, "give it tests of its own"
    assert not listed - _untested(), "it has tests now, or is short or gone: take it off the list"


def test_what_covers_a_listed_module_is_there() -> None:
    assert not [test for test in COVERED if not (TESTS / test).exists()]
