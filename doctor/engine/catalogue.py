"""The catalogue as a check reads it: every rule taken apart and checked before, in one file that is quick to read.

Reading and checking the rule files takes longer than the look at a machine (docs/adr/0003-start-up.md). So
`doctor/_data/catalogue.json` holds what `load_rules` makes of them; the build writes it (hatch_build.py). It counts
only while each file is, byte for byte, the one it was made from; else the files themselves are loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from doctor.engine.actions import ACTIONS, ActionCall, Argument, Parameter
from doctor.engine.directory import CURES, rule_files, rules_directory
from doctor.engine.expression import Expression
from doctor.engine.rule import Fix, Rule
from doctor.engine.template import Field, Template
from doctor.serial import Form, Json, Serial

FILE = Path(__file__).parent.parent / "_data" / "catalogue.json"


def catalogue(file: Path | None = None) -> tuple[Rule, ...]:
    """Every rule, by id. Raises `RuleError` where the files have to be loaded and one is wrong."""
    folder = rules_directory()
    try:
        stored = json.loads((file or FILE).read_bytes())
        if stored["digest"] == _digest(folder):
            fixes = Serial(_FORMS, terse=True).read(stored["fixes"], tuple[Fix, ...])
            rules = _naming(fixes).read(stored["rules"], tuple[Rule, ...])
            return tuple(replace(rule, path=f"{folder}/{rule.path}") for rule in rules)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        pass  # not there, or of another version
    from doctor.engine.load import load_rules

    return load_rules()


def written(rules: Iterable[Rule]) -> str:
    """The text of the file that stands for these rules, which were loaded from the catalogue."""
    folder = rules_directory()
    placed = [replace(rule, path=str(Path(rule.path).relative_to(folder))) for rule in rules]
    fixes: list[Fix] = []  # most are those of several cases
    for fix in (fix for rule in placed for case in rule.cases for fix in case.fixes):
        if fix not in fixes:
            fixes.append(fix)
    stored = {
        "digest": _digest(folder),
        "fixes": Serial(_FORMS, terse=True).write(fixes),
        "rules": _naming(fixes).write(placed),
    }
    return json.dumps(stored, indent=0, ensure_ascii=False) + "\n"


def _digest(folder: Path) -> str:
    found = hashlib.blake2b(digest_size=16)
    for path in (*rule_files(folder), *sorted((folder / CURES).glob("*.yaml"))):
        content = path.read_bytes()
        found.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def _call_row(call: ActionCall) -> Json:
    return [call.action.name, {name: _argument_row(argument) for name, argument in call.arguments}]


def _argument_row(argument: Argument) -> Json:
    return [template.text for template in argument] if isinstance(argument, tuple) else argument.text


def _call(row: tuple[str, Mapping[str, str | tuple[str, ...]]]) -> ActionCall:
    name, written = row
    action = ACTIONS[name]
    return ActionCall(
        action, tuple((name, _argument(action.parameters[name], value)) for name, value in written.items())
    )


def _argument(kind: Parameter, value: str | tuple[str, ...]) -> Argument:
    """What it is, the signature says."""
    if isinstance(value, tuple):
        return tuple(map(Template, value))
    return Expression(value) if kind in (Parameter.EDIT, Parameter.PLACE) else Template(value)


_FORMS: Mapping[type[Any], Form] = {
    Expression: Form(str, lambda value: value.text, Expression),
    Template: Form(str, lambda value: value.text, Template),
    Field: Form(str, lambda value: value.source, Field),
    ActionCall: Form(tuple[str, Mapping[str, str | tuple[str, ...]]], _call_row, _call),
}


def _naming(fixes: Sequence[Fix]) -> Serial:
    """A fix is its number among all of them."""
    return Serial({**_FORMS, Fix: Form(int, fixes.index, fixes.__getitem__)}, terse=True)
