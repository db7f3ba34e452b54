"""Values of Python expressions that are certain without running anything."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from doctor.grammar.bounds import NUMBER_LIMIT, Literal, Room


class NotLiteral(Exception):
    """Only running the file could tell."""


def fold(node: ast.expr, values: Mapping[str, Literal], room: Room) -> Literal:
    """A literal, or what certainly comes out of literals: `16 * 1024 * 1024`, `f"unix:{RUN}/app.sock"`.

    `values`: of the names that certainly have one. Raises NotLiteral, TooLarge and RecursionError.
    """
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return room.take(value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(fold(part, values, room) for part in parts)
        case ast.Name(id=name) if name in values:
            return room.take(values[name])
        case ast.UnaryOp(op=ast.USub()):
            operand = fold(node.operand, values, room)
            if isinstance(operand, (int, float)):
                return -operand
        case ast.BinOp():
            return _calculate(node.op, fold(node.left, values, room), fold(node.right, values, room))
        case ast.JoinedStr(values=parts):
            return "".join(_format(part, values, room) for part in parts)
    raise NotLiteral


def _format(part: ast.expr, values: Mapping[str, Literal], room: Room) -> str:
    if isinstance(part, ast.FormattedValue):
        if part.conversion != -1 or part.format_spec is not None:
            raise NotLiteral
        part = part.value
    value = fold(part, values, room)
    if isinstance(value, tuple):
        raise NotLiteral
    return str(value)


def _calculate(operator: ast.operator, left: Literal, right: Literal) -> Literal:
    if isinstance(left, str) and isinstance(right, str) and isinstance(operator, ast.Add):
        return left + right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        result: int | float | None = None
        match operator:
            case ast.Add():
                result = left + right
            case ast.Sub():
                result = left - right
            case ast.Mult():
                result = left * right
            case ast.Pow() if 0 <= right <= 64 and abs(left) <= 1024:
                result = left**right
            case ast.LShift() if isinstance(left, int) and isinstance(right, int) and 0 <= right <= 64:
                result = left << right
        if result is not None and not isinstance(result, complex) and abs(result) <= NUMBER_LIMIT:
            return result
    raise NotLiteral
