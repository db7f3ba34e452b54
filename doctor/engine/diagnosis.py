"""Orders findings: causes first, each with what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from doctor.apps.topology import Hop
from doctor.engine.finding import Finding
from doctor.frozen import frozen

_HOPS = {hop: number for number, hop in enumerate(Hop)}


@frozen
class Cause:
    """A finding that nothing else explains, with the findings that follow from it, nearest first."""

    finding: Finding
    consequences: tuple[Finding, ...]


@frozen
class Diagnosis:
    """Causes in the order to read them. Every finding stands in it once."""

    causes: tuple[Cause, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, each cause followed by its consequences."""
        return tuple(finding for cause in self.causes for finding in (cause.finding, *cause.consequences))


def diagnose(findings: Sequence[Finding]) -> Diagnosis:
    """Fold consequences under their causes.

    One finding explains another when its rule says so and both are about one app, or it is about the host; never one
    that is worse than itself, for a warning cannot be why something is broken now.
    Where rules explain each other in a circle, the first by severity, hop and id is the cause, and what would
    explain it is left out. What several causes explain is folded under the first of them and names all in
    `explained_by`.
    """
    ordered = sorted(findings, key=_order)
    effects = _effects(ordered)
    reach = [_distances(i, effects) for i in range(len(ordered))]
    causes_of = _turned(reach)
    # Nothing explains a root, but what it explains itself and what comes after it in order.
    roots = [i for i in range(len(ordered)) if all(j in reach[i] and i <= j for j in causes_of[i])]
    told: set[int] = set(roots)
    linked = _linked(ordered, [[j for j in following if j not in told] for following in effects])
    causes = []
    for i in roots:
        follow = sorted((j for j in reach[i] if j not in told), key=lambda j: (reach[i][j], _order(ordered[j])))
        told.update(follow)
        causes.append(Cause(linked[i], tuple(linked[j] for j in follow)))
    return Diagnosis(tuple(causes))


def leading_to(findings: Sequence[Finding], names: frozenset[str]) -> tuple[Finding, ...]:
    """The findings of the rules with these names, and those that explain one of them, directly or through others."""
    effects = _effects(list(findings))
    return tuple(
        finding
        for number, finding in enumerate(findings)
        if any(findings[reached].name in names for reached in _distances(number, effects))
    )


def _order(finding: Finding) -> tuple[int, int, str, str]:
    hop = _HOPS[finding.hop] if finding.hop else -1
    return finding.severity.rank, hop, finding.id, finding.subject.name


def _effects(findings: list[Finding]) -> list[list[int]]:
    """For each finding those that it explains, by number and in order."""
    named: dict[str, list[int]] = {}
    of_app: dict[tuple[str, str], list[int]] = {}
    for number, finding in enumerate(findings):
        named.setdefault(finding.name, []).append(number)
        of_app.setdefault((finding.name, finding.app), []).append(number)
    return [
        sorted(
            effect
            for name in cause.explains
            for effect in (of_app.get((name, cause.app), ()) if cause.app else named.get(name, ()))
            if effect != number and cause.severity.rank <= findings[effect].severity.rank
        )
        for number, cause in enumerate(findings)
    ]


def _turned(numbers: Sequence[Iterable[int]]) -> list[list[int]]:
    """The same relation the other way round."""
    turned: list[list[int]] = [[] for _ in numbers]
    for number, others in enumerate(numbers):
        for other in others:
            turned[other].append(number)
    return turned


def _distances(start: int, effects: list[list[int]]) -> dict[int, int]:
    """Everything that follows from `start`, itself included, with the length of the shortest way there."""
    distance, wave = {start: 0}, [start]
    while wave:
        following = [j for i in wave for j in effects[i] if j not in distance]
        for j in following:
            distance[j] = distance[wave[0]] + 1
        wave = list(dict.fromkeys(following))
    return distance


def _linked(findings: list[Finding], effects: list[list[int]]) -> list[Finding]:
    """Findings that name each other: only those there are, along single edges."""
    causes = _turned(effects)
    return [
        replace(
            finding,
            explains=tuple(dict.fromkeys(findings[j].name for j in effects[i])),
            explained_by=tuple(dict.fromkeys(findings[j].name for j in causes[i])),
        )
        for i, finding in enumerate(findings)
    ]
