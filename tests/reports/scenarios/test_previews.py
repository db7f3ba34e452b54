"""What a fix would do is looked up for what is shown, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from engine.builders import rule
from factories import app, machine, make, running, unit
from shown import Shown

from doctor.edits.preview import preview
from doctor.engine.diagnosis import diagnose
from doctor.engine.judge import judge
from doctor.examination import Examination
from doctor.reports import build as reports
from doctor.reports.build import build
from doctor.servers.gunicorn.model import Settings

FIX = """
fix:
  - title: Two
    safety: safe
    actions:
      - systemd.dropin: {unit: shop.service, section: Service, key: Environment, values: [A=2]}
  - title: Ask
    safety: manual
    steps: [Ask.]
"""


class Counting(Shown):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def read(self, path: str, *arguments: Any, **given: Any) -> Any:
        self.asked.append(path)
        return super().read(path, *arguments, **given)


def examined(host: Counting, *, shown: bool = True) -> Examination:
    shop = app(units=(unit("shop.service"),), gunicorns=(running(settings=make(Settings, workers=1)),))
    facts = machine(shop)
    judgement = judge([rule(FIX)], facts)
    assert judgement.findings
    return Examination(host, facts, judgement, diagnose(judgement.findings if shown else ()))


def test_files_are_read_for_what_is_shown() -> None:
    host = Counting()
    seen = examined(host)
    assert host.asked == []
    [finding] = build(seen).findings
    assert "+Environment=A=2" in (finding.fixes[0].diff or "")
    assert host.asked == ["/etc/systemd/system/shop.service.d/zz-flaskdoctor.conf"]


def test_nothing_is_read_for_what_is_hidden() -> None:
    host = Counting()
    assert build(examined(host, shown=False)).findings == ()
    assert host.asked == []


def test_a_broken_preview_is_a_bug_of_ours_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fix: Any, host: Any) -> Any:
        if fix.actions:
            raise ValueError("no")
        return preview(fix, host)

    monkeypatch.setattr(reports, "preview", broken)
    report = build(examined(Counting()))
    [bug] = report.bugs
    assert (bug.rule, bug.detail.startswith("Two: ValueError at ")) == (report.findings[0].rule, True)
    assert [fix.title for fix in report.findings[0].fixes] == ["Ask"]
