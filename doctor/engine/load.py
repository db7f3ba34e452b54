"""Loads rule files: reads, checks, compiles. Whatever is wrong is a `RuleError` with file, line, column and a hint."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from doctor.engine.actions import ACTIONS, ActionCall, Argument, Parameter, well_formed
from doctor.engine.directory import CURES, rule_files, rules_directory
from doctor.engine.expression import Expression, ExpressionError, substituted
from doctor.engine.expression import parse as parse_expression
from doctor.engine.functions import FUNCTIONS
from doctor.engine.impossible import never_passes
from doctor.engine.rule import LAYERS, SYMPTOMS, Case, Fix, Let, Rule, Safety, Source
from doctor.engine.shape import (
    ID,
    NAME,
    CaseShape,
    FixList,
    FixShape,
    On,
    RuleShape,
    SourceShape,
    YesNo,
    fix_list,
    read,
)
from doctor.engine.subjects import SUBJECTS
from doctor.engine.suggest import did_you_mean
from doctor.engine.template import Field, Template, parse_field, parse_template
from doctor.engine.types import BOOL, Scope, check, is_path, require_bool
from doctor.engine.yaml import Mapping, RuleError, Scalar, Sequence, parse, text_of
from doctor.engine.yaml import Node as YamlNode
from doctor.facts.edit import Edit

__all__ = ["RuleError", "load_rule", "load_rules", "rules_directory"]

T = TypeVar("T")

_PLACES = {On.MACHINE: 'host.kind != "tree"', On.FILES: 'host.kind == "tree"'}
"""Where a rule is judged, as a condition."""


def load_rules(directory: Path | None = None) -> tuple[Rule, ...]:
    """Every rule of `directory/<layer>/<name>.yaml` (the catalogue without one), by id. Raises `RuleError`."""
    folder = directory or rules_directory()
    loaded = [_load(path, text_of(path), path.parent.name) for path in rule_files(folder)]
    _check_together(loaded)
    return tuple(sorted((rule for rule, _ in loaded), key=lambda rule: rule.id))


def load_own(files: Iterable[Path], ours: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules of the caller's own, by id, none of which is called as one of `ours`. Raises `RuleError`."""
    loaded = [_load(path, text_of(path), path.parent.name, proven=False) for path in files]
    _check_together(loaded, ours)
    return tuple(sorted((rule for rule, _ in loaded), key=lambda rule: rule.id))


def load_rule(path: Path, text: str | None = None) -> Rule:
    """One rule file, checked by itself: the rules it explains are not looked up. Raises `RuleError`."""
    return _load(path, text_of(path) if text is None else text, path.parent.name)[0]


def _check_together(loaded: Iterable[tuple[Rule, RuleShape]], others: Iterable[Rule] = ()) -> None:
    by_id: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for rule in others:
        by_id[rule.id] = by_name[rule.name] = rule.path
    shapes = list(loaded)
    for rule, shape in shapes:
        for word, seen, scalar in ((rule.id, by_id, shape.id), (rule.name, by_name, shape.name)):
            if word in seen:
                raise scalar.error(f"{word} is taken", f"by {seen[word]}")
            seen[word] = rule.path
    for rule, shape in shapes:
        for scalar in (*shape.explains, *(name for case in shape.cases for name in case.explains)):
            if scalar.text not in by_name:
                raise scalar.error(f"no rule is named {scalar.text!r}", did_you_mean(scalar.text, by_name))
            if scalar.text == rule.name:
                raise scalar.error("a rule cannot explain itself")


def _load(path: Path, text: str, layer: str, *, proven: bool = True) -> tuple[Rule, RuleShape]:
    """`proven`: its fixes may be called safe, as the lab has shown that they are."""
    node = parse(str(path), text)
    shape = read(RuleShape, node, "a rule")
    _check_identity(shape, path, layer)
    _check_words(shape, node)
    compiler = _Compiler(SUBJECTS[shape.subject.text].scope, shape, path.parent.parent / CURES, proven)
    cases = compiler.cases(shape, node)
    explains = frozenset[str]().union(*(case.explains for case in cases))
    rule = Rule(
        id=shape.id.text,
        name=shape.name.text,
        layer=layer,
        title=shape.title.text,
        symptoms=tuple(symptom.text for symptom in shape.symptoms),
        severity=min((case.severity for case in cases), key=lambda severity: severity.rank),
        confidence=shape.confidence,
        subject=shape.subject.text,
        hop=shape.hop,
        let=compiler.let,
        cases=cases,
        why=shape.why.text.strip(),
        sources=tuple(_source(source) for source in shape.sources),
        explains=explains,
        path=str(path),
    )
    return rule, shape


def _check_identity(shape: RuleShape, path: Path, layer: str) -> None:
    if not re.fullmatch(ID, shape.id.text):
        raise shape.id.error(f"{shape.id.text!r} is no id", "three capitals and three digits, such as GUN003")
    if not re.fullmatch(NAME, shape.name.text):
        raise shape.name.error(f"{shape.name.text!r} is no name", "kebab case, such as single-worker")
    if shape.name.text != path.stem:
        raise shape.name.error(f"the file is called {path.name}", f"call it {shape.name.text}.yaml")
    if layer not in LAYERS:
        raise shape.id.error(f"{layer!r} is no layer", did_you_mean(layer, LAYERS))
    if not shape.id.text.startswith(LAYERS[layer]):
        raise shape.id.error(f"ids of {layer}/ start with {LAYERS[layer]}")


