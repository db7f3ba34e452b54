"""The dictionary of facts: what a rule can ask, read from the fact classes themselves."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum

from doctor.engine.subjects import SUBJECTS
from doctor.engine.suggest import did_you_mean
from doctor.engine.types import Kind, Type, attributes
from doctor.errors import UserError
from doctor.frozen import frozen

SCOPE: Mapping[str, Type] = {name: kind for subject in SUBJECTS.values() for name, kind in subject.scope.items()}
"""Every name that an expression of a rule can begin with."""


@frozen
class Entry:
    """One fact: under `name` a rule asks for it."""

    name: str
    """The whole path: app.gunicorn.settings.bind; [] stands for each element of a list."""
    type: Type
    meaning: str
    """What it says, with its unit; "" where the name says it all."""
    source: str
    """The module that defines it, which says where it comes from: doctor.servers.gunicorn.model."""


@frozen
class Group:
    """A class of facts: `names` are the paths that lead to one, the shortest first."""

    cls: type
    names: tuple[str, ...]
    entries: tuple[Entry, ...]

    @property
    def about(self) -> str:
        """What one is: the first sentence of its docstring."""
        return documented(self.cls).partition("\n")[0]


def groups() -> tuple[Group, ...]:
    """Every class of facts that a rule can reach, in the order in which a walk from the subjects meets them."""
    names: dict[type, list[str]] = {}
    # Most rules are about an app: what can be asked from there is named from there.
    waiting = [("app", SCOPE["app"])]
    others = [(name, kind) for name, kind in SCOPE.items() if name != "app"]
    while waiting or others:
        waiting = waiting or [others.pop(0)]
        name, kind = waiting.pop(0)
        cls, path = _object(kind, name)
        if cls is None:
            continue
        if cls in names:
            names[cls].append(path)
        else:
            names[cls] = [path]
            inner = sorted(attributes(cls).items(), key=lambda item: item[1].kind is Kind.LIST)  # one before many
            waiting += [(f"{path}.{field}", of) for field, of in inner]
    return tuple(
        Group(cls, tuple(sorted(paths, key=lambda path: (path.count("."), path))), tuple(_entries(cls, paths[0])))
        for cls, paths in names.items()
    )


def entry(name: str) -> Entry:
    """The fact of that name. Raises UserError, with what it may have meant."""
    first, *rest = name.replace("[]", "").split(".")
    if first not in SCOPE:
        raise _unheard_of(name, first, SCOPE)
    found = Entry(first, SCOPE[first], "", "")
    for word in rest:
        cls, path = _object(found.type, found.name)
        inner = {each.name.rpartition(".")[2]: each for each in _entries(cls, path)} if cls else {}
        if word not in inner:
            raise _unheard_of(name, word, inner)
        found = inner[word]
    return found


def entries_of(of: Entry) -> tuple[Entry, ...]:
    """The facts it is made of; none of a plain value."""
    cls, path = _object(of.type, of.name)
    return tuple(_entries(cls, path)) if cls else ()


def choices(kind: Type) -> tuple[str, ...]:
    """The values that a choice can have."""
    return tuple(str(member.value) for member in kind.cls) if kind.cls and issubclass(kind.cls, Enum) else ()


def documented(cls: type) -> str:
    """The docstring of a class."""
    return inspect.cleandoc(cls.__doc__ or "")


def field_docs(cls: type) -> dict[str, str]:
    """The string that stands below a field in the source, or that of a property, by the name of the field."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    if not isinstance(body, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    for statement in body.body:
        if isinstance(statement, ast.FunctionDef):
            found[statement.name] = " ".join((ast.get_docstring(statement) or "").split())
    return found


def _entries(cls: type, path: str) -> Iterator[Entry]:
    about = {name: text for base in reversed(cls.__mro__[:-1]) for name, text in field_docs(base).items()}
    for field, kind in attributes(cls).items():
        yield Entry(f"{path}.{field}", kind, about.get(field, ""), cls.__module__)


def _object(kind: Type, name: str) -> tuple[type | None, str]:
    """The class of facts behind a type, through lists, and the path to one."""
    while kind.kind is Kind.LIST and kind.items:
        kind, name = kind.items[0], f"{name}[]"
    return (kind.cls if kind.kind is Kind.OBJECT else None), name


def _unheard_of(name: str, word: str, known: Mapping[str, object]) -> UserError:
    near = did_you_mean(word, known)
    return UserError(f"no fact is called {name!r}", "", f"{near[:1].upper()}{near[1:]}\n  " * bool(near) + LISTED)


LISTED = "flaskdoctor facts lists them all."
