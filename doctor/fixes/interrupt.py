"""Ctrl-C, a polite kill and a lost connection: they end a run, but never while something is being taken back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption(KeyboardInterrupt):
    """One of the signals came. `number` is its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        """Such as SIGTERM."""
        return signal.Signals(self.number).name


class Interruptions:
    """What the signals come to during one run. Without `watched` nothing comes, and nothing is held."""

    def __init__(self) -> None:
        self._number = 0
        self._held = False

    @property
    def came(self) -> bool:
        """One of them came."""
        return self._number != 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it a signal raises Interruption, once. One that was ignored before (nohup) is still."""
        watched = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._take) for number in watched}
        try:
            yield
            self.check()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it nothing is raised. Ask `came`, or let `check` raise afterwards."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def check(self) -> None:
        """Raise Interruption if a signal came."""
        if self._number:
            raise Interruption(self._number)

    def _take(self, number: int, _frame: object) -> None:
        # After the first one the run is on its way out: another must not break off what it takes back.
        first, self._number = not self._number, self._number or number
        if first and not self._held:
            raise Interruption(number)
