"""Expressions: Python's spelling, a white list of its syntax, and bounds on size.

`parse` turns text into the nodes below; what they may mean is checked in `types`, their value is found in
`evaluate`. Each node knows the offset of its first character in the text.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from doctor.engine.suggest import did_you_mean
from doctor.frozen import frozen

MAX_LENGTH = 500
MAX_NODES = 200
MAX_DEPTH = 20
EXPANDED = 4
"""How many times as long and deep an expression may be once named conditions are written out in it."""

QUANTIFIERS = ("any", "all", "count")


class ExpressionError(Exception):
    """`offset` counts characters of the expression's text from 0."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(offset, message, hint)
        self.offset = offset
        self.message = message
        self.hint = hint


@frozen
class Literal:
    """A constant of the language."""

    offset: int
    value: str | int | float | bool | None


@frozen
class ListLiteral:
    """Constants in brackets."""

    offset: int
    items: tuple[Literal, ...]


@frozen
class Name:
    """A name of the subject, or the variable of a loop."""

    offset: int
    name: str


@frozen
class Attribute:
    """`name_offset` points at the word after the dot, `offset` at the start of the path."""

    offset: int
    base: Node
    name: str
    name_offset: int


@frozen
class Index:
    """`base[0]`: one element by its position."""

    offset: int
    base: Node
    index: int


@frozen
class Not:
    """`not operand`."""

    offset: int
    operand: Node


@frozen
class Logic:
    """`and` (`conjunction`) or `or` over two or more operands."""

    offset: int
    conjunction: bool
    operands: tuple[Node, ...]


@frozen
class Comparison:
    """`a < b <= c`: the first operand, then operator and operand pairs."""

    offset: int
    first: Node
    rest: tuple[tuple[str, Node], ...]


@frozen
class Arithmetic:
    """`left + right`, `-` or `*`."""

    offset: int
    operator: str
    left: Node
    right: Node


@frozen
class Call:
    """A function of the fixed list with its arguments."""

    offset: int
    function: str
    arguments: tuple[Node, ...]


@frozen
class Quantifier:
    """`any(element for variable in source if condition)`; `kind` is any, all or count."""

    offset: int
    kind: str
    element: Node
    variable: str
    source: Node
    conditions: tuple[Node, ...]


Node: TypeAlias = (
    Literal | ListLiteral | Name | Attribute | Index | Not | Logic | Comparison | Arithmetic | Call | Quantifier
)


@frozen
class Expression:
    """The text of an expression. It is parsed when it is first evaluated: of most rules nothing but `given` ever is."""

    text: str

    @property
    def node(self) -> Node:
        """Raises `ExpressionError`."""
        return parse(self.text, EXPANDED)


_CONSTANTS = {"true": True, "false": False, "null": None}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+", re.ASCII)
_KEYWORDS = re.compile(r"\b(?:and|as|if|else|for|in|is|not|or|None|True|False|lambda|class|def)\b")


def substituted(text: str, named: Mapping[str, str]) -> str:
    """The text with each name of a condition replaced by that condition, in parentheses. It must parse."""
    at = sorted({node.offset for node in _names(parse(text)) if node.name in named}, reverse=True)
    for offset in at:
        name = next(name for name in named if re.match(rf"{name}\b", text[offset:]))
        text = f"{text[:offset]}({named[name]}){text[offset + len(name) :]}"
    return text


def _names(node: Node) -> Iterator[Name]:
    if isinstance(node, Name):
        yield node
    for inner in parts(node):
        yield from _names(inner)


def parts(node: Node) -> tuple[Node, ...]:
    """The expressions that an expression is made of, in their order."""
    match node:
        case Literal() | Name():
            return ()
        case ListLiteral(items=items):
            return items
        case Attribute(base=base) | Index(base=base):
            return (base,)
        case Not(operand=operand):
            return (operand,)
        case Logic(operands=operands):
            return operands
        case Comparison(first=first, rest=rest):
            return (first, *(right for _, right in rest))
        case Arithmetic(left=left, right=right):
            return (left, right)
        case Call(arguments=arguments):
            return arguments
        case Quantifier(source=source, conditions=conditions, element=element):
            return (source, *conditions, element)


@lru_cache(maxsize=4096)
def parse(text: str, room: int = 1) -> Node:
    """The expression as nodes; `room` times the usual bounds hold. Raises `ExpressionError`."""
    if len(text) > MAX_LENGTH * room:
        raise ExpressionError(MAX_LENGTH, f"longer than {MAX_LENGTH} characters", "compute it as a fact")
    body = text.lstrip()
    if not body:
        raise ExpressionError(0, "empty expression")
    shift = len(text) - len(body)
    # Most expressions of a rule are plain paths in evidence and messages: spare them the parser.
    if _PATH.fullmatch(body) and not _KEYWORDS.search(body):
        return _path(body, shift)
    # Newlines of a literal block count as blanks; the offsets stay.
    body = body.rstrip().replace("\n", " ")
    return _Parser(body, shift, room).parse()


def _path(body: str, shift: int) -> Node:
    first, *rest = body.split(".")
    node: Node = Name(shift, first)
    at = shift + len(first) + 1
    for word in rest:
        node = Attribute(shift, node, word, at)
        at += len(word) + 1
    return node


