"""Which files the app loads: those its imports lead to, and those it may load by a name it puts together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from doctor.cause import Cause
from doctor.conclusions.appcode.model import Imports
from doctor.conclusions.appcode.walk import Walk
from doctor.facts.value import Fact, Known, Place, Unknown
from doctor.hosts.base import Content, Host, TextKind
from doctor.hosts.paths import resolve
from doctor.sources.python.modules import Found


def imports_of(
    host: Host, entry: Found, seen: Walk, own: Sequence[str], search: Sequence[str], places: tuple[Place, ...]
) -> Fact[Imports]:
    """What a walk from the entry module came by.

    Args:
        host: where to look.
        entry: the entry module.
        seen: what its imports lead to.
        own: the app's part of the search path.
        search: all of it.
        places: where the entry point is named.
    """
    if not seen.modules:
        # Installed: nothing in there is followed.
        if not entry.folders:
            return Unknown(f"{entry.file} is not source of the app", Cause.NOT_FOUND, places)
        root = _physical(host, entry.folders[0])
        return Known(Imports(root, frozenset(), (root,)), places)
    holding = [folder for folder in search if entry.file.startswith(f"{folder.rstrip('/')}/")]
    if not holding:
        return Unknown(f"no entry of the search path holds {entry.file}", Cause.NOT_FOUND, places)
    real = {folder: _physical(host, folder) for folder in dict.fromkeys((*own, max(holding, key=len)))}
    files = (_moved(module.file, real) for module in seen.modules)
    return Known(Imports(real[max(holding, key=len)], frozenset(files), tuple(real.values())), places)


def _physical(host: Host, folder: str) -> str:
    found = resolve(host, folder).physical
    return found if isinstance(found, str) else folder


def _moved(file: str, real: dict[str, str]) -> str:
    folder = max((f for f in real if file.startswith(f"{f.rstrip('/')}/")), key=len, default="")
    return real[folder].rstrip("/") + file.removeprefix(folder.rstrip("/")) if folder else file


def may_load(host: Host, imports: Imports, path: str) -> bool:
    """The app loads a file, or could: code of it holds every part of the module's name, or imports by computed names.

    A script, a copy or an upload beside the app is none of its code.
    """
    if path in imports.files or not imports.files:
        return True
    names = [name for folder in imports.folders if (name := _module(path, folder))]
    if not names:
        return False
    texts = []
    for file in sorted(imports.files):
        content = host.read(file, TextKind.PYTHON)
        if not isinstance(content, Content):
            return True
        texts.append(content.text)
    if any(all(_mentioned(part, texts) for part in name) for name in names):
        return True
    packages = {
        name[0] for file in imports.files for folder in imports.folders if len(name := _module(file, folder)) > 1
    }
    computed = any(_by_name().search(text) for text in texts)
    return computed and any(name[0] in packages for name in names)


def _module(path: str, folder: str) -> tuple[str, ...]:
    """The parts of the name a file would be imported by; none where that is no name."""
    inside = path.removeprefix(f"{folder.rstrip('/')}/")
    parts = tuple(inside.removesuffix(".py").removesuffix("/__init__").split("/"))
    return parts if inside != path and all(part.isidentifier() for part in parts) else ()


def _mentioned(word: str, texts: Iterable[str]) -> bool:
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    return any(pattern.search(text) for text in texts)


@cache
def _by_name() -> re.Pattern[str]:
    """Ways to import a module whose name is not written out."""
    return re.compile(
        r"\b(?:import_module|__import__|import_string|find_modules|iter_modules|walk_packages|exec_module|run_path|"
        r"run_module|load_source|spec_from_file_location|autodiscover\w*|connexion|stevedore|pluggy|entry_points)\b"
    )
