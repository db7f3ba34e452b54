"""The cause of an answer that was recorded when answers had none but a phrase (docs/adr/0010-causes.md).

The only place that reads a reason. New recordings write the cause, and no phrase needs to be added here.
"""

from __future__ import annotations

import re
from functools import cache

from doctor.cause import Cause


def cause_of(reason: str) -> Cause:
    """The cause that the same answer has today; `UNSAID` for a phrase that no version wrote."""
    return next((cause for cause, form in _forms() if form.fullmatch(reason)), Cause.UNSAID)


@cache
def _forms() -> tuple[tuple[Cause, re.Pattern[str]], ...]:
    forms = (
        (Cause.NEEDS_ROOT, r"permission denied .+ \(run with sudo\)"),
        (Cause.NEEDS_ROOT, r"/proc hides the processes of other users \(run with sudo\)"),
        (Cause.DENIED, r"permission denied .+ as user \d+, who named it"),
        (Cause.DENIED, r".+ may not be read by user \d+, who named it"),
        (Cause.TIMED_OUT, r"timed out: the look took longer than [\d.]+ s"),
        (Cause.TIMED_OUT, r"\S+ timed out after [\d.]+ s"),
        (Cause.TOO_MUCH, r".+ was not looked at: there is more code than \d+ MB"),
        (Cause.VANISHED, r"the process has ended|no such process .+|.+ was changed while it was looked at"),
        (Cause.NOT_ASKED, r"not counted"),
        (Cause.NOT_RECORDED, r"not in this recording"),
        (Cause.NOT_UNDERSTOOD, r".+ is in an unknown form|.+ is not an absolute path|.+ is not an address"),
        (Cause.ELSEWHERE, r".+ is not a loopback address"),
        (Cause.NOT_UNDERSTOOD, r"the path of the socket is longer than \d+ bytes"),
        (Cause.UNREADABLE, r"it is a binary file|.+ holds a NUL byte, so that systemd refuses to load it"),
        (Cause.UNREADABLE, r".+ is a \w+, not a regular file|.+ is (?:a|not a) file of the kernel"),
        (Cause.UNREADABLE, r"the process rewrote its title, which overwrites its environment"),
        (Cause.UNREADABLE, r"too many links at .+|/proc could not be listed|\S+ could not be started: .+"),
        (Cause.UNREADABLE, r"the network interfaces could not be listed: .+"),
        (Cause.UNREADABLE, r"[a-z/ -]+ (?:reading|looking at|listing) /.*"),
    )
    return tuple((cause, re.compile(form, re.DOTALL)) for cause, form in forms)
