"""What nginx did not start of, from the journal of its unit, and whether that is gone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from factories import make, unit

from doctor.cause import Cause
from doctor.facts.value import ABSENT, Known, Unknown
from doctor.hosts.base import Answer, FileType, Missing, Output, Stat, Unseen
from doctor.sources.logs import start_failure

NOW = 2_000_000.0
SITE = "/etc/nginx/sites-enabled/shop"
HOST = f'host not found in upstream "app.invalid" in {SITE}:2'
PORT = "bind() to 0.0.0.0:80 failed (98: Address already in use)"


class Machine:
    """A journal, and when the site was written."""

    def __init__(self, *lines: tuple[str, str], written: float = 0.0, answer: Output | Answer | None = None) -> None:
        self.answer = answer or Output(0, "".join(self._row(n, *line) for n, line in reversed([*enumerate(lines)])), "")
        self.written = written

    @staticmethod
    def _row(at: int, invocation: str, message: str) -> str:
        row = {"__REALTIME_TIMESTAMP": str(int((NOW - 100 + at) * 1e6)), "MESSAGE": message, "_PID": "77"}
        return json.dumps({**row, "_SYSTEMD_INVOCATION_ID": invocation, "_COMM": "nginx"}) + "\n"

    def run(self, _command: object) -> Output | Answer:
        return self.answer

    def now(self) -> float:
        return NOW

    def stat(self, path: str) -> Stat | Missing:
        assert path == SITE
        return make(Stat, type=FileType.FILE, mtime=self.written)


def failure(host: Any, *, ports_free: bool = True, result: str = "exit-code") -> Any:
    return start_failure(host, unit("nginx.service", result=result), ports_free=ports_free)


def emerg(text: str, invocation: str = "b") -> tuple[str, str]:
    return invocation, f"nginx: [emerg] {text}"


@pytest.mark.parametrize("text", [HOST, f'unknown directive "http4" in {SITE}:9', 'getpwnam("web") failed'])
def test_the_word_of_nginx_is_the_reason(text: str) -> None:
    found = failure(Machine(emerg("older", "a"), emerg(text), ("b", "nginx: configuration file test failed")))
    assert isinstance(found, Known)
    assert found.value == text
    assert found.places[0].command == "journalctl -u nginx.service"


def test_a_line_of_its_open_log_is_the_same() -> None:
    assert failure(Machine(("b", f"2026/11/30 23:09:50 [emerg] 190#190: {HOST}"))).value == HOST


def test_a_port_that_is_free_again_is_no_reason() -> None:
    host = Machine(emerg(PORT), emerg(PORT), emerg("still could not bind()"))
    assert failure(host) == ABSENT
    assert failure(host, ports_free=False).value == PORT


@pytest.mark.parametrize(("written", "gone"), [(NOW - 50, True), (NOW - 500, False)])
def test_a_file_that_was_written_since_may_be_right(written: float, gone: bool) -> None:
    assert (failure(Machine(emerg(HOST), written=written)) == ABSENT) is gone


@pytest.mark.parametrize("result", ["signal", "core-dump", "oom-kill", "watchdog"])
def test_what_was_killed_had_started(result: str) -> None:
    assert failure(Machine(emerg(HOST)), result=result) == ABSENT


@pytest.mark.parametrize(
    "host",
    [
        Machine(),
        Machine(emerg(HOST, "a"), ("b", "something else")),
        Machine(("b", "GET /?nginx: [emerg] forged")),
        Machine(answer=Unseen("not in this recording", Cause.NOT_RECORDED)),
        Machine(answer=Missing()),
    ],
)
def test_a_journal_that_does_not_tell_is_not_fine(host: Machine) -> None:
    assert isinstance(failure(host), Unknown)
