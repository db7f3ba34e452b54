"""The journal of a unit: lines as gunicorn 20.1.0, 23.0.0 and 27.0.1 and systemd 252 wrote them."""

# ruff: noqa: E501
from __future__ import annotations

import json
from typing import Any

import pytest
from factories import make
from sources.journal import (
    FRAMES,
    MISSING_MODULE,
    MISSING_VARIABLE,
    NOW,
    REQUEST,
    SYNTAX,
    Journal,
    judge,
    lines,
    said,
    systemd,
    unit,
    value,
)

from doctor.facts.value import Absent, Known, Unknown
from doctor.hosts.base import Missing, Output, Unseen
from doctor.hosts.commands import Command
from doctor.sources.logs import collect_unit
from doctor.sources.systemd import ExecCommand, Unit


def test_missing_module() -> None:
    log = judge(lines(MISSING_MODULE), said("Reason: Worker failed to boot."))
    assert value(log.boot_error) == "ModuleNotFoundError: No module named 'psycopg2'"
    assert value(log.boot_error_place) == "/srv/shop/current/shop/db.py:2"
    assert value(log.boot_traceback_missing_module) == "psycopg2"
    assert value(log.boot_missing_package) == "psycopg2"
    assert log.boot_error_place.places[0].text == "import psycopg2.extras"
    assert isinstance(log.boot_missing_variable, Absent)
    assert value(log.halts).count == 1


def test_missing_variable() -> None:
    log = judge(lines(MISSING_VARIABLE))
    assert value(log.boot_missing_variable) == "DATABASE_URL"
    assert value(log.boot_error_place) == "/srv/shop/current/shop/db.py:9"


def test_syntax_error() -> None:
    log = judge(lines(SYNTAX))
    assert value(log.boot_error) == "SyntaxError: invalid syntax"
    assert value(log.boot_error_place) == "/srv/shop/current/shop/db.py:1"


def test_traceback_of_preload_has_no_heading() -> None:
    log = judge(lines(MISSING_VARIABLE.partition("\n")[2]))
    assert value(log.boot_missing_variable) == "DATABASE_URL"


def test_traceback_of_a_request_is_no_boot_error() -> None:
    log = judge(lines(REQUEST))
    assert isinstance(log.boot_error, Absent)
    assert isinstance(log.boot_missing_variable, Absent)


def test_tracebacks_of_two_workers_do_not_mix() -> None:
    one, two = lines(MISSING_MODULE, pid=20), lines(MISSING_MODULE.replace("[20]", "[21]"), pid=21)
    mixed = [record for pair in zip(one, two, strict=True) for record in pair]
    log = judge(mixed)
    assert value(log.boot_traceback_missing_module) == "psycopg2"
    assert value(log.boot_error_place) == "/srv/shop/current/shop/db.py:2"


def test_chained_exceptions_tell_the_last() -> None:
    raised = (
        "\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
    )
    text = (
        MISSING_VARIABLE
        + raised
        + '  File "/srv/shop/current/shop/__init__.py", line 7, in <module>\n    raise\nRuntimeError: set DATABASE_URL\n'
    )
    log = judge(lines(text))
    assert value(log.boot_error) == "RuntimeError: set DATABASE_URL"
    assert value(log.boot_error_place) == "/srv/shop/current/shop/__init__.py:7"
    assert value(log.boot_missing_variable) == "DATABASE_URL"


def test_message_that_goes_on_below_ends_in_a_sentence() -> None:
    """werkzeug.utils.ImportStringError lists what it tried."""
    said = "ImportStringError: import_string() failed for 'config.Live'."
    head = MISSING_MODULE.rpartition("ModuleNotFoundError")[0]
    log = judge(lines(f"{head}werkzeug.utils.{said} Possible reasons are:\n\n- missing __init__.py in a package;\n"))
    assert value(log.boot_error) == f"werkzeug.utils.{said}"


def test_wrong_entry_point() -> None:
    log = judge(lines("Failed to find attribute 'nope' in 'wsgi'."), said("Reason: App failed to load."))
    assert value(log.entry_error).text == "Failed to find attribute 'nope' in 'wsgi'."
    assert value(log.boot_error) == "Failed to find attribute 'nope' in 'wsgi'."


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (["Retrying in 1 second.", "Can't connect to /run/shop.sock"], "Can't connect to /run/shop.sock"),
        (
            ["connection to /run/shop.sock failed: [Errno 13] Permission denied", "Can't connect to /run/shop.sock"],
            "[Errno 13] Permission denied",
        ),
    ],
)
def test_bind_error(messages: list[str], reason: str) -> None:
    log = judge(*(said(m) for m in messages))
    assert value(log.bind_error).text.endswith(reason)
    assert isinstance(log.address_in_use, Absent)


