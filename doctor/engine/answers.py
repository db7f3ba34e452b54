"""What the examined machine answers: the value of a fact, and each condition of a rule with what decided it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from doctor.apps.topology import Facts
from doctor.engine.dictionary import Entry, entries_of
from doctor.engine.evaluate import Evaluation, Names, Seen, as_fact, bind, evaluate
from doctor.engine.expression import Expression, parse
from doctor.engine.judge import Outcome, verdict
from doctor.engine.rule import Case, Rule
from doctor.engine.subjects import SUBJECTS
from doctor.facts.value import Known
from doctor.frozen import frozen


@frozen
class Answers:
    """The facts of one subject."""

    subject: str
    facts: tuple[Seen, ...]


@frozen
class Condition:
    """One condition of a rule as it stands there, its value, and the facts that decided it."""

    role: str
    """"given" or "expect"."""
    text: str
    result: Evaluation


@frozen
class CaseAnswer:
    """One case of a rule: what it comes to, and why."""

    case: Case
    outcome: Outcome
    conditions: tuple[Condition, ...]


@frozen
class RuleAnswer:
    """One rule on one subject, case by case; the first case that fails speaks."""

    subject: str
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
    return tuple(
        RuleAnswer(instance.name, tuple(_case(case, bind(instance.names)) for case in rule.cases))
        for instance in SUBJECTS[rule.subject].expand(facts)
    )


def _case(case: Case, names: Names) -> CaseAnswer:
    terms = [("given", term) for given in case.given for term in _terms(given)]
    terms += [("expect", term) for term in _terms(case.expect)]
    conditions = (Condition(role, text, evaluate(parse(text), names)) for role, text in terms)
    return CaseAnswer(case, verdict(case, names)[0], tuple(conditions))


def _terms(expression: Expression) -> list[str]:
    """The parts that `and` joins, as they are written."""
    source = " ".join(expression.text.split())
    tree = ast.parse(source, mode="eval").body
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [ast.get_source_segment(source, term) or source for term in tree.values]
    return [source]
