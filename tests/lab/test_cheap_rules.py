"""One more rule changes no golden: what people see of a recording does not count the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor.engine import catalogue
from doctor.engine.load import load_rules
from doctor.run import Options, check
from lab import recording

PASSING = """\
id: APP999
name: always-passing
title: One more rule
symptoms: [verification]
severity: error
confidence: high
subject: app
hop: release
expect: app.name == app.name
evidence: [app.name]
message: "{app.name} is not itself."
why: It is.
fix:
  - title: Wait
    safety: manual
    steps: ["Wait."]
sources:
  - title: One more rule
    url: https://example.org/
"""


@pytest.fixture
def one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue, and a rule that passes wherever there is an app."""
    layer = tmp_path / "app"
    layer.mkdir()
    (layer / "always-passing.yaml").write_text(PASSING)
    more = load_rules(tmp_path)
    usual = catalogue.catalogue
    monkeypatch.setattr(catalogue, "catalogue", lambda: (*usual(), *more))


def told() -> list[Path]:
    """Recordings whose reports say most about checks: of healthy machines, and with some that could not be made."""
    unmade = "Could not be checked:"
    return [
        path
        for path in recording.saved()
        if path.parent == recording.HEALTHY
        or unmade in path.with_name(f"{recording.name_of(path)}.expected.txt").read_text()
    ] + recording.saved()[::40]


@pytest.mark.usefixtures("one_more")
def test_one_more_rule_changes_no_golden() -> None:
    passed = 0
    for path in told():
        with recording.opened(path) as name:
            report = check(Options(targets=(name,)))
        passed += report.summary.passed
        assert recording.golden(report) == path.with_name(f"{recording.name_of(path)}.expected.txt").read_text()
    assert passed


@pytest.mark.usefixtures("one_more")
def test_it_is_asked() -> None:
    with recording.opened(recording.HEALTHY / f"unix{recording.SUFFIX}") as name:
        more = check(Options(targets=(name,)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalogue, "catalogue", load_rules)
            known = check(Options(targets=(name,)))
    assert more.summary.passed == known.summary.passed + 1
