"""What keeps systemd from starting a unit: a line it refuses, units that it requires."""

from __future__ import annotations

import pytest
from factories import make

from doctor.facts.value import Absent, Known
from doctor.grammar.unitfile import Merged, parse
from doctor.sources.systemd import Unit, UnitProblem
from doctor.sources.systemd.needs import start_blocker, states
from doctor.sources.systemd.settings import Settings
from doctor.sources.systemd.show import Shown

LISTING = """\
db.service loaded active running The database
failed.service loaded failed failed Schema
gone.service not-found inactive dead gone.service
idle.service loaded inactive dead Idle
hidden.service masked inactive dead hidden.service
"""


def settings(text: str) -> Settings:
    merged = Merged((parse(f"[Unit]\n{text}\n", "/etc/systemd/system/shop.service"),))
    return Settings("shop.service", merged, {}, Shown("shop.service", {}), "systemd 252")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Requires=db.service idle.service", ""),
        ("Requires=db.service failed.service", "Requires= of shop.service names failed.service, which has failed"),
        ("BindsTo=gone.service", "BindsTo= of shop.service names gone.service, which does not exist"),
        ("Requires=hidden.service", "Requires= of shop.service names hidden.service, which is masked"),
        ("Requisite=idle.service", "Requisite= of shop.service names idle.service, which is not running"),
        # Wants= and After= stop nobody; a unit that is not listed is not known to fail.
        ("Wants=failed.service\nAfter=gone.service\nRequires=data.mount", ""),
    ],
)
def test_what_it_requires(line: str, said: str) -> None:
    found = start_blocker(make(Unit, name="shop.service"), settings(line), states(LISTING), "systemctl list-units")
    assert (found.value if isinstance(found, Known) else "") == said


def test_a_line_that_is_refused() -> None:
    problem = Known(UnitProblem("venv/bin/gunicorn is no absolute path: the unit does not load", fatal=True))
    unit = make(Unit, name="shop.service", load_state=Known("bad-setting"), problems=(problem,))
    found = start_blocker(unit, settings(""), {}, "systemctl list-units")
    assert isinstance(found, Known)
    assert "no absolute path" in found.value
    loaded = make(Unit, name="shop.service", load_state=Known("loaded"), problems=(problem,))
    assert isinstance(start_blocker(loaded, settings(""), {}, "systemctl list-units"), Absent)
