"""nginx in a network that is not the one that was looked at."""

from __future__ import annotations

import pytest

from lab import shapes
from lab.machine import Machine
from lab.recipe import brief

pytestmark = pytest.mark.usefixtures("lab")


@pytest.mark.parametrize(("setting", "verdict"), [("PrivateNetwork=yes", "incomplete"), ("PrivateTmp=yes", "healthy")])
def test_nginx_in_a_network_of_its_own(setting: str, verdict: str) -> None:
    with Machine() as m:
        shapes.unix(m)
        m.write("/etc/systemd/system/nginx.service.d/own.conf", f"[Service]\n{setting}\n")
        m.sh("systemctl daemon-reload; sleep 1.1; systemctl restart nginx")
        assert (m.http()[0] == 200) is (verdict == "healthy")
        report = m.check()
        assert report["verdict"] == verdict, brief(report)
        reasons = {item["reason"] for item in report["unknown"]}
        assert any("runs in a network of its own" in reason for reason in reasons) is (verdict == "incomplete")
