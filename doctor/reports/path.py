"""The request path of an app: one row for each link that has something to show, under the findings about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from doctor.apps.path import Link, Seen
from doctor.apps.topology import Hop
from doctor.engine.rule import Severity
from doctor.frozen import frozen
from doctor.reports.model import HopReport, HopState

_STATES = {Seen.OK: HopState.OK, Seen.DOWN: HopState.AT_RISK, Seen.UNKNOWN: HopState.UNKNOWN}


@frozen
class Mark:
    """The finding that the chain breaks of at a hop."""

    rule: str
    title: str


def rows(
    path: Sequence[Link], worst: Mapping[Hop, Severity], marks: Mapping[Hop, Mark], *, files_alone: bool
) -> Iterator[HopReport]:
    """`worst` is the gravest severity among the findings at each hop, `marks` the cause there.

    A hop with a cause has a row even where nothing was seen of it: it says what is wrong. Of `files_alone`, which never
    show a process, a row of what could not be seen would hide what they do show.
    """
    shown = {link.hop for link in path}
    unseen = [Link(hop, "", mark.title, Seen.UNKNOWN) for hop, mark in marks.items() if hop not in shown]
    order = tuple(Hop).index
    for link in sorted((*path, *unseen), key=lambda link: order(link.hop)):
        if link.seen is Seen.UNKNOWN and files_alone and link.hop not in worst:
            continue
        rule = marks[link.hop].rule if link.hop in marks else None
        yield HopReport(link.hop.value, link.label, _state(link, worst), link.detail, rule)


def _state(link: Link, worst: Mapping[Hop, Severity]) -> HopState:
    here = worst.get(link.hop)
    if here is Severity.ERROR or (link.seen is Seen.DOWN and Severity.ERROR in worst.values()):
        return HopState.BROKEN
    return HopState.AT_RISK if here is Severity.WARNING else _STATES[link.seen]
