"""Secrets in logs: known values, tracebacks, keys, and names and shapes."""

from __future__ import annotations

import json
import re

from doctor.hosts.redact import secrets
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.python import compiles, redact_python
from doctor.hosts.redact.text import generic

_SOURCE_OF = re.compile(r"[ \t]*File \"[^\"\n]{1,500}\", line \d+")
"""Before the source line of a traceback, which is indented further."""


def redact_log(hider: Hider, text: str) -> str:
    """Lines of a log."""
    if secrets.REFUSED_SIGN in text:
        text = secrets.ENVIRONMENT_REFUSED.sub(
            lambda match: match.group("head") + hider.hide(match.group("value")), text
        )

    def random(match: re.Match[str]) -> str:
        value = match["value"]
        return match["head"] + hider.quoted(value) if secrets.RANDOM.fullmatch(value) else match.group()

    return secrets.QUOTED_WORD.sub(random, hider.without_known(generic(hider, _sources(hider, text))))


def _sources(hider: Hider, text: str) -> str:
    """A log with the source lines of its tracebacks cleaned as what they are, and lines of keys hidden."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if number and line.startswith("    ") and _SOURCE_OF.match(lines[number - 1]):
            lines[number] = _source_line(hider, line)
        elif len(line) >= 48 and secrets.LONG_BODY.fullmatch(line.strip()):
            lines[number] = hider.hide(line.strip())
    return "\n".join(lines)


def _source_line(hider: Hider, line: str) -> str:
    """One line of Python, which need not be a whole statement, as a traceback shows it."""
    code = line.strip()
    for whole in (code, f"{code} pass", f"{code}\n pass"):
        clean = redact_python(hider, whole)
        if clean.count("\n") == whole.count("\n") and compiles(whole):
            return line[: len(line) - len(line.lstrip())] + clean[: len(clean) - (len(whole) - len(code))]
    return line[: len(line) - len(line.lstrip())] + redact_python(hider, code)


def redact_journal(hider: Hider, text: str) -> str:
    """`journalctl --output=json`: one object a line, of which MESSAGE is cleaned as a log line.

    A program's lines are entries of their own: what a line is may be told by the one before, or, newest first,
    by the one after.
    """
    entries = [_journal_entry(line) for line in text.split("\n")]
    messages = [entry.get("MESSAGE") if isinstance(entry, dict) else None for entry in entries]
    in_key = False
    shown: list[str] = []
    for number, (entry, message) in enumerate(zip(entries, messages, strict=True)):
        if not isinstance(entry, dict):
            shown.append(redact_log(hider, entry))
            continue
        if isinstance(message, str):
            marks = bool(secrets.KEY_BEGIN.search(message)) != bool(secrets.KEY_END.search(message))
            beside = messages[max(0, number - 1) : number] + messages[number + 1 : number + 2]
            if in_key and not marks:
                message = hider.hide(message)
            elif message.startswith("    ") and any(isinstance(m, str) and _SOURCE_OF.match(m) for m in beside):
                message = _source_line(hider, message) if "\n" not in message else message
            in_key ^= marks
            entry["MESSAGE"] = redact_log(hider, message)
        shown.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
    return "\n".join(shown)


def _journal_entry(line: str) -> dict[str, object] | str:
    """An object with its MESSAGE as text; the line itself where it is none, as the last one of a truncated output."""
    try:
        entry = json.loads(line) if line else None
    except (ValueError, RecursionError):
        return line
    if not isinstance(entry, dict):
        return line
    message = entry.get("MESSAGE")
    if isinstance(message, list):  # bytes that are not UTF-8 come as numbers
        entry["MESSAGE"] = bytes(b & 255 for b in message if isinstance(b, int)).decode("utf-8", "replace")
    return entry
