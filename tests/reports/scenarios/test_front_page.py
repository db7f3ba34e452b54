"""What a person sees first: one mark for the cause, the rest dim, everything that was found accounted for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab import recording
from reports.report_samples import FAULT, FOLLOWS, HEALTHY, LIVE, MISMATCH, NOTE, SEVERAL, SINGLE, TREE

from doctor.engine import expression as ex
from doctor.engine.load import load_rules
from doctor.engine.rule import Safety, Severity
from doctor.hosts.base import TargetKind
from doctor.reports import layout, text, words
from doctor.reports.groups import grouped
from doctor.reports.model import (
    AssumedReport,
    EvidenceReport,
    FixReport,
    HiddenReport,
    HopReport,
    HopState,
    NotJudgedReport,
    Report,
    Summary,
    Target,
    UnexplainedReport,
    Verdict,
)
from doctor.reports.picture import picture, shortened
from doctor.run import Options, check

RECORDINGS = [pytest.param(path, id=f"{path.parent.name}/{recording.name_of(path)}") for path in recording.saved()]
SAFE = FixReport("Reload it", Safety.SAFE, ("systemctl reload shop.service",))
UNSAFE = FixReport("Restart it", Safety.UNSAFE, ("systemctl restart shop.service",))


def rendered(report: Report, width: int = 100) -> str:
    return layout.plain(text.lines(report, width))


def drawn(*hops: HopReport, width: int = 100) -> list[str]:
    return layout.plain(picture(hops, (), {"APP002": "missing-dependency"}, width)).splitlines()


@pytest.mark.parametrize("path", RECORDINGS)
def test_every_recording(path: Path) -> None:
    with recording.opened(path) as file:
        report = check(Options(targets=(file,)))
    shown = rendered(report)
    # A fault is marked in the title of its block, and the cause in its picture.
    for group in grouped(report)[0]:
        severe = [f for f in group.roots if f.severity is not Severity.INFO]
        if group.app is not None and any(f.hop for f in severe):
            marked = {hop.rule for hop in group.app.path if hop.rule}
            assert marked & {f.rule for f in severe}
            title = next(row for row in shown.splitlines() if row[2:].startswith(f"{group.app.name} · "))
            assert title[0] in "✗!"
    # Nothing listens where nobody listens.
    for app in report.apps:
        said = {hop.hop: hop for hop in app.path}
        if "upstream" in said and said["upstream"].detail == "nobody listens here" and "socket" in said:
            same = said["upstream"].label.removeprefix("unix:") == said["socket"].label
            assert not (same and said["socket"].state is HopState.OK)
        # No row of a picture is wider than a narrow terminal.
        assert [row for row in drawn(*app.path, width=80) if len(row) > 80] == []
    # A proof is in words.
    facts = {item.fact for finding in report.findings for item in finding.evidence if "." in item.fact}
    assert not {fact for fact in facts if fact in shown}


def _named(node: object) -> Iterator[str]:
    """The last attributes of the facts that an expression names, as a rule's proof would show them."""
    if isinstance(node, (ex.Attribute, ex.Name)):
        parts: list[str] = []
        step: object = node
        while isinstance(step, (ex.Attribute, ex.Index)):
            if isinstance(step, ex.Attribute):
                parts.append(step.name)
            step = step.base
        yield ".".join([*([step.name] if isinstance(step, ex.Name) else []), *reversed(parts)])


def test_every_fact_that_a_rule_shows_has_its_words() -> None:
    shown = {
        name for rule in load_rules() for case in rule.cases for field in case.evidence for name in _named(field.node)
    }
    lacking = {name for name in shown if words.key(name) not in words.LEADS}
    assert not lacking, f"say in doctor/reports/words.py what these are called: {', '.join(sorted(lacking))}"


