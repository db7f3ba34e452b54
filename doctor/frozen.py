"""`@frozen`: what `@dataclass(frozen=True, slots=True)` is, at a fifth of the cost when a module is imported.

The standard decorator compiles six methods for each class. The fact model has some two hundred classes, and one look
at a machine makes instances of half of them: compiling took longer than looking (docs/adr/0003-start-up.md). Here the
methods that are the same for every class are shared, and `__init__` is compiled when the first instance is made.
`fields`, `replace`, `is_dataclass` and `match` work as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
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
    made.__setattr__ = made.__delattr__ = _refuse
    return made  # type: ignore[no-any-return]


def _methods(cls: Any) -> dict[str, Callable[..., Any]]:
    names = [item.name for item in fields(cls)]
    values = attrgetter(*names) if names else type
    shown = [item.name for item in fields(cls) if item.repr]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = _compiled(cls)
        cls.__init__(self, *args, **kwargs)

    def __eq__(self: Any, other: object) -> bool:
        return bool(values(self) == values(other)) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    def __repr__(self: Any) -> str:
        return f"{cls.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return {"__init__": __init__, "__eq__": __eq__, "__hash__": __hash__, "__repr__": __repr__}


def _compiled(cls: Any) -> Callable[..., None]:
    """`__init__` as the standard decorator makes it, but through the slots, which frozen instances do not guard."""
    scope: dict[str, Any] = {}
    parameters, body = ["self"], ["pass"]
    for item in fields(cls):
        name, value = item.name, item.name
        scope[f"set_{name}"] = getattr(cls, name).__set__
        if item.default is not MISSING:
            scope[f"default_{name}"] = item.default
        elif item.default_factory is not MISSING:
            scope[f"default_{name}"] = MISSING
            scope[f"make_{name}"] = item.default_factory
            value = f"make_{name}() if {name} is default_{name} else {name}"
        parameters.append(f"{name}=default_{name}" if f"default_{name}" in scope else name)
        body.append(f"set_{name}(self, {value})")
    exec(f"def __init__({', '.join(parameters)}):\n  " + "\n  ".join(body), scope)
    return scope["__init__"]  # type: ignore[no-any-return]


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")
