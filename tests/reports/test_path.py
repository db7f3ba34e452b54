"""A row is a link of the path under the findings about it."""

from __future__ import annotations

import pytest

from doctor.apps.path import Link, Seen
from doctor.apps.topology import Hop
from doctor.engine.rule import Severity
from doctor.reports.model import HopState
from doctor.reports.path import Mark, rows

MARK = {Hop.SOCKET: Mark("SOC001", "The socket is missing")}


@pytest.mark.parametrize(
    ("seen", "here", "elsewhere", "expected"),
    [
        (Seen.OK, None, Severity.ERROR, HopState.OK),
        (Seen.OK, Severity.WARNING, None, HopState.AT_RISK),
        (Seen.OK, Severity.ERROR, None, HopState.BROKEN),
        (Seen.DOWN, None, None, HopState.AT_RISK),
        (Seen.DOWN, None, Severity.ERROR, HopState.BROKEN),
        (Seen.UNKNOWN, None, Severity.ERROR, HopState.UNKNOWN),
        (Seen.UNKNOWN, Severity.WARNING, None, HopState.AT_RISK),
    ],
)
def test_states(seen: Seen, here: Severity | None, elsewhere: Severity | None, expected: HopState) -> None:
    found = {Hop.UNIT: here, Hop.CODE: elsewhere}
    worst = {hop: severity for hop, severity in found.items() if severity is not None}
    [row] = rows([Link(Hop.UNIT, "shop.service", "", seen)], worst, {}, files_alone=False)
    assert row.state is expected


def test_a_cause_has_a_row_where_nothing_was_seen() -> None:
    path = [Link(Hop.SERVER, "shop.test", ""), Link(Hop.UNIT, "shop.service", "")]
    drawn = list(rows(path, {Hop.SOCKET: Severity.ERROR}, MARK, files_alone=True))
    assert [(row.hop, row.rule) for row in drawn] == [("server", None), ("socket", "SOC001"), ("unit", None)]
    assert drawn[1].detail == "The socket is missing"


def test_files_alone_do_not_say_of_every_process_that_it_was_not_seen() -> None:
    path = [Link(Hop.UNIT, "shop.service", ""), Link(Hop.MASTER, "gunicorn", "", Seen.UNKNOWN)]
    assert [row.hop for row in rows(path, {}, {}, files_alone=True)] == ["unit"]
    assert [row.hop for row in rows(path, {}, {}, files_alone=False)] == ["unit", "master"]
