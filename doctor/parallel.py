"""Computations beside the caller, a bounded number at once.

In daemon threads, where `ThreadPoolExecutor` waits for its own at the end of the process: a disk that stands still must
not keep the doctor from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

MOST = 32
"""Threads at once. Whoever begins one more waits; more than `hosts.execute` runs commands, for some only read."""
_slots = threading.BoundedSemaphore(MOST)


def begin(compute: Callable[[], T], *, now: bool = False) -> Future[T]:
    """Begin to compute. The result of the future raises what the computation raised.

    With `now`, or where no thread is to be had (TasksMax=, ulimit -u), it is done before the caller goes on. A
    computation may wait for those that were begun before it, and for those that it begins itself.
    """
    future: Future[T] = Future()
    if now:
        _run(future, compute)
        return future
    _slots.acquire()
    try:
        threading.Thread(target=_run_in_slot, args=(future, compute), daemon=True).start()
    except RuntimeError:
        _run_in_slot(future, compute)
    return future


def ahead(compute: Callable[[], object]) -> None:
    """Begin what is asked for again later, and meets an error of it then: here nobody waits for one."""
    begin(compute)


def _run_in_slot(future: Future[T], compute: Callable[[], T]) -> None:
    try:
        _run(future, compute)
    finally:
        _slots.release()


def _run(future: Future[T], compute: Callable[[], T]) -> None:
    try:
        result = compute()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
