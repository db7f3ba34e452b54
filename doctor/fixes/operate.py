"""The commands that change a machine, and those that judge a change: a closed set, by absolute path, no shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.edits.changes import NGINX, Operation, Verb
from doctor.fixes.record import UnitState
from doctor.hosts.base import Missing, Output, Unseen
from doctor.hosts.commands import Command, journal
from doctor.hosts.execute import execute

if TYPE_CHECKING:
    from doctor.hosts.redact import Redactor

_PATIENCE = 150.0
"""Seconds for a command of systemd: longer than a start or a stop may take (DefaultTimeoutStartSec=, 90 s)."""
_SHOWN = 3
"""Lines of an error that are told."""


class Failed(Exception):
    """A command refused; the message is what it said."""


class Operator:
    """Runs them. What they say has its secrets taken out."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def do(self, operation: Operation) -> None:
        """Carry out one operation; Nginx is reloaded and started only with files that it accepts. Raises Failed."""
        if operation.verb is Verb.NGINX_RELOAD:
            self.test_nginx()
            self.systemctl("reload", NGINX)
            return
        if operation == Operation(Verb.START, NGINX):
            self.test_nginx()
        self.systemctl(operation.verb.value, operation.unit)

    def systemctl(self, verb: str, unit: str = "") -> None:
        """`systemctl VERB [UNIT]`. Raises Failed."""
        words = (verb, "--", unit) if unit else (verb,)
        self._run(Command("systemctl", ("--no-ask-password", *words), timeout=_PATIENCE))

    def test_nginx(self) -> None:
        """`nginx -t`. Raises Failed with the line it does not take."""
        self._run(Command("nginx", ("-t", "-q"), timeout=30))

    def complaints(self, unit: str) -> frozenset[str]:
        """What `systemd-analyze verify` says about a unit: it prints what systemd ignores, too, and then returns 0.

        Raises Failed when it does not answer.
        """
        answer = execute(Command("systemd-analyze", ("verify", "--man=no", "--", unit), timeout=30), self._redactor)
        if not isinstance(answer, Output):
            raise Failed(answer.reason if isinstance(answer, Unseen) else "systemd-analyze is not installed")
        return frozenset(line.strip() for line in answer.stderr.splitlines() if line.strip())

    def state(self, unit: str) -> UnitState:
        """ActiveState and UnitFileState of a unit."""
        command = Command("systemctl", ("show", "--no-pager", "--property=ActiveState,UnitFileState", "--", unit))
        answer = execute(command, self._redactor)
        lines = answer.stdout.splitlines() if isinstance(answer, Output) else []
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return UnitState(values.get("ActiveState", ""), values.get("UnitFileState", ""))

    def last_words(self, unit: str, since: float) -> str:
        """The last line that the processes of a unit wrote since then (seconds since the epoch)."""
        # As JSON, so that lines of systemd itself can be told from those of the process.
        answer = execute(journal(unit, since, 200), self._redactor)
        return _last_message(answer.stdout) if isinstance(answer, Output) else ""

    def _run(self, command: Command) -> None:
        answer = execute(command, self._redactor)
        if isinstance(answer, Missing):
            raise Failed(f"{command.program} is not installed")
        if isinstance(answer, Unseen):
            raise Failed(answer.reason)
        if answer.status:
            said = [line.strip() for line in (answer.stderr or answer.stdout).splitlines() if line.strip()]
            raise Failed(f"{command.text}: {'; '.join(said[:_SHOWN]) or f'status {answer.status}'}")


def _last_message(entries: str) -> str:
    import json

    found = ""
    for line in entries.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # cut off
            continue
        message = entry.get("MESSAGE") if isinstance(entry, dict) else None
        if isinstance(message, str) and message.strip() and entry.get("_COMM") != "systemd":
            found = message.strip()
    return found
