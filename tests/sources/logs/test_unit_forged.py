"""Requests that write into the journal of their app what they like: nothing of it is believed."""

# ruff: noqa: E501
from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from sources.journal import FRAMES, NOW, Journal, judge, lines, said, systemd, unit, value

from doctor.facts.value import Absent
from doctor.sources.logs import UnitLog, collect_unit

HEAD = "[2027-01-15 08:00:00 +0000] [{}] [CRITICAL] "
LATE = "WORKER TIMEOUT (pid:20)"
ACCESS = '127.0.0.1 - - [15/Jan/2027:08:00:00 +0000] "GET {} HTTP/1.1" 200 12 "{}" "{}"'
RAISED = "[2027-01-15 08:00:00,123] ERROR in app: Exception on {} [GET]"
RAISED_END = """\
Traceback (most recent call last):
  File "/srv/shop/venv/lib/python3.11/site-packages/flask/app.py", line 1511, in wsgi_app
    response = self.full_dispatch_request()
  File "/srv/shop/current/shop/views.py", line 3, in view
    raise RuntimeError("boom")
RuntimeError: boom
"""
MISSING = FRAMES + "ModuleNotFoundError: No module named 'psycopg2'"
WORDS = (
    LATE, "Handling signal: term", "Worker (pid:20) was sent SIGKILL! Perhaps out of memory?", "Reason: Worker failed to boot.",
    "Can't connect to /run/shop.sock", "Connection in use: ('127.0.0.1', 8000)", "OSError: [Errno 28] No space left on device",
    "Failed to find attribute 'app' in 'wsgi'.", "psycopg2.OperationalError: connection refused", "Start request repeated too quickly.",
    "Traceback (most recent call last):", "Exception in worker process", "WARNING: This is a development server.",
)  # fmt: skip
FORGERIES = {
    "user agent": [ACCESS.format("/", "-", word) for word in WORDS],
    "referrer": [ACCESS.format("/", word, "-") for word in WORDS],
    "path": [ACCESS.format(f"/{word}", "-", "-") for word in WORDS],
    "head in the user agent": [ACCESS.format("/", "-", HEAD.format(10) + word) for word in WORDS],
    "other kinds of line feed": [
        ACCESS.format("/", "-", f"x{end}{HEAD.format(10)}{word}{end}") for word in WORDS for end in "\x0b\x1c\x85\u2028\r"
    ],
    "format that begins with a header": [f"{HEAD.format(10)}{word}, 127.0.0.1 - GET / 200" for word in WORDS],
    "header first, the request last": [f'{HEAD.format(10)}{word} "GET / HTTP/1.1"' for word in WORDS],
    "logged request": [f"[2027-01-15 08:00:00 +0000] [20] [WARNING] Invalid request from ip={word}" for word in WORDS],
    "no head": [*WORDS[:5]],
}  # fmt: skip
LINE_FEED = {
    "line feed in a path that raises": [RAISED.format("/\n" + "\n".join(HEAD.format(10) + word for word in WORDS)), RAISED_END],
    "boot in a path that raises": [RAISED.format("/\n" + MISSING + "\nx"), RAISED_END],
    "whole exceptions in a path": [RAISED.format("/") + "\n" + RAISED_END + MISSING + "\n" + RAISED.format("/"), RAISED_END],
}  # fmt: skip
STARTED = [
    *said("Starting gunicorn 27.0.1", "INFO", at=-15),
    *said("Listening at: unix:/run/shop.sock (10)", "INFO", at=-15),
    *said("Booting worker with pid: 20", "INFO", at=-15, pid=20),
]
HARMLESS = {"listening", "request_errors", "refused_requests"}


def accusing(log: UnitLog) -> list[str]:
    names = [field.name for field in fields(UnitLog) if field.name not in HARMLESS]
    return [name for name in names if not isinstance(getattr(log, name), Absent)]


