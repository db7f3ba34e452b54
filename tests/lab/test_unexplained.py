"""Requests that fail and that no rule explains keep a report from being healthy, and show with their lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lab import shapes
from lab.machine import Machine
from lab.recipe import Step, brief, deployed, each, edit, shell, write
from lab.shapes import SHOP, Shape

pytestmark = pytest.mark.usefixtures("lab")

BOOM = 'raise RuntimeError("boom")'
CODE = "/srv/shop/current/shop/__init__.py"
HOME = 'return render_template("home.html", revision=REVISION)'
RESTART = "systemctl restart shop; sleep 1"


def asks(times: int = 12, path: str = "/", host: str = "shop.test") -> Step:
    return shell(
        f"for i in $(seq {times}); do curl -s -m 9 -o /dev/null -H 'Host: {host}' http://127.0.0.1{path}; done || :"
    )


def home(does: str, then: str = RESTART) -> Step:
    return edit(CODE, HOME, does, then)


@dataclass(frozen=True)
class Failing:
    """A machine whose requests fail for a reason that no rule knows. `says`: what the lines of its `hops` hold."""

    name: str
    shape: Shape
    prepare: Step
    says: tuple[str, ...]
    hops: frozenset[str]


def failing(name: str, shape: Shape, prepare: Step, hops: str, *says: str) -> Failing:
    return Failing(name, shape, prepare, says, frozenset(hops.split()))


FAILING = (
    failing(
        "raise-in-a-view",
        shapes.unix,
        each(home(BOOM), asks()),
        "code",
        "Exception on / [GET]",
        "RuntimeError: boom",
    ),
    failing(
        "program-not-in-path",
        shapes.gunicorn_20,
        each(
            home('import subprocess; return subprocess.check_output(["ffmpeg"])', ""),
            write("/etc/shop.env", f"{shapes.SECRET}PATH=/srv/shop/venv/bin\n", RESTART),
            asks(),
        ),
        "code",
        "Exception on / [GET]",
        "'ffmpeg'",
    ),
    failing(
        "script-name",
        shapes.gunicorn_23,
        each(write("/etc/shop.env", f"{shapes.SECRET}SCRIPT_NAME=/shop\n", RESTART), asks()),
        "code",
        "SCRIPT_NAME",
    ),
    failing(
        "answers-500-in-silence",
        shapes.unix,
        each(home('return "sorry", 500'), asks()),
        "code",
        '" 500 ',
    ),
)  # fmt: skip


def quiet(m: Machine) -> None:
    report = m.check()
    assert report["unexplained"] == [], report["unexplained"]
    assert report["verdict"] == "healthy", (brief(report), report["unknown"])


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_what_no_rule_explains(case: Failing) -> None:
    with Machine() as m:
        case.shape(m)
        quiet(m)
        case.prepare(m)
        report = m.check()
        told = [each for each in report["unexplained"] if each["hop"] in case.hops]
        text = "\n".join(each["text"] for each in told)
        assert all(words in text for words in case.says), (
            report["unexplained"],
            brief(report),
            m.journal("shop")[-3000:],
        )
        assert report["verdict"] != "healthy"
        shown = m.doctor("check")
        assert "✓ shop" not in shown.stdout
        assert "Seen failing, and no rule says why:" in shown.stdout


OTHER_SITE = """\
server {
    listen 80;
    server_name other.test;
    location / { proxy_pass http://192.0.2.1:8000; proxy_connect_timeout 1s; }
}
"""


def crowd(m: Machine) -> None:
    """Thirty sites that are nobody's business, some of them broken."""
    for number in range(30):
        shapes.put_site(m, f"other{number}", OTHER_SITE.replace("other.test", f"other{number}.test"))
    asks(2, host="other3.test")(m)


SILENT: dict[str, tuple[Shape, Step]] = {
    "before-the-restart": (
        shapes.unix,
        each(home(BOOM), asks(), edit(CODE, BOOM, HOME, RESTART), asks()),
    ),
    "before-the-reload": (
        shapes.unix,
        each(
            home(BOOM),
            asks(),
            edit(CODE, BOOM, HOME, "sleep 1; systemctl reload shop; sleep 3"),
            asks(),
        ),
    ),
    "scanners": (
        shapes.unix,
        each(*(asks(3, path) for path in ("/wp-login.php", "/static/none.css", "/.env", "/static/%0a%22", "/x.ico"))),
    ),
    "repaired-outage": (
        shapes.unix,
        each(shell("systemctl stop shop"), asks(), shell("sleep 1; systemctl start shop; sleep 2"), asks()),
    ),
    "another-site": (shapes.unix, each(lambda m: shapes.put_site(m, "other", OTHER_SITE), asks(3, host="other.test"))),
    "thirty-sites": (shapes.unix, crowd),
    "restart-under-load": (
        shapes.unix,
        each(shell("(for i in $(seq 300); do curl -s -o /dev/null -H 'Host: shop.test' http://127.0.0.1/; done) & "
                   "sleep 0.5; systemctl restart shop; wait; sleep 1"), asks(3)),
    ),
    "maintenance": (shapes.unix, each(home('return "back soon", 503'), asks())),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_what_accuses_nobody(name: str) -> None:
    shape, prepare = SILENT[name]
    with Machine() as m:
        shape(m)
        prepare(m)
        quiet(m)


# Requests that write into logs.

SEND = """\
import json, socket, sys
for payload in json.load(sys.stdin):
    connection = socket.create_connection(("127.0.0.1", 80), 5)
    connection.sendall(payload.encode("latin-1"))
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass
"""


def send(m: Machine, payloads: list[str]) -> None:
    import json

    m.write("/tmp/send.py", SEND)
    m.run(("/usr/bin/python3", "/tmp/send.py"), stdin=json.dumps(payloads))
    m.sh("rm /tmp/send.py; journalctl --sync")


def forgeries(m: Machine, host: str) -> list[str]:
    """Requests to `host` that say in the words of logs what is not so."""
    from urllib.parse import quote

    pid = m.sh("pgrep -o -f 'nginx: worker'").strip()
    stamp = m.sh("date '+%Y/%m/%d %H:%M:%S'").strip()
    now = m.sh("date '+%Y-%m-%d %H:%M:%S +0000'").strip()
    socket = "unix:/run/shop/gunicorn.sock"
    client = ', client: 127.0.0.1, server: shop.test, request: "GET / HTTP/1.1"'
    tail = f'{client}, upstream: "http://{socket}:/", host: "shop.test"'
    kinds = [
        f"connect() to {socket} failed (111: Connection refused) while connecting to upstream",
        f"connect() to {socket} failed (13: Permission denied) while connecting to upstream",
        "upstream sent too big header while reading response header from upstream",
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "client intended to send too large body: 20000000 bytes",
        "10 worker_connections are not enough while connecting to upstream",
    ]
    forged = [f"{stamp} [error] {pid}#{pid}: *1 {kind}{tail}" for kind in kinds]
    journal = [
        f"[{now}] [10] [CRITICAL] WORKER TIMEOUT (pid:20)",
        f"[{now}] [10] [ERROR] Worker (pid:20) was sent SIGKILL! Perhaps out of memory?",
        f"[{now}] [10] [ERROR] Reason: Worker failed to boot.",
        "Exception in worker process",
        "Traceback (most recent call last):",
        "ModuleNotFoundError: No module named 'psycopg2'",
        "shop.service: Start request repeated too quickly.",
        f"[{now}] [10] [INFO] Handling signal: term",
    ]
    words = [*kinds, *(kind + tail for kind in kinds), *forged, *journal]
    out = []
    for text in words:
        out += [request(host, "/", f"User-Agent: {text}"), request(host, "/", f"Referer: {text}")]
        out += [
            request(host, "/static/none", f"Referer: {text}"),
            request(host, "/nowhere", f"X-Forwarded-For: {text}"),
        ]
        out += [request(host, f"/static/{quote(text)}"), request(host, f"/{quote(text)}")]
        out += [request(host, f"/static/{quote(chr(10) + text + chr(10))}"), request(host, f"/static/{text}")]
        out += [request(host, f"/static/{quote(chr(34) + ' failed (2: x)' + chr(10) + text + chr(10) + text)}")]
        out += [request(host, f"/static/{quote(chr(10) + text + chr(10)) + 'y' * 3000}")]
        out += [
            request(host, "/", f"User-Agent: \x85{text}\x85{text}"),
            request(host, "/", f"Referer: \x0b{text}\x0c\xff"),
        ]
        out += [request(text, "/static/none"), request(f'{host}", upstream: "http://{socket}:/', "/static/none")]
    return out


def request(host: str, path: str, *headers: str) -> str:
    return "\r\n".join((f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""))


def said(report: dict[str, Any]) -> tuple[Any, ...]:
    """What must not change."""
    shown = [(f["name"], f["severity"], f["app"], f["message"]) for f in report["findings"]]
    return report["verdict"], shown, [(u["app"], u["hop"]) for u in report["unexplained"]]


FORMAT = "--access-logfile - --access-logformat '%%({{x-forwarded-for}}i)s %%(r)s %%(s)s %%(f)s %%(a)s'"
ACCESS = deployed(replace(SHOP, options="--access-logfile -"))


def blog_is_down(m: Machine) -> None:
    shapes.two_apps(m)
    m.sh("systemctl stop blog")
    asks(3, host="blog.test")(m)


RAISING = f'@app.get("/<path:rest>")\n    def boom(rest):\n        {BOOM}\n\n    '

FORGED: dict[str, tuple[Shape, Callable[[Machine], None]]] = {
    "healthy": (ACCESS, lambda m: None),
    "header-first": (deployed(replace(SHOP, options=FORMAT)), lambda m: None),
    "another-is-down": (blog_is_down, lambda m: None),
    "raises": (
        ACCESS,
        each(
            edit(CODE, '@app.get("/")', RAISING + '@app.get("/")', RESTART),
            asks(3, "/boom"),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_request_forges_nothing(name: str) -> None:
    shape, prepare = FORGED[name]
    with Machine() as m:
        shape(m)
        prepare(m)
        before = said(m.check())
        for host in ("shop.test", "blog.test"):
            send(m, forgeries(m, host))
        assert said(m.check()) == before
