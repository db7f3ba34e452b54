"""Writes the proof of a rule from recordings: of all facts that a machine showed, those that the rule needs.

    PYTHONPATH=tests python -m proofs.derive RULE [RECORDING ...]   # prints; without one, from those of the rule

What is printed is a proof to start from: read it, and strike what only happened to be so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from lab import recording
from proofs.stated import StatedError, subject

from doctor import run
from doctor.engine import expression as ex
from doctor.engine.evaluate import Names, Seen, bind, evaluate, look
from doctor.engine.expression import parse
from doctor.engine.judge import Outcome, Result, judge_subject
from doctor.engine.rule import Fix, Rule
from doctor.engine.subjects import SUBJECTS
from doctor.engine.template import Field, Template
from doctor.facts.address import Address
from doctor.facts.value import Absent, Known, Place, Unknown

_TOLD = {Outcome.FAIL: 0, Outcome.PASS: 1, Outcome.NOT_APPLICABLE: 2}


def main(arguments: list[str]) -> int:
    """Print the proof."""
    if not arguments:
        print(__doc__)
        return 2
    rule = next(rule for rule in run.chosen(run.Options()) if arguments[0] in (rule.name, rule.id))
    print(written(proofs(rule, [Path(each) for each in arguments[1:]] or recordings(rule.name))), end="")
    return 0


def recordings(rule: str) -> list[Path]:
    """The faults of the rule, then its look-alikes."""
    own = [path for path in recording.saved() if path.parent.name == rule]
    return sorted(own, key=lambda path: recording.name_of(path).startswith(recording.LOOKALIKE))


def proofs(rule: Rule, paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """A proof for each case that fails somewhere, and one for each way to be fine."""
    told: set[tuple[Any, ...]] = set()
    for path in paths:
        with recording.opened(path) as whole:
            facts = run.facts(run.Options(targets=(whole,)))
        for instance in SUBJECTS[rule.subject].expand(facts):
            result = judge_subject(rule, instance)
            key = (result.outcome, *_said(result).get("fixes", ()), _shape(rule, bind(instance.names)))
            if result.outcome not in _TOLD or key in told:
                continue
            if result.outcome is Outcome.NOT_APPLICABLE and not path.name.startswith(recording.LOOKALIKE):
                continue
            told.add(key)
            stated = _stated(rule, bind(instance.names))
            proof = _smallest(rule, stated, _said(result))
            if proof is not None:
                yield {"about": recording.name_of(path), "facts": proof, **_said(_judged(rule, proof))}


def written(found: Iterable[Mapping[str, Any]]) -> str:
    """YAML as the proofs have it: every value a string."""
    rows = sorted(found, key=lambda proof: list(_TOLD).index(Outcome(proof["says"])))
    return yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)


def _shape(rule: Rule, names: Names) -> tuple[Outcome, ...]:
    from doctor.engine.judge import verdict

    return tuple(verdict(case, names)[0] for case in rule.cases)


def _said(result: Result) -> dict[str, Any]:
    said: dict[str, Any] = {"says": result.outcome.value}
    if result.finding is not None:
        said |= {"severity": result.finding.severity.value, "message": result.finding.message}
        said["fixes"] = [fix.title for fix in result.finding.fixes]
    return said


def _judged(rule: Rule, stated: Mapping[str, Any]) -> Result:
    return judge_subject(rule, subject(rule.subject, stated))


def _smallest(rule: Rule, stated: dict[str, Any], said: dict[str, Any]) -> dict[str, Any] | None:
    """Without all that changes nothing; None where the stated facts do not give what the machine gave."""
    try:
        if _said(_judged(rule, _plain(stated))) != said:
            return None
    except StatedError:
        return None
    left = stated
    for path in sorted(stated, key=lambda path: -path.count(".")):
        fewer = {name: value for name, value in left.items() if name != path}
        for without in (fewer, {**left, path: _simpler(left[path])}):
            try:
                if _said(_judged(rule, _plain(without))) == said:
                    left = without
                    break
            except StatedError:
                continue
    return _plain(left)


def _simpler(value: Any) -> Any:
    return value["value"] if isinstance(value, Mapping) and "value" in value else value


def _plain(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Elements of lists, which were seen one by one, as lists."""
    out: dict[str, Any] = {path: value for path, value in stated.items() if "[" not in path}
    for path, value in stated.items():
        head, bracket, rest = path.partition("[")
        if not bracket:
            continue
        number, _, tail = rest.partition("]")
        items = out.setdefault(head, [])
        if not isinstance(items, list):
            continue
        while len(items) <= int(number):
            items.append({})
        if not tail:
            items[int(number)] = value
        elif isinstance(items[int(number)], dict) and "[" not in tail:
            _put(items[int(number)], tail[1:].split("."), value)
    return out


