"""Recordings of the time when answers had no cause."""

from __future__ import annotations

import pytest

from doctor.cause import Cause
from doctor.hosts.base import Content, Missing, Unseen
from doctor.hosts.reasons import cause_of
from doctor.hosts.serial import decode, encode

ANSWER = Content | Missing | Unseen


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("permission denied reading /etc/shop/env (run with sudo)", Cause.NEEDS_ROOT),
        ("permission denied reading /srv/x as user 1000, who named it", Cause.DENIED),
        ("/srv/x may not be read by user 1000, who named it", Cause.DENIED),
        ("nginx timed out after 0.3 s", Cause.TIMED_OUT),
        ("timed out: the look took longer than 20 s", Cause.TIMED_OUT),
        ("no such process reading /proc/1/environ", Cause.VANISHED),
        ("the process has ended", Cause.VANISHED),
        ("not in this recording", Cause.NOT_RECORDED),
        ("/dev/null is a device, not a regular file", Cause.UNREADABLE),
        ("it is a binary file", Cause.UNREADABLE),
        ("input/output error reading /srv/x", Cause.UNREADABLE),
        ("a phrase of somebody else (run with sudo)", Cause.UNSAID),
    ],
)
def test_old_recordings_get_the_cause_of_their_phrase(reason: str, cause: Cause) -> None:
    assert cause_of(reason) is cause
    assert decode({"$unseen": reason}, ANSWER) == Unseen(reason, cause)


@pytest.mark.parametrize("cause", list(Cause))
def test_new_recordings_write_the_cause(cause: Cause) -> None:
    assert decode(encode(Unseen("why", cause)), ANSWER) == Unseen("why", cause)


def test_a_cause_of_a_later_version() -> None:
    assert decode({"$unseen": "why", "$cause": "eclipse"}, ANSWER) == Unseen("why", Cause.UNSAID)
