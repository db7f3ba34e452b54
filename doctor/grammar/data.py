"""Data in files that anybody may have written: JSON and Python literals, where nothing in a text can stop the reader.

What is too deep, too large or malformed is no data, as a file that holds something else is none.
"""

from __future__ import annotations

import ast

_REFUSED = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)
"""Whatever a parser says to a text: of its form, an unhashable key, and nesting beyond its stack."""


def json_object(text: str) -> dict[str, object]:
    """The object that a JSON text is; empty where it is something else."""
    import json

    try:
        found = json.loads(text)
    except _REFUSED:
        return {}
    return found if isinstance(found, dict) else {}


def literal_dict(text: str) -> dict[object, object]:
    """The dict that a Python literal is, nothing computed; empty where it is something else."""
    try:
        found = ast.literal_eval(text)
    except _REFUSED:
        return {}
    return found if isinstance(found, dict) else {}


def expression(text: str) -> ast.expr | None:
    """A Python expression as a tree; None where the text is none."""
    try:
        return ast.parse(text, mode="eval").body
    except _REFUSED:
        return None
