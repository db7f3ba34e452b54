"""Cases that can never pass: what the rule expects is the opposite of what it presumes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from doctor.engine import expression as ex
from doctor.engine.expression import Node

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}


def never_passes(given: Iterable[Node], expect: Node) -> bool:
    """Whether `expect` cannot be true where all of `given` is. Found by form alone: a `no` proves nothing."""
    held = {_form(term) for node in given for term in _joined(node)}
    return _denied(expect, held)


def _joined(node: Node) -> tuple[Node, ...]:
    """The terms that `and` joins."""
    if isinstance(node, ex.Logic) and node.conjunction:
        return tuple(term for operand in node.operands for term in _joined(operand))
    return (node,)


def _denied(node: Node, held: set[Any]) -> bool:
    """It is false where all of `held` is true."""
    match node:
        case ex.Logic(conjunction=True, operands=operands):
            return any(_denied(operand, held) for operand in operands)
        case ex.Logic(operands=operands):
            return all(_denied(operand, held) for operand in operands)
        case ex.Not(operand=operand):
            return _implied(operand, held)
        case ex.Comparison(first=first, rest=((operator, right),)):
            return _form(ex.Comparison(0, first, ((_OPPOSITE[operator], right),))) in held
    return ("not", _form(node)) in held


def _implied(node: Node, held: set[Any]) -> bool:
    match node:
        case ex.Logic(conjunction=True, operands=operands):
            return all(_implied(operand, held) for operand in operands)
        case ex.Logic(operands=operands):
            return any(_implied(operand, held) for operand in operands)
        case ex.Not(operand=operand):
            return _denied(operand, held)
    return _form(node) in held


def _form(node: Node) -> Any:
    """The expression without its offsets: equal for what is written alike."""
    match node:
        case ex.Literal(value=value):
            return "literal", type(value), value
        case ex.Name(name=name):
            return "name", name
        case ex.Attribute(base=base, name=name):
            return "attribute", _form(base), name
        case ex.Index(base=base, index=index):
            return "index", _form(base), index
        case ex.Not(operand=operand):
            return "not", _form(operand)
        case ex.Logic(conjunction=conjunction):
            word: Any = ("and" if conjunction else "or",)
        case ex.Comparison(rest=rest):
            word = ("comparison", *(operator for operator, _ in rest))
        case ex.Arithmetic(operator=operator):
            word = (operator,)
        case ex.Call(function=function):
            word = ("call", function)
        case ex.Quantifier(kind=kind, variable=variable):
            word = (kind, variable)
        case ex.ListLiteral():
            word = ("list",)
    return *word, *map(_form, ex.parts(node))