def test_address_in_use() -> None:
    log = judge(
        said("Connection in use: ('127.0.0.1', 8000)"),
        said("connection to ('127.0.0.1', 8000) failed: [Errno 98] Address already in use"),
        said("Can't connect to ('127.0.0.1', 8000)"),
    )
    assert value(log.address_in_use).count == 3
    assert isinstance(log.bind_error, Absent)


def test_bind_that_worked_at_last_is_history() -> None:
    log = judge(
        said("Connection in use: ('127.0.0.1', 8000)"), said("Listening at: http://127.0.0.1:8000 (10)", "INFO")
    )
    assert isinstance(log.address_in_use, Absent)


def test_control_socket_is_no_bind_error() -> None:
    log = judge(said("Control server error: [Errno 13] Permission denied: '/home/shop'"))
    assert isinstance(log.bind_error, Absent)
    assert value(log.control_server_error).count == 1


@pytest.mark.parametrize(
    "message",
    ["Worker with pid 20 was terminated due to signal 9", "Worker (pid:20) was sent SIGKILL! Perhaps out of memory?"],
)
def test_killed_worker(message: str) -> None:
    assert value(judge(said(message)).worker_killed).count == 1
    late = judge(said("WORKER TIMEOUT (pid:20)", "CRITICAL"), said(message))
    assert isinstance(late.worker_killed, Absent)
    assert value(late.worker_timeouts).count == 1
    assert isinstance(judge(systemd("Stopping shop.service - Shop..."), said(message)).worker_killed, Absent)
    assert isinstance(judge(said(message)).worker_crashed, Absent)


@pytest.mark.parametrize(
    "message",
    [
        "Worker with pid 20 was terminated due to signal 11",
        "Worker (pid:20) was sent SIGSEGV!",
        "Worker (pid:20) exited with code 120.",
    ],
)
def test_crashed_worker(message: str) -> None:
    assert value(judge(said(message)).worker_crashed).count == 1


def test_worker_that_could_not_boot_is_no_crash() -> None:
    assert isinstance(judge(said("Worker (pid:20) exited with code 3.")).worker_crashed, Absent)


def test_hup_then_halt_before_an_automatic_restart() -> None:
    log = judge(
        said("Handling signal: hup", "INFO", at=-60, run="a"),
        lines(MISSING_MODULE, at=-59, run="a"),
        said("Reason: Worker failed to boot.", at=-59, run="a"),
        systemd("shop.service: Scheduled restart job, restart counter is at 1.", at=-58, run="a"),
        said("Starting gunicorn 27.0.1", "INFO", at=-50),
    )
    assert value(log.hup_then_halt).count == 1
    assert value(log.restarts).count == 1
    assert isinstance(log.boot_error, Absent)
    assert isinstance(log.hups, Absent)


def test_master_that_ends_without_naming_its_reason() -> None:
    """gunicorn 27.0.1 with three workers."""
    log = judge(
        said("Handling signal: hup", "INFO", at=-12),
        lines("gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>", at=-11, pid=10),
    )
    assert value(log.hup_then_halt).count == 1
    assert value(log.halts).count == 1


def test_a_start_after_the_limit_is_a_new_beginning() -> None:
    log = judge(
        systemd("shop.service: Scheduled restart job, restart counter is at 5.", at=-60, run="a"),
        systemd("shop.service: Start request repeated too quickly.", at=-60, run="a"),
        systemd("Starting shop.service - Shop...", at=-20),
    )
    assert isinstance(log.restarts, Absent)
    assert isinstance(log.start_limit, Absent)


def test_in_a_loop_of_restarts_the_try_before_speaks() -> None:
    log = judge(
        said("Starting gunicorn 27.0.1", "INFO", at=-8, run="a"),
        lines(MISSING_MODULE, at=-6, run="a"),
        systemd("shop.service: Scheduled restart job, restart counter is at 7.", at=-2, run="a"),
        said("Starting gunicorn 27.0.1", "INFO", at=-1),
    )
    assert value(log.boot_traceback_missing_module) == "psycopg2"


