"""The machine of `check --demo`: two apps, one of them down after a deploy with a package missing."""

from __future__ import annotations

import json

import pytest

from lab import shapes
from lab.machine import TREE, Machine

DEMO = TREE / "doctor" / "_data" / "demo.snapshot.json"


@pytest.mark.usefixtures("lab")
def test_demo(request: pytest.FixtureRequest) -> None:
    with Machine() as m:
        shapes.two_apps(m)
        shapes.put_release(m, shapes.SECOND)
        m.edit(f"/srv/shop/releases/{shapes.SECOND}/shop/__init__.py", "from flask", "import stripe\nfrom flask")
        shapes.switch(m, shapes.SECOND)
        m.sh("systemctl reload shop")
        m.wait_http(502)
        m.http("/cart")
        findings = m.check()["findings"]
        assert findings[0]["name"] == "missing-dependency"
        if request.config.getoption("--record"):
            DEMO.parent.mkdir(exist_ok=True)
            DEMO.write_text(m.snapshot())


def test_the_demo_is_recorded() -> None:
    assert json.loads(DEMO.read_text())["schema"] == "flaskdoctor.snapshot/1"
