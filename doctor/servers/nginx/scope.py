"""A block with the blocks around it: what a directive is worth there, by nginx's inheritance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.servers.nginx.include import Node

T = TypeVar("T")

_TIME = re.compile(r"(\d+)(ms|[smhdwMy]?) *", re.ASCII)
_SECONDS = {
    "": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "M": 2592000.0,
    "y": 31536000.0,
}  # fmt: skip
_BYTES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Scope:
    """One block. `kind` is its directive ("http", "server", "location", …), "" for the top of a file."""

    __slots__ = ("_cause", "_names", "kind", "nodes", "parent", "unread", "unseen")

    def __init__(self, kind: str, nodes: Iterable[Node], parent: Scope | None = None) -> None:
        self.kind = kind
        self.nodes = tuple(nodes)
        self.parent = parent
        self._names: dict[str, list[Node]] = {}
        for node in self.nodes:
            self._names.setdefault(node.name, []).append(node)
        includes = [node for node in self._names.get("include", ()) if node.args]
        self.unread = includes[0].args[0] if includes else ""
        """An include whose file could not be looked at, whatever its name says."""
        whole = next((node for node in includes if not node.partial), None)
        self.unseen = whole.args[0] if whole else ""
        """One in which anything may stand."""
        self._cause = whole.cause if whole else Cause.NOT_FOUND

    def own(self, name: str) -> list[Node]:
        """The directives of this name in this very block, in order."""
        return self._names.get(name, [])

    def inherited(self, name: str) -> tuple[list[Node], Scope | None]:
        """The directives of the innermost block that has any, and that block.

        ([], block) when an unseen include of that block may hold them; ([], None) when there are none.
        """
        scope: Scope | None = self
        while scope is not None:
            nodes = scope.own(name)
            if nodes or scope.unseen:
                return nodes, scope
            scope = scope.parent
        return [], None

    @property
    def root(self) -> Scope:
        """The top of the file that all of this stands in."""
        return self if self.parent is None else self.parent.root

    def gap(self, name: str) -> str:
        """The unread include, of this block or one around it, that may hold a directive which is not seen; or ""."""
        if self.own(name):
            return ""
        return self.unread or (self.parent.gap(name) if self.parent is not None else "")

    def origin(self, holder: Scope | None) -> Origin:
        """How a value found in `holder` came to this block."""
        return Origin.EXPLICIT if holder is self else Origin.INHERITED

    def missing(self, holder: Scope | None) -> Unknown | None:
        """Why nothing can be said when `inherited` found no directive, or None when there really is none."""
        if holder is None:
            return None
        return holder.unreadable()

    def unreadable(self, *seen: Place) -> Unknown:
        """Nothing can be said, because of an include of this block. `seen`: what could be seen of the matter."""
        return Unknown(f"{self.unseen}, which nginx includes here, could not be read", self._cause, seen)

    def value(
        self, name: str, convert: Callable[[tuple[str, ...]], T], default: Known[T] | Absent, *, inherit: bool = True
    ) -> Fact[T]:
        """The effective value of a directive that counts once. Unknown for a variable or what cannot be converted."""
        nodes, holder = self.inherited(name) if inherit else (self.own(name), self)
        if not nodes:
            return (self.missing(holder) if inherit else None) or default
        node = nodes[0]
        if any("$" in arg for arg in node.args):
            return Unknown(
                f"{' '.join(node.args)} is only known while a request is served", Cause.RUN_TIME, (node.place,)
            )
        try:
            value = convert(node.args)
        except (ValueError, IndexError):
            return Unknown(f"{name} {' '.join(node.args)} cannot be understood", Cause.NOT_UNDERSTOOD, (node.place,))
        return Known(value, places(node), self.origin(holder))


def places(node: Node) -> tuple[Place, ...]:
    """Where a directive stands, and the include that led there when it is in another file."""
    place = node.place
    return (place, *(link for link in node.chain[-1:] if link.path != place.path and "sites-enabled" not in link.text))


def default(value: T, note: str) -> Known[T]:
    """A value nginx uses when nothing is written."""
    return Known(value, (Place(note=note),), Origin.DEFAULT)


def text(args: tuple[str, ...]) -> str:
    """All arguments."""
    return " ".join(args)


def first(args: tuple[str, ...]) -> str:
    """The first argument."""
    return args[0]


def seconds(args: tuple[str, ...]) -> float:
    """A time of nginx: "60", "1m30s", "500ms" (ngx_parse_time).

    Raises:
        ValueError: it is none.
    """
    written, position, total, before = args[0], 0, 0.0, float("inf")
    while position < len(written) or not written:
        part = _TIME.match(written, position)
        unit = _SECONDS[part[2]] if part else before
        # Units must come in descending order.
        if part is None or unit >= before:
            raise ValueError(written)
        total += int(part[1]) * unit
        position, before = part.end(), unit
    return total


def size(args: tuple[str, ...]) -> int:
    """A size of nginx in bytes: "16m", "4k", "0" (ngx_parse_offset).

    Raises:
        ValueError: it is none.
    """
    written = args[0].lower()
    unit = _BYTES.get(written[-1:], 0)
    return int(written[:-1]) * unit if unit else int(written)


def flag(args: tuple[str, ...]) -> bool:
    """A switch, "on" or "off".

    Raises:
        ValueError: it is neither.
    """
    if args[0].lower() not in ("on", "off"):
        raise ValueError(args[0])
    return args[0].lower() == "on"
