from __future__ import annotations

import threading

import pytest

from doctor import parallel
from doctor.parallel import ahead, begin


def test_it_computes_beside_the_caller() -> None:
    going_on = threading.Event()
    future = begin(lambda: going_on.wait(10))
    going_on.set()
    assert future.result() is True


def test_what_it_raises_is_raised_where_the_result_is_wanted() -> None:
    future = begin(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_now_needs_no_thread() -> None:
    assert begin(threading.current_thread, now=True).result() is threading.current_thread()


def test_where_no_thread_is_to_be_had_it_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert begin(threading.current_thread).result() is threading.current_thread()


def test_no_more_at_once_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_slots", threading.BoundedSemaphore(2))
    lock, running, most = threading.Lock(), 0, 0
    pair = threading.Barrier(2)

    def compute() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pair.wait(10)
        with lock:
            running -= 1

    for future in [begin(compute) for _ in range(8)]:
        future.result()
    assert most == 2


def test_an_error_that_nobody_waits_for_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever asks again meets it; a traceback is for nobody."""
    done = threading.Event()

    def fail() -> None:
        try:
            raise ZeroDivisionError
        finally:
            done.set()

    ahead(fail)
    assert done.wait(10)
    begin(lambda: None).result()
    assert capfd.readouterr() == ("", "")
