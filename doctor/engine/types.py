"""The fact model as a schema: which names exist, of what type, and what may be done with them.

Types come from the annotations of the fact dataclasses. `Fact[T]`, `Known[T]` and `T | None` are a T: that
it may be absent or unknown is a matter of evaluation, not of type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from doctor.engine import expression as ex
from doctor.engine.expression import ExpressionError, Node, unknown_word
from doctor.engine.functions import FUNCTIONS, MAX_PATTERN
from doctor.engine.suggest import did_you_mean
from doctor.facts.value import Absent, Known, Origin, Unknown
from doctor.frozen import frozen


class Kind(Enum):
    """What can be done with a value."""

    STR = "string"
    NUMBER = "number"
    BOOL = "boolean"
    NULL = "null"
    ENUM = "choice"
    OBJECT = "object"
    LIST = "list"
    TUPLE = "tuple"
    VERSION = "version"
    OPAQUE = "opaque value"


@frozen
class Type:
    """`cls` of an object or a choice; `items` of a list (one type) or a tuple (one each place)."""

    kind: Kind
    cls: type | None = None
    items: tuple[Type, ...] = ()

    def __str__(self) -> str:
        if self.cls is not None:
            return self.cls.__name__
        if self.kind is Kind.LIST and self.items:
            return f"list of {self.items[0]}"
        return self.kind.value


STR, NUMBER, BOOL, NULL, VERSION, OPAQUE = (
    Type(kind) for kind in (Kind.STR, Kind.NUMBER, Kind.BOOL, Kind.NULL, Kind.VERSION, Kind.OPAQUE)
)
RESULTS = {"str": STR, "number": NUMBER, "bool": BOOL, "version": VERSION, "origin": Type(Kind.ENUM, Origin)}
_SIMPLE: dict[Any, Type] = {str: STR, int: NUMBER, float: NUMBER, bool: BOOL, NoneType: NULL}
_NOT_VALUES = (Absent, Unknown, NoneType)

Scope = Mapping[str, Type]


@lru_cache(maxsize=1024)
def type_of(annotation: Any) -> Type:
    """The type a resolved annotation stands for; what the language cannot handle is opaque."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if isinstance(annotation, type) and not get_origin(annotation):
        if issubclass(annotation, Enum):
            return Type(Kind.ENUM, annotation)
        return Type(Kind.OBJECT, annotation) if is_dataclass(annotation) else OPAQUE
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Known:
        return type_of(arguments[0])
    if origin in (Union, UnionType):
        kinds = {type_of(argument) for argument in arguments if argument not in _NOT_VALUES}
        return kinds.pop() if len(kinds) == 1 else OPAQUE
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return Type(Kind.TUPLE, None, tuple(map(type_of, arguments)))
    if isinstance(origin, type) and issubclass(origin, (tuple, frozenset, list, set, Mapping)):
        return Type(Kind.LIST, None, (type_of(arguments[0]),))
    return OPAQUE


@lru_cache(maxsize=256)
def attributes(cls: type) -> dict[str, Type]:
    """Public fields and annotated properties of a fact class."""
    found = {name: type_of(hint) for name, hint in get_type_hints(cls).items() if not name.startswith("_")}
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, property) and member.fget and not name.startswith("_") and name not in found:
                hint = get_type_hints(member.fget).get("return")
                if hint is not None:
                    found[name] = type_of(hint)
    return found


def check(node: Node, scope: Scope) -> Type:
    """The type of an expression. Raises `ExpressionError` with the offset of what is wrong."""
    match node:
        case ex.Literal(value=value):
            return _SIMPLE[type(value)]
        case ex.ListLiteral(items=items):
            return Type(Kind.LIST, None, _one_type(items, scope))
        case ex.Name(offset=offset, name=name):
            if name not in scope:
                hint = f"{name} is a function" if name in FUNCTIONS else did_you_mean(name, scope)
                raise ExpressionError(offset, f"unknown name {name!r}", hint)
            return scope[name]
        case ex.Attribute():
            return _attribute(node, scope)
        case ex.Index():
            return _index(node, scope)
        case ex.Not(operand=operand):
            require_bool(operand, scope, "not")
            return BOOL
        case ex.Logic(conjunction=conjunction, operands=operands):
            for operand in operands:
                require_bool(operand, scope, "and" if conjunction else "or")
            return BOOL
        case ex.Comparison(first=left, rest=rest):
            for operator, right in rest:
                _comparison(operator, left, right, scope)
                left = right
            return BOOL
        case ex.Arithmetic(operator=operator, left=left, right=right):
            for side in (left, right):
                if (kind := check(side, scope)) is not NUMBER:
                    raise ExpressionError(side.offset, f"cannot use {operator} on a {kind}")
            return NUMBER
        case ex.Call():
            return _call(node, scope)
        case ex.Quantifier():
            return _quantifier(node, scope)


def require_bool(node: Node, scope: Scope, where: str) -> None:
    """Refuse what is neither true nor false: a language of facts has no truthiness."""
    kind = check(node, scope)
    if kind is not BOOL:
        raise ExpressionError(
            node.offset, f"{where} needs true or false, this is a {kind}", "exists(…) or a comparison"
        )


def is_path(node: Node) -> bool:
    """A name, or attributes and indexes of one: what can be evidence."""
    while isinstance(node, (ex.Attribute, ex.Index)):
        node = node.base
    return isinstance(node, ex.Name)


def renderable(kind: Type) -> bool:
    """It has a text form people can read."""
    if kind.kind in (Kind.LIST, Kind.TUPLE):
        return all(map(renderable, kind.items))
    if kind.kind is Kind.OBJECT:
        return kind.cls is not None and has_text(kind.cls)
    return kind.kind in (Kind.STR, Kind.NUMBER, Kind.BOOL, Kind.ENUM)


