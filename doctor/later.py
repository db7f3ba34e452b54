"""A computation in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """Begins to compute at once; `result` waits, and raises what the computation raised.

    With `now` it is done before the caller goes on, without a thread.
    """

    def __init__(self, compute: Callable[[], T], *, now: bool = False) -> None:
        self._value: T
        self._error: BaseException | None = None
        self._thread = None if now else Thread(target=self._run, args=(compute,), daemon=True)
        if self._thread is None:
            self._run(compute)
        else:
            self._thread.start()

    def _run(self, compute: Callable[[], T]) -> None:
        try:
            self._value = compute()
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """What was computed."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value
