"""Why something is not known: a phrase for people, and its kind for the program. Nobody reads the phrase but people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from doctor.frozen import frozen

if TYPE_CHECKING:
    from typing_extensions import Self


class Cause(str, Enum):
    """The kinds of not knowing. A program decides by them; what is new is one of these or a kind of its own."""

    OUTSIDE = "outside"
    """Files alone are examined, and files do not tell this: whether something runs, who the users are."""
    NEEDS_ROOT = "needs-root"
    """Whoever looks may not see it, and root could."""
    DENIED = "denied"
    """Not for the eyes of the one whose files named it, whoever looks."""
    TIMED_OUT = "timed-out"
    """No answer in time."""
    TOO_MUCH = "too-much"
    """There is more of it than a look takes on."""
    UNREADABLE = "unreadable"
    """It is there and could not be looked at: an error of input or output, a binary file, a loop of links."""
    NOT_UNDERSTOOD = "not-understood"
    """It was read, and is in no form that is known here."""
    NOT_FOUND = "not-found"
    """What would tell is not there, or could not be found: a program, a log, a user, a folder."""
    VANISHED = "vanished"
    """It went, came or changed while it was looked at, or since."""
    HIDDEN = "hidden"
    """Its value is not shown, as it may be a secret."""
    RUN_TIME = "run-time"
    """Decided by what runs: a variable, code, a request, a placeholder that is filled in later."""
    AMBIGUOUS = "ambiguous"
    """What was seen does not decide it."""
    ELSEWHERE = "elsewhere"
    """It is decided on another machine, in a root directory or a network of its own."""
    NOT_ASKED = "not-asked"
    """Nobody looked, as nothing known here would have come of it."""
    NOT_RECORDED = "not-recorded"
    """The recording holds no answer to this question."""
    UNSAID = "unsaid"
    """Nobody said: an older recording has only a phrase, and it is none of those that are known."""


@frozen
class Doubt:
    """`reason` completes "could not be checked: …", a phrase without a full stop; `cause` is what decides."""

    reason: str
    cause: Cause

    def because(self, about: str, joint: str = ":") -> Self:
        """The same of something that hangs on it: "chdir may be set: permission denied …"."""
        return replace(self, reason=f"{about}{joint} {self.reason}")

    def about(self, what: str) -> Self:
        """The same, and of what: "permission denied (/etc/passwd)"."""
        return replace(self, reason=f"{self.reason} ({what})")


def doubt(answer: object, otherwise: str, cause: Cause) -> Doubt:
    """Why an answer is none: its own word, or, where it has none (nothing is there), this one."""
    return answer if isinstance(answer, Doubt) else Doubt(otherwise, cause)


def together(doubts: Iterable[Doubt]) -> Doubt:
    """Several at once, at least one: each phrase once; the cause is that of the first, or what root would cure."""
    each = list(dict.fromkeys(Doubt(one.reason, one.cause) for one in doubts))
    cause = Cause.NEEDS_ROOT if any(one.cause is Cause.NEEDS_ROOT for one in each) else each[0].cause
    return Doubt("; ".join(dict.fromkeys(one.reason for one in each)), cause)
