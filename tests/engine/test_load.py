from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine.builders import rule, rule_text

from doctor.apps.topology import Hop
from doctor.engine.actions import ACTIONS
from doctor.engine.load import RuleError, load_rule, load_rules, rules_directory
from doctor.engine.rule import LAYERS, Confidence, Safety, Severity, Source
from doctor.errors import UserError

PATH = Path("rules/gunicorn/test-rule.yaml")

MANUAL = """
fix:
  - title: Do it
    safety: manual
    steps: [Look.]
"""


SAFE = "fix:\n  - title: x\n    safety: safe\n    actions:"
UNSAFE = SAFE.replace("safety: safe", "safety: unsafe")
KINDS = "safe and unsafe fixes have actions, a manual one commands or steps"
CASES = "cases are several ways to tell one fault"


def refuse(text: str, path: Path = PATH) -> RuleError:
    with pytest.raises(RuleError) as caught:
        load_rule(path, text)
    assert caught.value.path == str(path)
    return caught.value


def where(error: RuleError) -> tuple[int, int]:
    return error.line, error.column


def test_a_rule_is_loaded() -> None:
    loaded = rule(MANUAL, explains="[a-b]", severity="error")
    assert (loaded.id, loaded.name, loaded.layer) == ("GUN900", "test-rule", "gunicorn")
    assert (loaded.severity, loaded.confidence, loaded.hop) == (Severity.ERROR, Confidence.HIGH, Hop.WORKERS)
    assert loaded.symptoms == ("502",)
    assert loaded.sources == (Source("A page", "https://example.org/page"),)
    assert loaded.why == "Because."
    [case] = loaded.cases
    assert case.severity is Severity.ERROR
    assert case.fixes[0].safety is Safety.MANUAL


