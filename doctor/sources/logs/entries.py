"""Lines of a unit's journal, and of Gunicorn's own log file, in one shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache

from doctor.facts.value import Place
from doctor.frozen import frozen

_LONGEST = 4096
"""Characters of a line that are looked at."""
_MOST = 20_000
"""Lines of one text that are."""


@frozen
class Entry:
    """One line. `time` in seconds since the epoch; `message` without Gunicorn's head; `manager`: systemd speaks.

    `pid` is the writer's, by Gunicorn's head where there is one (`headed`); `writer` the same by journald, which a line
    cannot forge, 0 in a file. `invocation` "" where it was not recorded.
    """

    time: float
    pid: int
    message: str
    line: str
    invocation: str
    manager: bool
    source: str
    """Path of a log file, or the command that shows the journal."""
    headed: bool = False
    writer: int = 0

    @property
    def place(self) -> Place:
        """Where the line can be read."""
        if self.source.startswith("/"):
            return Place(path=self.source, text=self.line)
        return Place(command=self.source, text=self.line)


@cache
def _head() -> re.Pattern[str]:
    """Gunicorn's: `[2026-11-22 10:00:00 +0000] [122] [INFO] Starting gunicorn 27.0.1` (gunicorn/glogging.py)."""
    return re.compile(
        r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})\] \[(?P<pid>\d+)\] \[[A-Z]+\] "
        r"(?P<message>.*)$"
    )


def from_journal(output: str, unit: str) -> tuple[Entry, ...]:
    """Entries of `journalctl --output=json`, oldest first; a line that is no JSON object is passed over."""
    command = f"journalctl -u {unit}"
    found: list[Entry] = []
    for row in output.split("\n"):
        try:
            record = json.loads(row)
        except ValueError:
            continue
        if isinstance(record, dict):
            found.extend(_entries(record, command))
    found.sort(key=lambda entry: entry.time)
    return tuple(found)


def _entries(record: dict[str, object], command: str) -> Iterator[Entry]:
    try:
        time = int(str(record["__REALTIME_TIMESTAMP"])) / 1_000_000
    except (KeyError, ValueError):
        return
    manager = record.get("_PID") == "1" or record.get("_COMM") == "systemd" or "INVOCATION_ID" in record
    invocation = _first(record.get("INVOCATION_ID")) or _first(record.get("_SYSTEMD_INVOCATION_ID"))
    pid = _number(record.get("_PID"))
    for line in _lines(_text(record.get("MESSAGE"))):
        match = _head().match(line)
        yield Entry(
            time=time,
            pid=int(match["pid"]) if match else pid,
            message=match["message"] if match else line,
            line=line,
            invocation=invocation,
            manager=manager,
            source=command,
            headed=match is not None,
            writer=pid,
        )


def _lines(text: str) -> list[str]:
    """The newest lines, cut to what is matched. Only a line feed ends one: whatever else may, a client can send."""
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r")[:_LONGEST] for line in lines[-_MOST:]] if text else []


def _first(value: object) -> str:
    """A field that was given more than once is a list."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    text = _first(value)
    return int(text) if text.isdigit() else 0


def _text(value: object) -> str:
    """MESSAGE: a string; a list of bytes where it is not UTF-8; null where it is too large (journalctl(1), json)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return "\n".join(_text(item) for item in value)
    return ""


def from_file(text: str, path: str) -> tuple[Entry, ...]:
    """Lines of Gunicorn's --error-logfile. A line without a head has time and process of the one before."""
    from datetime import datetime

    found: list[Entry] = []
    time, pid = 0.0, 0
    seen: dict[str, float] = {}
    for line in _lines(text):
        match = _head().match(line)
        if match:
            stamp = f"{match['time']} {match['zone']}"
            if stamp not in seen:
                try:
                    seen[stamp] = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S %z").timestamp()
                except ValueError:
                    continue
            time, pid = seen[stamp], int(match["pid"])
        if not time:
            continue
        found.append(Entry(time, pid, match["message"] if match else line, line, "", False, path, bool(match)))
    return tuple(found)
