"""`flaskdoctor rules new` and `rules why`, and rules of the caller's own in every command that knows rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from engine.builders import rule_text

from doctor.engine.load import load_rules
from doctor.engine.rule import Severity

OWN = rule_text(
    name="named-otherwise",
    id="APP900",
    hop="code",
    expect="app.name == 'other'",
    severity="error",
    message="'{app.name} is called otherwise'",
    evidence="[app.name]",
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path: Path) -> str:
    folder = tmp_path / "own"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "named-otherwise.yaml").write_text(OWN)
    return str(folder)


# Rules of one's own.


@pytest.mark.parametrize("form", ["text", "concise", "json"])
def test_a_finding_of_theirs_is_one_like_ours(doctor, own: str, form: str) -> None:  # type: ignore[no-untyped-def]
    done = doctor("check", "--demo", "--format", form, "--rules", own, "--select", "APP900")
    assert (done.code, done.err) == (1, "")
    assert "APP900" in done.out
    assert "shop is called otherwise" in done.out


def test_they_run_beside_ours(doctor, own: str, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    before = json.loads(doctor("check", "--demo", "--format", "json").out)
    monkeypatch.setenv("FLASKDOCTOR_RULES", own)
    after = json.loads(doctor("check", "--demo", "--format", "json").out)
    told = {finding["rule"] for finding in before["findings"]}
    assert {finding["rule"] for finding in after["findings"]} == {*told, "APP900"}


def test_they_can_be_fixed_only_as_unsafe(doctor, own: str) -> None:  # type: ignore[no-untyped-def]
    fix = "fix:\n  - {title: Do it, safety: unsafe, actions: [nginx.reload]}\n"
    Path(own, "app", "named-otherwise.yaml").write_text(OWN + fix)
    command = ("check", "--demo", "--rules", own, "--select", "APP900", "--diff")
    assert "Do it" not in doctor(*command).out
    assert "Do it" in doctor(*command, "--unsafe-fixes").out


@pytest.mark.parametrize(
    "command", [("check", "--demo"), ("rules",), ("explain", "SOC001"), ("rules", "why", "SOC001")]
)
def test_what_is_wrong_with_them_ends_every_command(doctor, own: str, command: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    Path(own, "app", "named-otherwise.yaml").write_text(OWN.replace("app.name ==", "app.nam =="))
    done = doctor(*command, "--rules", own)
    assert (done.code, done.out) == (2, "")
    assert f"{own}/app/named-otherwise.yaml:9:13:" in done.err
    assert "did you mean 'name'?" in done.err
    assert doctor(*command, "--rules", "").code == 2
    assert "no such folder: --rules nowhere" in doctor(*command, "--rules", "nowhere").err


def test_they_are_listed_and_explained(doctor, own: str) -> None:  # type: ignore[no-untyped-def]
    assert [line.split()[0] for line in doctor("rules", "--rules", own, "APP9").out.splitlines()] == ["APP900"]
    assert doctor("rules", "APP900").code == 2
    for word in ("APP900", "named-otherwise"):
        assert "A rule of the tests" in doctor("explain", word, "--rules", own).out
        assert doctor("explain", word).code == 2
    assert "APP900" in doctor("explain", "APP", "--rules", own).out
    assert "GUN003 single-worker" in doctor("explain", "GUN003", "--rules", own).out


# rules why


def repository(tmp_path: Path) -> str:
    (tmp_path / "shop.service").write_text(
        "[Service]\nExecStart=/srv/shop/venv/bin/gunicorn --bind unix:/run/shop.sock shop:app\n"
    )
    return str(tmp_path)


def test_why(doctor, own: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for word in ("APP900", "named-otherwise"):
        done = doctor("rules", "why", word, repository(tmp_path), "--rules", own)
        assert (done.code, done.err) == (0, "")
        assert "APP900 named-otherwise · shop\n   case 1: fail\n     expect app.name == 'other'\n" in done.out
    [subject] = json.loads(doctor("rules", "why", "GUN003", repository(tmp_path), "--format", "json").out)["subjects"]
    assert subject["subject"] == "shop"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("single-wroker",), "there is no rule 'single-wroker'\n  Did you mean 'single-worker'?"),
        (("gun03",), "Did you mean 'GUN003'?"),
        (("single-worker", "nowhere"), "no such file or folder: nowhere"),
        ((), "Missing argument 'NAME'"),
        (("single-worker", "--format", "yaml"), "--format"),
    ],
)
def test_why_of_what_is_not_there(doctor, arguments: tuple[str, ...], words: str) -> None:  # type: ignore[no-untyped-def]
    done = doctor("rules", "why", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


# rules new


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for part in ("rules/gunicorn", "fixtures", "doctor/engine"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "rules" / "gunicorn" / "their-latest.yaml").write_text(rule_text(name="their-latest", id="GUN500"))
    return tmp_path


def test_new_in_a_checkout(doctor, checkout: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(checkout / "rules" / "gunicorn")
    arguments = ("--layer", "gunicorn", "--severity", "error", "--subject", "gunicorn")
    done = doctor("rules", "new", "my-fault", *arguments)
    assert (done.code, done.err) == (0, "")
    made = [
        checkout / "rules" / "gunicorn" / "my-fault.yaml",
        checkout / "fixtures" / "my-fault" / "my-fault.test.yaml",
        checkout / "fixtures" / "my-fault" / "recipe.py",
    ]
    assert [line.strip() for line in done.out.splitlines()[1:4]] == [str(path) for path in made]
    rule = next(rule for rule in load_rules(checkout / "rules") if rule.name == "my-fault")
    assert (rule.id, rule.severity, rule.subject) == ("GUN501", Severity.ERROR, "gunicorn")
    assert all(path.is_file() for path in made)
    again = doctor("rules", "new", "my-fault", *arguments)
    assert (again.code, "is called so already: my-fault" in again.err) == (2, True)


def test_new_overwrites_nothing(doctor, checkout: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = checkout / "fixtures" / "my-fault" / "recipe.py"
    recipe.parent.mkdir()
    recipe.symlink_to("nowhere")
    done = doctor("rules", "new", "my-fault")
    assert (done.code, done.out) == (2, "")
    assert f"nothing is overwritten: {recipe}" in done.err
    assert not (checkout / "rules" / "app").exists()


def test_new_rules_of_ones_own_run_at_once(doctor, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for number, name in enumerate(("first", "second")):
        assert f"APP90{number} begins in" in doctor("rules", "new", name, "--in", "mine").out
    assert [path.name for path in sorted((tmp_path / "mine").rglob("*.*"))] == ["first.yaml", "second.yaml"]
    assert doctor("rules", "--rules", "mine", "APP9").out.count("\n") == 2
    Path("mine/app/first.yaml").write_text(Path("mine/app/first.yaml").read_text().replace("== 'TODO'", "!= 'x'"))
    assert "TODO: what is wrong with shop" in doctor("check", repository(tmp_path), "--rules", "mine").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x",), "the working directory is no checkout of flaskdoctor"),
        (("My_Fault", "--in", "mine"), "'My_Fault' cannot name a rule\n  Write it in kebab case"),
        (("why", "--in", "mine"), "'why' cannot name a rule"),
        (("../x", "--in", "mine"), "'../x' cannot name a rule"),
        (("single-worker", "--in", "mine"), "GUN003 is called so already: single-worker"),
        (
            ("x", "--in", "mine", "--layer", "gunicron"),
            "'gunicron' cannot be chosen: --layer\n  Did you mean 'gunicorn'?",
        ),
        (("x", "--in", "mine", "--severity", "bad"), "One of error, info, warning."),
        (("x", "--in", "mine", "--subject", "rout"), "Did you mean 'route'?"),
        (("x", "--in", ""), "an empty value: --in"),
        (("x", "--in", "/proc/nowhere"), "cannot write ("),
    ],
)
def test_new_of_what_cannot_be(doctor, arguments: tuple[str, ...], words: str) -> None:  # type: ignore[no-untyped-def]
    done = doctor("rules", "new", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert not Path("mine").exists()


def test_selectors_are_no_verbs(doctor) -> None:  # type: ignore[no-untyped-def]
    assert doctor("rules", "SOC001", "GUN003").out.count("\n") == 2
    assert doctor("rules", "--format", "json", "SOC001").code == 0
