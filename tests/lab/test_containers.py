"""Containers and supervisor on real machines: nobody is falsely accused, and nothing is green that was not judged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from lab import keepers
from lab.machine import Machine
from lab.recipe import brief, findings

pytestmark = pytest.mark.usefixtures("lab", "_installed")

_FALSE = ("another program", "releases folder", "does not exist", "no such directory", "no Gunicorn on this machine")


@pytest.fixture(scope="session")
def _installed() -> None:
    missing = [name for name in ("dockerd", "supervisord", "iptables") if shutil.which(name) is None]
    if missing and os.environ.get("FLASKDOCTOR_LAB") == "required":
        pytest.fail(f"FLASKDOCTOR_LAB=required, but not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install docker.io supervisor iptables)")


CONTAINERS = (
    keepers.published,
    keepers.published_on_all,
    keepers.without_proxy,
    keepers.by_rules_alone,
    keepers.host_network,
    keepers.shared_socket,
    keepers.unit_of_a_container,
    keepers.beside_a_unit,
    keepers.old_unit_left,
    keepers.nginx_inside,
)
SUPERVISED = (
    keepers.supervised_port,
    keepers.supervised_socket,
    keepers.supervised_group,
    keepers.supervised_beside_a_unit,
    keepers.supervised_after_a_unit,
)


def _name(shape: Callable[[Machine], None]) -> str:
    return shape.__name__


@pytest.mark.parametrize("shape", [*CONTAINERS, *SUPERVISED], ids=_name)
def test_a_healthy_machine_is_incomplete_and_accused_of_nothing(shape: Callable[[Machine], None]) -> None:
    kind = "container" if shape in CONTAINERS else "supervisor"
    with Machine(keepers=True) as m:
        shape(m)
        report = m.check()
        text = m.doctor("check").stdout
    assert [found for found in findings(report) if found[1] != "info"] == [], brief(report)
    assert report["verdict"] == "incomplete", text
    assert kind in {each["kind"] for each in report["not_judged"]}, text
    assert not [words for words in _FALSE if words in str(report)]


def _mismatch(report: dict[str, Any]) -> dict[str, Any]:
    found = [finding for finding in report["findings"] if finding["name"] == "upstream-bind-mismatch"]
    assert len(found) == 1, brief(report)
    return dict(found[0])


@pytest.mark.parametrize(
    ("shape", "stop", "keeper"),
    [
        (keepers.published, "docker stop -t 1 shop", "Docker"),
        (keepers.supervised_port, "supervisorctl stop shop0", "supervisor"),
        (keepers.supervised_socket, "systemctl stop supervisor", "supervisor"),
    ],
)
def test_nobody_listens_and_no_unit_is_advised(shape: Callable[[Machine], None], stop: str, keeper: str) -> None:
    with Machine(keepers=True) as m:
        shape(m)
        m.sh(stop)
        m.wait_http(502)
        finding = _mismatch(m.check())
    advice = str(finding["fixes"])
    assert finding["severity"] == "error"
    assert "nobody listens" in finding["message"]
    assert keeper in advice
    assert "unit" not in advice
    assert "remove" not in advice


def test_a_container_elsewhere_does_not_excuse_a_dead_upstream() -> None:
    with Machine(keepers=True) as m:
        keepers.beside_a_unit(m)
        m.sh("systemctl stop blog")
        m.wait_http(502, host="blog.test")
        found = findings(m.check())
    assert ("gunicorn-not-running", "error") in found


def test_a_container_on_the_port_of_a_unit_is_named() -> None:
    with Machine(keepers=True) as m:
        keepers.old_unit_left(m)
        m.sh("systemctl start shop || true; systemctl enable shop")
        m.wait_state("shop.service", "failed", "activating", timeout=30)
        report = m.check()
    assert "upstream-wrong-app" not in [name for name, _ in findings(report)], brief(report)
    holder = next(finding for finding in report["findings"] if finding["name"] == "port-in-use-orphan")
    assert "docker-proxy" in holder["message"]
    assert "kill" not in str(holder["fixes"])
