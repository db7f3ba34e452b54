"""What one JSON value has and another has not: the difference of two recordings, small and readable.

A change of a value is one of

    {"is": value}                                       another value
    {"fields": {name: change, …}, "gone": [name, …]}    of an object; "gone" where fields are
    {"lines": [3, -1, "a new line\\n", 40]}              of a text of many lines
    {"items": [3, -1, ["a new item"], 40]}              of a list

where a number n is n lines or items that stay, -n as many that go, and anything else comes in at that place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeAlias

Json: TypeAlias = Any
Change: TypeAlias = "dict[str, Any]"


def change(old: Json, new: Json) -> Change:
    """What makes `new` of `old`, the shortest of what can be said."""
    whole: Change = {"is": new}
    if isinstance(old, dict) and isinstance(new, dict):
        part = _fields(old, new)
    elif isinstance(old, str) and isinstance(new, str):
        part = {"lines": [*_edits(old.splitlines(keepends=True), new.splitlines(keepends=True))]}
    elif isinstance(old, list) and isinstance(new, list):
        part = {"items": [[*edit] if isinstance(edit, tuple) else edit for edit in _items(old, new)]}
    else:
        return whole
    return min(part, whole, key=lambda said: len(json.dumps(said)))


def changed(old: Json, change: Change) -> Json:
    """The value that `change` makes of `old`."""
    if "is" in change:
        return change["is"]
    if "fields" in change:
        kept = {name: value for name, value in old.items() if name not in change.get("gone", ())}
        return kept | {name: changed(old.get(name), inner) for name, inner in change["fields"].items()}
    if "lines" in change:
        return "".join(_edited(old.splitlines(keepends=True), change["lines"]))
    return _edited(old, change["items"])


def _fields(old: dict[str, Json], new: dict[str, Json]) -> Change:
    fields = {
        name: change(old[name], value) if name in old else {"is": value}
        for name, value in new.items()
        if name not in old or not same(old[name], value)
    }
    gone = [name for name in old if name not in new]
    return {"fields": fields, "gone": gone} if gone else {"fields": fields}


def _items(old: list[Json], new: list[Json]) -> Iterable[int | tuple[Json, ...]]:
    ours, theirs = [written(item) for item in old], [written(item) for item in new]
    for edit in _edits(ours, theirs):
        yield edit if isinstance(edit, int) else (json.loads(edit),)


def _edits(old: Sequence[str], new: Sequence[str]) -> Iterable[int | str]:
    for kind, first, end, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield end - first
            continue
        if end > first:
            yield first - end
        yield from new[start:stop]


def _edited(old: Sequence[Json], edits: Iterable[Json]) -> list[Json]:
    out: list[Json] = []
    at = 0
    for edit in edits:
        if isinstance(edit, int):
            out += old[at : at + edit] if edit > 0 else ()
            at += abs(edit)
        else:
            out += edit if isinstance(edit, list) else [edit]
    if at != len(old):
        raise ValueError(f"{at} lines or items are spoken of, there are {len(old)}")
    return out


def same(old: Json, new: Json) -> bool:
    """Whether both are written alike: 1 and 1.0 are not."""
    return written(old) == written(new)


def written(value: Json) -> str:
    """A value in the shortest form."""
    return json.dumps(value, separators=(",", ":"))
