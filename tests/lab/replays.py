"""What the doctor says of each recording. A recording is examined once in a run, for the tests and the pages alike."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from doctor import apply
from doctor.engine.rule import Safety
from doctor.fixes.fixer import Planned, is_half
from doctor.reports.model import Report
from doctor.run import Options
from lab import recording


@dataclass(frozen=True)
class Offered:
    """A fix on offer: the rule and the fingerprint of its finding, its title and class."""

    rule: str
    finding: str
    title: str
    safety: Safety
    passed_over: bool
    """It would not be made: there is an objection, and no other finding explains its own."""
    half: bool = False
    """With --unsafe-fixes the whole of it is made."""


@dataclass(frozen=True)
class Result:
    """What was said: the text that is compared, `(rule, severity)` of each finding, and what else is asked about."""

    text: str
    verdict: str
    bugs: tuple[str, ...]
    unknown: tuple[str, ...]
    findings: tuple[tuple[str, str], ...]
    offered: tuple[Offered, ...]

    @property
    def loud(self) -> list[str]:
        """Rules of the errors and warnings."""
        return [name for name, severity in self.findings if severity != "info"]

    def count(self, severity: str) -> int:
        return sum(severity == found for _, found in self.findings)


Replays: TypeAlias = Callable[[Path], Result]
"""The result of a recording, by its path."""


def kept_in(folder: Path) -> Replays:
    """Results that every process with the same folder shares, as long as neither code nor recordings change."""

    def result(path: Path) -> Result:
        kept = folder / f"{path.parent.name}+{recording.name_of(path)}.json"
        if kept.exists():
            return _read(kept)
        found = replay(path)
        written = kept.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(asdict(found)))
        written.rename(kept)
        return found

    return result


def planned(path: Path) -> tuple[Report, tuple[Planned, ...]]:
    """The report of a recording, and every fix there is for it."""
    with recording.opened(path) as name:
        return apply.plan(Options(targets=(name,)))


def replay(path: Path) -> Result:
    """Examine a recording."""
    report, fixes = planned(path)
    return Result(
        text=recording.golden(report),
        verdict=report.verdict.value,
        bugs=tuple(map(str, report.bugs)),
        unknown=tuple(f"{item.name}: {item.reason}" for item in report.unknown),
        findings=tuple((finding.name, finding.severity.value) for finding in report.findings),
        offered=tuple(map(offered, fixes)),
    )


def offered(item: Planned) -> Offered:
    return Offered(
        rule=item.finding.name,
        finding=item.finding.fingerprint,
        title=item.fix.title,
        safety=item.fix.safety,
        passed_over=bool(item.objection and not item.finding.explained_by),
        half=is_half(item.fix, item.finding.fixes),
    )


def _read(kept: Path) -> Result:
    data = json.loads(kept.read_text())
    return Result(
        text=data["text"],
        verdict=data["verdict"],
        bugs=tuple(data["bugs"]),
        unknown=tuple(data["unknown"]),
        findings=tuple((name, severity) for name, severity in data["findings"]),
        offered=tuple(Offered(**{**item, "safety": Safety(item["safety"])}) for item in data["offered"]),
    )
