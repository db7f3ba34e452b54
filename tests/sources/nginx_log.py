"""An error log of nginx, for tests."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from doctor.facts.value import Fact, Known
from doctor.hosts.base import FileType, Missing, Stat, Unseen
from doctor.hosts.live import LiveHost
from doctor.sources.logs import NginxLog, collect_nginx

SINCE = datetime(2026, 11, 22, 10, 0, 0, tzinfo=timezone.utc).timestamp()
PEERS = ("unix:/run/shop/gunicorn.sock",)
NAMES = ("shop.test",)
CONTEXT = ', client: 127.0.0.1, server: {}, request: "GET / HTTP/1.1", upstream: "{}", host: "shop.test"'
OURS = CONTEXT.format("shop.test", "http://unix:/run/shop/gunicorn.sock:/")


class Zone(LiveHost):
    """This machine in another time zone."""

    def __init__(self, zone: str) -> None:
        super().__init__()
        self.zone = zone

    def stat(self, path: str) -> Stat | Missing | Unseen:
        if path == "/etc/localtime":
            return Stat(FileType.LINK, 0o777, 0, 0, 0, 0, 0, 0, 0, target=f"/usr/share/zoneinfo/{self.zone}")
        return super().stat(path)


def line(message: str, time: str = "10:02:41", level: str = "error") -> str:
    return f"2026/11/22 {time} [{level}] 123#123: *1 {message}\n"


def read(
    tmp_path: Path, *lines: str, peers: tuple[str, ...] = PEERS, names: tuple[str, ...] = NAMES, zone: str = "Etc/UTC"
) -> NginxLog:
    log = tmp_path / "error.log"
    log.write_text("".join(lines))
    return collect_nginx(Zone(zone), (str(log),), SINCE, peers, names)


def value(fact: Fact[Any]) -> Any:
    assert isinstance(fact, Known), fact
    return fact.value
