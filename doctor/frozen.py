"""`@frozen`: what `@dataclass(frozen=True, slots=True)` is, at a fifth of the cost when a module is imported.

The standard decorator compiles six methods for each class. The fact model has some two hundred classes: compiling took
longer than looking at a machine (docs/adr/0003-start-up.md). Here the methods that are the same for every class are
shared, and all classes with as many fields share the code of `__init__`, each with its own names for the parameters.
`fields`, `replace`, `copy`, `pickle`, `is_dataclass` and `match` work as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):
        """Tells type checkers only; in `typing` from Python 3.11 on."""
        return lambda decorator: decorator


__all__ = ["field", "frozen"]

C = TypeVar("C", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: C) -> C:
    """Make a class of annotated fields a frozen, slotted dataclass."""
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for name, method in _methods(made).items():
        if name not in vars(cls):
            setattr(made, name, method)
    made.__init__ = _init(made)
    made.__setattr__ = made.__delattr__ = _refuse
    return made  # type: ignore[no-any-return]


def _methods(cls: Any) -> dict[str, Callable[..., Any]]:
    names = [item.name for item in fields(cls)]
    values = attrgetter(*names) if names else type
    shown = [item.name for item in fields(cls) if item.repr]

    def __eq__(self: Any, other: object) -> bool:
        return bool(values(self) == values(other)) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    def __repr__(self: Any) -> str:
        return f"{cls.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __reduce__(self: Any) -> tuple[type, tuple[Any, ...]]:
        return type(self), tuple(getattr(self, name) for name in names)

    return {"__eq__": __eq__, "__hash__": __hash__, "__repr__": __repr__, "__reduce__": __reduce__}


def _init(cls: Any) -> FunctionType:
    """It goes through the slots, which frozen instances do not guard."""
    items = fields(cls)
    names = tuple(item.name for item in items)
    made = tuple(number for number, item in enumerate(items) if item.default_factory is not MISSING)
    scope: dict[str, Any] = {f"set{number}": getattr(cls, name).__set__ for number, name in enumerate(names)}
    scope.update((f"make{number}", items[number].default_factory) for number in made)
    scope["MISSING"] = MISSING
    required = [item.default is MISSING and item.default_factory is MISSING for item in items]
    if sorted(required, reverse=True) != required:
        raise TypeError(f"{cls.__qualname__}: a field without a default follows one that has one")
    code = _init_code(len(items), made).replace(co_varnames=("self", *names))
    return FunctionType(code, scope, "__init__", tuple(item.default for item in items[sum(required) :]))


@cache
def _init_code(count: int, made: tuple[int, ...]) -> CodeType:
    """`__init__` with that many parameters; left out, those numbered in `made` come from a factory."""
    steps = [
        f"set{number}(self, "
        + (f"make{number}() if v{number} is MISSING else v{number})" if number in made else f"v{number})")
        for number in range(count)
    ]
    scope: dict[str, Any] = {}
    parameters = ", ".join(["self", *(f"v{number}" for number in range(count))])
    exec(f"def __init__({parameters}):\n " + "\n ".join(["pass", *steps]), scope)
    code: CodeType = scope["__init__"].__code__
    return code


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")
