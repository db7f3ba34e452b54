"""Reloads under load: --fix makes by itself only those that lose no request."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from lab import fixing, shapes
from lab.machine import Machine
from lab.recipe import release

pytestmark = pytest.mark.usefixtures("lab")


@dataclass(frozen=True)
class Cell:
    """A worker class on a version of Gunicorn, and whether a reload keeps every request."""

    venv: str
    workers: str
    keeps: bool

    def deploy(self, m: Machine) -> None:
        """The app, with these workers."""
        shapes.deploy(m, replace(shapes.SHOP, venv=self.venv, workers=self.workers))


THREADS, SYNC = "--workers 2 --threads 4", "--workers 3"
CELLS = (
    Cell("app-20", SYNC, keeps=True),
    Cell("app-23", SYNC, keeps=True),
    Cell("app-23", THREADS, keeps=False),
    Cell("app-27", SYNC, keeps=True),
    Cell("app-27", THREADS, keeps=True),
)
EACH = pytest.mark.parametrize("cell", CELLS, ids=lambda c: f"{c.venv}-{'gthread' if c.workers == THREADS else 'sync'}")
RULE = "gunicorn-not-restarted-after-deploy"


@EACH
def test_only_a_reload_that_keeps_every_request_is_made_by_itself(cell: Cell) -> None:
    with Machine() as m:
        cell.deploy(m)
        release(shapes.SECOND, "")(m)
        with fixing.hammering(m, "shop.test") as requests:
            report = fixing.fix(m, "--fix")
        assert not requests.failed, f"{len(requests.failed)} of {requests.sent} failed: {requests.counts}"
        made = [entry["name"] for entry in fixing.applied(report)]
        assert made == ([RULE] if cell.keeps else []), fixing.tried(report)
        if not cell.keeps:
            [entry] = [entry for entry in report["fixes"] if entry["name"] == RULE]
            assert (entry["result"], entry["safety"]) == ("skipped", "unsafe")
            report = fixing.fix(m, "--fix", "--unsafe-fixes")
            assert [entry["name"] for entry in fixing.applied(report)] == [RULE], fixing.tried(report)
        shapes.serves(m, shapes.SECOND)
