"""The way of a request as rows: what is there, what is wrong with it, and at which row the cause lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from doctor.frozen import frozen
from doctor.reports.layout import Line, clean, line, wrap
from doctor.reports.model import HopReport, HopState, ProbeReport

_MARKS = {HopState.OK: "✓", HopState.BROKEN: "✗", HopState.AT_RISK: "!", HopState.UNKNOWN: "?"}
_STYLES = {HopState.OK: "ok", HopState.BROKEN: "error", HopState.AT_RISK: "warning", HopState.UNKNOWN: "unknown"}
_NAMES = {"server": "nginx", "master": "gunicorn"}
_JOINED = {"location": ("server", "  location "), "workers": ("master", ", ")}
"""Hops that, when nothing is wrong with them, stand in the row of another."""
_QUIET = frozenset({"unit", "directory", "environment", "code", "static"})
"""Hops that are only worth a row when something is wrong with them."""
_PLACED = frozenset({"server", "location", "code"})
"""Hops of which the detail is a file: where the cause lies, the proof names the one that matters."""
_BAD = frozenset({HopState.BROKEN, HopState.AT_RISK})
_SHORTEST = 17
"""Columns that a label keeps when the row is too long for the terminal."""
_PROSE = 48
"""Columns from which on a detail is a sentence, which may be wrapped."""


@frozen
class _Row:
    mark: str
    style: str
    name: str
    label: str
    detail: str
    rule: str = ""
    dim: bool = False
    """It only follows from another row."""

    @property
    def right(self) -> int:
        """Columns of what stands beside the label."""
        return len(self.detail) + (len(self.pointer) + 1 if self.detail and self.rule else len(self.pointer))

    @property
    def pointer(self) -> str:
        """What says that the cause is here."""
        return f"← {self.rule}" if self.rule else ""


def picture(
    path: Sequence[HopReport], probes: Iterable[ProbeReport], names: Mapping[str, str], width: int
) -> list[Line]:
    """The rows of an app's path, then those of its probes. `names` of the rules that the path is marked with."""
    rows = [*_path_rows(path), *map(_probe_row, probes)]
    return _table([replace(row, label=clean(row.label), detail=clean(row.detail)) for row in rows], names, width)


def _path_rows(path: Sequence[HopReport]) -> list[_Row]:
    marked = any(hop.rule for hop in path)
    unreached = any(hop.hop == "upstream" and hop.state is HopState.BROKEN for hop in path)
    rows: list[_Row] = []
    for hop in _hops(path):
        mark, style = _MARKS[hop.state], _STYLES[hop.state]
        follows = marked and not hop.rule and hop.state in _BAD
        if follows or (unreached and hop.hop == "socket" and hop.state is HopState.OK):
            mark, style = "·", "dim"
        detail = "" if hop.rule and hop.hop in _PLACED else hop.detail
        label, detail = (hop.label, detail) if hop.label else (detail, "")
        rows.append(_Row(mark, style, _NAMES.get(hop.hop, hop.hop), label, detail, hop.rule or "", follows))
    return rows


def _hops(path: Sequence[HopReport]) -> list[HopReport]:
    """One row for each hop worth one."""
    rows: dict[str, HopReport] = {}
    for hop in path:
        host, joint = _JOINED.get(hop.hop, ("", ""))
        if hop.state is HopState.OK and host in rows:
            into = rows[host]
            rows[host] = replace(into, label=f"{into.label}{joint}{hop.label}", detail=into.detail or hop.detail)
        elif hop.hop == "socket" and "upstream" in rows and _same_end(rows["upstream"], hop):
            continue
        elif hop.state is not HopState.OK or hop.hop not in _QUIET:
            rows[hop.hop] = hop
    return list(rows.values())


def _same_end(upstream: HopReport, socket: HopReport) -> bool:
    """The socket is the address that nginx asks, and says nothing that the row of the upstream does not."""
    if socket.rule or upstream.label.removeprefix("unix:") != socket.label:
        return False
    return socket.state is HopState.OK or (socket.state is HopState.UNKNOWN and upstream.state in _BAD)


