"""Observations as a recording holds them.

Three answers that can stand in the place of others are marked: `{"$missing": true}`, `{"$unseen": reason, "$cause":
cause}` and `{"$expression": source}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from doctor.cause import Cause
from doctor.grammar.outline import Expression
from doctor.hosts.base import Missing, Unseen
from doctor.hosts.files import EARLIEST, LATEST
from doctor.hosts.reasons import cause_of
from doctor.serial import Form, Serial


def _unseen(marked: Mapping[str, str]) -> Unseen:
    """Older recordings have no cause; one that a later version knows is none of ours."""
    reason = marked["$unseen"]
    if "$cause" not in marked:
        return Unseen(reason, cause_of(reason))
    return Unseen(reason, Cause(marked["$cause"]) if marked["$cause"] in set(Cause) else Cause.UNSAID)


def _missing(marked: Mapping[str, bool]) -> Missing:
    if not marked["$missing"]:
        raise ValueError("what is not missing has another answer")
    return Missing()


_SERIAL = Serial(
    {
        Missing: Form(Mapping[str, bool], lambda _: {"$missing": True}, _missing, ("$missing",)),
        Unseen: Form(
            Mapping[str, str],
            lambda answer: {"$unseen": answer.reason, "$cause": answer.cause.value},
            _unseen,
            ("$unseen", "$cause"),
        ),
        Expression: Form(
            Mapping[str, str],
            lambda value: {"$expression": value.text},
            lambda marked: Expression(marked["$expression"]),
            ("$expression",),
        ),
    },
    terse=True,
    floats=(EARLIEST, LATEST),
)

encode = _SERIAL.write
decode = _SERIAL.read
