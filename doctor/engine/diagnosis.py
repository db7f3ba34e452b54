"""Orders findings: causes first, each with what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from doctor.engine.finding import Finding
from doctor.facts.topology import Hop

_HOPS = {hop: number for number, hop in enumerate(Hop)}


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding that nothing else explains, with the findings that follow from it, nearest first."""

    finding: Finding
    consequences: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Causes in the order to read them. Every finding stands in it once."""

    causes: tuple[Cause, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, each cause followed by its consequences."""
        return tuple(finding for cause in self.causes for finding in (cause.finding, *cause.consequences))


def diagnose(findings: Sequence[Finding]) -> Diagnosis:
    """Fold consequences under their causes.

    One finding explains another when its rule says so and both are about one app, or it is about the host.
    Where rules explain each other in a circle, the first by severity, hop and id is the cause. What several
    causes explain is folded under the first of them and names all in `explained_by`.
    """
    ordered = sorted(findings, key=_order)
    effects = [
        [j for j, effect in enumerate(ordered) if i != j and _explains(cause, effect)]
        for i, cause in enumerate(ordered)
    ]
    reach = [_distances(i, effects) for i in range(len(ordered))]
    roots = [i for i in range(len(ordered)) if _is_root(i, reach)]
    # A cause is as bad as the worst that follows from it: what is broken now leads.
    roots.sort(key=lambda i: (min(ordered[j].severity.rank for j in reach[i]), _order(ordered[i])[1:], i))
    linked = _linked(ordered, effects)
    told: set[int] = set(roots)
    causes = []
    for i in roots:
        follow = sorted((j for j in reach[i] if j not in told), key=lambda j: (reach[i][j], _order(ordered[j])))
        told.update(follow)
        causes.append(Cause(linked[i], tuple(linked[j] for j in follow)))
    return Diagnosis(tuple(causes))


def _order(finding: Finding) -> tuple[int, int, str, str]:
    hop = _HOPS[finding.hop] if finding.hop else -1
    return finding.severity.rank, hop, finding.id, finding.subject.name


def _explains(cause: Finding, effect: Finding) -> bool:
    return effect.name in cause.explains and cause.app in ("", effect.app)


def _distances(start: int, effects: list[list[int]]) -> dict[int, int]:
    """Everything that follows from `start`, itself included, with the length of the shortest way there."""
    distance, wave = {start: 0}, [start]
    while wave:
        following = [j for i in wave for j in effects[i] if j not in distance]
        for j in following:
            distance[j] = distance[wave[0]] + 1
        wave = list(dict.fromkeys(following))
    return distance


def _is_root(i: int, reach: list[dict[int, int]]) -> bool:
    """Nothing explains it, but what it explains itself and what comes after it in order."""
    return all(j in reach[i] and i < j for j in range(len(reach)) if j != i and i in reach[j])


def _linked(findings: list[Finding], effects: list[list[int]]) -> list[Finding]:
    """Findings that name each other: only those there are, along single edges."""
    return [
        replace(
            finding,
            explains=tuple(dict.fromkeys(findings[j].name for j in effects[i])),
            explained_by=tuple(dict.fromkeys(findings[j].name for j in range(len(findings)) if i in effects[j])),
        )
        for i, finding in enumerate(findings)
    ]
