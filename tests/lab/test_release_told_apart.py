"""Old code has many causes that look alike: each recording has one name, and a first fix that works there."""

from __future__ import annotations

import pytest

from doctor.reports.model import FindingReport
from doctor.run import Options, check
from lab import recording
from lab.recipe import FIXTURES

RESTART = "systemctl restart shop.service"
RELOAD = "systemctl reload shop.service"

FIRST = [
    ("gunicorn-not-restarted-after-deploy", "pulled", "safe", RELOAD),
    ("gunicorn-not-restarted-after-deploy", "switched", "safe", RELOAD),
    ("gunicorn-not-restarted-after-deploy", "switched-without-chdir", "unsafe", RESTART),
    ("gunicorn-not-restarted-after-deploy", "preloaded", "unsafe", RESTART),
    ("hup-symlink-not-followed", "reloaded", "unsafe", RESTART),
    ("hup-symlink-not-followed", "rolled-back", "unsafe", RESTART),
    ("hup-symlink-not-followed", "chdir-dot", "manual", RESTART),
    ("preload-app-hup", "reloaded", "unsafe", RESTART),
    ("preload-app-hup", "rolled-back", "unsafe", RESTART),
    ("mixed-version-workers", "switched", "safe", RELOAD),
    ("release-pruned-in-use", "switched", "unsafe", RESTART),
    ("symlink-not-switched", "forgotten", "unsafe", RELOAD),
    ("env-changed-not-restarted", "reloaded", "unsafe", RESTART),
]
AT_ODDS = {
    "gunicorn-not-restarted-after-deploy",
    "hup-symlink-not-followed",
    "preload-app-hup",
    "mixed-version-workers",
    "release-pruned-in-use",
    "env-changed-not-restarted",
}


def errors(rule: str, name: str) -> list[FindingReport]:
    with recording.opened(FIXTURES / rule / f"{name}{recording.SUFFIX}") as path:
        report = check(Options(targets=(path,)))
    return [finding for finding in report.findings if finding.severity == "error"]


@pytest.mark.parametrize(("rule", "name", "safety", "command"), FIRST)
def test_one_name_and_a_fix_that_works(rule: str, name: str, safety: str, command: str) -> None:
    found = errors(rule, name)
    assert found[0].name == rule
    assert not [other.name for other in found[1:] if other.name in AT_ODDS and not other.explained_by]
    fix = found[0].fixes[0]
    assert (fix.safety, fix.commands[-1]) == (safety, command)
    if command == RESTART:
        assert RELOAD not in [line for other in found[0].fixes for line in other.commands]


def test_broken_code_is_mended_before_anything_loads_it() -> None:
    found = {finding.name: finding for finding in errors("reload-halts-master", "switched")}
    fixes = found["gunicorn-not-restarted-after-deploy"].fixes
    assert [(fix.safety, fix.commands) for fix in fixes] == [("manual", ())]
