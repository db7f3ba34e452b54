"""Where a string stands in Python source: what may become the value of a name, and what only names something.

Decided from the syntax tree alone, so that no way to write a value down is overlooked: a string is a value unless its
place says otherwise.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum

from doctor.frozen import frozen


class Role(Enum):
    """What a string is there for."""

    VALUE = "value"
    """It may become the value of a name, or be told to somebody."""
    SECRET = "secret"
    """The same, of a name that says it holds a secret: numbers count too."""
    SETTING = "setting"
    """It makes up a setting of Gunicorn, or the folder and path of static files."""
    NAME = "name"
    """It names a variable, a key of a configuration, a module or an attribute."""
    MODULE = "module"
    """It may be the dotted name of a module: an argument, an item of a list."""
    KEY = "key"
    """A key of a dictionary."""
    ROUTE = "route"
    """The URL path of a route."""
    FOLDER = "folder"
    """Where setuptools says that a module of an editable installation lies."""
    PROSE = "prose"
    """A docstring."""


@frozen
class Span:
    """A string, bytes or number literal: offsets in the text, and what it is there for."""

    start: int
    end: int
    role: Role
    number: bool = False


_CERTAIN = frozenset(
    {
        "bind", "workers", "worker_class", "worker_connections", "graceful_timeout", "keepalive", "max_requests",
        "max_requests_jitter", "preload_app", "chdir", "wsgi_app", "pidfile", "raw_env", "umask", "accesslog",
        "errorlog", "loglevel", "proc_name", "forwarded_allow_ips", "proxy_allow_ips", "proxy_protocol", "certfile",
        "keyfile", "ca_certs", "worker_tmp_dir", "control_socket", "logger_class", "backlog", "secure_scheme_headers",
    }
)  # fmt: skip
_WITH_OTHERS = frozenset({"user", "group", "protocol", "pythonpath", "threads", "timeout", "reload", "daemon"})
"""Settings of Gunicorn whose names mean something else in a module that sets none of the others."""

PATHS_OF_FLASK = frozenset({"static_folder", "static_url_path", "template_folder"})
_VARIABLES = frozenset({"get", "getenv", "pop", "setdefault", "putenv", "env", "getattr", "hasattr", "setattr"})
"""Calls with the name of something among their first two arguments."""
_IMPORTERS = frozenset(
    {
        "import_module", "__import__", "import_string", "from_object", "find_modules", "find_spec", "iter_modules",
        "run_module", "spec_from_file_location",
    }
)  # fmt: skip
_ROUTES = frozenset({"route", "get", "post", "put", "patch", "delete", "add_url_rule"})
_CARRIERS = (
    ast.BinOp, ast.BoolOp, ast.IfExp, ast.Starred, ast.FormattedValue, ast.NamedExpr, ast.Attribute, ast.Tuple,
    ast.List, ast.Subscript, ast.UnaryOp, ast.Compare,
)  # fmt: skip
"""Expressions whose parts make up their value."""


def settings(assigned: Mapping[str, list[ast.expr]], is_secret: Callable[[str], bool]) -> frozenset[str]:
    """Names at module level that are settings of Gunicorn, or go into one: RUN of `bind = f"unix:{RUN}/app.sock"`."""
    certain = assigned.keys() & _CERTAIN
    waiting = sorted(certain | (assigned.keys() & _WITH_OTHERS if certain else set()))
    found = set(waiting)
    while waiting:
        for value in assigned[waiting.pop()]:
            names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
            more = sorted(name for name in (names & assigned.keys()) - found if not is_secret(name))
            found.update(more)
            waiting += more
    return frozenset(found)


def spans(tree: ast.Module | ast.Expression, text: str, target: Role, is_secret: Callable[[str], bool]) -> list[Span]:
    """Every literal of a source text, by its start. `target` is the role of the value of an `ast.Expression`."""
    return _Reader(text, is_secret).read(tree, target)


def assigned(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """What names at module level are set to, under conditions too."""
    found: dict[str, list[ast.expr]] = {}
    for node in _module_level(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else (node.target,):
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


class _Reader:
    """Walks a tree without recursion, each node with the role that its place gives to what is in it."""

    def __init__(self, text: str, is_secret: Callable[[str], bool]) -> None:
        self._text = text
        self._is_secret = is_secret
        self._lines = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]
        self._ascii = text.isascii()
        self._settings: frozenset[str] = frozenset()
        self._found: list[Span] = []

    def read(self, tree: ast.Module | ast.Expression, target: Role) -> list[Span]:
        waiting: list[tuple[ast.AST, Role, bool]] = []
        top: set[int] = set()
        if isinstance(tree, ast.Expression):
            waiting.append((tree.body, target, False))
        else:
            self._settings = settings(assigned(tree), self._is_secret)
            top = set(map(id, _module_level(tree)))
            waiting.append((tree, Role.VALUE, False))
        while waiting:
            node, role, formatted = waiting.pop()
            if isinstance(node, ast.Constant):
                self._literal(node, role, formatted)
                continue
            if isinstance(node, ast.JoinedStr):
                self._literal(node, role, formatted)
                waiting += [(part, role, True) for part in node.values if not isinstance(part, ast.Constant)]
                continue
            parts = (
                self._assignment(node, id(node) in top)
                if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr))
                else self._parts(node, role)
            )
            waiting += [(part, given, formatted) for part, given in parts]
        self._found.sort(key=lambda span: (span.start, -span.end))
        return self._found

    def _literal(self, node: ast.Constant | ast.JoinedStr, role: Role, formatted: bool) -> None:
        number = isinstance(node, ast.Constant) and not isinstance(node.value, (str, bytes))
        if number and (role is not Role.SECRET or not isinstance(node.value, (int, float)) or node.value is True):  # type: ignore[union-attr]
            return
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or 1, node.end_col_offset or 0)
        if formatted and not _agrees(self._text[start:end], node):
            # Before Python 3.12 the place of what is within an f-string is not certain.
            return
        self._found.append(Span(start, end, role, number))

    def _offset(self, line: int, column: int) -> int:
        start = self._lines[line - 1] if line <= len(self._lines) else len(self._text)
        if self._ascii or not column:
            return start + column
        piece = self._text[start : start + column]
        if piece.isascii():
            return start + column
        return start + len(piece.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))

    # ---- places ----

    def _role_of(self, name: str) -> Role:
        return Role.SECRET if self._is_secret(name) else Role.VALUE

    def _target_role(self, target: ast.expr, at_module_level: bool) -> Role:
        match target:
            case ast.Name(id=name):
                if name == "__all__":
                    return Role.NAME
                if at_module_level and name == "MAPPING":
                    return Role.FOLDER
                if at_module_level and name in self._settings:
                    return Role.SETTING
                return self._role_of(name)
            case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
                return self._role_of(name)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                roles = {self._target_role(part, False) for part in parts}
                return Role.SECRET if Role.SECRET in roles else Role.VALUE
            case _:
                return Role.VALUE

    def _assignment(
        self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr, top: bool
    ) -> Iterator[tuple[ast.AST, Role]]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        roles = [self._target_role(target, top) for target in targets]
        for target in targets:
            yield target, Role.VALUE
        if isinstance(node, ast.AnnAssign):
            yield node.annotation, Role.VALUE
        if node.value is not None:
            yield node.value, next((role for role in (Role.SECRET, Role.VALUE) if role in roles), roles[0])

    def _parts(self, node: ast.AST, role: Role) -> Iterable[tuple[ast.AST, Role]]:
        inherited = role if role is Role.SECRET else Role.VALUE
        match node:
            case ast.Call():
                return self._call(node, role)
            case ast.keyword(arg=name, value=value):
                return [(value, Role.SECRET if inherited is Role.SECRET or self._is_secret(name or "") else Role.VALUE)]
            case ast.Dict():
                return self._dict(node, role)
            case ast.Subscript(value=owner, slice=ast.Constant(value=str()) as key):
                return [(owner, role), (key, Role.NAME)]
            case ast.Expr(value=ast.Constant() as prose):
                return [(prose, Role.PROSE)]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return [*self._decorators(node.decorator_list), *self._rest(node, {"decorator_list"}, Role.VALUE)]
            case ast.arguments():
                return self._defaults(node)
            case ast.Compare(left=ast.Name(id="__name__")):
                return [(part, Role.NAME) for part in node.comparators]
            case ast.Tuple() | ast.List() | ast.Set():
                return [(part, role if role is not Role.VALUE else Role.MODULE) for part in node.elts]
            case ast.expr() if isinstance(node, _CARRIERS) and role in (Role.SETTING, Role.SECRET):
                return self._rest(node, set(), role)
            case ast.expr() | ast.comprehension() | ast.withitem():
                return self._rest(node, set(), inherited)
            case _:
                return self._rest(node, set(), Role.VALUE)

    def _rest(self, node: ast.AST, without: set[str], role: Role) -> list[tuple[ast.AST, Role]]:
        skipped = {id(part) for name in without for part in getattr(node, name)}
        return [(part, role) for part in ast.iter_child_nodes(node) if id(part) not in skipped]

    def _dict(self, node: ast.Dict, role: Role) -> Iterator[tuple[ast.AST, Role]]:
        for key, value in zip(node.keys, node.values, strict=True):
            given = role if role in (Role.SECRET, Role.FOLDER, Role.SETTING) else Role.VALUE
            if key is not None:
                yield key, {Role.SECRET: Role.SECRET, Role.FOLDER: Role.NAME}.get(role, Role.KEY)
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and self._is_secret(key.value):
                    given = Role.SECRET
            yield value, given

    def _call(self, node: ast.Call, role: Role) -> Iterator[tuple[ast.AST, Role]]:
        name = _last(node.func)
        yield node.func, role
        named = _text_of(node.args[1] if name == "setattr" and len(node.args) > 1 else next(iter(node.args), None))
        given = role if role in (Role.SETTING, Role.SECRET) else Role.VALUE
        if name in _VARIABLES and self._is_secret(named):
            given = Role.SECRET
        for index, argument in enumerate(node.args):
            if name in _IMPORTERS or (name in _VARIABLES and index <= (name in ("getattr", "hasattr", "setattr"))):
                yield argument, Role.NAME
            elif name == "add_url_rule" and not index:
                yield argument, Role.ROUTE
            elif given is Role.VALUE and name not in _VARIABLES:
                yield argument, Role.MODULE
            else:
                yield argument, given
        for keyword in node.keywords:
            if name == "Flask" and keyword.arg in PATHS_OF_FLASK:
                yield keyword.value, Role.SETTING
            else:
                yield keyword, given if given is Role.SECRET else Role.VALUE

    def _decorators(self, decorators: list[ast.expr]) -> Iterator[tuple[ast.AST, Role]]:
        for node in decorators:
            if isinstance(node, ast.Call) and _last(node.func) in _ROUTES and node.args:
                yield node.func, Role.VALUE
                yield node.args[0], Role.ROUTE
                for part in (*node.args[1:], *node.keywords):
                    yield part, Role.VALUE
            else:
                yield node, Role.VALUE

    def _defaults(self, node: ast.arguments) -> Iterator[tuple[ast.AST, Role]]:
        plain = [*node.posonlyargs, *node.args]
        pairs = [*zip(plain[len(plain) - len(node.defaults) :], node.defaults, strict=True)]
        pairs += [(name, value) for name, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value]
        for argument, value in pairs:
            yield value, self._role_of(argument.arg)
        for each in (*plain, *node.kwonlyargs, node.vararg, node.kwarg):
            if each is not None and each.annotation is not None:
                yield each.annotation, Role.VALUE


def _module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for field in ("body", "orelse", "finalbody"):
                waiting.extend(getattr(node, field, ()))
            for handler in getattr(node, "handlers", ()):
                waiting.extend(handler.body)


def _text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _agrees(source: str, node: ast.Constant | ast.JoinedStr) -> bool:
    """The text at the place of a node is that node."""
    if not source or source[-1] not in "\"'" or isinstance(node, ast.JoinedStr):
        return False
    try:
        return bool(ast.literal_eval(source) == node.value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