def _put(node: dict[str, Any], way: list[str], value: Any) -> None:
    for word in way[:-1]:
        node = node.setdefault(word, {})
        if not isinstance(node, dict):
            return
    node[way[-1]] = value


def _stated(rule: Rule, names: Names) -> dict[str, Any]:
    """Every fact that the rule may look at, by its path."""
    found: dict[str, Any] = {}
    for seen in _seen(rule, names):
        value = _value(seen)
        if value is not None:
            found.setdefault(seen.path, value)
    name = look(parse("app.name"), names).fact if "app" in names else Absent()
    if isinstance(name, Known):
        found.setdefault("app.name", name.value)
    # An object is stated by its parts where there are any.
    return {
        path: value for path, value in found.items() if value != {} or not any(p.startswith(f"{path}.") for p in found)
    }


def _seen(rule: Rule, names: Names) -> Iterator[Seen]:
    for case in rule.cases:
        for condition in (*case.given, case.expect):
            yield from _leaves(condition.node, names)
        for template in (case.message, *(part for fix in case.fixes for part in _texts(fix))):
            for part in template.parts:
                if isinstance(part, Field):
                    yield from _leaves(part.node, names)
        for fix in case.fixes:
            if fix.when is not None:
                yield from _leaves(fix.when.node, names)
            for call in fix.actions:
                for _, argument in call.arguments:
                    yield from (seen for node in _nodes(argument) for seen in _leaves(node, names))


def _texts(fix: Fix) -> tuple[Template, ...]:
    return (*fix.commands, *fix.steps)


def _nodes(argument: Any) -> Iterator[ex.Node]:
    if isinstance(argument, Template):
        yield from (part.node for part in argument.parts if isinstance(part, Field))
    elif isinstance(argument, tuple):
        for item in argument:
            yield from _nodes(item)
    elif hasattr(argument, "node"):
        yield argument.node


def _leaves(node: ex.Node, names: Names) -> Iterator[Seen]:
    """Every fact that an expression names, whether or not it decides."""
    match node:
        case ex.Name() | ex.Attribute() | ex.Index():
            yield look(node, names)
        case ex.Quantifier():
            yield from evaluate(node, names).seen
        case ex.Not(operand=operand):
            yield from _leaves(operand, names)
        case ex.Logic(operands=operands):
            for operand in operands:
                yield from _leaves(operand, names)
        case ex.Comparison(first=first, rest=rest):
            for operand in (first, *(right for _, right in rest)):
                yield from _leaves(operand, names)
        case ex.Arithmetic(left=left, right=right):
            yield from _leaves(left, names)
            yield from _leaves(right, names)
        case ex.Call(arguments=arguments):
            for argument in arguments:
                yield from _leaves(argument, names)


def _value(seen: Seen) -> Any:
    fact = seen.fact
    if isinstance(fact, Unknown):
        return {"unknown": fact.reason, "cause": fact.cause.value}
    if not isinstance(fact, Known):
        return None  # what is not stated is absent
    value = _text(fact.value)
    place = fact.places[0] if fact.places else None
    if value is None or place is None or value == {}:
        return value
    at = f"{place.path}:{place.line}" if place.path and place.line else place.path or place.note or place.command
    return {"value": value, "at": at, "origin": fact.origin.value}


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, (tuple, list, frozenset)):
        items = [_text(item) for item in (sorted(value) if isinstance(value, frozenset) else value)]
        return None if None in items else items
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, Place):
        return f"{value.path}:{value.line}" if value.line else value.path
    return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
