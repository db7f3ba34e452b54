"""Walks the app's own modules from its entry point along the imports, as a start would, without importing."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from doctor.cause import Cause, Doubt
from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.grammar.outline import EnvRead, Expression, Import, Outline
from doctor.hosts.base import Content, Host, Missing, TextKind, Unseen
from doctor.sources.python.modules import Found, Modules

FILES = 500
"""Files of one app that are read."""

_DEPTH = 100
"""Modules that import one another in a row before the rest is read later."""

_NESTING = 200
"""Blocks around a line that are told; Python itself takes 100."""

_LONG_LINE = 2000
"""A longer line is not searched for the name it may bind."""

_MODULE_NAMES = frozenset({"__all__", "__doc__", "__file__", "__name__", "__package__", "__path__", "__version__"})


@frozen
class OwnModule:
    """A module of the app. `eager`: the start runs it; otherwise only a function that may never run imports it."""

    name: str
    file: str
    package: bool
    eager: bool
    outline: Outline


@frozen
class Problem:
    """Something that would not import. `name` of the module or file, `text` one sentence.

    `module`: a whole module is missing, not only a name in one.
    """

    name: str
    text: str
    place: Place
    eager: bool
    module: bool = True


@dataclass(slots=True)
class Walk:
    """What a walk found. `unseen`: why something on the way could not be judged, the first reason; None: all was."""

    modules: list[OwnModule] = field(default_factory=list)
    syntax: list[Problem] = field(default_factory=list)
    missing: list[Problem] = field(default_factory=list)
    raising: list[Problem] = field(default_factory=list)
    required: list[tuple[str, Place]] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    unseen: Doubt | None = None


def walk(host: Host, modules: Modules, entry: str, called: str, foreign: tuple[str, ...]) -> Walk:
    """Read every own module that the entry module leads to.

    Args:
        host: where to look.
        modules: the search path of the app.
        entry: name of the entry module, which exists.
        called: function the entry point calls (`create_app` of "shop:create_app()"), "" for none.
        foreign: folders of site-packages and the standard library: modules there are found but not read.
    """
    return _Walker(host, modules, foreign).run(entry, called)


class _Walker:
    def __init__(self, host: Host, modules: Modules, foreign: tuple[str, ...]) -> None:
        self._host = host
        self._modules = modules
        self._foreign = tuple(f"{folder}/" for folder in foreign if folder)
        self._seen: dict[str, bool] = {}
        self._queue: deque[tuple[str, bool]] = deque()
        self._depth = 0
        self._functions: set[str] = set()
        self._walk = Walk()
        self._outlines: dict[str, Outline | Missing | Unseen] = {}
        self._texts: dict[str, list[str]] = {}
        self._blocks: dict[str, Blocks] = {}

    def run(self, entry: str, called: str) -> Walk:
        self._functions.update({called} - {""})
        known = set(self._functions)
        self._follow_all(entry)
        if self._functions - known:
            # A package runs before the module in it that calls one of its functions.
            self._walk, self._seen = Walk(), {}
            self._follow_all(entry)
        return self._walk

    def _follow_all(self, entry: str) -> None:
        self._add(entry, True)
        while self._queue:
            self._visit(*self._queue.popleft())

    def _unseen(self, why: Doubt) -> None:
        self._walk.unseen = self._walk.unseen or why

    def _add(self, name: str, eager: bool) -> None:
        """Read a module after the packages above it, in the order an import runs them."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            module = ".".join(parts[:length])
            if module in self._seen and (self._seen[module] or not eager):
                continue
            self._seen[module] = eager
            if self._depth < _DEPTH:
                self._visit(module, eager)
            else:
                self._queue.append((module, eager))

    def _visit(self, name: str, eager: bool) -> None:
        if len(self._walk.modules) >= FILES:
            self._unseen(Doubt(f"more than {FILES} files of the app", Cause.TOO_MUCH))
            return
        self._depth += 1
        self._read(name, eager)
        self._depth -= 1

    def _own(self, found: Found) -> bool:
        return found.source and not found.file.startswith(self._foreign)

    def _outline(self, path: str) -> Outline | Missing | Unseen:
        """Read once: a module that many import is asked for each of the names they take."""
        if path not in self._outlines:
            self._outlines[path] = self._host.outline(path)
        return self._outlines[path]

    def _read(self, name: str, eager: bool) -> None:
        found = self._modules.find(name)
        if not isinstance(found, Found) or not self._own(found):
            return
        outline = self._outline(found.file)
        if isinstance(outline, Missing):
            return
        if isinstance(outline, Unseen):
            self._unseen(outline)
            return
        if outline.truncated:
            self._unseen(Doubt(f"{found.file} is too large to be read", Cause.TOO_MUCH))
        module = OwnModule(name, found.file, bool(found.folders), eager, outline)
        self._walk.modules = [m for m in self._walk.modules if m.name != name] + [module]
        if outline.error:
            place = Place(path=found.file, line=outline.error.line, text=self._line(found.file, outline.error.line))
            text = f"{found.file}:{outline.error.line}: {outline.error.message}"
            self._walk.syntax.append(Problem(found.file, text, place, eager))
            return
        if eager:
            self._functions.update(_called(outline))
            if outline.raises:
                raised = self._line(found.file, outline.raises)
                text = f"{found.file}:{outline.raises} raises whenever it is imported: {raised}"
                place = Place(path=found.file, line=outline.raises, text=raised)
                self._walk.raising.append(Problem(found.file, text, place, eager))
        for item in outline.imports:
            self._follow(module, item, eager and self._runs(module, item))
        for read in outline.env_reads:
            if read.required and eager and self._runs(module, read):
                place = Place(path=found.file, line=read.line, text=self._line(found.file, read.line))
                self._walk.required.append((read.name, place))

    def _runs(self, module: OwnModule, item: Import | EnvRead) -> bool:
        """The start runs this line: it is at module level, or in the function that makes the app."""
        if not item.guarded:
            return True
        if not self._functions:
            return False
        heads = self._enclosing(module.file, item.line)
        return bool(heads) and all(_function(head) in self._functions for head in heads)

    def _follow(self, module: OwnModule, item: Import, eager: bool) -> None:
        base = _absolute(module, item)
        if base is None:
            text = f"{module.file}:{item.line}: relative import goes above the top of its package"
            self._report(item.module, text, module, item, eager)
            return
        if eager:
            self._walk.uses.add(base.partition(".")[0])
        found = self._modules.find(base)
        if isinstance(found, Unseen):
            if eager:
                self._unseen(found)
            return
        if isinstance(found, Missing):
            missing = self._first_missing(base)
            if missing:
                what = "does not exist" if "." in missing or item.level else "is not installed"
                text = f"{module.file}:{item.line} imports {missing}, which {what}"
                self._report(missing, text, module, item, eager)
            return
        self._add(base, eager)
        for name in item.names:
            self._take(module, item, base, found, name, eager)

    def _first_missing(self, name: str) -> str:
        """The part of a dotted name that is not there; "" when a package of others may make it up itself."""
        parent, _, _ = name.rpartition(".")
        if not parent:
            return name
        found = self._modules.find(parent)
        if isinstance(found, Missing):
            return self._first_missing(parent)
        if not isinstance(found, Found) or (found.file and not self._own(found)):
            return ""
        if found.file and self._dynamic(found):
            return ""
        return name

    def _take(self, module: OwnModule, item: Import, base: str, found: Found, name: str, eager: bool) -> None:
        """One name of `from base import name`: an attribute first, then a submodule."""
        if name == "*":
            return
        bound = self._own(found) and self._binds(base, found, name)
        if found.folders and not bound:
            submodule = self._modules.find(f"{base}.{name}")
            if isinstance(submodule, Found):
                self._add(f"{base}.{name}", eager)
                return
            if isinstance(submodule, Unseen):
                return
        if bound or found.open or (found.file and not self._own(found)):
            return
        where = found.file or ", ".join(found.folders)
        text = f"{module.file}:{item.line} imports {name} from {base}, which does not have it ({where})"
        self._report(f"{base}.{name}", text, module, item, eager, whole=False)

    def _binds(self, module: str, found: Found, name: str) -> bool:
        outline = self._outline(found.file)
        if not isinstance(outline, Outline) or outline.error:
            return True
        return binds(outline, self._lines(found.file), name, module)

    def _dynamic(self, found: Found) -> bool:
        outline = self._outline(found.file)
        return not isinstance(outline, Outline) or outline.dynamic_names or outline.truncated

    def _report(
        self, name: str, text: str, module: OwnModule, item: Import, eager: bool, *, whole: bool = True
    ) -> None:
        if not eager or any(not _always_runs(head) for head in self._enclosing(module.file, item.line)):
            return
        place = Place(path=module.file, line=item.line, text=self._line(module.file, item.line))
        self._walk.missing.append(Problem(name, text, place, eager, whole))

    def _lines(self, path: str) -> list[str]:
        """Read once: hiding the secrets of a long module takes time, and each guarded import asks for its lines."""
        if path not in self._texts:
            content = self._host.read(path, TextKind.PYTHON)
            self._texts[path] = content.text.splitlines() if isinstance(content, Content) else []
        return self._texts[path]

    def _enclosing(self, path: str, line: int) -> list[str]:
        if path not in self._blocks:
            self._blocks[path] = Blocks(self._lines(path))
        return self._blocks[path].enclosing(line)

    def _line(self, path: str, line: int) -> str:
        lines = self._lines(path)
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def binds(outline: Outline, lines: Iterable[str], name: str, module: str) -> bool:
    """The module has this name, or may have it in a way an outline does not tell (`import x as name`).

    That it imports the name from itself (`from . import views`) gives it nothing.
    """
    if outline.dynamic_names or outline.truncated or name in _MODULE_NAMES:
        return True
    if name in {item.name for item in outline.assignments} or name in {item.name for item in outline.definitions}:
        return True
    for item in outline.imports:
        itself = item.module == module if not item.level else not item.module
        if (name in item.names and not itself) or (not item.level and item.module.partition(".")[0] == name):
            return True
    word = re.escape(name)
    binding = re.compile(
        rf"\bas\s+{word}\b|\bglobal\b.*\b{word}\b|^\s*for\b.*\b{word}\b.*\bin\b|(?<![.\w]){word}\s*(?::?=(?!=)|,.*=)"
    )
    return any(len(line) > _LONG_LINE or binding.search(line) for line in lines if name in line)


