"""Reads a Python source file with `ast` and `compile`, never by running it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace

from doctor.grammar.bounds import Literal, Room, TooLarge
from doctor.grammar.literals import NotLiteral, fold
from doctor.grammar.outline import Assignment, Call, Definition, EnvRead, Expression, Import, Outline, SourceError
from doctor.grammar.pycontext import Context, catching

_CALLS = frozenset(
    {
        "Celery", "Flask", "Migrate", "ProxyFix", "SQLAlchemy", "Talisman", "WhiteNoise", "create_app", "create_engine",
        "dotenv_values", "from_envvar", "from_mapping", "from_object", "from_prefixed_env", "from_pyfile",
        "load_dotenv", "run", "run_simple",
    }
)  # fmt: skip
"""Calls that are kept, by the last part of the name of what is called."""

_ROUTE_DECORATORS = frozenset({"route", "get", "post", "put", "patch", "delete"})
_DYNAMIC_CALLS = frozenset({"globals", "locals", "vars", "exec"})
_TEXT_LIMIT = 300
_UNREADABLE = Outline(error=None, dynamic_names=True, truncated=True)


def outline(source: bytes, filename: str) -> Outline:
    """Outline one file, decoded as Python does (PEP 263). Nothing of it is executed; `filename` is for messages."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns of "\\d" on standard error otherwise
            tree = ast.parse(source, filename)
            compile(tree, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        return Outline(SourceError(error.msg, error.lineno or 1))
    except ValueError as error:  # a NUL byte, before Python 3.12
        return Outline(SourceError(str(error), 1))
    except (RecursionError, MemoryError):
        return _UNREADABLE
    reader = _Reader()
    try:
        reader.block(tree.body, Context())
    except RecursionError:
        return _UNREADABLE
    return Outline(
        error=None,
        imports=tuple(reader.imports),
        assignments=tuple(reader.assignments),
        definitions=tuple(reader.definitions),
        env_reads=tuple(sorted(reader.env_reads, key=lambda read: read.line)),
        calls=tuple(sorted(reader.calls, key=lambda call: call.line)),
        routes=tuple(dict.fromkeys(reader.routes)),
        dynamic_names=reader.dynamic_names,
        raises=next((node.lineno for node in tree.body if isinstance(node, ast.Raise)), 0),
    )


class _Reader:
    """Walks statements with their context; expressions are searched for reads of the environment and for calls."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.assignments: list[Assignment] = []
        self.definitions: list[Definition] = []
        self.env_reads: list[EnvRead] = []
        self.calls: list[Call] = []
        self.routes: list[str] = []
        self.dynamic_names = False
        self._modules: dict[str, str] = {}
        """Local name of each imported module or member to its full one: {"os": "os", "env": "os.environ"}."""
        self._values: dict[str, Literal] = {}
        """Names that certainly have a literal value by now."""
        self._set: set[str] = set()
        """Environment variables the file itself has set."""

    # ---- statements ----

    def block(self, statements: Iterable[ast.stmt], context: Context) -> None:
        for statement in statements:
            self._statement(statement, context)

    def _statement(self, node: ast.stmt, context: Context) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, context)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, context)
            case ast.ClassDef():
                self._class(node, context)
            case ast.Assign():
                self._expressions((node.value,), context)
                for target in node.targets:
                    self._bind(target, node.value, context)
            case ast.AnnAssign():
                if node.value is not None:
                    self._expressions((node.value,), context)
                    self._bind(node.target, node.value, context)
            case ast.AugAssign():
                self._expressions((node.value,), context)
                self._bind(node.target, None, context)
            case ast.If() | ast.While():
                self._expressions((node.test,), context)
                self.block(node.body, context.branch())
                self.block(node.orelse, context.branch())
            case ast.For() | ast.AsyncFor():
                self._expressions((node.iter,), context)
                self._bind(node.target, None, context.branch())
                self.block((*node.body, *node.orelse), context.branch())
            case ast.With() | ast.AsyncWith():
                self._with(node, context)
            case ast.Try():
                self._try(node, context)
            case ast.Match():
                self._expressions((node.subject,), context)
                for choice in node.cases:
                    self.block(choice.body, context.branch())
            case _:
                # `try … except*` (Python 3.11) has the shape of Try but not its class.
                if type(node).__name__ == "TryStar":
                    for name in ("body", "orelse", "finalbody"):
                        self.block(getattr(node, name), context.branch())
                else:
                    self._expressions(
                        [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)], context
                    )

    def _import(self, node: ast.Import | ast.ImportFrom, context: Context) -> None:
        guarded = context.uncertain or context.deferred or context.import_caught
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.imports.append(Import(alias.name, (), 0, node.lineno, guarded))
                if alias.asname:
                    self._modules[alias.asname] = alias.name
                else:
                    top = alias.name.partition(".")[0]
                    self._modules[top] = top
            return
        names = tuple(alias.name for alias in node.names)
        self.imports.append(Import(node.module or "", names, node.level, node.lineno, guarded))
        self.dynamic_names |= "*" in names and not context.deferred
        for alias in node.names:
            self._modules[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, context: Context) -> None:
        defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]
        self._expressions((*node.decorator_list, *defaults), context)
        for decorator in node.decorator_list:
            self._route(decorator)
        if not context.deferred and not context.scope:
            self.definitions.append(Definition(node.name, "function", node.lineno, _required(node.args, 0)))
            self._values.pop(node.name, None)
            self.dynamic_names |= node.name == "__getattr__"
        self.block(node.body, replace(context, deferred=True, scope=""))

    def _class(self, node: ast.ClassDef, context: Context) -> None:
        keywords = [keyword.value for keyword in node.keywords]
        self._expressions((*node.decorator_list, *node.bases, *keywords), context)
        if not context.deferred and not context.scope:
            starts = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            required = _required(starts[-1].args, 1) if starts else 0
            self.definitions.append(Definition(node.name, "class", node.lineno, required))
            self._values.pop(node.name, None)
        scope = f"{context.scope}.{node.name}" if context.scope else node.name
        self.block(node.body, replace(context, scope=scope))

    def _with(self, node: ast.With | ast.AsyncWith, context: Context) -> None:
        inner = replace(context, conditional=True)
        for item in node.items:
            self._expressions((item.context_expr,), context)
            if isinstance(item.context_expr, ast.Call) and _dotted(item.context_expr.func).endswith("suppress"):
                inner = catching(inner, {_last(argument) for argument in item.context_expr.args})
            if item.optional_vars is not None:
                self._bind(item.optional_vars, None, inner)
        self.block(node.body, inner)

    def _try(self, node: ast.Try, context: Context) -> None:
        caught: set[str] = set()
        for handler in node.handlers:
            if any(isinstance(part, ast.Raise) for part in handler.body):
                continue  # it does stop the import, with a nicer message
            match handler.type:
                case None:
                    caught.add("BaseException")
                case ast.Tuple(elts=kinds):
                    caught.update(_last(kind) for kind in kinds)
                case kind:
                    caught.add(_last(kind))
        body = catching(replace(context, conditional=True), caught)
        self.block((*node.body, *node.orelse), body)
        for handler in node.handlers:
            self.block(handler.body, context.branch())
        self.block(node.finalbody, replace(context, conditional=True))

    def _bind(self, target: ast.expr, value: ast.expr | None, context: Context) -> None:
        """One target of an assignment; `value` None: only running the file could tell."""
        if isinstance(target, ast.Starred):
            target, value = target.value, None
        if isinstance(target, (ast.Tuple, ast.List)):
            values: Sequence[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                values = value.elts
            for part, part_value in zip(target.elts, values, strict=True):
                self._bind(part, part_value, context)
            return
        name = self._target_name(target, context)
        if not name:
            return
        found = self._value(value) if value is not None else Expression(f"{name} …")
        if context.deferred:
            context = context.branch()
        elif isinstance(target, ast.Name) and not context.scope:
            if isinstance(found, Expression) or context.uncertain:
                self._values.pop(name, None)
            else:
                self._values[name] = found
            if value is not None and self._full_name(value) == "os.environ":
                self._modules[name] = "os.environ"
        self.assignments.append(Assignment(name, found, target.lineno, context.conditional))

    def _target_name(self, target: ast.expr, context: Context) -> str:
        match target:
            case ast.Name():
                if context.deferred:
                    return ""
                return f"{context.scope}.{target.id}" if context.scope else target.id
            case ast.Subscript(value=ast.expr() as owner, slice=ast.Constant(value=str(key))):
                if self._full_name(owner) == "os.environ":
                    if not context.uncertain and not context.deferred:
                        self._set.add(key)
                    return ""
                return f"{_dotted(owner)}[{key!r}]" if _dotted(owner).endswith("config") else ""
            case _:
                return ""

    # ---- expressions ----

    def _expressions(self, roots: Iterable[ast.expr], context: Context) -> None:
        """Every part of some expressions, without recursion: a long sum nests as deep as it is long."""
        waiting: list[tuple[ast.AST, Context]] = [(root, context) for root in roots]
        while waiting:
            node, where = waiting.pop()
            match node:
                case ast.Call():
                    self._call(node, where)
                case ast.Subscript(ctx=ast.Load(), slice=ast.Constant(value=str(name))):
                    if self._full_name(node.value) == "os.environ":
                        self._env_read(name, node.lineno, True, where)
                case ast.Lambda():
                    waiting.append((node.body, replace(where, deferred=True)))
                    continue
                case ast.BoolOp():
                    waiting.append((node.values[0], where))
                    waiting.extend((value, where.branch()) for value in node.values[1:])
                    continue
                case ast.IfExp():
                    waiting.append((node.test, where))
                    waiting.extend((value, where.branch()) for value in (node.body, node.orelse))
                    continue
            waiting.extend((child, where) for child in ast.iter_child_nodes(node))

    def _call(self, node: ast.Call, context: Context) -> None:
        full = self._full_name(node.func)
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            if full in ("os.getenv", "os.environ.get"):
                self._env_read(first.value, node.lineno, False, context)
            elif full == "os.environ.pop":
                self._env_read(first.value, node.lineno, len(node.args) < 2, context)
            elif full in ("os.environ.setdefault", "os.putenv") and not context.uncertain and not context.deferred:
                self._set.add(first.value)
            elif full.endswith(".add_url_rule") and first.value.startswith("/"):
                self.routes.append(first.value)
        elif full == "os.environ.update" and not context.uncertain and not context.deferred:
            self._set.update(keyword.arg for keyword in node.keywords if keyword.arg)
            keys = first.keys if isinstance(first, ast.Dict) else []
            self._set.update(key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
        written = _dotted(node.func)
        self.dynamic_names |= written in _DYNAMIC_CALLS and not context.deferred
        if _last(node.func) in _CALLS:
            keywords = tuple((keyword.arg, self._value(keyword.value)) for keyword in node.keywords if keyword.arg)
            arguments = tuple(self._value(argument) for argument in node.args)
            owner, _, last = written.rpartition(".")
            is_module = owner.partition(".")[0] in self._modules and last[:1].isupper()
            self.calls.append(Call(last if is_module or not owner else written, node.lineno, arguments, keywords))

    def _env_read(self, name: str, line: int, required: bool, context: Context) -> None:
        guarded = context.uncertain or context.deferred or context.key_caught or name in self._set
        self.env_reads.append(EnvRead(name, line, required, guarded))

    def _route(self, decorator: ast.expr) -> None:
        match decorator:
            case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(path)), *_]):
                if method in _ROUTE_DECORATORS and path.startswith("/"):
                    self.routes.append(path)

    def _full_name(self, node: ast.expr) -> str:
        """`environ.get` after `from os import environ` is "os.environ.get"."""
        first, dot, rest = _dotted(node).partition(".")
        return self._modules.get(first, first) + dot + rest

    def _value(self, node: ast.expr) -> Literal | Expression:
        try:
            return fold(node, self._values, Room())
        except (NotLiteral, TooLarge, RecursionError):
            pass
        try:
            text = ast.unparse(node)
        except (RecursionError, ValueError):  # a number of more digits than Python prints
            text = "…"
        return Expression(text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "…")


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as text, "" for anything but names and attributes of names."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _required(arguments: ast.arguments, bound: int) -> int:
    """Arguments a call must give; `bound` of them (self) are given by Python."""
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return max(0, positional - bound) + sum(default is None for default in arguments.kw_defaults)
