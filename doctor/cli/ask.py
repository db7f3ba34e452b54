"""`check --fix --interactive`: one question for each fix, on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from doctor.cli.output import complain
from doctor.reports.changes import question_lines
from doctor.reports.layout import plain

if TYPE_CHECKING:
    from doctor.fixes.fixer import Planned


def ask(planned: Planned) -> bool:
    """Show a fix and ask whether to make it. Only a yes is one; the end of the input is a no to all that follow."""
    complain(plain(question_lines(planned, 100)))
    sys.stderr.write("Make it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
