"""Our drop-in of a unit: what it is called, and how settings are added to it."""

from __future__ import annotations

from collections.abc import Iterable

from doctor.edits.effect import Setting
from doctor.grammar.ours import DROP_IN

_HEADER = "# Written by flaskdoctor check --fix; flaskdoctor undo takes it back.\n"


def path(unit: str) -> str:
    """Where our drop-in of a unit lies; the user's own files are never touched."""
    return f"/etc/systemd/system/{unit}.d/{DROP_IN}"


def extended(text: str | None, settings: Iterable[Setting]) -> str:
    """The drop-in with these settings (of one unit) at its end.

    A later line wins over an earlier one. A list of commands is reset by an empty assignment first: systemd would add
    to it otherwise (systemd.service(5), ExecStart=).
    """
    sections: dict[str, list[str]] = {}
    for each in settings:
        reset = [f"{each.key}="] if each.key.startswith("Exec") and each.values[0] else []
        sections.setdefault(each.section, []).extend([*reset, *(f"{each.key}={value}" for value in each.values)])
    blocks = ["".join(f"{line}\n" for line in (f"[{name}]", *lines)) for name, lines in sections.items()]
    before = _HEADER if text is None else text if text.endswith("\n") or not text else f"{text}\n"
    return before + "\n".join(blocks)
