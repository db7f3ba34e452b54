"""`check`: exit codes, formats, files, options; the examination itself is replaced by reports made by hand."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from reports.report_samples import BUG, FAULT, HEALTHY, HOSTILE, INCOMPLETE, INFO, NOTHING, SEVERAL

from doctor import apply, run
from doctor.cli import output, progress
from doctor.errors import UserError
from doctor.reports.model import Report

Doctor = Callable[..., "Done"]  # type: ignore[name-defined]  # noqa: F821

WARNED = replace(SEVERAL, findings=SEVERAL.findings[1:], summary=replace(SEVERAL.summary, error=0))


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Report | Exception], list[run.Options]]:
    """Make the examination end in a report or an error; the options it was called with are kept."""

    def replace_check(outcome: Report | Exception) -> list[run.Options]:
        asked: list[run.Options] = []

        def check(options: run.Options) -> Report:
            asked.append(options)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(run, "check", check)
        return asked

    return replace_check


EXIT = [
    (HEALTHY, "warning", False, 0),
    (HEALTHY, "info", True, 0),
    (FAULT, "warning", False, 1),
    (FAULT, "error", False, 1),
    (FAULT, "never", False, 0),
    (WARNED, "warning", False, 1),
    (WARNED, "error", False, 0),
    (INFO, "warning", False, 0),
    (INFO, "info", False, 1),
    (INCOMPLETE, "warning", False, 0),
    (INCOMPLETE, "warning", True, 4),
    (FAULT, "warning", True, 1),
    (FAULT, "never", True, 4),
    (NOTHING, "warning", False, 4),
    (NOTHING, "never", False, 4),
    (replace(NOTHING, findings=SEVERAL.findings[:1], summary=SEVERAL.summary), "warning", False, 1),
    (BUG, "warning", False, 3),
    (replace(BUG, findings=FAULT.findings), "never", True, 3),
]


@pytest.mark.parametrize(("case", "form"), list(itertools.product(EXIT, ["text", "concise", "json"])))
def test_exit_code_is_the_same_in_every_format(case, form, doctor, finds) -> None:  # type: ignore[no-untyped-def]
    report, fail_on, strict, code = case
    finds(report)
    done = doctor("check", "--format", form, "--fail-on", fail_on, *(["--strict"] if strict else []))
    assert done.code == code


def test_error_of_the_caller_is_2_without_traceback(doctor, finds) -> None:  # type: ignore[no-untyped-def]
    finds(UserError("what", "where", "What to do."))
    done = doctor("check")
    assert (done.code, done.out, done.err) == (2, "", "flaskdoctor: what: where\n  What to do.\n")


def test_bug_is_3_with_its_place(doctor, finds) -> None:  # type: ignore[no-untyped-def]
    finds(KeyError("x\x1b[31m"))
    done = doctor("check")
    assert done.code == 3
    assert done.err.startswith("flaskdoctor hit a bug of its own: KeyError: 'x")
    assert "please report it" in done.err
    assert "doctor.cli.check:" in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err


def test_bug_with_traceback(doctor, finds, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("FLASKDOCTOR_TRACEBACK", "1")
    finds(KeyError("x"))
    done = doctor("check")
    assert done.code == 3
    assert "Traceback (most recent call last)" in done.err


@pytest.mark.parametrize("variable", [{}, {"FLASKDOCTOR_TRACEBACK": "1"}])
def test_bug_tells_no_secret(variable, doctor, finds, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    try:
        try:
            compile('SECRET_KEY = "canary1', "/srv/shop/app.py", "exec")
        except SyntaxError as error:
            raise ValueError("cannot parse DATABASE_URL=postgresql://shop:canary2@db/shop") from error
    except ValueError as error:
        finds(error)
    done = doctor("check")
    assert done.code == 3
    assert "cannot parse DATABASE_URL" in done.err
    assert "canary" not in done.err


def test_interrupt_is_130(doctor, finds) -> None:  # type: ignore[no-untyped-def]
    finds(KeyboardInterrupt())
    assert doctor("check").code == 130


def test_files_get_the_report_too(doctor, finds, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finds(FAULT)
    text, data = tmp_path / "r.txt", tmp_path / "r.json"
    done = doctor("check", "--format", "concise", "--output", str(text), "--output", str(data))
    assert done.code == 1
    assert "SOC001 upstream-bind-mismatch: Nginx sends" in done.out
    assert text.read_text().endswith("could not be made (run with sudo)\n")
    assert json.loads(data.read_text())["schema"] == "flaskdoctor.report/1"
    assert text.stat().st_mode & 0o777 == 0o644 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_unwritable_file_loses_no_report(doctor, finds, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finds(FAULT)
    lost, kept = tmp_path / "r.json", tmp_path / "r.txt"
    lost.symlink_to(tmp_path / "elsewhere")  # found out only when it is opened
    done = doctor("check", "--output", str(lost), "--output", str(kept))
    assert done.code == 2
    assert "SOC001" in done.out
    assert "SOC001" in kept.read_text()
    assert f"cannot write the output file (is a symbolic link): {lost}" in done.err


def test_file_that_is_a_link_is_not_followed(doctor, finds, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finds(HEALTHY)
    victim, link = tmp_path / "victim", tmp_path / "r.txt"
    victim.write_text("precious")
    link.symlink_to(victim)
    done = doctor("check", "--output", str(link))
    assert done.code == 2
    assert "is a symbolic link" in done.err
    assert victim.read_text() == "precious"


def test_unknown_suffix_is_refused_before_looking(doctor, finds) -> None:  # type: ignore[no-untyped-def]
    asked = finds(HEALTHY)
    done = doctor("check", "--output", "report.xml")
    assert done.code == 2
    assert "--output report.xml" in done.err
    assert ".json" in done.err
    assert not asked


TWINS = [
    ("--app", "APP", "shop", "app", "shop"),
    ("--select", "SELECT", "SOC001,NGX gun", "select", ("SOC001", "NGX", "gun")),
    ("--ignore", "IGNORE", "502", "ignore", ("502",)),
    ("--extend-select", "EXTEND_SELECT", "ALL", "extend_select", ("ALL",)),
    ("--min-severity", "MIN_SEVERITY", "error", "min_severity", "error"),
    ("--since", "SINCE", "2h", "since", 7200.0),
    ("--probe", "PROBE", None, "probe", True),
    ("--demo", "DEMO", None, "demo", True),
    ("--root", "ROOT", "/mnt", "root", "/mnt"),
    ("--rules", "RULES", "/etc/rules", "rules", ("/etc/rules",)),
]


@pytest.mark.parametrize(("option", "variable", "value", "field", "expected"), TWINS)
def test_option_and_its_variable(option, variable, value, field, expected, doctor, finds, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    asked = finds(HEALTHY)
    doctor("check")
    assert getattr(asked[-1], field) != expected
    doctor("check", option, *([value] if value else []))
    assert getattr(asked[-1], field) == expected
    monkeypatch.setenv(f"FLASKDOCTOR_{variable}", value or "1")
    doctor("check")
    assert getattr(asked[-1], field) == expected


def test_variables_of_the_report(doctor, finds, monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finds(INFO)
    file = tmp_path / "r.json"
    monkeypatch.setenv("FLASKDOCTOR_FORMAT", "json")
    monkeypatch.setenv("FLASKDOCTOR_FAIL_ON", "info")
    monkeypatch.setenv("FLASKDOCTOR_OUTPUT", str(file))
    done = doctor("check")
    assert done.code == 1
    assert json.loads(done.out) == json.loads(file.read_text())
    finds(INCOMPLETE)
    monkeypatch.setenv("FLASKDOCTOR_STRICT", "1")
    assert doctor("check").code == 4


@pytest.mark.parametrize(("command", "prefix"), [("check", ""), ("snapshot", "SNAPSHOT_"), ("rules", "RULES_")])
def test_every_option_has_a_variable(command: str, prefix: str, doctor) -> None:  # type: ignore[no-untyped-def]
    shown = doctor(command, "--help").out
    options = set(re.findall(r"(?m)^  (?:-\w, )?--([a-z-]+)", shown)) - {"help"}
    words = set(shown.replace(";", " ").replace("]", " ").split())
    assert options
    for option in options - {"fix", "unsafe-fixes", "interactive"}:
        name = option.replace("-", "_").upper()
        assert {f"FLASKDOCTOR_{name}", f"FLASKDOCTOR_{prefix}{name}"} & words, option


@pytest.mark.parametrize("option", ["--fix", "--unsafe-fixes", "--interactive"])
def test_no_variable_changes_the_machine(option: str, doctor, finds, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    finds(FAULT)
    monkeypatch.setattr(apply, "apply", lambda *_, **__: pytest.fail("it fixed"))
    usual = doctor("check")
    name = f"FLASKDOCTOR_{option[2:].upper().replace('-', '_')}"
    monkeypatch.setenv(name, "1")
    done = doctor("check")
    assert (done.code, done.out) == (usual.code, usual.out)
    assert done.err == f"flaskdoctor: {name} is ignored: what changes the machine is given as an option ({option})\n"
    assert name not in doctor("check", "--help").out


def test_unwritable_file_hides_no_bug(doctor, finds, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finds(BUG)
    link = tmp_path / "r.txt"
    link.symlink_to(tmp_path / "elsewhere")
    assert doctor("check", "--output", str(link)).code == 3


def test_progress_is_shown_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import time

    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(progress, "_PATIENCE", 0.05)
    for seconds, said in ((0.0, ""), (0.3, "looking\r       \r")):
        stream = Tty()
        monkeypatch.setattr(sys, "stderr", stream)
        with progress.progress("looking"):
            time.sleep(seconds)
        assert stream.getvalue() == said
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with progress.progress("looking"):
        time.sleep(0.1)
    assert pipe.getvalue() == ""


def test_only_the_report_goes_to_stdout(doctor, finds) -> None:  # type: ignore[no-untyped-def]
    finds(HOSTILE)
    done = doctor("check", "--format", "json")
    assert json.loads(done.out)["verdict"] == "faults"
    assert done.err == ""


class Terminal:
    """Standard output as a terminal, for what asks whether it is one."""

    def __init__(self, tty: bool) -> None:
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


@pytest.mark.parametrize(
    ("environment", "tty", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour(environment, tty, colour, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert output.wants_colour(Terminal(tty)) is colour  # type: ignore[arg-type]


def test_forced_colour_reaches_a_pipe(doctor, finds, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    finds(FAULT)
    plain = doctor("check").out
    assert "\x1b[" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in doctor("check").out


@pytest.mark.parametrize(("columns", "width"), [("40", 60), ("80", 80), ("200", 100)])
def test_width_follows_a_terminal(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert output.width(Terminal(True)) == width  # type: ignore[arg-type]
    assert output.width(Terminal(False)) == 100  # type: ignore[arg-type]


def test_json_is_utf8_in_any_locale(finds, doctor, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    import io

    finds(FAULT)
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    doctor("check", "--format", "json")
    assert json.loads(raw.getvalue().decode("utf-8"))["findings"][0]["rule"] == "SOC001"
