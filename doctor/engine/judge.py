"""Judges facts by rules: one outcome for each rule and subject. A rule that breaks never takes others with it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from doctor.apps.topology import Facts
from doctor.cause import Cause, together
from doctor.engine.actions import bind_action
from doctor.engine.diagnosis import leading_to
from doctor.engine.evaluate import Evaluation, Names, bind, combine, evaluate, look
from doctor.engine.finding import BoundFix, Finding, SubjectRef, evidence, fingerprint
from doctor.engine.restarts import failing, with_resets
from doctor.engine.rule import Case, Fix, Rule
from doctor.engine.subjects import SUBJECTS, Instance
from doctor.facts.value import Absent, Unknown
from doctor.frozen import frozen


class Outcome(str, Enum):
    """What a rule says of one subject."""

    FAIL = "fail"
    PASS = "pass"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    SUPPRESSED = "suppressed"
    """Failed, and somebody decided to live with it."""
    ERROR = "error"
    """The rule itself broke: a bug of ours."""


@frozen
class Result:
    """One rule on one subject. `reason` says why it is unknown or an error, `cause` (of an unknown) what kind of
    reason that is; `finding` is there for a fail.
    """

    rule: Rule
    subject: SubjectRef
    app: str
    outcome: Outcome
    reason: str = ""
    finding: Finding | None = None
    cause: Cause | None = None


@frozen
class Judgement:
    """Every result, in the order of rules and subjects. `not_run`: how many rules somebody chose to leave out."""

    results: tuple[Result, ...]
    not_run: int = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What failed."""
        return tuple(
            result.finding for result in self.results if result.outcome is Outcome.FAIL and result.finding is not None
        )

    @property
    def counts(self) -> Counter[Outcome]:
        """How many results there are of each outcome."""
        return Counter(result.outcome for result in self.results)

    def of(self, outcome: Outcome) -> tuple[Result, ...]:
        """The results with one outcome."""
        return tuple(result for result in self.results if result.outcome is outcome)


def judge(rules: Iterable[Rule], facts: Facts) -> Judgement:
    """Judge every subject by every rule. A pure function of the facts: nothing is read."""
    instances: dict[str, tuple[Instance, ...] | str] = {}
    results: list[Result] = []
    down = failing(facts.systemd.units)

    for rule in rules:
        if rule.subject not in instances:
            instances[rule.subject] = _expand(rule.subject, facts)
        subjects = instances[rule.subject]
        if isinstance(subjects, str):
            results.append(Result(rule, SubjectRef(rule.subject, ""), "", Outcome.ERROR, subjects))
        else:
            results += [judge_subject(rule, instance, down) for instance in subjects]
    return Judgement(tuple(results))


def narrowed(judgement: Judgement, selected: Sequence[Rule], of: int) -> Judgement:
    """What was asked about: the results of the selected rules, and the findings that explain what failed of them.

    `of`: how many rules there are.
    """
    names = frozenset(rule.name for rule in selected)
    kept = {id(finding) for finding in leading_to(judgement.findings, names)}
    results = tuple(result for result in judgement.results if result.rule.name in names or id(result.finding) in kept)
    return Judgement(results, of - len(names))


def _expand(subject: str, facts: Facts) -> tuple[Instance, ...] | str:
    try:
        return tuple(SUBJECTS[subject].expand(facts))
    except Exception as error:
        return bug(error)


