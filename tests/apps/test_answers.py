"""Which access log tells about which app."""

from __future__ import annotations

from pathlib import Path

from factories import make
from sources.nginx_log import SINCE, value

from doctor.apps import answers
from doctor.apps.topology import App, Route
from doctor.facts.value import Absent, Known, Place
from doctor.hosts.live import LiveHost
from doctor.servers.nginx.model import Location, Nginx, Server, Upstream
from doctor.sources.logs import LogEvent, UnitLog
from doctor.sources.process import Process

LINE = '127.0.0.1 - - [22/Nov/2026:10:02:41 +0000] "GET / HTTP/1.1" 502 157 "-" "curl/7.88.1"\n'


class Host(LiveHost):
    def now(self) -> float:
        return SINCE + 3600


def server(name: str, log: Path | None, *, proxies: bool = True, unreachable: bool = False) -> Server:
    location = make(Location, upstream=Known(make(Upstream)) if proxies else Absent())
    path = Known(str(log)) if log else Absent()
    return make(
        Server, names=(name,), locations=(location,), place=Place(path=name), access_log=path, unreachable=unreachable
    )


def app(name: str, *servers: Server, **log: Known[LogEvent]) -> App:
    routes = tuple(make(Route, server=server, location=server.locations[0]) for server in servers)
    return make(App, name=name, routes=routes, log=make(UnitLog, **log))


def look(servers: list[Server], *apps: App, since: float | None = None) -> list[tuple[tuple[str, ...], int]]:
    web = make(Nginx, main_file=Known("/etc/nginx/nginx.conf"), servers=tuple(servers))
    return [
        (log.apps, value(log.bad_gateways).count if isinstance(log.bad_gateways, Known) else 0)
        for log in answers.collect(Host(), web, apps, since)
    ]


def test_a_log_belongs_to_those_whose_requests_alone_it_has(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(LINE * 3)
    shop, blog, other = server("shop.test", log), server("blog.test", log), server("other.test", log)
    assert look([shop], app("shop", shop)) == [(("shop",), 3)]
    assert look([shop, blog], app("shop", shop), app("blog", blog)) == [(("shop", "blog"), 3)]
    assert look([shop, other], app("shop", shop)) == []
    assert look([shop, server("static.test", log, proxies=False)], app("shop", shop)) == [(("shop",), 3)]
    assert look([shop, server("old.test", log, unreachable=True)], app("shop", shop)) == [(("shop",), 3)]
    assert look([server("shop.test", None)], app("shop", shop)) == []
    assert look([shop], app("shop")) == []


def test_answers_before_the_last_start_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(LINE * 3)
    shop = server("shop.test", log)

    def hup(at: float) -> Known[LogEvent]:
        return Known(LogEvent(1, SINCE + at, SINCE + at, ""))

    assert look([shop], app("shop", shop, hups=hup(161.5))) == [(("shop",), 0)]
    assert look([shop], app("shop", shop, hups=hup(160.5))) == [(("shop",), 3)]
    assert look([shop], app("shop", shop, hups=hup(161.5)), since=SINCE) == [(("shop",), 3)]
    web = make(
        Nginx,
        main_file=Known("/etc/nginx/nginx.conf"),
        servers=(shop,),
        workers=Known((make(Process, started=SINCE + 500),)),
    )
    assert isinstance(answers.collect(Host(), web, [app("shop", shop)], None)[0].bad_gateways, Absent)