def test_the_row_of_the_cause_is_the_only_one_with_a_cross() -> None:
    rows = drawn(
        HopReport("upstream", "unix:/run/shop/gunicorn.sock", HopState.BROKEN, "nobody listens here"),
        HopReport("socket", "/run/shop/gunicorn.sock", HopState.UNKNOWN, "listening at one look only"),
        HopReport("unit", "shop.service", HopState.BROKEN, "activating (start)"),
        HopReport("code", "wsgi:app", HopState.BROKEN, "/srv/shop/wsgi.py", "APP002"),
    )
    assert [row[3] for row in rows] == ["·", "·", "✗"]
    assert rows[-1].split() == ["✗", "code", "wsgi:app", "←", "APP002", "missing-dependency"]
    assert "socket" not in "".join(rows)


def test_without_a_cause_every_broken_row_has_its_mark() -> None:
    rows = drawn(HopReport("unit", "shop.service", HopState.BROKEN, "failed"))
    assert rows[0][3] == "✗"


def test_consequences_are_dim() -> None:
    hops = (
        HopReport("unit", "shop.service", HopState.BROKEN, "failed"),
        HopReport("code", "wsgi:app", HopState.BROKEN, "", "APP002"),
    )
    first, second = picture(hops, (), {}, 100)
    assert {style for content, style in first if content.strip()} == {"dim"}
    assert ("← APP002", "error") in second


def test_a_missing_socket_is_no_repetition() -> None:
    rows = drawn(
        HopReport("upstream", "unix:/run/shop/gunicorn.sock", HopState.BROKEN, "nobody listens here"),
        HopReport("socket", "/run/shop/gunicorn.sock", HopState.BROKEN, "missing"),
    )
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        ("/srv/shop/releases/2026-11-08/wsgi.py", 30, "/srv/shop/releases/…/wsgi.py"),
        ("/srv/shop/releases/2026-11-08", 24, "/srv/shop/…/2026-11-08"),
        ("/srv/shop/releases/2026-11-08", 29, "/srv/shop/releases/2026-11-08"),
        ("unix:/run/shop/gunicorn.sock", 22, "unix:/…/gunicorn.sock"),
        ("127.0.0.1:8000", 5, "127.0.0.1:8000"),
        ("a sentence / with / signs / in it", 5, "a sentence / with / signs / in it"),
    ],
)
def test_paths_are_shortened_in_their_middle(path: str, size: int, expected: str) -> None:
    assert shortened(path, size) == expected


def test_errors_are_all_accounted_for() -> None:
    assert rendered(FAULT).splitlines()[-1].startswith("1 error · 2 more follow from it · ")
    hidden = replace(FAULT, findings=FAULT.findings[:2], hidden=HiddenReport(error=1))
    assert (
        rendered(hidden)
        .splitlines()[-1]
        .startswith("1 error · 1 more follows from it · 1 error not shown (--min-severity) · ")
    )


def test_an_app_whose_findings_are_hidden_is_not_green() -> None:
    app = replace(HEALTHY.apps[0], worst=Severity.WARNING)
    report = replace(
        HEALTHY, apps=(app,), verdict=Verdict.FAULTS, summary=Summary(warning=1), hidden=HiddenReport(warning=1)
    )
    assert rendered(report).splitlines()[0].startswith("! shop · ")
    assert "1 warning not shown (--min-severity)" in rendered(report)


def test_an_app_that_only_shows_what_follows_from_the_machine_is_still_there() -> None:
    cause = replace(MISMATCH, rule="NGX020", name="nginx-down", app=None, hop=None)
    follows = replace(FOLLOWS, explained_by=("nginx-down",))
    shown = rendered(replace(FAULT, findings=(cause, follows), probes=(), unknown=()))
    assert "✗ shop · shop.service · http://shop.test · NGX008 no-live-upstreams follows from the above" in shown


@pytest.mark.parametrize(
    ("kind", "fixes", "expected"),
    [
        (LIVE, (SAFE,), "1 safe fix: sudo flaskdoctor check --fix; see it first with --diff"),
        (LIVE, (SAFE, UNSAFE), "1 safe fix: sudo flaskdoctor check --fix; see it first with --diff"),
        (LIVE, (UNSAFE,), "1 unsafe fix: sudo flaskdoctor check --fix --unsafe-fixes; see it first with --diff"),
        (TREE, (SAFE,), "1 safe fix: see it with --diff"),
        (Target(TargetKind.SNAPSHOT, "web-1", LIVE.time), (UNSAFE,), "1 unsafe fix: see it with --diff --unsafe-fixes"),
    ],
)
def test_fixes_are_offered_where_there_are_any(kind: Target, fixes: tuple[FixReport, ...], expected: str) -> None:
    report = replace(FAULT, target=kind, findings=(replace(MISMATCH, fixes=fixes),))
    assert expected in rendered(report).splitlines()


