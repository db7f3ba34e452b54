"""Colour, through rich: only imported when the report goes to a terminal that wants it.

Of rich only its styles are used. Its console would expand the tabs of a diff that is to be copied, and reads
`[a-z]` and `:warning:` in nginx's text as markup unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from doctor.reports.layout import Line

_STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold blue",
    "ok": "green",
    "unknown": "magenta",
    "title": "bold",
    "dim": "dim",
    "add": "green",
    "remove": "red",
    "command": "cyan",
}


def write(lines: Iterable[Line], stream: TextIO) -> None:
    """Print the lines in the sixteen colours that every terminal has, so that they follow its theme."""
    from rich.color import ColorSystem
    from rich.style import Style

    styles = {name: Style.parse(style) for name, style in _STYLES.items()}
    plain = Style.null()
    for spans in lines:
        coloured = (styles.get(style, plain).render(text, color_system=ColorSystem.STANDARD) for text, style in spans)
        stream.write("".join(coloured).rstrip() + "\n")