def test_after_a_reload_that_failed_days_later_the_new_start_is_given_its_own_time() -> None:
    log = judge(
        said("Starting gunicorn 27.0.1", "INFO", at=-3000, run="a"),
        said("Handling signal: hup", "INFO", at=-12, run="a"),
        lines(MISSING_MODULE, at=-11, run="a"),
        systemd("shop.service: Scheduled restart job, restart counter is at 1.", at=-10, run="a"),
        said("Starting gunicorn 27.0.1", "INFO", at=-9),
    )
    assert isinstance(log.boot_error, Absent)


@pytest.mark.parametrize(
    ("exception", "name"),
    [
        ('environs.EnvError: Environment variable "DATABASE_URL" not set', "DATABASE_URL"),
        ("decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar or define a default", "SECRET_KEY"),
        ("RuntimeError: PAYMENT_KEY is not set", "PAYMENT_KEY"),
        ("ValueError: Missing environment variable: STRIPE_KEY", "STRIPE_KEY"),
        ("TypeError: FOO_BAR is wrong", None),
        ("KeyError: 'DATABASE_URL'", None),
    ],
)
def test_a_variable_named_by_a_message(exception: str, name: str | None) -> None:
    log = judge(lines(f"{FRAMES}{exception}\n"), said("Reason: Worker failed to boot."))
    if name is None:
        assert isinstance(log.boot_missing_variable, Absent)
    else:
        assert value(log.boot_missing_variable) == name


def test_before_the_last_deliberate_start_nothing_counts() -> None:
    log = judge(
        lines(MISSING_MODULE, at=-300, run="a"),
        said("WORKER TIMEOUT (pid:20)", "CRITICAL", at=-300, run="a"),
        systemd("Started shop.service - Shop.", at=-20),
        said("Starting gunicorn 27.0.1", "INFO", at=-20),
    )
    assert isinstance(log.boot_error, Absent)
    assert isinstance(log.worker_timeouts, Absent)


def test_without_invocations_the_start_decides() -> None:
    old = [{**r, "_SYSTEMD_INVOCATION_ID": ""} for r in lines(MISSING_MODULE, at=-300)]
    new = [{**r, "_SYSTEMD_INVOCATION_ID": ""} for r in said("Starting gunicorn 20.1.0", "INFO", at=-20)]
    assert isinstance(judge(old, new).boot_error, Absent)


def test_start_limit_and_spawn_errors_of_a_failed_unit() -> None:
    log = judge(
        [{**systemd("shop.service: Failed at step CHDIR spawning /srv/x: No such file or directory")[0], "_PID": "30"}],
        systemd("shop.service: Main process exited, code=exited, status=200/CHDIR"),
        systemd("shop.service: Scheduled restart job, restart counter is at 5."),
        systemd("shop.service: Start request repeated too quickly."),
        of=unit(running=False),
    )
    assert value(log.spawn_error).count == 1
    assert "Failed at step CHDIR" in value(log.spawn_error).text
    assert value(log.start_limit).count == 1


def test_env_file_and_pidfile() -> None:
    log = judge(
        systemd("shop.service: Failed to load environment files: No such file or directory"),
        lines("Error: /run/x doesn't exist. Can't create pidfile."),
        of=unit(started=None, running=False),
    )
    assert value(log.env_file_error).count == 1
    assert value(log.pidfile_error).count == 1


def test_an_app_cannot_speak_for_systemd() -> None:
    assert isinstance(judge(lines("Start request repeated too quickly.")).start_limit, Absent)


def test_messages_as_bytes_and_null() -> None:
    record = lines("")[:1] or lines("x")
    record[0]["MESSAGE"] = list("OSError: [Errno 28] No space left on device: 'Größe'".encode("latin-1"))
    empty = {**record[0], "MESSAGE": None}
    assert value(judge([*record, empty]).disk_full).count == 1


def test_a_database_that_does_not_answer() -> None:
    text = (
        FRAMES + "psycopg2.OperationalError: connection to server at localhost, port 5432 failed: Connection refused\n"
    )
    assert value(judge(lines(text), said("Reason: Worker failed to boot.")).dependency_error).count == 1
    served = REQUEST.replace("KeyError: 'LATER'", "psycopg2.OperationalError: server closed the connection")
    log = judge(lines(served))
    assert isinstance(log.dependency_error, Absent)
    assert value(log.dependency_lost).text == "psycopg2.OperationalError: server closed the connection"
    assert isinstance(judge(lines(REQUEST)).dependency_lost, Absent)