def has_text(cls: type) -> bool:
    """It says how it is written (Address does); a plain dataclass does not."""
    return not is_dataclass(cls) or getattr(cls, "__str__", None) is not getattr(object, "__str__", None)


def _one_type(items: tuple[ex.Literal, ...], scope: Scope) -> tuple[Type, ...]:
    kinds = [check(item, scope) for item in items]
    for item, kind in zip(items, kinds, strict=True):
        if kind is not kinds[0]:
            raise ExpressionError(item.offset, f"a list of one type only: {kinds[0]} first, {kind} here")
    return tuple(kinds[:1])


def _attribute(node: ex.Attribute, scope: Scope) -> Type:
    base = check(node.base, scope)
    if base.kind is not Kind.OBJECT or base.cls is None:
        hint = "any(… for x in …)" if base.kind is Kind.LIST else ""
        raise ExpressionError(node.name_offset, f"a {base} has no attribute {node.name!r}", hint)
    known = attributes(base.cls)
    if node.name not in known:
        message = f"{base.cls.__name__} has no attribute {node.name!r}"
        raise ExpressionError(node.name_offset, message, did_you_mean(node.name, known))
    return known[node.name]


def _index(node: ex.Index, scope: Scope) -> Type:
    base = check(node.base, scope)
    if base.kind is Kind.LIST:
        return base.items[0] if base.items else OPAQUE
    if base.kind is not Kind.TUPLE:
        raise ExpressionError(node.offset, f"a {base} has no index")
    if node.index >= len(base.items):
        raise ExpressionError(node.offset, f"this tuple has {len(base.items)} parts, there is no [{node.index}]")
    return base.items[node.index]


def _comparison(operator: str, left: Node, right: Node, scope: Scope) -> None:
    a, b = check(left, scope), check(right, scope)
    if operator in ("in", "not in"):
        if a is STR and b is STR:
            return
        if b.kind is not Kind.LIST:
            raise ExpressionError(right.offset, f"cannot look for a {a} in a {b}")
        if b.items:
            if isinstance(right, ex.ListLiteral):
                for item in right.items:
                    _same(left, a, item, b.items[0], "with")
            else:
                _same(left, a, right, b.items[0], "with items of")
    elif operator in ("==", "!="):
        _same(left, a, right, b, "with")
    elif not (a is b and a in (NUMBER, VERSION)):
        hint = "version(…)" if a is b is STR else ""
        raise ExpressionError(left.offset, f"cannot order a {a} and a {b}", hint)


def _same(left: Node, a: Type, right: Node, b: Type, how: str) -> None:
    """Refuse an equality that could never hold."""
    if a is NULL or b is NULL:
        return
    for choice, other, literal in ((a, b, right), (b, a, left)):
        if choice.kind is Kind.ENUM and other is STR:
            if isinstance(literal, ex.Literal):
                _choice(choice, literal)
            return
    fits = a == b or (a.kind is b.kind is Kind.LIST and (not a.items or not b.items or a.items == b.items))
    if not fits or a.kind is Kind.OPAQUE:
        raise ExpressionError(left.offset, f"cannot compare a {a} {how} a {b}")


def _choice(choice: Type, literal: ex.Literal) -> None:
    values = [str(member.value) for member in choice.cls] if choice.cls and issubclass(choice.cls, Enum) else []
    if literal.value not in values:
        message = f"{choice} is never {literal.value!r}"
        raise ExpressionError(literal.offset, message, did_you_mean(str(literal.value), values))


def _call(node: ex.Call, scope: Scope) -> Type:
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise unknown_word(node.offset, "function", node.function, [*FUNCTIONS, *ex.QUANTIFIERS])
    if len(node.arguments) != len(function.parameters):
        message = f"{node.function} takes {len(function.parameters)} argument(s), not {len(node.arguments)}"
        raise ExpressionError(node.offset, message, function.usage)
    for wanted, argument in zip(function.parameters, node.arguments, strict=True):
        kind = check(argument, scope)
        if wanted == "fact":
            if not is_path(argument):
                raise ExpressionError(argument.offset, f"{node.function} needs a fact", function.usage)
        elif wanted == "sized":
            if kind.kind not in (Kind.LIST, Kind.STR):
                raise ExpressionError(argument.offset, f"a {kind} has no length")
        elif wanted == "pattern":
            _pattern(argument)
        elif kind is not STR:
            raise ExpressionError(argument.offset, f"{node.function} needs a string, this is a {kind}", function.usage)
    return RESULTS[function.result]


def _pattern(node: Node) -> None:
    if not isinstance(node, ex.Literal) or not isinstance(node.value, str):
        raise ExpressionError(node.offset, "a pattern is written out", 'matches(x, r"…")')
    if len(node.value) > MAX_PATTERN:
        raise ExpressionError(node.offset, f"a pattern has at most {MAX_PATTERN} characters")
    try:
        re.compile(node.value)
    except re.error as error:
        raise ExpressionError(node.offset, f"not a pattern: {error}") from None


def _quantifier(node: ex.Quantifier, scope: Scope) -> Type:
    source = check(node.source, scope)
    if source.kind is not Kind.LIST:
        raise ExpressionError(node.source.offset, f"cannot loop over a {source}")
    if node.variable in scope:
        raise ExpressionError(node.offset, f"{node.variable!r} is taken", "name the loop's variable differently")
    inner = {**scope, node.variable: source.items[0] if source.items else OPAQUE}
    for condition in node.conditions:
        require_bool(condition, inner, "if")
    if node.kind == "count" and node.element == ex.Name(node.element.offset, node.variable):
        return NUMBER
    require_bool(node.element, inner, node.kind)
    return NUMBER if node.kind == "count" else BOOL
