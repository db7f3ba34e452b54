"""`flaskdoctor explain`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doctor.cli.options import OwnRules, own_rules
from doctor.errors import UserError

if TYPE_CHECKING:
    from doctor.engine.yaml import Node
    from doctor.reports.layout import Line

_ID = re.compile(r"^id:\s*[\"']?([A-Z]{3}[0-9]{3})", re.MULTILINE)


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id or name; or a prefix of ids, or a symptom.")],
    own: OwnRules = None,
) -> None:
    """Explain a rule: why it matters, the cure, the sources.

    Of a prefix of ids (SOC) or a symptom (502) it lists the rules.
    """
    from doctor.cli.output import emit_lines, width

    folders = own_rules(own)
    emit_lines(_listed(rule, folders, width(sys.stdout)) or explanation(rule, width(sys.stdout), folders))


def _listed(word: str, folders: tuple[str, ...], width: int) -> list[Line]:
    """The rules of a layer or about a symptom; nothing of any other word."""
    if not re.fullmatch(r"[A-Za-z]{3}|\d{3}|[a-z]+(-[a-z]+)?", word) or word in _paths(folders):
        return []
    from doctor.engine.rule import LAYERS, SYMPTOMS

    choice = word.upper() if word.upper() in LAYERS.values() else word.lower()
    if choice not in {*LAYERS.values(), *SYMPTOMS}:
        return []
    from doctor.reports.catalogue import table
    from doctor.run import every_rule

    rules = [rule for rule in every_rule(folders) if rule.id.startswith(choice) or choice in rule.symptoms]
    return table(rules, width)


def explanation(rule: str, width: int, folders: tuple[str, ...] = ()) -> list[Line]:
    """What `explain` prints of a rule, by its id or its name. Raises UserError when there is no such rule.

    `folders` hold rules besides those of the catalogue.
    """
    from doctor.engine.directory import CURES
    from doctor.engine.yaml import parse, text_of
    from doctor.reports.catalogue import explained

    path = _find(rule, folders)
    # As text, not compiled: the fact model that compiling checks against takes longer to import than there is time.
    document = _plain(parse(str(path), text_of(path)))
    for each in (document, *document.get("cases", ())):
        each["fix"] = list(_fixes(each.get("fix", ()), document.get("cures", {}), path.parent.parent / CURES))
    return explained(document, width)


def _fixes(entries: Any, own: dict[str, Any], shared: Path) -> Iterator[dict[str, Any]]:
    """Fixes as they stand, and those behind the names of cures."""
    from doctor.engine.yaml import parse, text_of

    for entry in [entries] if isinstance(entries, str) else entries:
        if isinstance(entry, dict):
            yield entry
        elif entry in own:
            yield from own[entry]
        else:
            path = shared / f"{entry}.yaml"
            yield from _plain(parse(str(path), text_of(path)))


def _plain(node: Node) -> Any:
    """A YAML tree as strings, lists and dictionaries."""
    from doctor.engine.yaml import Mapping, Scalar

    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, (_, value) in node.items.items()}
    return [_plain(item) for item in node.items]


def _paths(folders: tuple[str, ...]) -> dict[str, Path]:
    """The files of the rules, by name. Those in `folders` are loaded first, which says what is wrong with them."""
    from doctor.engine.directory import rule_files, rules_directory

    if folders:
        from doctor.run import every_rule

        return {rule.name: Path(rule.path) for rule in every_rule(folders)}
    return {path.stem: path for path in rule_files(rules_directory())}


def _find(word: str, folders: tuple[str, ...]) -> Path:
    """The file of a rule. Only names and ids are read: loading the whole catalogue takes longer than explaining."""
    paths = _paths(folders)
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