@pytest.mark.parametrize(
    ("exception", "name"),
    [
        ("OSError: [Errno 24] Too many open files: '/dev/null'", "too_many_files"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        ("OSError: [Errno 30] Read-only file system: '/srv/shop/x'", "read_only"),
    ],
)
def test_a_request_that_ends_in_what_a_start_can_end_in(exception: str, name: str) -> None:
    log = judge(lines(REQUEST.replace("KeyError: 'LATER'", exception)))
    assert value(getattr(log, name)).count == 1
    # A client that has its text logged is no exception.
    assert isinstance(getattr(judge(lines(f"asked for {exception}")), name), Absent)


def test_silence_of_the_journal() -> None:
    readable = {"/proc/self/status": "Gid:\t1000\nGroups:\t4 1000\n", "/etc/group": "adm:x:4:syslog\n"}
    foreign = {"/proc/self/status": "Gid:\t1000\nGroups:\t1000\n", "/etc/group": "adm:x:4:syslog\n"}
    assert isinstance(judge(euid=1000, files=readable).bind_error, Absent)
    denied = judge(euid=1000, files=foreign).bind_error
    assert isinstance(denied, Unknown)
    assert "systemd-journal" in denied.reason
    assert isinstance(judge(files={"/run/log/journal": ""}).bind_error, Absent)
    assert isinstance(judge().bind_error, Unknown)


def test_own_log_file_since_the_start() -> None:
    old = MISSING_MODULE.replace("2027-01-15 08:00:00", "2027-01-15 07:00:00")
    new = "[2027-01-15 08:00:00 +0000] [10] [CRITICAL] WORKER TIMEOUT (pid:20)\n"
    host = Journal(systemd("Started shop.service."), files={"/var/log/shop.log": old + new})
    log = collect_unit(host, unit(), None, Known("/var/log/shop.log"))
    assert value(log.worker_timeouts).count == 1
    assert log.worker_timeouts.places[0].path == "/var/log/shop.log"
    assert isinstance(log.boot_error, Absent)
    gone = collect_unit(host, unit(), None, Known("/var/log/gone.log"))
    assert isinstance(gone.worker_timeouts, Unknown)
    assert isinstance(gone.start_limit, Absent)


def test_since_bounds_the_look() -> None:
    host = Journal(said("WORKER TIMEOUT (pid:20)", at=-15))
    assert isinstance(collect_unit(host, unit(), NOW - 5).worker_timeouts, Absent)
    assert f"--since=@{int(NOW) - 5}" in host.asked[0].arguments


def test_of_a_talkative_unit_the_end_counts() -> None:
    """`journalctl --since --lines` of systemd 252 gives the first lines."""

    class Full(Journal):
        def run(self, command: Command) -> Output | Missing | Unseen:
            self.asked.append(command)
            count = int(next(word for word in command.arguments if word.startswith("--lines=")).partition("=")[2])
            newest = "--reverse" in command.arguments
            chosen = self.records[: -count - 1 : -1] if newest else self.records[:count]
            return Output(0, "".join(json.dumps(record) + "\n" for record in chosen), "")

    chatter = [record for _ in range(1600) for record in said("GET / 200", "INFO")]
    host = Full([*chatter, *lines(MISSING_MODULE), *said("Reason: Worker failed to boot.")])
    assert value(collect_unit(host, unit(), None).boot_traceback_missing_module) == "psycopg2"
    quiet = Full(said("WORKER TIMEOUT (pid:20)"))
    assert value(collect_unit(quiet, unit(), None).worker_timeouts).count == 1
    assert len(quiet.asked) == 1


def down(state: str = "failed", **more: Any) -> Unit:
    fields = {
        "name": "shop.service", "invocation": Known("b"), "exec_main_started": Known(NOW - 20),
        "active_state": Known(state), **more,
    }  # fmt: skip
    return make(Unit, **fields)


def exited(status: str, at: float = -9, run: str = "b", which: str = "Main") -> list[dict[str, Any]]:
    return systemd(f"shop.service: {which} process exited, code=exited, status={status}", at, run)


@pytest.mark.parametrize(
    ("records", "phrase"),
    [
        (
            [*lines("PermissionError: [Errno 13] Permission denied: '/x.py'"), *exited("1/FAILURE")],
            "it ended with status 1: PermissionError: [Errno 13] Permission denied: '/x.py'",
        ),
        (
            [*lines(MISSING_MODULE), *said("Reason: Worker failed to boot."), *exited("3/NOTIMPLEMENTED")],
            "it ended with status 3: ModuleNotFoundError: No module named 'psycopg2'",
        ),
        # A process may be heard after systemd has told of its end.
        (
            [*exited("1/FAILURE"), *lines("Error: class uri 'x' invalid or not found: \n\n]", at=-8)],
            "it ended with status 1: Error: class uri 'x' invalid or not found: ",
        ),
        (
            [
                *systemd(
                    "shop.service: Failed to set up mount namespacing: /srv/shop/uploads: No such file or directory"
                ),
                *systemd("shop.service: Failed at step NAMESPACE spawning /srv/g: No such file or directory"),
                *exited("226/NAMESPACE"),
            ],
            "systemd could not set up its file system namespace (226/NAMESPACE): "
            "Failed to set up mount namespacing: /srv/shop/uploads: No such file or directory",
        ),
        (
            systemd("shop.service: Main process exited, code=killed, status=9/KILL"),
            "it was killed by SIGKILL",
        ),
        (
            [
                *systemd(
                    "shop.service: Got notification message from PID 9, but reception only permitted for main PID 8"
                ),
                *systemd("shop.service: start operation timed out. Terminating."),
                *systemd("shop.service: Main process exited, code=killed, status=15/TERM"),
            ],
            "systemd waited in vain for it to say that it is ready, and ended it: "
            "Got notification message from PID 9, but reception only permitted for main PID 8",
        ),
        (
            systemd(
                "shop.service - Shop was skipped because of an unmet condition check (ConditionPathExists=/srv/x)."
            ),
            "systemd did not start it, because a condition of its unit does not hold: ConditionPathExists=/srv/x",
        ),
    ],
)
def test_failure_in_words(records: list[dict[str, Any]], phrase: str) -> None:
    assert value(judge(records, of=down()).failure).strip() == phrase.strip()


def test_failure_of_a_step_before() -> None:
    of = down(exec_start_pre=Known((ExecCommand(("/srv/migrate",)),)))
    log = judge(lines("Error: No such command 'db'."), exited("2/INVALIDARGUMENT", which="Control"), of=of)
    assert value(log.failure) == "ExecStartPre= ended with status 2: Error: No such command 'db'"


def test_a_loop_fails_at_every_moment() -> None:
    """The present try has not failed yet, and the one before says why."""
    tries = [
        record
        for number, run in enumerate("xyz")
        for record in (
            *systemd("Starting shop.service", -9 + number * 2, run),
            *lines("KeyError: 'X'", -8.5 + number * 2, run=run),
            *exited("3/NOTIMPLEMENTED", -8.5 + number * 2, run),
            *systemd("shop.service: Scheduled restart job, restart counter is at 1.", -7.5 + number * 2, run),
        )
    ]
    begun = systemd("Starting shop.service", -1)
    for state in ("activating", "active"):
        log = judge(tries, begun, of=down(state))
        assert value(log.failure) == "it ended with status 3: KeyError: 'X'", state
    # It was killed once after a long time, and runs again.
    once = [*systemd("Starting shop.service", -900, "x"), *exited("1/FAILURE", -3, "x")]
    again = systemd("shop.service: Scheduled restart job, restart counter is at 1.", -2, "x")
    assert isinstance(judge(once, again, begun, of=down("active")).failure, Absent)
    stopped = systemd("shop.service: Deactivated successfully.")
    assert isinstance(judge(stopped, of=down("inactive")).failure, Absent)


def test_failure_without_a_journal() -> None:
    foreign = {"/proc/self/status": "Gid:\t1000\nGroups:\t1000\n", "/etc/group": "adm:x:4:syslog\n"}
    of = down(exec_main_status=Known(203), exec_main_code=Known("exited"))
    assert value(judge(of=of, euid=1000, files=foreign).failure).startswith("it ended with status 203;")
    assert isinstance(judge(of=down(), euid=1000, files=foreign).failure, Unknown)


def test_what_journald_lost_was_said_before() -> None:
    """The child that could not execute ended before journald had looked up its unit."""
    said_once = systemd("shop.service: Failed to locate executable /srv/g: Permission denied", -14, "x")
    again = systemd("shop.service: Scheduled restart job, restart counter is at 1.", -13, "x")
    log = judge(said_once, exited("203/EXEC", -14, "x"), again, exited("203/EXEC"), of=down("activating"))
    assert value(log.failure).endswith("(203/EXEC): Failed to locate executable /srv/g: Permission denied")
