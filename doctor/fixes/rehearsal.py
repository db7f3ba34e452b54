"""Before a reload or restart: Gunicorn loads settings and app once, aside, as it is about to do in earnest.

A reload of code that does not load ends the whole service (Arbiter.reap_workers raises HaltServer), and nothing brings
the old processes back. What the facts tell without running anything covers most of it; this covers the rest. It runs
what the next moment would run: the unit's own command with --check-config, under its user, environment and
restrictions, in a unit of its own below /run that is gone afterwards. Nothing is bound, no worker is started, and no
hook of a worker is called.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress

from doctor.edits import dropin
from doctor.edits.changes import Operation, Verb
from doctor.facts.value import Known
from doctor.fixes.operate import Failed, Operator
from doctor.grammar.ours import REHEARSAL
from doctor.grammar.unitfile import parse
from doctor.hosts.hidden import is_hidden
from doctor.sources.systemd import Unit

_FOLDER = "/run/systemd/system"
_LEFT_OUT = re.compile(
    # Removed when the unit stops, with the socket of the running service in it.
    r"RuntimeDirectory"
    # How the service runs and ends, which a rehearsal does in its own way.
    r"|Exec|Type$|Restart|Timeout|StartLimit|RemainAfterExit|PIDFile|GuessMainPID|NotifyAccess|Watchdog|RuntimeMax"
    r"|Sockets|BusName|FileDescriptorStore|OOMPolicy|Kill|SendSIG|FinalKill|SuccessExit|FailureAction|RebootArgument"
    r"|Standard(Input|Output|Error)|TTY|Syslog|Delegate|Slice$"
)
_OWN_NAME = re.compile(r"(?<!%)(?:%%)*%[nNpPjJ]")
"""Specifiers that stand for the unit's own name, which the rehearsal has not."""


class Unready(Exception):
    """The app does not load: a reload or restart would take it down. The message is its last words."""


def rehearse(unit: Unit, command: str, operator: Operator) -> float:
    """Let Gunicorn load the app by `command` (of facts.gunicorn.preflight); the seconds it took. Raises Unready.

    0.0: it cannot be rehearsed faithfully, and nothing was run.
    """
    text = _unit_text(unit, command)
    if text is None:
        return 0.0
    name = f"{REHEARSAL}{unit.name}"
    path = f"{_FOLDER}/{name}"
    clean()
    since, begun = time.time(), time.monotonic()
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        operator.do(Operation(Verb.START, name))
        seconds = time.monotonic() - begun
    except Failed as error:
        raise Unready(operator.last_words(name, since) or str(error)) from error
    finally:
        clean()
        with suppress(Failed):
            operator.do(Operation(Verb.RESET_FAILED, name))
    return seconds


def clean() -> None:
    """Take away what a run that was killed left below /run."""
    with suppress(FileNotFoundError):
        for name in os.listdir(_FOLDER):
            if name.startswith(REHEARSAL):
                os.unlink(f"{_FOLDER}/{name}")


def _unit_text(unit: Unit, command: str) -> str | None:
    if not isinstance(unit.fragment, Known) or is_hidden(command):
        return None
    dropins = unit.drop_ins.or_(())
    own = dropin.path(unit.name)
    if own not in dropins and os.path.exists(own):
        dropins = (*dropins, own)  # made a moment ago
    made = unit.runtime_directories.or_(())
    lines = [f"Environment=RUNTIME_DIRECTORY={':'.join(made)}"] if made else []
    for path in (unit.fragment.value, *dropins):
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except OSError:
            return None
        for assignment in parse(text, path).assignments:
            if assignment.section != "Service" or _LEFT_OUT.match(assignment.key):
                continue
            if assignment.key == "DynamicUser" or _OWN_NAME.search(assignment.value):
                return None  # without the user that systemd makes up, it would run as root
            lines.append(f"{assignment.key}={assignment.value}")
    head = ["[Unit]", f"Description=Rehearsal of {unit.name}", "DefaultDependencies=no", "", "[Service]"]
    return "\n".join([*head, *lines, "Type=oneshot", "TimeoutStartSec=60", f"ExecStart={command}", ""])