@pytest.mark.parametrize(
    ("changes", "place", "message", "hint"),
    [
        ({"id": "GUN1"}, (1, 5), "'GUN1' is no id", "three capitals and three digits, such as GUN003"),
        ({"id": "SOC900"}, (1, 5), "ids of gunicorn/ start with GUN", ""),
        ({"name": "Test_Rule"}, (2, 7), "'Test_Rule' is no name", "kebab case, such as single-worker"),
        ({"name": "other"}, (2, 7), "the file is called test-rule.yaml", "call it other.yaml"),
        ({"symptoms": "[stale-cod]"}, (4, 12), "unknown symptom 'stale-cod'", "did you mean 'stale-code'?"),
        ({"symptoms": "[]"}, (1, 1), "a rule has no 'symptoms'", "at least one"),
        ({"symptoms": "502"}, (4, 11), "symptoms must be a list", ""),
        ({"severity": "eror"}, (5, 11), "unknown severity 'eror'", "did you mean 'error'?"),
        ({"severity": None}, (8, 9), "no severity for this expect", "in the case or the rule"),
        ({"message": None}, (9, 9), "no message for this expect", "in the case or the rule"),
        ({"confidence": "sure"}, (6, 13), "unknown confidence 'sure'", "one of high, low, medium"),
        ({"subject": "ap"}, (7, 10), "unknown subject 'ap'", "did you mean 'app'?"),
        ({"subject": "[app]"}, (7, 10), "subject must be plain text", "quote a text that starts with { or ["),
        ({"hop": "worker"}, (8, 6), "unknown hop 'worker'", "did you mean 'workers'?"),
        ({"hop": None}, (1, 1), "a rule has no 'hop'", "which link of the request's way breaks"),
        ({"why": '""'}, (11, 6), "why is empty", ""),
        ({"why": None}, (1, 1), "a rule has no 'why'", "The mechanism, in a few sentences."),
        ({"sources": None}, (1, 1), "a rule has no 'sources'", "Primary sources."),
        ({"sources": "[]"}, None, "", ""),
        (
            {"expect": "app.gunicorn.worker_cont >= 2"},
            (9, 22),
            "Gunicorn has no attribute 'worker_cont'",
            "did you mean 'worker_count'?",
        ),
        ({"expect": "app.name == 3"}, (9, 9), "cannot compare a string with a number", ""),
        ({"expect": '"app.name == 3"'}, (9, 10), "cannot compare a string with a number", ""),
        ({"expect": "app.name"}, (9, 9), "expect needs true or false, this is a string", "exists(…) or a comparison"),
        ({"expect": "app.name == "}, (9, 20), "not an expression: invalid syntax", ""),
        ({"expect": None}, (1, 1), "a rule has either 'expect', 'fault' or 'cases'", CASES),
        ({"message": "has {app.nam} x"}, (10, 19), "App has no attribute 'nam'", "did you mean 'name'?"),
        ({"message": "'has {app.name:duraton}'"}, (10, 25), "unknown format 'duraton'", "did you mean 'duration'?"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], place: tuple[int, int] | None, message: str, hint: str) -> None:
    if place is None:
        text = rule_text().split("sources:")[0] + "sources: []\n"
        assert where(refuse(text)) == (1, 1)
        return
    error = refuse(rule_text(**changes))
    assert (error.message, error.hint, where(error)) == (message, hint, place)


@pytest.mark.parametrize(
    ("extra", "place", "message", "hint"),
    [
        ("givn: true", (15, 1), "unknown key 'givn' in a rule", "did you mean 'given'?"),
        ("given: app.units", (15, 8), "given needs true or false, this is a list of Unit", "exists(…) or a comparison"),
        ("given: >-\n  true and\n  exist(app.unit)", (17, 3), "unknown function 'exist'", "did you mean 'exists'?"),
        (
            "evidence: [app.name, app.units.name]",
            (15, 32),
            "a list of Unit has no attribute 'name'",
            "any(… for x in …)",
        ),
        ("evidence: [len(app.units)]", (15, 12), "evidence is a fact", "name the facts, one an entry"),
        ("evidence: ['app.name:size']", (15, 13), "this format needs a number, this is a string", ""),
        ("cases: [{expect: 'true'}]", (1, 1), "a rule has either 'expect', 'fault' or 'cases'", CASES),
        ("fix:\n  title: x", (16, 3), "fix must be a list, or the name of a cure", ""),
        ("fix:\n  - send-hop", (16, 5), "no cure is named 'send-hop'", "did you mean 'send-hup'?"),
        ("fix:\n  - title: x\n    safety: save", (17, 13), "unknown safety 'save'", "did you mean 'safe'?"),
        ("fix:\n  - title: x\n    safety: safe\n    steps: [y]", (16, 12), "a safe fix needs actions", KINDS),
        (
            "fix:\n  - title: x\n    safety: manual\n    actions: [nginx.reload]",
            (16, 12),
            "a manual fix has no actions",
            KINDS,
        ),
        ("fix:\n  - title: x\n    safety: manual", (16, 12), "a fix has either actions, or commands and steps", ""),
        (
            "fix:\n  - title: x\n    safety: safe\n    actions: [nginx.reload]\n    steps: [y]",
            (16, 12),
            "a fix has either actions, or commands and steps",
            "",
        ),
        (
            SAFE + "\n      - systemd.restart: {unit: a.service}",
            (16, 12),
            "systemd.restart is never safe",
            "safety: unsafe",
        ),
        (
            "fix:\n  - title: x\n    safety: safe\n    when: app.name\n    actions: [nginx.reload]",
            (18, 11),
            "when needs true or false, this is a string",
            "exists(…) or a comparison",
        ),
        ("fix:\n  - title: x\n    safety: safe\n    actions: [shell]", (18, 15), "unknown action 'shell'", None),
        (
            "fix:\n  - title: x\n    safety: safe\n    actions: [systemd.strat]",
            (18, 15),
            "unknown action 'systemd.strat'",
            "did you mean 'systemd.start'?",
        ),
        (
            "fix:\n  - title: x\n    safety: safe\n    actions: [systemd.start]",
            (18, 15),
            "systemd.start needs 'unit'",
            "parameters: unit",
        ),
        (
            SAFE + "\n      - systemd.start: {unti: x}",
            (19, 25),
            "systemd.start has no parameter 'unti'",
            "did you mean 'unit'?",
        ),
        (SAFE + "\n      - systemd.start: x.service", (19, 24), "systemd.start needs its arguments as a mapping", ""),
        (
            SAFE + "\n      - {systemd.start: {unit: x}, nginx.reload: {}}",
            (19, 9),
            "an action is one name with its arguments",
            "- systemd.restart: {unit: …}",
        ),
        (SAFE + "\n      - systemd.start: {unit: shop}", (19, 31), "'shop' is no unit", ""),
        (
            SAFE + "\n      - systemd.start: {unit: '{app.unti.name}'}",
            (19, 37),
            "App has no attribute 'unti'",
            "did you mean 'unit'?",
        ),
        (UNSAFE + "\n      - fs.mode: {path: /run/x, mode: 0789}", (19, 39), "'0789' is no mode", ""),
        (UNSAFE + "\n      - fs.mode: {path: run/x, mode: 0755}", (19, 25), "'run/x' is no path", ""),
        (
            UNSAFE + "\n      - nginx.replace: {edit: app.name}",
            (19, 31),
            "an Edit is needed here, this is a string",
            "",
        ),
        (
            UNSAFE + "\n      - nginx.set: {place: '1', directive: a, value: b}",
            (19, 29),
            "a fact is needed here, not '1'",
            "",
        ),
        (
            SAFE + "\n      - systemd.dropin: {unit: a.service, section: Service, key: A, values: b}",
            (19, 77),
            "a list of values is needed here",
            "",
        ),
        (SAFE + "\n      - systemd.start: {unit: [a]}", (19, 31), "plain text is needed here", ""),
    ],
)
def test_what_is_refused_at_the_end(extra: str, place: tuple[int, int], message: str, hint: str | None) -> None:
    error = refuse(rule_text(extra))
    assert (error.message, where(error)) == (message, place)
    if hint is not None:
        assert error.hint == hint


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("  - title: x", (13, 5), "an entry of sources has no 'url'"),
        ("  - {title: x, url: docs}", (13, 21), "'docs' is no address"),
        ("  - {title: x, link: y}", (13, 16), "unknown key 'link' in an entry of sources"),
        ("  - https://example.org/", (13, 5), "an entry of sources must be a mapping of keys"),
    ],
)
def test_sources(source: str, place: tuple[int, int], message: str) -> None:
    error = refuse(rule_text().split("sources:")[0] + "sources:\n" + source + "\n")
    assert (error.message, where(error)) == (message, place)


