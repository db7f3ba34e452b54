from __future__ import annotations

import threading

import pytest

from doctor.later import Later


def test_it_computes_beside_the_caller() -> None:
    going_on = threading.Event()
    later = Later(lambda: going_on.wait(10))
    going_on.set()
    assert later.result() is True


def test_what_it_raises_is_raised_where_the_result_is_wanted() -> None:
    later = Later(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        later.result()


def test_now_needs_no_thread() -> None:
    assert Later(threading.current_thread, now=True).result() is threading.current_thread()
