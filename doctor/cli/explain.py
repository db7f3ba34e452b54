"""`flaskdoctor explain`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doctor.errors import UserError

if TYPE_CHECKING:
    from doctor.engine.yaml import Node
    from doctor.reports.layout import Line

_ID = re.compile(r"^id:\s*[\"']?([A-Z]{3}[0-9]{3})", re.MULTILINE)


def explain(rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id or its name.")]) -> None:
    """Print all there is to know about a rule: why it matters, how it is told, the cure and the sources."""
    from doctor.cli.output import emit_lines, width

    emit_lines(explanation(rule, width(sys.stdout)))


def explanation(rule: str, width: int) -> list[Line]:
    """What `explain` prints of a rule, by its id or its name. Raises UserError when there is no such rule."""
    from doctor.engine.yaml import parse, text_of
    from doctor.reports.catalogue import explained

    path = _find(rule)
    # As text, not compiled: the fact model that compiling checks against takes longer to import than there is time.
    document = _plain(parse(str(path), text_of(path)))
    return explained(document, width)


def _plain(node: Node) -> Any:
    """A YAML tree as strings, lists and dictionaries."""
    from doctor.engine.yaml import Mapping, Scalar

    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, (_, value) in node.items.items()}
    return [_plain(item) for item in node.items]


def _find(word: str) -> Path:
    """The file of a rule. Only names and ids are read: loading the whole catalogue takes longer than explaining."""
    from doctor.engine.directory import rules_directory

    paths = {path.stem: path for path in sorted(rules_directory().glob("*/*.yaml"))}
    if word.lower() in paths:
        return paths[word.lower()]
    ids: dict[str, Path] = {}
    for path in paths.values():
        found = _ID.search(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            ids[found[1]] = path
    if word.upper() in ids:
        return ids[word.upper()]
    from doctor.engine.suggest import did_you_mean

    near = (
        did_you_mean(word.upper(), ids)
        if re.fullmatch(r"[A-Za-z]{1,4}\d*", word)
        else did_you_mean(word.lower(), paths)
    )
    hint = f"{near[0].upper()}{near[1:]}\n  " if near else ""
    raise UserError(f"there is no rule {word!r}", "", f"{hint}flaskdoctor rules lists them all.")