def bug(error: Exception) -> str:
    """An error of ours in a line: its type, where it was raised, its message."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        where = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {where}: {error}"


def judge_subject(rule: Rule, instance: Instance, down: frozenset[str] = frozenset()) -> Result:
    """Judge one subject by one rule. `down`: the units whose count of failures a fix resets first."""
    subject = SubjectRef(rule.subject, instance.name)
    try:
        names = bind(instance.names)
        verdicts: list[tuple[Outcome, Evaluation]] = []
        for case in rule.cases:
            outcome, decided = verdict(case, names)
            if outcome is Outcome.FAIL:
                finding = _finding(rule, case, subject, instance.app, names, decided, down)
                return Result(rule, subject, instance.app, outcome, finding=finding)
            verdicts.append((outcome, decided))
        for outcome in (Outcome.UNKNOWN, Outcome.PASS):
            said = [decided for verdict, decided in verdicts if verdict is outcome]
            if said:
                if outcome is Outcome.PASS:
                    return Result(rule, subject, instance.app, outcome)
                why = together(_doubts(said))
                return Result(rule, subject, instance.app, outcome, why.reason, cause=why.cause)
        return Result(rule, subject, instance.app, Outcome.NOT_APPLICABLE)
    except Exception as error:
        return Result(rule, subject, instance.app, Outcome.ERROR, f"{rule.name}: {bug(error)}")


def verdict(case: Case, names: Names) -> tuple[Outcome, Evaluation]:
    """What one case comes to, and the facts that decided it."""
    given = combine((evaluate(given.node, names) for given in case.given), decisive=False)
    if isinstance(given.value, Unknown):
        return (Outcome.NOT_APPLICABLE if _outside(given) else Outcome.UNKNOWN), given
    if given.value is not True:
        return Outcome.NOT_APPLICABLE, given
    expect = evaluate(case.expect.node, names)
    if _outside(expect):
        return Outcome.NOT_APPLICABLE, expect
    if isinstance(expect.value, Unknown):
        return Outcome.UNKNOWN, expect
    if isinstance(expect.value, Absent):
        return Outcome.NOT_APPLICABLE, expect
    return (Outcome.PASS if expect.value else Outcome.FAIL), expect


def _outside(decided: Evaluation) -> bool:
    """It hangs on what files alone do not tell: neither a pass, nor a fault, nor a check somebody could still make."""
    return any(isinstance(seen.fact, Unknown) and seen.fact.cause is Cause.OUTSIDE for seen in decided.seen)


def _doubts(evaluations: list[Evaluation]) -> list[Unknown]:
    seen = [seen.fact for decided in evaluations for seen in decided.seen if isinstance(seen.fact, Unknown)]
    # A value can be unknown although each fact is known, such as the version in a string without one.
    return seen or [decided.value for decided in evaluations if isinstance(decided.value, Unknown)]


def _finding(
    rule: Rule,
    case: Case,
    subject: SubjectRef,
    app: str,
    names: Names,
    decided: Evaluation,
    down: frozenset[str],
) -> Finding:
    proof = tuple(evidence(look(field.node, names), field) for field in case.evidence)
    proof = proof or tuple(evidence(seen) for seen in decided.seen)
    return Finding(
        rule=rule,
        severity=case.severity,
        subject=subject,
        app=app,
        message=case.message.render(names),
        evidence=proof,
        fixes=tuple(with_resets(fix, down) for fix in offered(case.fixes, names)),
        fingerprint=fingerprint(rule, subject, proof),
        explains=tuple(sorted(case.explains)),
    )


def offered(fixes: Iterable[Fix], names: Names) -> Iterator[BoundFix]:
    """The cures to offer: of each class (safe, unsafe, manual) the first that applies, and those to choose from."""
    classes = set()
    for fix in fixes:
        if (fix.also or fix.safety not in classes) and (bound := bind_fix(fix, names)) is not None:
            classes.add(fix.safety)
            yield bound


def bind_fix(fix: Fix, names: Names) -> BoundFix | None:
    """The fix with its values; None when it does not apply or needs a value that is not known."""
    if fix.when is not None and evaluate(fix.when.node, names).value is not True:
        return None
    actions = [bind_action(call, names) for call in fix.actions]
    commands = [command.complete(names, shlex.quote) for command in fix.commands]
    if None in actions or None in commands:
        return None
    return BoundFix(
        title=fix.title,
        safety=fix.safety,
        actions=tuple(action for action in actions if action),
        commands=tuple(command for command in commands if command is not None),
        steps=tuple(step.render(names) for step in fix.steps),
    )