class _Parser:
    def __init__(self, body: str, shift: int, room: int) -> None:
        self._body = body
        self._room = room
        self._ascii = body.isascii()
        self._shift = shift
        self._nodes = 0
        self._depth = 0

    def parse(self) -> Node:
        try:
            with warnings.catch_warnings():
                if "\\" in self._body:  # an invalid escape ("\d" without r) is a mistake, not a warning
                    warnings.simplefilter("error")
                tree = ast.parse(self._body, mode="eval")
        except SyntaxError as error:
            # An expression that stops too early is reported at column 0, or on a line after the last.
            early = not error.offset or (error.lineno or 1) > 1
            at = len(self._body) if early else min((error.offset or 1) - 1, len(self._body))
            raise ExpressionError(self._shift + at, f"not an expression: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(self._shift, f"not an expression: {error}") from None
        return self._node(tree.body)

    def _at(self, column: int) -> int:
        if not self._ascii:  # the parser counts bytes of UTF-8
            column = len(self._body.encode()[:column].decode(errors="ignore"))
        return self._shift + column

    def _node(self, tree: ast.expr) -> Node:
        self._nodes += 1
        self._depth += 1
        offset = self._at(tree.col_offset)
        if self._nodes > MAX_NODES * self._room:
            raise ExpressionError(offset, f"more than {MAX_NODES} terms", "compute it as a fact")
        if self._depth > MAX_DEPTH * self._room:
            raise ExpressionError(offset, f"nested deeper than {MAX_DEPTH}", "compute it as a fact")
        node = self._convert(tree, offset)
        self._depth -= 1
        return node

    def _convert(self, tree: ast.expr, offset: int) -> Node:
        match tree:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return Literal(offset, value)
            case ast.Name(id=word):
                return Literal(offset, _CONSTANTS[word]) if word in _CONSTANTS else Name(offset, word)
            case ast.Attribute(value=base, attr=word):
                end = tree.end_col_offset or 0
                return Attribute(offset, self._node(base), word, self._at(end - len(word)))
            case ast.Subscript(value=base, slice=ast.Constant(value=int() as index)) if type(index) is int:
                return Index(offset, self._node(base), index)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(offset, self._node(operand))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                if type(value) is not bool:
                    return Literal(offset, -value)
            case ast.BoolOp(op=operation, values=values):
                return Logic(offset, isinstance(operation, ast.And), tuple(map(self._node, values)))
            case ast.Compare(left=left, ops=operators, comparators=right):
                return self._comparison(offset, left, operators, right)
            case ast.BinOp(op=operator, left=left_, right=right_) if type(operator) in _ARITHMETIC:
                return Arithmetic(offset, _ARITHMETIC[type(operator)], self._node(left_), self._node(right_))
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return ListLiteral(offset, tuple(self._literal(element) for element in elements))
            case ast.Call(func=ast.Name(id=word), args=arguments, keywords=[]):
                return self._call(offset, word, arguments)
        raise ExpressionError(offset, _refusal(tree), "see docs/rules-language.md")

    def _literal(self, tree: ast.expr) -> Literal:
        node = self._node(tree)
        if not isinstance(node, Literal):
            raise ExpressionError(node.offset, "a list in an expression holds plain values only")
        return node

    def _comparison(self, offset: int, left: ast.expr, operators: list[ast.cmpop], right: list[ast.expr]) -> Comparison:
        for operator in operators:
            if type(operator) not in _COMPARISONS:
                raise ExpressionError(offset, "`is` is not part of the language", "use == or !=")
        first = self._node(left)
        pairs = [(_COMPARISONS[type(op)], self._node(tree)) for op, tree in zip(operators, right, strict=True)]
        return Comparison(offset, first, tuple(pairs))

    def _call(self, offset: int, function: str, arguments: list[ast.expr]) -> Node:
        if function not in QUANTIFIERS:
            return Call(offset, function, tuple(map(self._node, arguments)))
        match arguments:
            case [ast.GeneratorExp(elt=element, generators=[loop])] if not loop.is_async:
                if not isinstance(loop.target, ast.Name):
                    raise ExpressionError(self._at(loop.target.col_offset), "a loop has one variable")
                return Quantifier(
                    offset,
                    function,
                    self._node(element),
                    loop.target.id,
                    self._node(loop.iter),
                    tuple(map(self._node, loop.ifs)),
                )
        raise ExpressionError(
            offset, f"{function} needs one loop", f"write {function}(… for x in list), and nest a second one inside"
        )


def _refusal(tree: ast.expr) -> str:
    names: dict[type[ast.expr], str] = {
        ast.Lambda: "lambda", ast.IfExp: "if … else", ast.ListComp: "a list comprehension",
        ast.GeneratorExp: "a loop outside any, all or count", ast.JoinedStr: "an f-string", ast.Dict: "a dictionary",
        ast.Set: "a set", ast.Call: "this call", ast.Subscript: "this index", ast.BinOp: "this operator",
        ast.UnaryOp: "this operator",
    }  # fmt: skip
    return f"{names.get(type(tree), type(tree).__name__)} is not part of the language"


def unknown_word(offset: int, what: str, word: str, choices: list[str]) -> ExpressionError:
    """An error for a word that names nothing."""
    return ExpressionError(offset, f"unknown {what} {word!r}", did_you_mean(word, choices))
