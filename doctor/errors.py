"""Errors that are the caller's to mend: what is wrong, where, and what to do."""

from __future__ import annotations

from typing import NoReturn


class UserError(Exception):
    """Wrong usage, configuration or rule file; ends the process with code 2.

    `what` is wrong (a phrase without a full stop), `where` it stands (a path, an option, "" when `what` says it),
    `advice` is a sentence on what to do.
    """

    def __init__(self, what: str, where: str = "", advice: str = "") -> None:
        super().__init__(what, where, advice)
        self.what = what
        self.where = where
        self.advice = advice

    def __str__(self) -> str:
        # A name that somebody chose must not look like a line of ours.
        where = self.where.replace("\r", "\\r").replace("\n", "\\n")
        first = f"{self.what}: {where}" if where else self.what
        return f"{first}\n  {self.advice}" if self.advice else first


def unhandled(value: NoReturn) -> NoReturn:
    """The end of a `match` over a closed set: mypy knows that nothing comes here (`assert_never` of Python 3.11)."""
    raise AssertionError(f"not handled: {value!r}")


def where(error: BaseException) -> str:
    """The innermost place in our own code that an exception came from, as module:line."""
    place, step = "unknown place", error.__traceback__
    while step is not None:
        module = str(step.tb_frame.f_globals.get("__name__", ""))
        if module.split(".")[0] == "doctor":
            place = f"{module}:{step.tb_lineno}"
        step = step.tb_next
    return place


class Interrupted(Exception):
    """A signal ended a run that changes the machine. The message says what it had done and what became of it.

    `status` is the exit code: 128 and the number of the signal, as shells have it.
    """

    def __init__(self, told: str, status: int) -> None:
        super().__init__(told)
        self.status = status
