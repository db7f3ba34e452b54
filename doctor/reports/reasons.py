"""Why a rule says what it says of a target: each condition with its value and the facts that decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from doctor.engine.answers import CaseAnswer, Condition, RuleAnswer
from doctor.engine.evaluate import Seen
from doctor.engine.judge import Outcome
from doctor.engine.rule import Rule
from doctor.engine.template import describe_place, render
from doctor.facts.value import Absent, Known, Place, Unknown
from doctor.reports.dictionary import said
from doctor.reports.layout import BLANK, Line, line, paragraph

_STYLES = {
    Outcome.FAIL: "error",
    Outcome.PASS: "ok",
    Outcome.UNKNOWN: "unknown",
    Outcome.ERROR: "error",
} | dict.fromkeys((Outcome.NOT_APPLICABLE, Outcome.SUPPRESSED), "dim")


def lines(rule: Rule, answers: Iterable[RuleAnswer], width: int) -> list[Line]:
    """For people: on each subject the named conditions, then case by case."""
    out: list[Line] = []
    for answer in answers:
        out += [*([BLANK] if out else []), line((f"{rule.id} {rule.name}", "title"), (f" · {answer.subject}", ""))]
        for condition in answer.let:
            out += _condition(condition, width)
        for number, case in enumerate(answer.cases, 1):
            out += _case(number, case, width)
    return out or [line((f"There is no {rule.subject} that it could be asked of.", ""))]


def _case(number: int, case: CaseAnswer, width: int) -> Iterator[Line]:
    yield line((f"   case {number}: ", ""), (case.outcome.value.replace("_", " "), _STYLES[case.outcome]))
    for condition in case.conditions:
        yield from _condition(condition, width)


def _condition(condition: Condition, width: int) -> Iterator[Line]:
    value = condition.result.value
    text = f"unknown: {value.reason}" if isinstance(value, Unknown) else render(value)
    named = f"{condition.name}: " if condition.name else ""
    yield line(("     ", ""), (f"{condition.role.value:<7}", "dim"), (f"{named}{condition.text}", ""))
    yield from paragraph(f"is {text}", width, 12, "title")
    for seen in condition.result.seen:
        where = "".join(f" ({describe_place(place)})" for place in seen.fact.places[:1])
        yield from paragraph(f"{seen.path} = {said(seen.fact)}{where}", width, 12, "dim")


def as_data(rule: Rule, answers: Iterable[RuleAnswer]) -> dict[str, Any]:
    """For programs."""
    return {
        "rule": rule.id,
        "name": rule.name,
        "subjects": [
            {
                "subject": answer.subject,
                "let": [_condition_data(condition) for condition in answer.let],
                "cases": [
                    {"outcome": case.outcome, "conditions": [_condition_data(each) for each in case.conditions]}
                    for case in answer.cases
                ],
            }
            for answer in answers
        ],
    }


def _condition_data(condition: Condition) -> dict[str, Any]:
    """`value` is true or false; null for what is unknown, with the reason, or absent, without one."""
    value = condition.result.value
    open_ = isinstance(value, (Absent, Unknown))
    return {
        "role": condition.role,
        "name": condition.name or None,
        "text": condition.text,
        "value": None if open_ else value,
        "unknown": value.reason if isinstance(value, Unknown) else None,
        "facts": [_fact_data(seen) for seen in condition.result.seen],
    }


def _fact_data(seen: Seen) -> dict[str, Any]:
    fact = seen.fact
    return {
        "fact": seen.path,
        "value": render(fact) if isinstance(fact, Known) else None,
        "unknown": fact.reason if isinstance(fact, Unknown) else None,
        "origin": fact.origin if isinstance(fact, Known) else None,
        "places": [_place_data(place) for place in fact.places],
    }


def _place_data(place: Place) -> dict[str, Any]:
    return {
        "path": place.path or None,
        "line": place.line or None,
        "command": place.command or None,
        "text": place.text or None,
        "note": place.note or None,
    }
