"""Evaluation with Kleene's logic, and the facts that decided.

A value is a plain Python value, `Absent` or `Unknown`. Unknown absorbs, as NULL does in SQL. Absent is
null to `==`, `!=` and `in`; where a value is needed (order, arithmetic, and, or, not) the result is Absent too:
the question does not arise. Unknown outweighs Absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import add, ge, gt, le, lt, mul, sub
from typing import Any, TypeAlias

from doctor.cause import Cause
from doctor.engine import expression as ex
from doctor.engine.expression import Node
from doctor.engine.functions import FUNCTIONS
from doctor.facts.value import ABSENT, Absent, Known, Origin, Place, Unknown
from doctor.frozen import frozen

AnyFact: TypeAlias = Known[Any] | Absent | Unknown
_FACTS = (Known, Absent, Unknown)


@frozen
class Seen:
    """A fact that was looked at, under the path by which a rule names it (app.routes[0].peer.address)."""

    path: str
    fact: AnyFact


@frozen
class Evaluation:
    """`value` is plain, Absent or Unknown; `seen` are the facts that decided it, none twice."""

    value: Any
    seen: tuple[Seen, ...] = ()


Names: TypeAlias = Mapping[str, Seen]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul}


def bind(namespace: Mapping[str, Any]) -> dict[str, Seen]:
    """Names for evaluation from plain objects or facts."""
    return {name: Seen(name, as_fact(value)) for name, value in namespace.items()}


def as_fact(value: Any, places: tuple[Place, ...] = (), origin: Origin = Origin.OBSERVED) -> AnyFact:
    """A fact as it is; anything else as known at its own `place`, or at `places` when it has none."""
    if isinstance(value, _FACTS):
        return value
    if value is None:
        return Absent(places)
    own = getattr(value, "place", None)
    return Known(value, (own,) if isinstance(own, Place) else places, origin)


def look(node: Node, names: Names) -> Seen:
    """Follow a path to the fact at its end; plain fields carry the places of the fact they are part of."""
    match node:
        case ex.Attribute(base=base, name=name):
            seen = look(base, names)
            return Seen(f"{seen.path}.{name}", _part(seen.fact, getattr, name))
        case ex.Name(name=name):
            return names[name]
        case ex.Index(base=base, index=index):
            seen = look(base, names)
            return Seen(f"{seen.path}[{index}]", _part(seen.fact, _item, index))
    raise TypeError(f"not a path: {node}")


def _part(fact: AnyFact, take: Callable[[Any, Any], Any], key: str | int) -> AnyFact:
    if not isinstance(fact, Known):
        return fact
    part = take(fact.value, key)
    if isinstance(part, _FACTS):
        return part
    return as_fact(part, as_fact(fact.value, fact.places).places, fact.origin)


def _item(value: Any, index: int) -> Any:
    items = _ordered(value)
    return items[index] if index < len(items) else None


def _ordered(value: Any) -> tuple[Any, ...]:
    return tuple(sorted(value)) if isinstance(value, (set, frozenset)) else tuple(value)


def evaluate(node: Node, names: Names) -> Evaluation:
    """The value of a type-checked expression."""
    match node:
        case ex.Name() | ex.Attribute() | ex.Index():
            seen = look(node, names)
            return Evaluation(seen.fact.or_(seen.fact), (seen,))
        case ex.Literal(value=value):
            return Evaluation(ABSENT if value is None else value)
        case ex.ListLiteral(items=items):
            return Evaluation(tuple(item.value for item in items))
        case ex.Not(operand=operand):
            inner = evaluate(operand, names)
            return inner if _open(inner.value) else Evaluation(not inner.value, inner.seen)
        case ex.Logic(conjunction=conjunction, operands=operands):
            return combine((evaluate(operand, names) for operand in operands), decisive=not conjunction)
        case ex.Comparison(first=first, rest=rest):
            return combine(_comparisons(evaluate(first, names), rest, names), decisive=False)
        case ex.Arithmetic(operator=operator, left=left, right=right):
            return _apply(_ARITHMETIC[operator], (evaluate(left, names), evaluate(right, names)))
        case ex.Call():
            return _call(node, names)
        case ex.Quantifier():
            return _quantifier(node, names)


def _open(value: Any) -> bool:
    return isinstance(value, (Absent, Unknown))


def _union(parts: Iterable[Evaluation]) -> tuple[Seen, ...]:
    return tuple({seen.path: seen for part in parts for seen in part.seen}.values())


def combine(parts: Iterable[Evaluation], *, decisive: bool, every: bool = False) -> Evaluation:
    """`and` (False decides) or `or` (True decides) over parts.

    What decided is the first decisive part (each of them with `every`); without one the parts that are
    unknown, else those that are absent, else all.
    """
    rest: list[Evaluation] = []
    decided: list[Evaluation] = []
    for part in parts:
        if part.value is decisive:
            if not every:
                return Evaluation(decisive, part.seen)
            decided.append(part)
        else:
            rest.append(part)
    if decided:
        return Evaluation(decisive, _union(decided))
    return _undecided(rest) or Evaluation(not decisive, _union(rest))


def _undecided(parts: list[Evaluation]) -> Evaluation | None:
    for kind in (Unknown, Absent):
        those = [part for part in parts if isinstance(part.value, kind)]
        if those:
            return Evaluation(those[0].value, _union(those))
    return None


def _apply(function: Callable[..., Any], arguments: tuple[Evaluation, ...]) -> Evaluation:
    undecided = _undecided(list(arguments))
    if undecided:
        return undecided
    return Evaluation(function(*(argument.value for argument in arguments)), _union(arguments))


def _comparisons(left: Evaluation, rest: tuple[tuple[str, Node], ...], names: Names) -> Iterator[Evaluation]:
    for operator, node in rest:
        right = evaluate(node, names)
        yield _compare(operator, left, right)
        left = right


def _compare(operator: str, left: Evaluation, right: Evaluation) -> Evaluation:
    if operator in _ORDER:
        return _apply(_ORDER[operator], (left, right))
    unknown = [side for side in (left, right) if isinstance(side.value, Unknown)]
    if unknown:
        return Evaluation(unknown[0].value, _union(unknown))
    both = _union((left, right))
    held = _equal(left.value, right.value) if operator in ("==", "!=") else _contains(right.value, left.value)
    if isinstance(held, Unknown):
        return Evaluation(held, both)
    return Evaluation(held == (operator in ("==", "in")), both)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, Absent) or isinstance(right, Absent):
        return isinstance(left, Absent) and isinstance(right, Absent)
    if isinstance(left, frozenset) or isinstance(right, frozenset):
        return frozenset(left) == frozenset(right)
    return bool(left == right)


def _contains(container: Any, item: Any) -> bool | Unknown:
    if isinstance(container, Absent):
        return False
    if isinstance(container, str):
        return not isinstance(item, Absent) and item in container
    doubt: Unknown | None = None
    for candidate in container:
        fact = as_fact(candidate)
        if isinstance(fact, Unknown):
            doubt = fact
        elif _equal(fact.or_(fact), item):
            return True
    return doubt or False


def _call(node: ex.Call, names: Names) -> Evaluation:
    function = FUNCTIONS[node.function]
    if function.call is not None:
        return _apply(function.call, tuple(evaluate(argument, names) for argument in node.arguments))
    seen = look(node.arguments[0], names)
    fact = seen.fact
    if node.function == "known":
        return Evaluation(not isinstance(fact, Unknown), (seen,))
    if node.function == "seen":
        return Evaluation(isinstance(fact, Known), (seen,))
    if isinstance(fact, Unknown) and not (node.function == "exists" and fact.cause is Cause.OUTSIDE):
        return Evaluation(fact, (seen,))
    if node.function == "exists":
        # Files have no process; what they foretell is asked under `not exists(app.gunicorn.master)`.
        return Evaluation(isinstance(fact, Known), (seen,))
    return Evaluation(fact.origin if isinstance(fact, Known) else fact, (seen,))


def _quantifier(node: ex.Quantifier, names: Names) -> Evaluation:
    source = evaluate(node.source, names)
    if isinstance(source.value, Unknown):
        return source
    # What is not there has no elements.
    items = () if isinstance(source.value, Absent) else _ordered(source.value)
    path = source.seen[0].path if source.seen else node.variable
    places = source.seen[0].fact.places if source.seen else ()
    parts: list[Evaluation] = []
    for number, item in enumerate(items):
        inner = {**names, node.variable: Seen(f"{path}[{number}]", as_fact(item, places))}
        conditions = (evaluate(condition, inner) for condition in node.conditions)
        chosen = combine(conditions, decisive=False) if node.conditions else Evaluation(True)
        if chosen.value is not False:
            parts.append(_element(node, chosen, inner))
        elif node.kind != "all":
            parts.append(chosen)
    if node.kind == "count":
        return _count(parts, source)
    if not parts:
        return Evaluation(node.kind == "all", source.seen)
    return combine(parts, decisive=node.kind == "any", every=True)


def _element(node: ex.Quantifier, chosen: Evaluation, inner: Names) -> Evaluation:
    """One element's say: condition and element for any and count, not condition or element for all."""
    if node.kind == "count" and isinstance(node.element, ex.Name) and node.element.name == node.variable:
        return Evaluation(chosen.value, _union((chosen, Evaluation(None, (inner[node.variable],)))))
    element = evaluate(node.element, inner)
    if node.kind != "all":
        return combine((chosen, element), decisive=False)
    if chosen.value is True:
        return Evaluation(element.value, element.seen if _open(element.value) else _union((chosen, element)))
    return combine((chosen, element), decisive=True)


def _count(parts: list[Evaluation], source: Evaluation) -> Evaluation:
    unknown = [part for part in parts if isinstance(part.value, Unknown)]
    if unknown:
        return Evaluation(unknown[0].value, _union(unknown))
    counted = [part for part in parts if part.value is True]
    return Evaluation(len(counted), _union(counted) or source.seen)
