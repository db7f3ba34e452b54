"""What differs between two boots for no reason is written alike, before a recording is kept.

Nothing that a fact could be made of changes: equal stays equal, what differs stays different, orders and differences of
times and of inodes stay. What each of these is worth is in docs/adr/0008-recordings.md.
"""

from __future__ import annotations

import json
import re
from typing import Any

_IDENTITY = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])|(?<=<hidden:)[0-9a-f]{12}(?=>)")
"""Of boots, starts of units and journals (sd-id128(3)), and the tokens that stand for secrets: random, and only ever
compared with each other. An address of the kernel's network tables looks the same: those are left as they are."""


def normal(document: dict[str, Any]) -> dict[str, Any]:
    """The recording as it is kept."""
    names: dict[str, str] = {}
    observations = [
        {"ask": _renamed(ask, names), "answer": answer if _is_table(ask) else _renamed(answer, names)}
        for ask, answer in ((o["ask"], _journal(o["ask"], o["answer"])) for o in document["observations"])
    ]
    return {**document, "observations": observations}


def _is_table(ask: list[Any]) -> bool:
    return ask[0] == "read" and str(ask[1]).startswith("/proc/net/")


def _journal(ask: list[Any], answer: Any) -> Any:
    if ask[:2] != ["run", "journalctl"] or not isinstance(text := answer.get("stdout"), str):
        return answer
    return {**answer, "stdout": "".join(map(_entry, text.splitlines(keepends=True)))}


def _entry(line: str) -> str:
    """A line of the journal, its fields in order (journalctl writes them in that of a hash), without the cursor."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    if not isinstance(fields, dict):
        return line
    fields.pop("__CURSOR", None)
    return json.dumps(fields, sort_keys=True) + "\n" * line.endswith("\n")


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Identities counted through, as they come."""

    def name(match: re.Match[str]) -> str:
        found = match[0]
        return names.setdefault(found, f"{len(names) + 1:0{len(found)}x}")

    return json.loads(_IDENTITY.sub(name, json.dumps(value)))