def test_two_kinds_of_fixes_are_counted_apart() -> None:
    report = replace(SEVERAL, findings=(replace(MISMATCH, fixes=(SAFE,)), replace(SINGLE, fixes=(UNSAFE,))))
    assert rendered(report, 60).splitlines()[-4:-1] == [
        "1 safe fix: sudo flaskdoctor check --fix",
        "see it first with --diff; 1 more with --unsafe-fixes",
        "",
    ]


def test_nothing_is_offered_where_nothing_can_be_made() -> None:
    manual = replace(MISMATCH, fixes=(FixReport("Think", Safety.MANUAL),))
    assert "--fix" not in rendered(replace(FAULT, findings=(manual,)))
    assert "--fix" not in rendered(HEALTHY)


def test_a_line_reached_through_a_link_is_shown_once() -> None:
    def frame(path: str, line: int = 5, what: str = "import stripe") -> EvidenceReport:
        return EvidenceReport("app.code.missing_module", "stripe", "computed", path=path, line=line, text=what)

    shown = rendered(
        replace(
            FAULT,
            findings=(
                replace(
                    MISMATCH,
                    evidence=(
                        frame("/srv/shop/current/shop/__init__.py"),
                        frame("/srv/shop/releases/2/shop/__init__.py"),
                        frame("/srv/shop/releases/2/shop/other.py"),
                        frame("/srv/shop/releases/2/shop/__init__.py", line=9),
                    ),
                ),
            ),
        )
    )
    assert "/srv/shop/current/shop/__init__.py:5" in shown
    assert "/srv/shop/releases/2/shop/__init__.py:5" not in shown
    assert "/srv/shop/releases/2/shop/other.py:5" in shown
    assert "/srv/shop/releases/2/shop/__init__.py:9" in shown


def test_notes_for_the_next_release_are_one_line() -> None:
    other = replace(NOTE, rule="REL014", name="no-rollback-path", fingerprint="60ac")
    report = replace(HEALTHY, findings=(NOTE, other), summary=Summary(info=2, passed=3))
    assert rendered(report).splitlines()[:3] == [
        "✓ shop · shop.service · http://shop.test",
        "   2 notes: REL013 no-release-marker, REL014 no-rollback-path (flaskdoctor explain RULE)",
        "",
    ]


def test_what_was_not_judged_is_in_the_verdict() -> None:
    report = replace(
        HEALTHY,
        verdict=Verdict.INCOMPLETE,
        not_judged=(NotJudgedReport("docker-compose.yml", "compose", "there are no rules for it yet"),),
        assumed=(
            AssumedReport("/etc/shop.env sets no GUNICORN_CMD_ARGS", "shop.service", 5),
            AssumedReport("/etc/shop.env sets no PORT", "shop.service", 5),
        ),
        unexplained=(UnexplainedReport("upstream", 12, "GET / 502", "shop", "/var/log/nginx/access.log"),),
    )
    shown = rendered(report)
    assert shown.splitlines()[-1] == (
        "no faults found, but 12 failed requests were not explained, 1 was seen and not judged and 2 assumptions were "
        "made · 104 checks passed"
    )
    assert "   docker-compose.yml (there are no rules for it yet)" in shown
    assert "   /etc/shop.env sets no PORT" in shown
    assert "   12 × shop, upstream: GET / 502" in shown
    assert shown.startswith("? shop")


def test_every_sign_has_a_twin_in_ascii() -> None:
    assert re.sub(r"[\x20-\x7e\n]", "", layout.plain(layout.encodable(text.lines(FAULT), "ascii"))) in ("", "\t" * 2)
