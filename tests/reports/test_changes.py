"""What people read of fixes: made, planned, asked about, taken back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engine.builders import rule

from doctor.edits.changes import Operation, Rewrite, Verb
from doctor.edits.plan import Plan
from doctor.edits.preview import FixPreview, diff
from doctor.engine.finding import Finding, SubjectRef
from doctor.engine.rule import Safety, Severity
from doctor.fixes.disk import Kind
from doctor.fixes.fixer import Attempt, Planned, Result
from doctor.fixes.record import FixRecord, Form, RunRecord, State, Step
from doctor.fixes.undo import TakenBack, Undone
from doctor.reports.changes import fixed_lines, planned_lines, question_lines, run_lines, undone_lines
from doctor.reports.fixes import fix_reports
from doctor.reports.layout import Line, plain

RUN = "20261122T101500Z-7"
DIFF = "--- a\n+++ a\n@@ -1 +1 @@\n-old\n+new\n"
EVIL = "\x1b[2Jgone\r\u202e"
"""Clears the screen, starts the line anew, reverses what follows."""


def finding(**given: Any) -> Finding:
    values = {"subject": SubjectRef("app", "shop"), "message": "It is broken", **given}
    return Finding(
        rule(name="some-fault"), Severity.ERROR, values["subject"], "shop", values["message"], (), (), "", ()
    )  # fmt: skip


def fix(safety: Safety = Safety.SAFE, **given: Any) -> FixPreview:
    values = {"title": "Do it", "commands": (), "diff": "", **given}
    return FixPreview(values["title"], safety, values["commands"], values["diff"], (), ())


def planned(objection: str = "", safety: Safety = Safety.SAFE, **given: Any) -> Planned:
    return Planned(finding(), fix(safety, **given), objection)


def attempt(result: Result, detail: str = "", run: str = "") -> Attempt:
    return Attempt(finding(), fix(), result, detail, run)


def record(subject: str = "shop", state: State = State.APPLIED, **given: Any) -> FixRecord:
    step = Step("/etc/x", Form(Kind.MISSING), Form(Kind.FILE), "")
    operations = (Operation(Verb.DAEMON_RELOAD), Operation(Verb.RESTART, "shop.service"))
    values = {"steps": (step,), "title": "Do it", **given}
    return FixRecord(
        "GUN900", "some-fault", subject, values["title"], "safe", values["steps"], operations, {}, 1, state
    )


def taken_back(*left: str, run: str = RUN, **given: Any) -> TakenBack:
    return TakenBack(run, record(**given), left, f"/var/lib/flaskdoctor/runs/{run}")


def undone(items: list[TakenBack], width: int, *standing: tuple[str, FixRecord]) -> list[Line]:
    return undone_lines(Undone(tuple(items), tuple(dict.fromkeys(item.run for item in items)), standing), width)


def harmless(text: str) -> None:
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text


# What was made.


def test_no_fix_is_no_section() -> None:
    assert fixed_lines([], 100) == []


@pytest.mark.parametrize(
    ("result", "detail", "shown"),
    [
        (Result.APPLIED, "", ("✓ GUN900 some-fault · shop", "Do it (safe)")),
        (Result.ROLLED_BACK, "it did not help", ("· GUN900", "taken back, all is as before: it did not help")),
        (Result.FAILED, "no room", ("✗ GUN900", "failed: no room")),
        (Result.SKIPPED, "declined", ("· GUN900", "left alone: declined")),
    ],
)
def test_every_fix_says_what_became_of_it(result: Result, detail: str, shown: tuple[str, ...]) -> None:
    text = plain(fixed_lines(fix_reports((), [attempt(result, detail)]), 100))
    for words in shown:
        assert words in text


def test_the_way_back_is_told_once_for_each_run() -> None:
    attempts = [attempt(Result.APPLIED, run=RUN), attempt(Result.APPLIED, run=RUN), attempt(Result.SKIPPED, "x")]
    text = plain(fixed_lines(fix_reports((), attempts), 100))
    assert text.count("flaskdoctor undo") == 1
    assert f"flaskdoctor undo {RUN}" in text
    assert "undo" not in plain(fixed_lines(fix_reports((), attempts[2:]), 100))


def test_what_an_interrupted_run_left_comes_first() -> None:
    reports = fix_reports([taken_back(), taken_back("x was changed since")], [attempt(Result.APPLIED, run="new")])
    assert [(r.result, r.undo) for r in reports] == [("rolled-back", None), ("failed", RUN), ("applied", "new")]
    assert reports[0].detail == f"run {RUN} was interrupted"
    assert "not taken back: x was changed since" in reports[1].detail
    assert reports[0].action == "daemon-reload, restart"


# What would be made.


def test_a_plan_is_a_diff_with_commands_and_comments() -> None:
    text = plain(planned_lines([planned(diff=DIFF, commands=("systemctl daemon-reload",))], unsafe=False, more=0))
    assert text == (
        "# GUN900 some-fault · shop · Do it (safe)\n"
        f"{DIFF}"
        "systemctl daemon-reload\n"
        "\n"
        "# 1 to be made by --fix, each followed by another look; nothing was changed\n"
    )


def test_what_would_be_left_alone_does_not_count() -> None:
    text = plain(planned_lines([planned("it follows from x")], unsafe=True, more=2))
    assert "# left alone: it follows from x\n" in text
    assert "# 0 to be made by --fix --unsafe-fixes" in text
    assert text.endswith("; 2 more with --unsafe-fixes\n")


@pytest.mark.parametrize("broken", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_a_line_of_a_file_stays_one_line(broken: str) -> None:
    # What a comment hides behind a sign that only some take for the end of a line would look like a command.
    diff = f"--- a\n+++ a\n@@ -1 +1 @@\n-old\n+new # {broken}rm -rf /\n"
    for lines in (planned_lines([planned(diff=diff)], unsafe=False, more=0), question_lines(planned(diff=diff), 100)):
        [shown] = [row for row in plain(lines).split("\n") if "rm -rf" in row]
        assert shown.strip().startswith("+new # ")


@pytest.mark.parametrize("broken", ["\x0b", "\x0c", "\x85", "\u2028", "\r", "\r\n"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_diff_is_one_that_patch_takes(tmp_path: Path, broken: str, end: str) -> None:
    if shutil.which("patch") is None:
        pytest.skip("no patch here")
    old, new = f"a # {broken}x\nb\n", f"a # {broken}x\nc # {broken}y{end}"
    (tmp_path / "site").write_bytes(old.encode())
    text = diff(Plan((Rewrite("site", old, new),), ()))
    words = ["patch", "--binary", "--quiet", "site"]
    done = subprocess.run(words, input=text.encode(), cwd=tmp_path, capture_output=True, timeout=10, check=False)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "site").read_bytes() == new.encode()


def test_signs_that_move_the_cursor_are_shown_as_what_they_are() -> None:
    its = Planned(
        finding(message=EVIL, subject=SubjectRef("app", EVIL)),
        fix(title=EVIL, diff=f"+{EVIL}\n", commands=(f"chmod 0644 '{EVIL}'",)),
        EVIL,
    )
    harmless(plain(planned_lines([its], unsafe=False, more=0)))
    harmless(plain(question_lines(its, 100)))
    made = Attempt(its.finding, its.fix, Result.FAILED, EVIL, EVIL)
    harmless(plain(fixed_lines(fix_reports((), [made]), 100)))
    harmless(plain(undone([taken_back(EVIL, subject=EVIL, title=EVIL)], 100)))
    harmless(plain(run_lines([RunRecord(EVIL, EVIL, "", [record(EVIL, title=EVIL)])])))


# What is asked.


def test_a_question_holds_all_that_matters() -> None:
    text = plain(question_lines(planned(diff=DIFF, commands=("chmod 0644 /x",)), 100))
    for words in ("GUN900 some-fault · shop", "It is broken", "Fix (safe): Do it.", "-old", "+new", "chmod 0644 /x"):
        assert words in text
    assert "Requests may fail" not in text


def test_a_question_about_an_unsafe_fix_says_so() -> None:
    assert "Requests may fail while it is made" in plain(question_lines(planned(safety=Safety.UNSAFE), 100))


# What was taken back.


def test_nothing_to_take_back_is_said() -> None:
    assert plain(undone([], 100)) == "nothing to take back\n"


def test_what_was_taken_back_is_told() -> None:
    text = plain(undone([taken_back(), taken_back(subject="blog")], 100))
    assert text == f"✓ GUN900 some-fault · shop · Do it\n✓ GUN900 some-fault · blog · Do it\nall is as before ({RUN})\n"


def test_what_could_not_be_is_told_with_the_place_of_the_copies() -> None:
    text = plain(undone([taken_back(), taken_back("/etc/x was changed since", "systemctl: no")], 100))
    assert "✗ GUN900" in text
    assert "/etc/x was changed since\n" in text
    assert "systemctl: no\n" in text
    assert text.count(f"/var/lib/flaskdoctor/runs/{RUN}") == 1
    assert text.endswith(f"1 of 2 could not be taken back whole ({RUN})\n")


def test_several_runs_are_named_once_each() -> None:
    text = plain(undone([taken_back(run="a"), taken_back(run="a"), taken_back(run="b")], 100))
    assert text.endswith("all is as before (a, b)\n")


def test_a_restart_alone_is_not_said_to_be_taken_back() -> None:
    text = plain(undone([taken_back(steps=())], 100))
    assert "all is as before" not in text
    assert "✓" not in text
    assert "all else is as before" in plain(undone([taken_back(steps=()), taken_back()], 100))


def test_what_stands_of_the_run_is_named_and_nothing_is_said_to_be_as_before() -> None:
    text = plain(undone([taken_back()], 100, (RUN, record("blog"))))
    assert "✗ GUN900 some-fault · blog · Do it: it stands\n" in text
    assert f"To try again: flaskdoctor undo {RUN}\n" in text
    assert "as before" not in text
    assert text.endswith("not everything is taken back\n")


def test_what_stands_of_older_runs_is_counted() -> None:
    text = plain(undone([taken_back()], 100, ("old", record("blog")), ("older", record("x"))))
    assert "2 fixes of older runs stand: flaskdoctor undo --list\n" in text
    assert text.endswith(f"all is as before ({RUN})\n")


# The runs there are.


def test_no_run_is_said() -> None:
    assert plain(run_lines([])) == "no run is written down\n"


def test_runs_are_listed_newest_first() -> None:
    old = RunRecord("20261121T101500Z-7", "2026-11-21T10:15:00Z", "", [record(state=State.UNDONE)])
    new = RunRecord(RUN, "2026-11-22T10:15:00Z", "", [record(state=State.BEGUN), record("blog")])
    assert plain(run_lines([old, new])).splitlines() == [
        f"{RUN}  2026-11-22T10:15:00Z",
        "   interrupted  GUN900 some-fault · shop · Do it",
        "   applied      GUN900 some-fault · blog · Do it",
        "20261121T101500Z-7  2026-11-21T10:15:00Z",
        "   undone       GUN900 some-fault · shop · Do it",
    ]