class Blocks:
    """The blocks of a source text by their indentation, found in one pass however often they are asked for."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._around: list[int] = []
        """For each line the index of the line that begins the block around it, -1 for none."""
        opened: list[tuple[int, int]] = []
        for index, text in enumerate(lines):
            indent = _indent(text)
            inside = bisect_left(opened, (indent, -1))
            self._around.append(opened[inside - 1][1] if inside else -1)
            stripped = text.strip()
            if stripped and not stripped.startswith(("#", ")", "]", "}")):
                opened[inside:] = [(indent, index)]

    def enclosing(self, line: int) -> list[str]:
        """First lines of the blocks around a line (from 1), innermost first: ["try:", "def create_app():"]."""
        if not 0 < line <= len(self._lines):
            return []
        heads: list[str] = []
        index = self._around[line - 1]
        while index >= 0 and len(heads) < _NESTING:
            heads.append(self._lines[index].strip())
            index = self._around[index]
        return heads


def _indent(text: str) -> int:
    return len(text[: len(text) - len(text.lstrip())].expandtabs(8))


def _always_runs(head: str) -> bool:
    """A block whose body runs whenever it is reached; a try without a fitting except is one."""
    return head.startswith(("with ", "async with ", "try:", "def ", "finally:"))


def _function(head: str) -> str:
    match = re.match(r"def\s+(\w+)", head)
    return match[1] if match else ""


def _called(outline: Outline) -> set[str]:
    """Functions the module calls to make what it binds at module level: `app = create_app()`."""
    texts = (item.value.text for item in outline.assignments if isinstance(item.value, Expression))
    return {match[1] for text in texts if (match := re.match(r"(?:\w+\.)*(\w+)\(", text))}


def _absolute(module: OwnModule, item: Import) -> str | None:
    """The full name of what is imported; None for a relative import that leaves its package."""
    if not item.level:
        return item.module
    parts = module.name.split(".")
    up = item.level - (1 if module.package else 0)
    if up >= len(parts):
        return None
    base = parts[: len(parts) - up] if up else parts
    return ".".join((*base, item.module)) if item.module else ".".join(base)
