"""What the examined machine answers: the value of a fact, and each condition of a rule with what decided it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from enum import Enum

from doctor.apps.topology import Facts
from doctor.engine.dictionary import Entry, entries_of
from doctor.engine.evaluate import Evaluation, Names, Seen, as_fact, bind, evaluate
from doctor.engine.expression import Expression
from doctor.engine.judge import Outcome, verdict
from doctor.engine.rule import Case, Let, Rule
from doctor.engine.subjects import SUBJECTS, Instance
from doctor.facts.value import Known
from doctor.frozen import frozen


@frozen
class Answers:
    """The facts of one subject."""

    subject: str
    facts: tuple[Seen, ...]


class Role(str, Enum):
    """What a condition is to its rule."""

    LET = "let"
    GIVEN = "given"
    EXPECT = "expect"


@frozen
class Condition:
    """One condition of a rule as it stands there, its value, and the facts that decided it."""

    role: Role
    text: str
    result: Evaluation
    name: str = ""
    """Of one that has a name."""


@frozen
class CaseAnswer:
    """One case of a rule: what it comes to, and why."""

    case: Case
    outcome: Outcome
    conditions: tuple[Condition, ...]


@frozen
class RuleAnswer:
    """One rule on one subject: its named conditions, then case by case; the first case that fails speaks."""

    subject: str
    let: tuple[Condition, ...]
    cases: tuple[CaseAnswer, ...]


def values(entry: Entry, facts: Facts) -> tuple[Answers, ...]:
    """The fact on every subject there is, with those it is made of."""
    first, *rest = entry.name.replace("[]", "").split(".")
    inner = [each.name.rpartition(".")[2] for each in entries_of(entry)]
    found = []
    for instance in SUBJECTS[first].expand(facts):
        ends = list(_follow(bind(instance.names)[first], rest))
        seen = [part for end in ends for part in (_parts(end, inner) if inner else [end])]
        found.append(Answers(instance.name, tuple(seen)))
    return tuple(found)


def _follow(seen: Seen, words: Sequence[str]) -> Iterator[Seen]:
    """The facts at the end of a path, one for each element of the lists on the way."""
    fact = seen.fact
    if isinstance(fact, Known) and isinstance(fact.value, (tuple, list)):
        for number, item in enumerate(fact.value):
            yield from _follow(Seen(f"{seen.path}[{number}]", as_fact(item, fact.places, fact.origin)), words)
    elif not words or not isinstance(fact, Known):
        yield seen
    else:
        part = as_fact(getattr(fact.value, words[0]), fact.places, fact.origin)
        yield from _follow(Seen(f"{seen.path}.{words[0]}", part), words[1:])


def _parts(seen: Seen, names: Sequence[str]) -> Iterator[Seen]:
    fact = seen.fact
    if not isinstance(fact, Known):
        yield seen
        return
    for name in names:
        yield Seen(f"{seen.path}.{name}", as_fact(getattr(fact.value, name), fact.places, fact.origin))


def why(rule: Rule, facts: Facts) -> tuple[RuleAnswer, ...]:
    """Every condition of a rule with its value, on every subject there is."""
    return tuple(_answer(rule, instance) for instance in SUBJECTS[rule.subject].expand(facts))


def _answer(rule: Rule, instance: Instance) -> RuleAnswer:
    names = bind(instance.names)
    let = tuple(
        Condition(Role.LET, _named(each.condition.text, rule.let[:number]), _value(each.condition, names), each.name)
        for number, each in enumerate(rule.let)
    )
    return RuleAnswer(instance.name, let, tuple(_case(case, names, rule.let) for case in rule.cases))


def _case(case: Case, names: Names, let: Sequence[Let]) -> CaseAnswer:
    terms = [(Role.GIVEN, term) for given in case.given for term in _terms(given)]
    terms += [(Role.EXPECT, term) for term in _terms(case.expect)]
    conditions = (Condition(role, _named(term.text, let), _value(term, names)) for role, term in terms)
    return CaseAnswer(case, verdict(case, names)[0], tuple(conditions))


def _value(expression: Expression, names: Names) -> Evaluation:
    return evaluate(expression.node, names)


def _terms(expression: Expression) -> list[Expression]:
    """The parts that `and` joins, as they are written."""
    source = _in_one_line(expression.text)
    tree = ast.parse(source, mode="eval").body
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [Expression(ast.get_source_segment(source, term) or source) for term in tree.values]
    return [Expression(source)]


def _named(text: str, let: Sequence[Let]) -> str:
    """The text with names in the place of the conditions that loading wrote out for them."""
    text = _in_one_line(text)
    for each in reversed(let):  # a later one may hold those before it
        written = _in_one_line(each.condition.text)
        text = each.name if text == written else text.replace(f"({written})", each.name)
    return text


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
