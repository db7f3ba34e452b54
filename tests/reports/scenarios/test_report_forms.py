"""Whole reports against goldens, and what must hold for every one of them."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from reports.report_samples import FAULT, HEALTHY, HOSTILE, INCOMPLETE, MISMATCH, SAMPLES, SEVERAL
from syrupy.assertion import SnapshotAssertion

from doctor.reports import as_json, concise, layout, terminal, text
from doctor.reports.model import SCHEMA, EvidenceReport, FixReport, Report
from doctor.reports.schema import json_schema

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
NAMES = sorted(SAMPLES)


def rendered(report: Report, width: int = 100) -> str:
    return layout.plain(text.lines(report, width))


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str, text_golden: SnapshotAssertion) -> None:
    assert rendered(SAMPLES[name]) == text_golden


@pytest.mark.parametrize("name", ["fault", "incomplete"])
def test_text_narrow(name: str, text_golden: SnapshotAssertion) -> None:
    assert rendered(SAMPLES[name], 60) == text_golden


@pytest.mark.parametrize("name", NAMES)
def test_concise(name: str, text_golden: SnapshotAssertion) -> None:
    assert layout.plain(concise.lines(SAMPLES[name])) == text_golden


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str, json_golden: SnapshotAssertion) -> None:
    assert as_json.dumps(SAMPLES[name]) == json_golden


def closed(schema: Any) -> Any:
    """The schema with no property allowed that it does not name: a report must not say what is not published."""
    if isinstance(schema, dict):
        inner = {key: closed(value) for key, value in schema.items()}
        return inner | {"additionalProperties": False} if "properties" in inner else inner
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("name", NAMES)
def test_json_is_what_the_schema_says(name: str) -> None:
    schema = json_schema(Report, SCHEMA)
    Draft202012Validator.check_schema(schema)
    report = json.loads(as_json.dumps(SAMPLES[name]))
    Draft202012Validator(closed(schema)).validate(report)


@pytest.mark.parametrize(
    ("change", "value"),
    [("verdict", "fine"), ("schema", "flaskdoctor.report/2"), ("summary", {}), ("findings", [{}]), ("version", None)],
)
def test_schema_refuses(change: str, value: object) -> None:
    report = json.loads(as_json.dumps(FAULT)) | {change: value}
    assert list(Draft202012Validator(json_schema(Report, SCHEMA)).iter_errors(report))


@pytest.mark.parametrize("width", [60, 100])
def test_what_is_copied_is_never_wrapped(width: int) -> None:
    lines = rendered(FAULT, width).splitlines()
    stripped = [line.strip() for line in lines]
    for fix in MISMATCH.fixes:
        assert set(fix.commands) <= set(stripped)
    for evidence in MISMATCH.evidence:
        if evidence.path:
            place = f"{evidence.path}:{evidence.line}" if evidence.line else evidence.path
            assert any(line.startswith(place) for line in stripped), place
    assert "     -\tserver unix:/run/gunicorn/shop.sock fail_timeout=0;" in lines


def test_prose_is_wrapped_to_the_width() -> None:
    copied = {command for fix in MISMATCH.fixes for command in fix.commands}
    for line in rendered(FAULT, 60).splitlines()[:-1]:
        assert len(line) <= 60 or line.strip() in copied, line


@pytest.mark.parametrize("form", ["text", "concise", "json"])
def test_control_characters_never_get_through(form: str) -> None:
    shown = {
        "text": rendered(HOSTILE),
        "concise": layout.plain(concise.lines(HOSTILE)),
        "json": as_json.dumps(HOSTILE),
    }[form]
    assert not CONTROL.search(shown)
    assert "owned" in shown
    assert "[/bold] :warning:" in shown


def test_json_keeps_what_text_escapes() -> None:
    assert json.loads(as_json.dumps(HOSTILE))["findings"][0]["message"] == HOSTILE.findings[0].message


def test_consequences_are_folded_under_their_root() -> None:
    shown = rendered(FAULT)
    assert "2 follow from this: NGX008 no-live-upstreams, SYS001 gunicorn-not-running" in shown
    assert shown.count("NGX008") == 1
    assert shown.count("More: flaskdoctor explain") == 1


def test_consequence_without_its_cause_stands_alone() -> None:
    shown = rendered(replace(FAULT, findings=FAULT.findings[1:2]))
    assert "NGX008 no-live-upstreams" in shown


def test_same_fault_in_another_app_is_no_consequence() -> None:
    other = replace(FAULT.findings[1], app="blog", fingerprint="other")
    apps = (*FAULT.apps, replace(FAULT.apps[0], name="blog"))
    assert "NGX008 no-live-upstreams" in rendered(replace(FAULT, apps=apps, findings=(MISMATCH, other)))


def test_findings_that_explain_each_other_end() -> None:
    first = replace(MISMATCH, explained_by=("no-live-upstreams",))
    shown = rendered(replace(FAULT, findings=(first, FAULT.findings[1])))
    assert "SOC001 upstream-bind-mismatch" in shown
    assert "1 follows from this: NGX008 no-live-upstreams" in shown


def test_verdict_is_the_last_line() -> None:
    assert rendered(HEALTHY).splitlines()[-1] == "no faults found · 104 checks passed"
    assert rendered(INCOMPLETE).splitlines()[-1] == (
        "no faults found, but 3 checks could not be made (run with sudo) · 92 checks passed"
    )
    assert rendered(SEVERAL).splitlines()[-1] == "1 error, 1 warning · 1 note · 210 checks passed"


def test_sudo_is_only_advised_where_it_helps() -> None:
    dark = tuple(unknown for unknown in INCOMPLETE.unknown if "sudo" not in unknown.reason)
    summary = replace(INCOMPLETE.summary, unknown=1)
    assert "sudo" not in rendered(replace(INCOMPLETE, unknown=dark, summary=summary))


def test_ascii_terminal() -> None:
    lines = layout.encodable(text.lines(FAULT), "ascii")
    shown = layout.plain(lines)
    assert shown.isascii()
    assert "   + nginx" in shown
    assert "   x upstream" in shown


def test_utf8_terminal_keeps_its_signs() -> None:
    assert layout.plain(layout.encodable(text.lines(FAULT), "utf-8")) == rendered(FAULT)


def test_colour_changes_no_word() -> None:
    stream = io.StringIO()
    terminal.write(text.lines(FAULT), stream)
    coloured = stream.getvalue()
    assert "\x1b[" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == rendered(FAULT).splitlines()


def test_evidence_without_text_names_its_value() -> None:
    evidence = (
        EvidenceReport("app.gunicorn.settings.preload", "yes", "explicit", note="pid 122"),
        EvidenceReport("app.unit.exec_reload", None, None, path="/etc/systemd/system/shop.service"),
        EvidenceReport("app.environment.changed", "A, B", "computed", command="systemctl show shop.service"),
    )
    shown = rendered(replace(FAULT, findings=(replace(MISMATCH, evidence=evidence),)))
    assert "preload_app = yes" in shown
    assert "no ExecReload" in shown
    assert "variables that changed: A, B" in shown


def test_fix_without_commands_tells_its_steps() -> None:
    fix = FixReport("Move slow work out of the request", MISMATCH.fixes[1].safety, steps=("Use a queue.",))
    assert "     Use a queue." in rendered(replace(FAULT, findings=(replace(MISMATCH, fixes=(fix,)),))).splitlines()


def test_app_is_marked_by_what_could_be_checked_of_it() -> None:
    of_shop = INCOMPLETE.unknown[0]
    assert of_shop.app == "shop"
    of_all = replace(of_shop, app=None)
    marks = {
        name: [row[0] for row in rendered(replace(INCOMPLETE, unknown=unknown)).splitlines()[:2]]
        for name, unknown in {"shop": (of_shop,), "all": (of_all,), "none": ()}.items()
    }
    assert marks == {"shop": ["?", "✓"], "all": ["?", "?"], "none": ["✓", "✓"]}