def test_a_rule_of_the_host_needs_no_hop() -> None:
    loaded = rule(hop=None, subject="host", expect="len(host.apps) > 0", message="none")
    assert loaded.hop is None
    error = refuse(rule_text(hop=None, subject="host", expect="exists(app.unit)", message="x"))
    assert error.message == "unknown name 'app'"


def test_cases_inherit_from_the_rule() -> None:
    loaded = rule(
        """
        given: exists(app.unit)
        evidence: [app.name]
        explains: [a-b]
        cases:
          - given: exists(app.gunicorn)
            expect: app.gunicorn.worker_count > 1
            severity: error
            explains: [c-d]
            message: now
          - expect: app.gunicorn.settings.workers > 1
        """,
        expect=None,
        severity="info",
    )
    now, later = loaded.cases
    assert (len(now.given), len(later.given)) == (2, 1)
    assert (now.severity, later.severity, loaded.severity) == (Severity.ERROR, Severity.INFO, Severity.ERROR)
    assert (set(now.explains), set(later.explains)) == ({"a-b", "c-d"}, {"a-b"})
    assert loaded.explains == {"a-b", "c-d"}
    assert now.evidence == later.evidence
    assert (now.message.parts, len(later.message.parts)) == (("now",), 4)


def test_every_action_can_be_written() -> None:
    arguments = {
        "unit": "'{app.unit.name}'", "section": "Service", "key": "Restart", "values": "[a, '{app.name}']",
        "place": "app.gunicorn.settings.workers", "directive": "x", "value": "y", "path": "/x", "mode": "0755",
        "target": "'{app.release.newest}'", "group": "www-data", "edit": "app.routes[0].edit_to_app",
    }  # fmt: skip
    for action in ACTIONS.values():
        lines = [f"          {name}: {arguments[name]}\n" for name in action.parameters]
        call = f"{action.name}:\n{''.join(lines)}" if lines else f"{action.name}\n"
        text = f"{UNSAFE}\n      - {call}"
        [fix] = rule(text).cases[0].fixes
        assert fix.actions[0].action is action


def folder(path: Path, *rules: tuple[str, str, str]) -> Path:
    for layer, name, text in rules:
        (path / layer).mkdir(exist_ok=True)
        (path / layer / f"{name}.yaml").write_text(text)
    return path


def test_a_catalogue(tmp_path: Path) -> None:
    one = rule_text(name="one", id="GUN902", explains="[two]")
    two = rule_text(name="two", id="APP901")
    loaded = load_rules(folder(tmp_path, ("gunicorn", "one", one), ("app", "two", two)))
    assert [(r.id, r.layer) for r in loaded] == [("APP901", "app"), ("GUN902", "gunicorn")]


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"id": "GUN901"}, "GUN901 is taken", "by "),
        ({"extra": "explains: [onne]"}, "no rule is named 'onne'", "did you mean 'one'?"),
        ({"extra": "explains: [two]"}, "a rule cannot explain itself", ""),
    ],
)
def test_a_catalogue_is_checked_as_a_whole(tmp_path: Path, changes: dict[str, str], message: str, hint: str) -> None:
    extra = changes.pop("extra", "")
    two = rule_text(extra, **{"id": "GUN902", "name": "two", **changes})
    folder(tmp_path, ("gunicorn", "one", rule_text(name="one", id="GUN901")), ("gunicorn", "two", two))
    with pytest.raises(RuleError) as caught:
        load_rules(tmp_path)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)
    assert caught.value.path.endswith("gunicorn/two.yaml")


def test_names_are_unique_over_layers(tmp_path: Path) -> None:
    folder(tmp_path, ("app", "one", rule_text(name="one", id="APP901")), ("gunicorn", "one", rule_text(name="one")))
    with pytest.raises(RuleError, match="one is taken"):
        load_rules(tmp_path)


def test_an_unknown_layer(tmp_path: Path) -> None:
    folder(tmp_path, ("gunicron", "one", rule_text(name="one")))
    with pytest.raises(RuleError, match="'gunicron' is no layer \\(did you mean 'gunicorn'"):
        load_rules(tmp_path)


def test_a_rule_error_is_the_callers_to_mend() -> None:
    error = refuse(rule_text(expect="app.nam == 'x'"))
    assert isinstance(error, UserError)
    assert str(error) == f"{PATH}:9:13: App has no attribute 'nam' (did you mean 'name'?)"
    assert error.where == f"{PATH}:9:13"


def test_the_catalogue_loads() -> None:
    loaded = {r.name: r for r in load_rules()}
    assert {"upstream-bind-mismatch", "single-worker"} <= set(loaded)
    assert rules_directory().name == "rules"
    for r in loaded.values():
        assert r.id.startswith(LAYERS[r.layer])
