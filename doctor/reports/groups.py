"""Findings by what they are about, each root cause with what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from doctor.engine.rule import Severity
from doctor.reports.model import AppReport, FindingReport, Report


@dataclass(slots=True)
class Group:
    """The findings of one app, or of the whole machine."""

    app: AppReport | None
    roots: list[FindingReport] = field(default_factory=list)
    consequences: dict[str, list[FindingReport]] = field(default_factory=dict)
    """By the fingerprint of their root."""

    @property
    def worst(self) -> Severity | None:
        """The gravest of all that was found, shown or not; None without a finding."""
        found = [each.severity for each in (*self.roots, *(c for follow in self.consequences.values() for c in follow))]
        if self.app is not None and self.app.worst is not None:
            found.append(self.app.worst)
        return min(found, key=lambda severity: severity.rank, default=None)


def grouped(report: Report) -> tuple[list[Group], list[AppReport]]:
    """Groups in the order of their first finding, and the apps of which no block tells.

    A finding stands under the one that it follows from in the end, itself when none of this report explains it. Only an
    earlier finding is a cause: the report is ordered root cause first, and so no circle can close.
    """
    apps = {app.name: app for app in report.apps}
    groups: dict[str, Group] = {}
    roots: dict[tuple[str, str], tuple[int, FindingReport]] = {}  # by app and name, of the first finding so called
    for number, finding in enumerate(report.findings):
        key = finding.app or ""
        group = groups.setdefault(key, Group(apps.get(key)))
        causes = [roots[at] for name in finding.explained_by for at in ((key, name), ("", name)) if at in roots]
        _, root = min(causes, key=itemgetter(0), default=(number, finding))
        roots.setdefault((key, finding.name), (number, root))
        if root is finding:
            group.roots.append(finding)
        else:
            # A cause of the whole machine keeps its consequences, whatever app they show in.
            home = groups.setdefault(root.app or "", Group(apps.get(root.app or "")))
            home.consequences.setdefault(root.fingerprint, []).append(finding)
    shown = {key: group for key, group in groups.items() if group.roots}
    return list(shown.values()), [app for app in report.apps if app.name not in shown]


def folded(groups: Sequence[Group]) -> list[FindingReport]:
    """The findings that are shown only as following from others."""
    return [finding for group in groups for follow in group.consequences.values() for finding in follow]