def _check_words(shape: RuleShape, node: YamlNode) -> None:
    if shape.subject.text not in SUBJECTS:
        raise shape.subject.error(f"unknown subject {shape.subject.text!r}", did_you_mean(shape.subject.text, SUBJECTS))
    for symptom in shape.symptoms:
        if symptom.text not in SYMPTOMS:
            raise symptom.error(f"unknown symptom {symptom.text!r}", did_you_mean(symptom.text, SYMPTOMS))
    for key, values in (("symptoms", shape.symptoms), ("sources", shape.sources)):
        if not values:
            raise node.error(f"a rule has no {key!r}", "at least one")
    if shape.hop is None and SUBJECTS[shape.subject.text].of_app:
        raise node.error("a rule has no 'hop'", "which link of the request's way breaks")


def _source(shape: SourceShape) -> Source:
    if not re.match(r"https?://[^\s/]+\.[^\s/]+", shape.url.text):
        raise shape.url.error(f"{shape.url.text!r} is no address", "https://…")
    return Source(shape.title.text, shape.url.text)


class _Compiler:
    """Turns the texts of one rule into expressions and templates, checked against the names of its subject.

    `cures`: the folder of the cures that several rules share.
    """

    def __init__(self, scope: Scope, rule: RuleShape, cures: Path, proven: bool) -> None:
        self._scope = scope
        self._proven = proven
        self._shared = cures
        self._own = rule.cures.items if rule.cures else {}
        self._conditions = dict(scope)
        self._named: dict[str, str] = {}
        for key, value in rule.let.items.values() if rule.let else ():
            self._let(key, value)

    def _let(self, key: Scalar, value: YamlNode) -> None:
        if not key.text.isidentifier() or key.text in self._conditions or key.text in FUNCTIONS:
            raise key.error(f"{key.text!r} cannot be the name of a condition", "a word that nothing else is called by")
        self._named[key.text] = self._condition(self._scalar(value), "let").text
        self._conditions[key.text] = BOOL

    @property
    def let(self) -> tuple[Let, ...]:
        """The named conditions."""
        return tuple(Let(name, Expression(text)) for name, text in self._named.items())

    def cases(self, shape: RuleShape, node: YamlNode) -> tuple[Case, ...]:
        own = [shape] if shape.expect or shape.fault else list(shape.cases)
        if not own or (shape.cases and (shape.expect or shape.fault)):
            raise node.error(
                "a rule has either 'expect', 'fault' or 'cases'", "cases are several ways to tell one fault"
            )
        return tuple(self._case(case, shape, node) for case in own)

    def _case(self, case: CaseShape | RuleShape, rule: RuleShape, node: YamlNode) -> Case:
        where = case.expect or case.fault or node
        severity = case.severity or rule.severity
        message = case.message or rule.message
        if severity is None or message is None:
            raise where.error(
                f"no {'severity' if severity is None else 'message'} for this expect", "in the case or the rule"
            )
        given = self._given(case, rule)
        expect = self._expect(case, node)
        if never_passes([term.node for term in given], expect.node):
            raise where.error(
                "this case can never pass", "state the bad state as 'fault', and only what it presumes as 'given'"
            )
        return Case(
            given=given,
            expect=expect,
            severity=severity,
            message=self._template(message),
            evidence=tuple(self._evidence(entry) for entry in case.evidence or rule.evidence),
            fixes=self._fixes(case.fix or rule.fix),
            explains=frozenset(name.text for name in (*rule.explains, *case.explains)),
        )

    def _given(self, case: CaseShape | RuleShape, rule: RuleShape) -> tuple[Expression, ...]:
        on = case.on or rule.on
        place = (Expression(_PLACES[on]),) if on else ()
        givens = [given for given in (rule.given, None if case is rule else case.given) if given]
        return (*place, *(self._condition(given, "given") for given in givens))

    def _expect(self, case: CaseShape | RuleShape, node: YamlNode) -> Expression:
        if (case.expect is None) == (case.fault is None):
            raise (case.expect or node).error("a case has either 'expect' or 'fault'", "the good state, or the bad one")
        if case.expect is not None:
            return self._condition(case.expect, "expect")
        assert case.fault is not None
        return Expression(f"not ({self._condition(case.fault, 'fault').text})")

    def _condition(self, scalar: Scalar, where: str) -> Expression:
        """Named conditions written out."""
        try:
            require_bool(parse_expression(scalar.text), self._conditions, where)
            return Expression(substituted(scalar.text, self._named) if self._named else scalar.text)
        except ExpressionError as error:
            raise scalar.error_at(error.offset, error.message, error.hint) from None

    def _fixes(self, shape: FixList | None) -> tuple[Fix, ...]:
        entries = shape.entries if shape else ()
        return tuple(
            fix
            for entry in entries
            for fix in ([self._fix(entry)] if isinstance(entry, FixShape) else self._fixes(self._cure(entry)))
        )

    def _cure(self, name: Scalar) -> FixList:
        """The fixes of a cure: of this rule, or one that rules share. What it names itself are fixes."""
        if name.text in self._own:
            found = fix_list(*self._own[name.text])
        else:
            path = self._shared / f"{name.text}.yaml"
            shared = {other.stem for other in self._shared.glob("*.yaml")}
            if name.text not in shared:
                raise name.error(f"no cure is named {name.text!r}", did_you_mean(name.text, {*self._own, *shared}))
            found = fix_list(name, parse(str(path), text_of(path)))
        if any(isinstance(entry, Scalar) for entry in found.entries):
            raise name.error(f"the cure {name.text} names another", "write its fixes out")
        return found

    def _template(self, scalar: Scalar) -> Template:
        try:
            return parse_template(scalar.text.strip(), self._scope)
        except ExpressionError as error:
            offset = error.offset + len(scalar.text) - len(scalar.text.lstrip())
            raise scalar.error_at(offset, error.message, error.hint) from None

    def _evidence(self, scalar: Scalar) -> Field:
        try:
            return parse_field(scalar.text, self._scope, evidence=True)
        except ExpressionError as error:
            raise scalar.error_at(error.offset, error.message, error.hint) from None

    def _fix(self, shape: FixShape) -> Fix:
        actions = tuple(self._action(node) for node in shape.actions.items) if shape.actions else ()
        if (shape.safety is Safety.MANUAL) == bool(actions):
            raise shape.title.error(
                f"a {shape.safety.value} fix {'has no' if actions else 'needs'} actions",
                "safe and unsafe fixes have actions, a manual one commands or steps",
            )
        if shape.safety is Safety.SAFE and not self._proven:
            raise shape.title.error(
                "a fix of your own rule is not safe", "safety: unsafe; safe is what the lab has shown"
            )
        if bool(actions) == bool(shape.commands or shape.steps):
            raise shape.title.error("a fix has either actions, or commands and steps")
        drops = [call.action.name for call in actions if call.action.drops_requests]
        if shape.safety is Safety.SAFE and drops:
            raise shape.title.error(f"{drops[0]} is never safe", "safety: unsafe")
        return Fix(
            title=shape.title.text,
            safety=shape.safety,
            when=self._condition(shape.when, "when") if shape.when else None,
            actions=actions,
            commands=tuple(map(self._template, shape.commands)),
            steps=tuple(map(self._template, shape.steps)),
            also=shape.also is YesNo.YES,
        )

    def _action(self, node: YamlNode) -> ActionCall:
        if isinstance(node, Scalar):
            name, arguments = node, Mapping(node.source, node.line, node.column, {})
        elif isinstance(node, Mapping) and len(node.items) == 1:
            [(name, value)] = node.items.values()
            if not isinstance(value, Mapping):
                raise value.error(f"{name.text} needs its arguments as a mapping")
            arguments = value
        else:
            raise node.error("an action is one name with its arguments", "- systemd.restart: {unit: …}")
        action = ACTIONS.get(name.text)
        if action is None:
            raise name.error(f"unknown action {name.text!r}", did_you_mean(name.text, ACTIONS))
        for key, _ in arguments.items.values():
            if key.text not in action.parameters:
                raise key.error(
                    f"{action.name} has no parameter {key.text!r}", did_you_mean(key.text, action.parameters)
                )
        for word in action.parameters:
            if word not in arguments.items:
                raise name.error(f"{action.name} needs {word!r}", f"parameters: {', '.join(action.parameters)}")
        bound = tuple(
            (word, self._argument(kind, arguments.items[word][1])) for word, kind in action.parameters.items()
        )
        return ActionCall(action, bound)

    def _argument(self, kind: Parameter, node: YamlNode) -> Argument:
        if kind is Parameter.TEXTS:
            if not isinstance(node, Sequence) or not node.items:
                raise node.error("a list of values is needed here")
            return tuple(self._template(self._scalar(item)) for item in node.items)
        scalar = self._scalar(node)
        if kind in (Parameter.EDIT, Parameter.PLACE):
            return self._fact(scalar, kind)
        template = self._template(scalar)
        if "{" not in scalar.text and not well_formed(kind, scalar.text):
            raise scalar.error(f"{scalar.text!r} is no {kind.value}")
        return template

    def _fact(self, scalar: Scalar, kind: Parameter) -> Expression:
        expression = Expression(scalar.text)
        try:
            found = check(expression.node, self._scope)
            if not is_path(expression.node):
                raise ExpressionError(0, f"a fact is needed here, not {scalar.text!r}")
            if kind is Parameter.EDIT and found.cls is not Edit:
                raise ExpressionError(0, f"an Edit is needed here, this is a {found}")
        except ExpressionError as error:
            raise scalar.error_at(error.offset, error.message, error.hint) from None
        return expression

    @staticmethod
    def _scalar(node: YamlNode) -> Scalar:
        if not isinstance(node, Scalar):
            raise node.error("plain text is needed here")
        return node
