"""What an app says about itself in calls of Flask: static files, limits, a route that names the release."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from doctor.cause import Cause
from doctor.conclusions.appcode.walk import OwnModule
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.bounds import Literal
from doctor.grammar.outline import Call, Expression

_LIMIT = "MAX_CONTENT_LENGTH"
VERSION_ROUTE = re.compile(r"/_*(?:version|release|revision|build|healthz?|status|ping)(?:\.\w+)?/?$", re.IGNORECASE)
"""A route whose answer may tell which release it comes from."""


def _calls(modules: Sequence[OwnModule], function: str) -> Iterator[tuple[OwnModule, Call]]:
    for module in modules:
        for call in module.outline.calls:
            if call.function.rpartition(".")[2] == function:
                yield module, call


def _place(module: OwnModule, line: int) -> Place:
    return Place(path=module.file, line=line)


def calls_dotenv(modules: Sequence[OwnModule]) -> Fact[bool]:
    """Does the app call load_dotenv()?"""
    places = tuple(_place(module, call.line) for module, call in _calls(modules, "load_dotenv"))
    return Known(bool(places), places)


def static_folder(modules: Sequence[OwnModule]) -> Fact[str]:
    """Absolute folder of the app's static files; Absent with static_folder=None.

    Relative to the folder of the file that calls Flask (flask/sansio/scaffold.py, root_path).
    """
    found = next(_calls(modules, "Flask"), None)
    if found is None:
        return Unknown("no call of Flask() was found in the app's code", Cause.NOT_FOUND)
    module, call = found
    place = _place(module, call.line)
    given = dict(call.keywords).get("static_folder", "static")
    if isinstance(given, Expression):
        return Unknown(f"static_folder is computed: {given.text}", Cause.RUN_TIME, (place,))
    if given is None:
        return Absent((place,))
    origin = Origin.EXPLICIT if "static_folder" in dict(call.keywords) else Origin.DEFAULT
    path = posixpath.join(posixpath.dirname(module.file), str(given))
    return Known(posixpath.normpath(path), (place,), origin)


def static_url(modules: Sequence[OwnModule]) -> Fact[str]:
    """URL path of the static files: static_url_path, or the last part of the folder."""
    found = next(_calls(modules, "Flask"), None)
    if found is None:
        return Unknown("no call of Flask() was found in the app's code", Cause.NOT_FOUND)
    module, call = found
    place = _place(module, call.line)
    given = dict(call.keywords).get("static_url_path")
    if isinstance(given, Expression):
        return Unknown(f"static_url_path is computed: {given.text}", Cause.RUN_TIME, (place,))
    if isinstance(given, str):
        return Known("/" + given.strip("/"), (place,), Origin.EXPLICIT)
    folder = static_folder(modules)
    if not isinstance(folder, Known):
        return folder
    return Known("/" + folder.value.rpartition("/")[2], (place,), Origin.DEFAULT)


def version_route(modules: Sequence[OwnModule]) -> Fact[str]:
    """A route such as /version or /healthz."""
    for module in modules:
        for route in module.outline.routes:
            if VERSION_ROUTE.match(route):
                return Known(route, (Place(path=module.file),))
    return ABSENT


def upload_limit(modules: Sequence[OwnModule]) -> Fact[int]:
    """MAX_CONTENT_LENGTH of app.config, or of a class or module of settings. Absent: it is set nowhere."""
    for module in modules:
        for item in module.outline.assignments:
            if item.name.rpartition(".")[2] == _LIMIT or item.name.endswith(f"[{_LIMIT!r}]"):
                return _size(item.value, _place(module, item.line))
        for call in module.outline.calls:
            given = dict(call.keywords)
            if _LIMIT in given:
                return _size(given[_LIMIT], _place(module, call.line))
    return ABSENT


def _size(value: Literal | Expression, place: Place) -> Fact[int]:
    if isinstance(value, Expression):
        return Unknown(f"{_LIMIT} is computed: {value.text}", Cause.RUN_TIME, (place,))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Known(int(value), (place,), Origin.EXPLICIT)
    return Absent((place,))
