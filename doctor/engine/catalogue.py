"""The catalogue as a check reads it: every rule taken apart and checked before, in one file that is quick to read.

Reading and checking the rule files takes longer than the look at a machine (docs/adr/0003-start-up.md). So
`doctor/_data/catalogue.json` holds what `load_rules` makes of them; the build writes it (hatch_build.py). It counts
only while each file is, byte for byte, the one it was made from; else the files themselves are loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from doctor.apps.topology import Hop
from doctor.engine.actions import ACTIONS, ActionCall, Argument
from doctor.engine.directory import CURES, rule_files, rules_directory
from doctor.engine.expression import Expression
from doctor.engine.rule import Case, Confidence, Fix, Let, Rule, Safety, Severity, Source
from doctor.engine.template import Field, Template

FILE = Path(__file__).parent.parent / "_data" / "catalogue.json"


def catalogue(file: Path | None = None) -> tuple[Rule, ...]:
    """Every rule, by id. Raises `RuleError` where the files have to be loaded and one is wrong."""
    folder = rules_directory()
    try:
        stored = json.loads((file or FILE).read_bytes())
        if stored["digest"] == _digest(folder):
            return tuple(_rule(row, folder) for row in stored["rules"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # not there, or of another version
    from doctor.engine.load import load_rules

    return load_rules()


def written(rules: Iterable[Rule]) -> str:
    """The text of the file that stands for these rules, which were loaded from the catalogue."""
    stored = {"digest": _digest(rules_directory()), "rules": [_row(rule) for rule in rules]}
    return json.dumps(stored, indent=0, ensure_ascii=False) + "\n"


def _digest(folder: Path) -> str:
    found = hashlib.blake2b(digest_size=16)
    for path in (*rule_files(folder), *sorted((folder / CURES).glob("*.yaml"))):
        content = path.read_bytes()
        found.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def _row(rule: Rule) -> dict[str, Any]:
    fixes: list[Fix] = []  # most are those of several cases
    for fix in (fix for case in rule.cases for fix in case.fixes):
        if fix not in fixes:
            fixes.append(fix)
    return {
        "id": rule.id,
        "name": rule.name,
        "layer": rule.layer,
        "title": rule.title,
        "symptoms": rule.symptoms,
        "confidence": rule.confidence.value,
        "subject": rule.subject,
        "hop": rule.hop.value if rule.hop else None,
        "let": [[let.name, let.condition.text] for let in rule.let],
        "why": rule.why,
        "sources": [[source.title, source.url] for source in rule.sources],
        "fixes": [_fix_row(fix) for fix in fixes],
        "cases": [
            {
                "given": [given.text for given in case.given],
                "expect": case.expect.text,
                "severity": case.severity.value,
                "message": case.message.text,
                "evidence": [field.source for field in case.evidence],
                "fixes": [fixes.index(fix) for fix in case.fixes],
                "explains": sorted(case.explains),
            }
            for case in rule.cases
        ],
    }


def _fix_row(fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "safety": fix.safety.value,
        "also": fix.also,
        "when": fix.when.text if fix.when else None,
        "commands": [command.text for command in fix.commands],
        "steps": [step.text for step in fix.steps],
        "actions": [
            [call.action.name, [[name, *_argument_row(argument)] for name, argument in call.arguments]]
            for call in fix.actions
        ],
    }


def _argument_row(argument: Argument) -> tuple[str, Any]:
    if isinstance(argument, tuple):
        return "texts", [template.text for template in argument]
    return ("fact" if isinstance(argument, Expression) else "text"), argument.text


def _rule(row: dict[str, Any], folder: Path) -> Rule:
    fixes = tuple(map(_fix, row["fixes"]))
    cases = tuple(_case(case, fixes) for case in row["cases"])
    return Rule(
        id=row["id"],
        name=row["name"],
        layer=row["layer"],
        title=row["title"],
        symptoms=tuple(row["symptoms"]),
        severity=min((case.severity for case in cases), key=lambda severity: severity.rank),
        confidence=Confidence(row["confidence"]),
        subject=row["subject"],
        hop=Hop(row["hop"]) if row["hop"] else None,
        let=tuple(Let(name, Expression(text)) for name, text in row["let"]),
        cases=cases,
        why=row["why"],
        sources=tuple(Source(title, url) for title, url in row["sources"]),
        explains=frozenset[str]().union(*(case.explains for case in cases)),
        path=f"{folder}/{row['layer']}/{row['name']}.yaml",
    )


def _case(row: dict[str, Any], fixes: tuple[Fix, ...]) -> Case:
    return Case(
        given=tuple(map(Expression, row["given"])),
        expect=Expression(row["expect"]),
        severity=Severity(row["severity"]),
        message=Template(row["message"]),
        evidence=tuple(map(Field, row["evidence"])),
        fixes=tuple(fixes[number] for number in row["fixes"]),
        explains=frozenset(row["explains"]),
    )


def _fix(row: dict[str, Any]) -> Fix:
    return Fix(
        title=row["title"],
        safety=Safety(row["safety"]),
        when=Expression(row["when"]) if row["when"] else None,
        actions=tuple(
            ActionCall(ACTIONS[action], tuple((name, _argument(kind, value)) for name, kind, value in arguments))
            for action, arguments in row["actions"]
        ),
        commands=tuple(map(Template, row["commands"])),
        steps=tuple(map(Template, row["steps"])),
        also=row["also"],
    )


def _argument(kind: str, value: Any) -> Argument:
    if kind == "texts":
        return tuple(map(Template, value))
    return Expression(value) if kind == "fact" else Template(value)
