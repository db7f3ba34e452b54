"""nginx's access log in the format `combined`: which answers count."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources.nginx_log import SINCE, value

from doctor.facts.value import Absent
from doctor.hosts.live import LiveHost
from doctor.sources.logs import AccessLog
from doctor.sources.logs.access import TAIL, collect

LINE = '127.0.0.1 - - [22/Nov/2026:{}] "{}" {} 157 "{}" "curl/7.88.1"'


def line(status: int = 500, time: str = "10:02:41 +0000", request: str = "GET / HTTP/1.1", referrer: str = "-") -> str:
    return LINE.format(time, request, status, referrer)


def read(tmp_path: Path, *lines: str) -> AccessLog:
    path = tmp_path / "access.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    log = collect(LiveHost(), str(path), ("shop",), SINCE)
    assert log is not None
    return log


def counts(log: AccessLog) -> tuple[int, ...]:
    events = (log.internal_errors, log.bad_gateways, log.gateway_timeouts)
    return tuple(0 if isinstance(event, Absent) else value(event).count for event in events)


def test_answers_are_counted_by_kind(tmp_path: Path) -> None:
    log = read(tmp_path, line(), line(502), line(504), line(200), line(404), line(503), line(499), line(505), line())
    assert counts(log) == (2, 1, 1)
    assert value(log.internal_errors).text == line()
    assert log.internal_errors.places[0].path.endswith("access.log")


def test_older_answers_do_not_count(tmp_path: Path) -> None:
    assert counts(read(tmp_path, line(time="09:59:59 +0000"), line(time="11:00:01 +0100"), line())) == (2, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        line(200, request="GET /\\x22 500 157 \\x22-\\x22 HTTP/1.1"),
        line(200, referrer="http://x/\\x22 500 1 \\x22"),
        line(200, request='GET / HTTP/1.1" 500 157 "-" "x') + " more",
        f'{{"status": 500, "request": "{line()}"}}',
        "x" * 5000 + line(),
        line(time="99:99:99 +0000"),
        line().replace("Nov", "Xyz"),
    ],
)
def test_what_is_not_of_that_format_is_passed_over(tmp_path: Path, text: str) -> None:
    assert counts(read(tmp_path, text)) == (0, 0, 0)


def test_a_large_log_is_read_from_its_end(tmp_path: Path) -> None:
    found, *_ = counts(read(tmp_path, *([line()] * 5000)))
    assert 0 < found <= TAIL // len(line())


def test_a_log_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert collect(LiveHost(), str(tmp_path / "none"), ("shop",), SINCE) is None