def _probe_row(probe: ProbeReport) -> _Row:
    good = probe.status is not None and probe.status < 500
    answer = f"{probe.status} {probe.detail}" if probe.status is not None else f"no answer: {probe.detail}"
    mark, style = ("✓", "ok") if good else ("✗", "error")
    return _Row(mark, style, "probe", f"{probe.via}, {probe.target}", answer)


def _table(rows: Sequence[_Row], names: Mapping[str, str], width: int) -> list[Line]:
    if not rows:
        return []
    name_width = max(len("gunicorn"), *(len(row.name) for row in rows)) + 2
    room = width - 5 - name_width
    sided = [row for row in rows if row.right]
    needed = max((row.right for row in sided if row.right <= _PROSE), default=0)
    column = min(max((len(row.label) for row in sided), default=0), max(room - needed - 2, _SHORTEST))
    out: list[Line] = []
    for row in rows:
        style = "dim" if row.dim else ""
        name_style = row.style if row.rule or row.dim else ""
        prefix = line(("   ", ""), (row.mark, row.style), (" ", ""), (row.name.ljust(name_width), name_style))
        label = shortened(row.label, max(min(column, room - row.right - 2), _SHORTEST) if row.right else room)
        if not row.right:
            out.append((*prefix, (label, style)))
            continue
        free = room - max(len(label), column) - 2
        if row.rule in names and row.right + 1 + len(names[row.rule]) <= free:
            row = replace(row, rule=f"{row.rule} {names[row.rule]}")
        out += _beside(replace(row, label=label), prefix, (column, room), style)
    return out


def _beside(row: _Row, prefix: Line, columns: tuple[int, int], style: str) -> list[Line]:
    """Detail and pointer beside the label; out of line where they fit only so, and else below."""
    column, room = columns
    pointer: Line = ((row.pointer, row.style),) if row.rule else ()
    own = len(row.pointer) + 1 if row.rule else 0
    detail = shortened(row.detail, room - column - 2 - own)
    at = max(column, len(row.label)) + 2 if row.detail or len(row.label) <= column else len(row.label) + 1
    need = len(detail) + (own if detail else max(own - 1, 0))
    if at + need > room >= len(row.label) + 2 + need:
        at = room - need
    if at + need <= room:
        gap: Line = ((" ", ""),) if detail and pointer else ()
        return [(*prefix, (row.label.ljust(at), style), (detail, style), *gap, *pointer)]
    start = sum(len(text) for text, _ in prefix)
    beside = column if len(row.label) <= column else 2
    pieces = wrap(detail, max(room - beside - 2, _SHORTEST))
    if (pieces and row.rule and beside + 2 + len(pieces[-1]) + own > room) or not pieces:
        pieces.append("")
    first, rest = ((row.label.ljust(column + 2), style), pieces) if beside == column else ((row.label, style), pieces)
    lines: list[Line] = []
    if beside == column:
        lines.append((*prefix, first, (rest[0], style)))
        rest = rest[1:]
    else:
        lines.append((*prefix, first))
    lines += [((" " * (start + beside + 2), ""), (piece, style)) for piece in rest]
    last = lines[-1]
    return [*lines[:-1], (*last, *(((" ", ""),) if pieces[-1] else ()), *pointer)]


def shortened(text: str, size: int) -> str:
    """A path with names in its middle left out, so that it fits into `size` columns; as it is where it has none.

    How it begins and what it ends in is what tells one from another.
    """
    if len(text) <= size or " " in text or text.count("/") < 3:
        return text
    names = text.split("/")
    best = text
    for cut in range(1, len(names) - 1):
        # The names before the last are left out first: releases/2026-11-08 says less than its end.
        for at in range(len(names) - 1 - cut, 0, -1):
            best = "/".join([*names[:at], "…", *names[at + cut :]])
            if len(best) <= size:
                return best
    return best
