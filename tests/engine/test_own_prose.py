"""No rule reads our own sentences: what a rule must tell apart is a closed kind of a fact."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from doctor.engine import expression as ex
from doctor.engine.directory import rule_files, rules_directory
from doctor.engine.expression import Node
from doctor.engine.load import load_rule
from doctor.engine.rule import Rule

DATA = frozenset((
    "app.code.entry_module",
    "app.gunicorn.logical_directory",
    "app.gunicorn.address_in_use.unit",
    "app.gunicorn.socket_dir_not_writable.path",
    "app.gunicorn.version_running",
    "app.log.boot_error",
    "site.shadowed.path",
))  # fmt: skip
"""Texts that the machine gives: paths, names, versions, the last line of a traceback. Add no sentence of ours: give
that fact a class with a closed `kind` and a `__str__`."""

RULES = [load_rule(path) for path in rule_files(rules_directory())]


def everything(node: Node) -> Iterator[Node]:
    yield node
    for part in ex.parts(node):
        yield from everything(part)


def conditions(rule: Rule) -> Iterator[Node]:
    for case in rule.cases:
        for condition in (*case.given, case.expect, *(fix.when for fix in case.fixes if fix.when is not None)):
            yield from everything(condition.node)


def path(node: Node) -> str:
    return f"{path(node.base)}.{node.name}" if isinstance(node, ex.Attribute) else getattr(node, "name", "")


def taken_apart(nodes: Iterator[Node]) -> Iterator[str]:
    """What is searched for a text, and what is compared with a text of several words."""
    for node in nodes:
        if isinstance(node, ex.Call) and node.function in ("matches", "startswith", "endswith"):
            yield path(node.arguments[0])
        elif isinstance(node, ex.Comparison):
            sides = (node.first, *(right for _, right in node.rest))
            words = [part.value for side in sides for part in everything(side) if isinstance(part, ex.Literal)]
            if any(isinstance(word, str) and " " in word for word in words):
                yield path(node.first)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rules_take_apart_only_what_the_machine_says(rule: Rule) -> None:
    assert set(taken_apart(conditions(rule))) <= DATA


def test_what_is_listed_is_asked_by_some_rule() -> None:
    assert {name for rule in RULES for name in taken_apart(conditions(rule))} == DATA


@pytest.mark.parametrize(
    "condition",
    [
        'matches(app.service.not_serving, r"workers")',
        "any(endswith(app.service.not_serving, x) for x in app.code.uses)",
        'app.service.not_serving == "no workers"',
    ],
)
def test_a_sentence_of_ours_is_seen(condition: str) -> None:
    assert set(taken_apart(everything(ex.parse(condition)))) == {"app.service.not_serving"}