@pytest.mark.parametrize("texts", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_a_client_sends_is_no_event(texts: list[str]) -> None:
    log = judge(STARTED, *([{**lines("x")[0], "MESSAGE": text}] for text in texts))
    assert accusing(log) == []
    assert isinstance(log.request_errors, Absent)


@pytest.mark.parametrize("texts", LINE_FEED.values(), ids=LINE_FEED.keys())
def test_a_path_with_line_feeds_is_no_event(texts: list[str]) -> None:
    log = judge(STARTED, *(lines(text) for text in texts))
    assert accusing(log) == []


@pytest.mark.parametrize("texts", [*FORGERIES.values(), *LINE_FEED.values()], ids=[*FORGERIES, *LINE_FEED])
def test_it_hides_nothing(texts: list[str]) -> None:
    killed = said("Worker (pid:20) was sent SIGKILL! Perhaps out of memory?")
    log = judge(STARTED, *(lines(text) for text in texts), killed, said(LATE.replace("20", "21")))
    assert value(log.worker_killed).count == 1
    assert value(log.worker_timeouts).count == 1


def test_what_another_program_passes_on_is_believed() -> None:
    """gunicorn 2>&1 | tee: journald knows one writer only."""
    passed = [
        {**record, "_PID": "9"} for record in [*STARTED, *lines(RAISED.format("/")), *lines(RAISED_END), *said(LATE)]
    ]
    assert value(judge(passed).worker_timeouts).count == 1


@pytest.mark.parametrize(
    "heading",
    [
        RAISED.format("/cart"),
        "ERROR:shop:Exception on /cart [GET]",
        "[2027-01-15 08:00:00 +0000] [20] [ERROR] Error handling request /cart",
        "[2027-01-15 08:00:00 +0000] [20] [ERROR] Socket error processing request.",
    ],
)
def test_exceptions_of_requests(heading: str) -> None:
    once = lines(heading) + lines(RAISED_END)
    log = judge(STARTED, once, once)
    assert value(log.request_errors).count == 2
    assert value(log.request_errors).text.endswith("RuntimeError: boom")
    reloaded = judge(STARTED, once, said("Handling signal: hup", "INFO", at=-5))
    assert isinstance(reloaded.request_errors, Absent)
    assert accusing(log) == []


@pytest.mark.parametrize(
    "text",
    ["[2027-01-15 08:00:00 +0000] [20] [WARNING] Invalid request from ip=1.2.3.4: x", f"Something\n{RAISED_END}"],
)
def test_noise_is_no_exception_of_a_request(text: str) -> None:
    assert isinstance(judge(STARTED, lines(text)).request_errors, Absent)


def test_lines_are_cut_before_they_are_matched() -> None:
    import doctor.sources.logs.entries as module

    host = Journal([{**lines("x")[0], "MESSAGE": "y" * 1_000_000 + "\n" * 50_000}])
    collect_unit(host, unit(), None)
    entries = module.from_journal(host.run(host.asked[0]).stdout, "shop.service")  # type: ignore[union-attr]
    assert max(len(entry.line) for entry in entries) <= 4096
    assert len(entries) <= 20_000


def test_status_255_is_gunicorns() -> None:
    """The arbiter ends with -1 after "Unhandled exception in main loop"; systemd gives 255 a name of its own."""
    end = systemd("shop.service: Main process exited, code=exited, status=255/EXCEPTION")
    told: list[Any] = [
        said("Unhandled exception in main loop"),
        lines(
            'Traceback (most recent call last):\n  File "x.py", line 1, in y\nFileNotFoundError: [Errno 2] No such file'
        ),
    ]
    down = unit(running=False)
    log = judge(STARTED, *told, end, of=down)
    assert value(log.failure).startswith("it ended with status 255: FileNotFoundError")
    assert isinstance(log.spawn_error, Absent)
    step = systemd("shop.service: Failed at step EXCEPTION spawning /srv/x: Exec format error")
    assert value(judge(step, end, of=down).failure).startswith("systemd could not prepare it (255/EXCEPTION)")
    own = systemd("shop.service: Main process exited, code=exited, status=203/EXEC")
    assert value(judge(own, of=down).failure).startswith("systemd could not execute its command (203/EXEC)")
    assert value(judge(lines("quota exceeded"), own, of=down).failure) == "it ended with status 203: quota exceeded"


def test_the_reason_is_told_not_the_last_line() -> None:
    log = judge(
        said("connection to ('::1', 8000) failed: [Errno 97] Address family not supported by protocol"),
        said("Can't connect to ('::1', 8000)"),
        systemd("shop.service: Main process exited, code=exited, status=1/FAILURE"),
        of=unit(running=False),
    )
    assert "[Errno 97]" in value(log.failure)
    assert "[Errno 97]" in value(log.bind_error).text
    assert NOW
