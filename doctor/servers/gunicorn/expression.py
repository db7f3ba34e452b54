"""Values of expressions in a configuration file that follow from what is known, without running it.

A white list: constants, names assigned before, arithmetic, f-strings, `or` and `x if y else z`, variables of the
environment, the number of processors, the file's own directory (os.path, pathlib). Anything else is `Unresolved`.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Mapping
from typing import TypeAlias

from doctor.facts.value import Absent, Fact, Known
from doctor.frozen import frozen
from doctor.grammar.bounds import Literal, TooLarge, bounded
from doctor.hosts.hidden import TOKEN, is_hidden

_LENGTH_LIMIT = 500
_CPU_COUNT = frozenset({"multiprocessing.cpu_count", "os.cpu_count", "cpu_count", "mp.cpu_count", "psutil.cpu_count"})
_NUMBER_LIMIT = 10**12
_ENVIRON_GET = frozenset({"os.environ.get", "os.getenv", "environ.get", "getenv"})
_ENVIRON = frozenset({"os.environ", "environ"})
_PATHS: Mapping[str, Callable[..., str]] = {
    "dirname": posixpath.dirname,
    "join": posixpath.join,
    "abspath": posixpath.normpath,
    "normpath": posixpath.normpath,
    "basename": posixpath.basename,
}


class Unresolved(Exception):
    """Only running the file could tell; the text says what it depends on."""


@frozen
class AtLeast:
    """A whole number that depends on the number of processors, with its value for one processor."""

    value: int


Value: TypeAlias = Literal | AtLeast


class _Path(str):
    """A pathlib.Path, which `/` extends."""

    __slots__ = ()


@frozen
class Scope:
    """What an expression may refer to."""

    names: Mapping[str, Value | Unresolved]
    variable: Callable[[str], Fact[str]]
    """A variable of the environment."""
    processors: int | None
    path: str
    """The file itself."""
    real: Callable[[str], str | None] = posixpath.normpath
    """A path without links, None where that could not be told."""


def evaluate(text: str, scope: Scope) -> Value:
    """The value of a Python expression.

    Raises:
        Unresolved: it depends on more than the scope holds.
    """
    if len(text) > _LENGTH_LIMIT:
        raise Unresolved("a long expression")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _kept(_value(tree.body, scope))
    except Unresolved:
        raise
    except TooLarge:
        raise Unresolved("a value too large to work out") from None
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise Unresolved(text) from error


def _kept(value: Value) -> Value:
    return value if isinstance(value, AtLeast) else bounded(value)


def _value(node: ast.expr, scope: Scope) -> Value:
    match node:
        case ast.Constant(value) if value is None or isinstance(value, (str, int, float)):
            if isinstance(value, str) and TOKEN.fullmatch(value):
                raise Unresolved("a value that is not shown")
            return value
        case ast.Tuple(elts) | ast.List(elts):
            return tuple(_plain(_value(item, scope)) for item in elts)
        case ast.Name(name):
            return _name(name, scope)
        case ast.BinOp(left, operator, right):
            return _arithmetic(_value(left, scope), operator, _value(right, scope))
        case ast.UnaryOp(ast.USub(), operand):
            return -_number(_value(operand, scope))
        case ast.UnaryOp(ast.Not(), operand):
            return not _plain(_value(operand, scope))
        case ast.JoinedStr(values):
            return bounded("".join(_formatted(part, scope) for part in values))
        case ast.BoolOp(operator, values):
            return _either(operator, values, scope)
        case ast.IfExp(test, body, orelse):
            return _value(body if _plain(_value(test, scope)) else orelse, scope)
        case ast.Compare(left, [operator], [right]):
            return _compare(_plain(_value(left, scope)), operator, _plain(_value(right, scope)))
        case ast.Subscript(value, ast.Constant(str(name))) if _dotted(value) in _ENVIRON:
            return _variable(name, scope, required=True)
        case ast.Call(func, args, []):
            return _call(func, args, scope)
        case ast.Attribute(value, "parent") if isinstance(path := _value(value, scope), _Path):
            return _Path(posixpath.dirname(path))
        case _:
            raise Unresolved(ast.unparse(node))


def _name(name: str, scope: Scope) -> Value:
    if name == "__file__":
        return scope.path
    known = scope.names.get(name, Unresolved(name))
    if isinstance(known, Unresolved):
        raise known
    if isinstance(known, str) and is_hidden(known):
        raise Unresolved("a value that is not shown")
    return _kept(known)


def _call(func: ast.expr, args: list[ast.expr], scope: Scope) -> Value:
    dotted = _dotted(func)
    if dotted in _CPU_COUNT and not args:
        return AtLeast(1) if scope.processors is None else scope.processors
    if dotted in _ENVIRON_GET and args and isinstance(args[0], ast.Constant) and isinstance(args[0].value, str):
        found = _variable(args[0].value, scope, required=False)
        if found is not None or len(args) == 1:
            return found
        return _value(args[1], scope)
    if isinstance(func, ast.Attribute) and func.attr in ("lower", "strip", "upper") and not args:
        text = _plain(_value(func.value, scope))
        if isinstance(text, str):
            return str(getattr(text, func.attr)())
    if isinstance(func, ast.Attribute) and func.attr in ("resolve", "absolute") and not args:
        path = _value(func.value, scope)
        if isinstance(path, _Path):
            return _Path(_real(path, scope) if func.attr == "resolve" else path)
    values = [_value(argument, scope) for argument in args]
    if dotted in ("Path", "pathlib.Path") and len(values) == 1 and isinstance(values[0], str):
        return _Path(posixpath.normpath(values[0]))
    if dotted in ("max", "min") and len(values) > 1:
        return _extreme(dotted, values)
    if dotted == "int" and len(values) == 1 and isinstance(values[0], AtLeast):
        return values[0]
    plain = [_plain(value) for value in values]
    if dotted in ("int", "float", "str", "bool") and len(plain) == 1:
        return _cast(dotted, plain[0])
    prefix, _, method = dotted.rpartition(".")
    if prefix in ("os.path", "path", "posixpath") and method == "realpath" and plain and isinstance(plain[0], str):
        return _real(plain[0], scope)
    if prefix in ("os.path", "path", "posixpath") and method in _PATHS and all(isinstance(v, str) for v in plain):
        return _PATHS[method](*plain)
    raise Unresolved(f"{dotted or 'a call'}()")


def _real(path: str, scope: Scope) -> str:
    real = scope.real(path)
    if real is None:
        raise Unresolved("where the links of its path lead")
    return real


def _cast(name: str, value: Literal) -> Literal:
    if isinstance(value, tuple) or (value is None and name in ("int", "float")):
        raise Unresolved(f"{name}()")
    match name:
        case "int":
            return int(value or 0)
        case "float":
            return float(value or 0)
        case "str":
            return str(value)
        case _:
            return bool(value)


def _variable(name: str, scope: Scope, *, required: bool) -> str | None:
    match scope.variable(name):
        case Known(value):
            return value
        case Absent():
            if required:
                raise Unresolved(f"the environment variable {name}, which is not set")
            return None
        case _:
            raise Unresolved(f"the environment variable {name}")


def _formatted(node: ast.expr, scope: Scope) -> str:
    if isinstance(node, ast.FormattedValue):
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            raise Unresolved(ast.unparse(node))
        return str(_plain(_value(node.value, scope)))
    return str(_plain(_value(node, scope)))


def _either(operator: ast.boolop, values: list[ast.expr], scope: Scope) -> Value:
    wanted = isinstance(operator, ast.Or)
    result: Value = None
    for node in values:
        result = _value(node, scope)
        if bool(result.value if isinstance(result, AtLeast) else result) is wanted:
            break
    return result


def _compare(left: Literal, operator: ast.cmpop, right: Literal) -> bool:
    match operator:
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
        case ast.Is():
            return left is right
        case ast.IsNot():
            return left is not right
        case ast.In() if isinstance(right, tuple) or (isinstance(right, str) and isinstance(left, str)):
            return left in right
        case _:
            raise Unresolved("a comparison")


def _arithmetic(left: Value, operator: ast.operator, right: Value) -> Value:
    if isinstance(left, AtLeast) or isinstance(right, AtLeast):
        return _bound(left, operator, right)
    if isinstance(left, _Path) and isinstance(right, str) and isinstance(operator, ast.Div):
        return _Path(posixpath.join(left, right))
    if isinstance(left, str) and isinstance(right, str) and isinstance(operator, ast.Add):
        return bounded(left + right)
    if isinstance(left, tuple) and isinstance(right, tuple) and isinstance(operator, ast.Add):
        return bounded(left + right)
    if isinstance(left, str) and isinstance(operator, ast.Mod):
        if len(left) > _LENGTH_LIMIT or "*" in left or any(character.isdigit() for character in left):
            raise Unresolved("a format")
        return bounded(left % right)
    a, b = _number(left), _number(right)
    match operator:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv():
            return a // b
        case ast.Div():
            return a / b
        case ast.Mod():
            return a % b
        case _:
            raise Unresolved("an expression")


def _bound(left: Value, operator: ast.operator, right: Value) -> AtLeast:
    """Operations that never fall as the number of processors grows keep their lower bound."""
    a, b = _floor(left), _floor(right)
    match operator:
        case ast.Add():
            return AtLeast(a + b)
        case ast.Mult() if a >= 0 and b >= 0:
            return AtLeast(a * b)
        case ast.Sub() if not isinstance(right, AtLeast):
            return AtLeast(a - b)
        case ast.FloorDiv() if not isinstance(right, AtLeast) and b > 0:
            return AtLeast(a // b)
        case _:
            raise Unresolved("the number of processors")


def _extreme(name: str, values: list[Value]) -> Value:
    if not any(isinstance(value, AtLeast) for value in values):
        numbers = [_number(_plain(value)) for value in values]
        return max(numbers) if name == "max" else min(numbers)
    floors = [_floor(value) for value in values]
    return AtLeast(max(floors) if name == "max" else min(floors))


def _floor(value: Value) -> int:
    number = value.value if isinstance(value, AtLeast) else value
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) >= _NUMBER_LIMIT:
        raise Unresolved("the number of processors")
    return number


def _number(value: Value) -> int | float:
    if isinstance(value, (int, float)) and abs(value) < _NUMBER_LIMIT:
        return value
    raise Unresolved("an expression")


def _plain(value: Value) -> Literal:
    if isinstance(value, AtLeast):
        raise Unresolved("the number of processors")
    return bounded(value)


def _dotted(node: ast.expr) -> str:
    """`os.environ.get` as text, "" for what is no plain chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join((node.id, *reversed(parts)))
