"""Taking secrets out of what is observed, before any fact sees it.

Structure first (assignments of a unit, words of a command line, string literals of Python, directives of nginx),
then names and shapes in whatever text is left. A value is replaced by a token that tells whether two values are
equal and nothing else: a hash under a key that is drawn for each run and never written down. The number of lines
never changes.
"""

from __future__ import annotations

from collections.abc import Callable

from doctor.grammar.outline import Outline
from doctor.hosts.base import TextKind
from doctor.hosts.redact import commandline
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.log import redact_journal, redact_log
from doctor.hosts.redact.nginx import redact_nginx
from doctor.hosts.redact.plain import redact_plain
from doctor.hosts.redact.process import redact_argv
from doctor.hosts.redact.python import redact_outline, redact_python
from doctor.hosts.redact.unit import redact_unit

_STRUCTURES: dict[TextKind, Callable[[Hider, str], str]] = {
    TextKind.PLAIN: redact_plain,
    TextKind.UNIT: redact_unit,
    TextKind.NGINX: redact_nginx,
    TextKind.PYTHON: redact_python,
    TextKind.LOG: redact_log,
}


class Redactor(Hider):
    """Takes secrets out. One for a whole run, so that equal values have equal tokens wherever they are seen."""

    def token(self, name: str, value: str) -> str:
        """What may be shown of a variable: the value of a harmless one, "" of an empty one, else a token."""
        return commandline.token(self, name, value)

    def text(self, kind: TextKind, text: str) -> str:
        """Text of a file or of a command, with its number of lines."""
        if kind is TextKind.KERNEL or not text:
            return text
        clean = _STRUCTURES[kind](self, text)
        if clean.count("\n") != text.count("\n"):  # a fault of a rule must not become a wrong line number
            return "\n" * text.count("\n")
        return clean

    def argv(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words of the command line of a process."""
        return redact_argv(self, words)

    def journal(self, text: str) -> str:
        """What `journalctl --output=json` prints, as much of it as there is."""
        return redact_journal(self, text)

    def outline(self, outline: Outline) -> Outline:
        """What an outline may hold of the values in a Python source file, by the places they stand in."""
        return redact_outline(self, outline)
