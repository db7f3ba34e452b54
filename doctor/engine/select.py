"""Which rules run: by id, prefix of ids, name, symptom or ALL. The narrower word wins; between equals, to ignore."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from doctor.engine.rule import Rule
from doctor.engine.suggest import did_you_mean
from doctor.errors import UserError

ALL = "ALL"


class SelectorError(UserError):
    """A word that selects no rule there is."""

    def __init__(self, word: str, hint: str) -> None:
        super().__init__("no rule is selected by", word, hint)
        self.word = word
        self.hint = hint


def select(
    rules: Sequence[Rule],
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    extend_select: Iterable[str] = (),
) -> tuple[Rule, ...]:
    """The rules that are selected (all of them without `select`), in their order; at least one.

    Raises `SelectorError` for a word that selects none, UserError where the words together leave none: to judge by no
    rule would be a clean bill of health.
    """
    wanted, extra, unwanted = list(select), list(extend_select), list(ignore)
    for word in (*wanted, *extra, *unwanted):
        _check(word, rules)
    chosen = [*(wanted or [ALL]), *extra]
    left = tuple(rule for rule in rules if _narrowest(chosen, rule) > _narrowest(unwanted, rule))
    if not left:
        raise UserError("every rule that is selected is ignored as well", "", "Ignore fewer of them, or select others.")
    return left


def one(rules: Sequence[Rule], word: str) -> Rule:
    """The rule of that name or id, in any case of letters. Raises UserError, with what may have been meant."""
    for rule in rules:
        if word.upper() == rule.id or word.lower() == rule.name:
            return rule
    near = did_you_mean(word.lower(), {rule.name for rule in rules})
    near = near or did_you_mean(word.upper(), {rule.id for rule in rules})
    hint = f"{near[0].upper()}{near[1:]}\n  " if near else ""
    raise UserError(f"there is no rule {word!r}", "", f"{hint}flaskdoctor rules lists them all.")


def causes(rules: Sequence[Rule], selected: Sequence[Rule], ignore: Iterable[str] = ()) -> tuple[Rule, ...]:
    """Rules besides the selected ones that explain one of them, directly or through others, and are not ignored."""
    unwanted = list(ignore)
    near = {rule.name for rule in selected}
    before = 0
    while len(near) > before:
        before = len(near)
        near |= {rule.name for rule in rules if rule.explains & near and not _narrowest(unwanted, rule)}
    names = {rule.name for rule in selected}
    return tuple(rule for rule in rules if rule.name in near - names)


def _check(word: str, rules: Sequence[Rule]) -> None:
    if word != ALL and not any(_width(word, rule) for rule in rules):
        ids = {rule.id for rule in rules}
        symptoms = {symptom for rule in rules for symptom in rule.symptoms}
        choices = {ALL, *symptoms, *ids, *(id[:3] for id in ids), *(rule.name for rule in rules)}
        hint = did_you_mean(word, choices) or did_you_mean(word.upper(), choices)
        raise SelectorError(word, hint or "See `flaskdoctor rules`.")


def _narrowest(words: list[str], rule: Rule) -> int:
    return max((_width(word, rule) for word in words), default=0)


def _width(word: str, rule: Rule) -> int:
    """How narrowly a word selects a rule; 0: not at all."""
    if word in (rule.id, rule.name):
        return 100
    if word == ALL:
        return 1
    if word in rule.symptoms:
        return 2
    return 2 + len(word) if word and rule.id.startswith(word) else 0
