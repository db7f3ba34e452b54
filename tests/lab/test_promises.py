"""What must hold on any machine, whatever the rules say: nothing secret is told, nothing is changed, nothing is run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from planted import MARK

from lab import canaries, shapes
from lab.asking import ask
from lab.machine import Machine
from lab.recipe import brief, each, edit_site, findings
from lab.shapes import Shape
from lab.state import state

pytestmark = pytest.mark.usefixtures("lab")


# Secrets.


def _outputs(m: Machine) -> Iterator[tuple[str, str]]:
    """Everything that the doctor writes anywhere, by what was asked."""
    m.sh("rm -rf /tmp/out; mkdir /tmp/out")
    files = ("--output", "/tmp/out/r.txt", "--output", "/tmp/out/r.json")
    asked: list[tuple[str, ...]] = [
        ("check", *files),
        ("check", "--format", "concise"),
        ("check", "--format", "json", "--min-severity", "info"),
        ("check", "--probe", "--since", "1h"),
        ("check", "--app", "nosuch"),
        ("check", "--diff", "--unsafe-fixes"),
        ("check", "--root", "/", "--format", "json"),
        ("check", "/etc/systemd/system", "/etc/nginx", "/srv/shop", "/etc/shop.env", "--format", "json"),
        ("check", "/etc/shop.env"),
        ("check", "/srv/shop/current/wsgi.py", "--format", "json"),
        ("snapshot", "-o", "/tmp/out/r.snapshot.json.gz"),
        ("snapshot",),
        ("check", "/tmp/out/r.snapshot.json.gz", "--format", "json"),
    ]
    asked += [("explain", name) for name, _ in findings(m.check())]
    for arguments in asked:
        done = ask(m, *arguments, variables=("FLASKDOCTOR_TRACEBACK=1", f"SHELL_SECRET={canaries.canary('Shell')}"))
        assert done.returncode in (0, 1, 2, 4), f"{arguments}: {done.returncode}\n{done.stderr}"
        yield " ".join(arguments), done.stdout + done.stderr
    for path in ("r.txt", "r.json"):
        yield path, m.read(f"/tmp/out/{path}")
    yield "the recording", m.sh("gzip -dc /tmp/out/r.snapshot.json.gz")


def _leaks(m: Machine) -> list[str]:
    found = []
    for name, text in _outputs(m):
        found += [
            f"{name}: {text[max(0, hit.start() - 160) : hit.end() + 40]!r}" for hit in re.finditer("canary", text)
        ]
    return found


def test_no_secret_is_told() -> None:
    with Machine() as m:
        canaries.deploy(m)
        for place, look in canaries.PLANTED.items():
            assert MARK in m.sh(look), f"no secret lies in {place}: the test proves nothing"
        leaks = _leaks(m)
        canaries.break_it(m)
        assert MARK in m.read("/var/log/nginx/error.log")
        assert findings(m.check())
        leaks += _leaks(m)
        done = ask(m, "check", "--fix", "--unsafe-fixes")
        leaks += [f"--fix: {line}" for line in (done.stdout + done.stderr).splitlines() if MARK in line]
        held = m.sh("grep -rl canary /var/lib/flaskdoctor 2>/dev/null || true").split()
        # The store of `undo` holds the bytes of the files that were changed, and is root's alone.
        leaks += [f"the store: {path}" for path in held if path.endswith(".json")]
        assert not held or m.sh("stat -c %a /var/lib/flaskdoctor").strip() == "700"
        assert not leaks, f"{len(leaks)} times\n" + "\n".join(leaks[:30])


# Nothing is changed.


def _crashed(m: Machine) -> None:
    shapes.unix(m)
    m.write("/srv/shop/current/wsgi.py", "import nosuch\n")
    m.sh("systemctl restart shop || true")
    m.wait_until("systemd gives up", lambda: m.property("shop.service", "ActiveState") == "failed", timeout=30)
    m.edit("/etc/nginx/sites-available/shop", "location / {", "location / {{")


def _asleep(m: Machine) -> None:
    """The socket listens, and the first request would start the service."""
    shapes.socket_activation(m)
    m.sh("systemctl stop shop.service; systemctl is-active shop.socket")


def _quiet(m: Machine) -> None:
    """A restart loop would change the machine by itself."""
    m.sh("systemctl is-active nginx; test $(systemctl show --value -p SubState shop.service) != auto-restart")


@pytest.mark.parametrize(
    "shape",
    [shapes.unix, shapes.tcp, shapes.socket_activation, shapes.two_apps, _crashed, _asleep],
    ids=lambda shape: shape.__name__.lstrip("_"),
)
def test_check_changes_nothing(shape: Shape) -> None:
    with Machine() as m:
        shape(m)
        _quiet(m)
        before = state(m)
        m.check()
        m.doctor("check")
        m.doctor("check", "--format", "concise", "--since", "1h")
        after = state(m)
        assert not before ^ after, "\n".join(sorted(before ^ after)[:20])


# Nothing is run, nobody is asked.

_WATCHED = """
import json, sys
seen = {"connect": set(), "run": set(), "resolve": set(), "written": set()}

def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        seen["connect"].add(str(arguments[1]))
    elif event.startswith("socket.get"):
        seen["resolve"].add(str(arguments))
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        seen["run"].add(" ".join(map(str, arguments[1])) if event == "subprocess.Popen" else str(arguments))
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & 0o3:
        seen["written"].add(str(arguments[0]))

sys.addaudithook(hook)
from doctor.cli import main
try:
    main()
except SystemExit:
    pass
print(json.dumps({name: sorted(found) for name, found in seen.items()}), file=sys.stderr)
"""

_TRACE = 'open("/var/tmp/ran", "a").write(__file__ + "\\n")\n'


def _watched(m: Machine) -> dict[str, list[str]]:
    """What the process of a check connected to, ran, resolved and opened for writing."""
    seen: dict[str, list[str]] = json.loads(ask(m, "check", main=_WATCHED).stderr.splitlines()[-1])
    return seen


def _packets(m: Machine) -> str:
    """Packets sent since boot, by protocol; loopback counts."""
    rows = m.read("/proc/net/snmp").splitlines()
    return "\n".join(row for row in rows if row.startswith(("Ip:", "Tcp:", "Udp:")))


def test_only_the_machine_itself_is_asked() -> None:
    with Machine() as m:
        shapes.unix(m)
        m.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
        m.write("/etc/nginx/conf.d/far.conf", "upstream far { server far.test:8000; }\n")
        before = _packets(m)
        seen = _watched(m)
        assert _packets(m) == before, "packets were sent"
        m.http("/")
        assert _packets(m) != before, "the counter counts nothing: the test proves nothing"
        assert seen["connect"] == ["/run/shop/gunicorn.sock"]
        assert seen["resolve"] == []
        assert seen["written"] == ["/dev/null"]
        programs = {command.split()[0] for command in seen["run"]}
        assert programs <= {"/usr/bin/systemctl", "/usr/bin/journalctl", "/usr/sbin/nginx"}
        assert {command for command in seen["run"] if command.split()[0].endswith("nginx")} <= {"/usr/sbin/nginx -V"}


def test_no_code_of_the_app_is_run() -> None:
    app = replace(shapes.SHOP, arguments="--config /srv/shop/current/gunicorn.conf.py {entry}")
    current = "/srv/shop/current"
    with Machine() as m:
        shapes.put_app(m, app)
        packages = m.sh("echo /srv/shop/venv/lib/python3*/site-packages").strip()
        m.write(f"{current}/gunicorn.conf.py", f"{shapes.GUNICORN_CONF}\n{_TRACE}")
        m.write(f"{packages}/sitecustomize.py", _TRACE)
        m.write(f"{packages}/shop.pth", "import os; open('/var/tmp/ran', 'a').write('pth ')\n")
        for name in ("wsgi.py", "shop/__init__.py"):
            m.write(f"{current}/{name}", _TRACE + m.read(f"{current}/{name}"))
        for name in ("conftest.py", "sitecustomize.py", "usercustomize.py", "typer.py", "yaml.py"):
            m.write(f"{current}/{name}", _TRACE)
        m.sh("touch /var/tmp/ran; chmod 666 /var/tmp/ran")
        shapes.put_unit(m, app.unit, app.unit_text())
        m.sh("systemctl enable -q --now shop")
        shapes.put_site(m, app.name, app.site_text())
        shapes.serves(m, shapes.FIRST)
        for name in ("wsgi.py", "gunicorn.conf.py", "pth"):
            assert name in m.read("/var/tmp/ran"), f"{name} leaves no trace: the test proves nothing"
        # Workers that are still booting leave traces of their own: none for a second means that all have.
        m.sh("while [ -n \"$(find /var/tmp/ran -newermt '-1 second')\" ]; do sleep 0.2; done")
        for break_it in ("true", "systemctl stop shop"):
            m.sh(f"{break_it}; : >/var/tmp/ran")
            m.check()
            m.doctor("snapshot", "-o", "/tmp/r.snapshot.json")
            m.doctor("check", current, "--format", "json")
            assert m.read("/var/tmp/ran") == ""


# A deploy in progress.

_SLOW = "import time\n\ntime.sleep(2)\n"


def _slow(m: Machine) -> None:
    shapes.put_app(m)
    wsgi = "/srv/shop/current/wsgi.py"
    m.write(wsgi, _SLOW + m.read(wsgi))
    shapes.put_unit(m, shapes.SHOP.unit, shapes.SHOP.unit_text())
    m.sh("systemctl enable -q --now shop")
    shapes.put_site(m, "shop", shapes.SHOP.site_text())
    shapes.serves(m, shapes.FIRST)


def _next_release(m: Machine) -> None:
    folder = shapes.put_release(m, shapes.SECOND)
    m.write(f"{folder}/wsgi.py", _SLOW + m.read(f"{folder}/wsgi.py"))


def _watch(m: Machine, seconds: float) -> list[tuple[float, dict[str, Any]]]:
    """Reports as fast as they come, with the time each took to be asked for since the beginning."""
    begun = time.monotonic()
    reports = []
    while time.monotonic() < begun + seconds:
        at = time.monotonic() - begun
        reports.append((at, m.check()))
    return reports


def _loud(reports: list[tuple[float, dict[str, Any]]]) -> list[str]:
    return [
        f"{at:.1f} s: {brief(report)}"
        for at, report in reports
        if any(severity != "info" for _, severity in findings(report))
    ]


@pytest.mark.parametrize("deploy", ["reload", "restart"])
def test_deploy_in_progress_is_no_fault(deploy: str) -> None:
    with Machine() as m:
        _slow(m)
        _next_release(m)
        shapes.switch(m, shapes.SECOND)
        m.sh(f"systemctl {deploy} --no-block shop")
        reports = _watch(m, 5)
        assert len(reports) > 3
        assert not (loud := _loud(reports)), "\n".join(loud)
        shapes.serves(m, shapes.SECOND)


# What is long past accuses nobody.


def test_old_log_lines_accuse_nobody() -> None:
    with Machine() as m:
        shapes.two_apps(m)
        healthy = m.read("/srv/shop/current/wsgi.py")
        # The worst day of shop: it does not import, nginx finds nobody, a worker hangs.
        m.write("/srv/shop/current/wsgi.py", "import nosuch\n")
        m.sh("systemctl restart shop || true")
        m.wait_until("systemd gives up", lambda: m.property("shop.service", "ActiveState") == "failed", timeout=30)
        m.http("/")
        m.sh("logger -t gunicorn --id=$$ '[CRITICAL] WORKER TIMEOUT (pid:77)'")
        assert "failed (2: No such file" in m.read("/var/log/nginx/error.log")
        assert "ModuleNotFoundError" in m.journal("shop.service")
        m.write("/srv/shop/current/wsgi.py", healthy)
        time.sleep(1.1)  # nginx writes whole seconds
        m.sh("systemctl reset-failed shop; systemctl start shop")
        shapes.serves(m, shapes.FIRST)
        report = m.check()
        assert not [name for name, severity in findings(report) if severity != "info"], brief(report)


def test_one_app_is_not_accused_of_the_others_faults() -> None:
    with Machine() as m:
        shapes.two_apps(m)
        m.write("/srv/blog/current/wsgi.py", "import nosuch\n")
        m.sh("systemctl restart blog || true")
        m.wait_until("systemd gives up", lambda: m.property("blog.service", "ActiveState") == "failed", timeout=30)
        for _ in range(5):
            m.http("/", host="blog.test")
        report = m.check()
        accused = {finding["app"] for finding in report["findings"] if finding["severity"] != "info"}
        assert accused == {"blog"}, brief(report)
        alone = m.check("--app", "shop")
        assert not [name for name, severity in findings(alone) if severity != "info"], brief(alone)


# A recording says what the machine says.


def _nginx_elsewhere(m: Machine) -> None:
    each(shapes.unix, edit_site("unix:/run/shop/gunicorn.sock", "unix:/run/shop.sock"))(m)
    m.http("/")


def _told(report: dict[str, Any]) -> dict[str, Any]:
    """A report without when and where it was made, and without ages."""
    kept = {name: report[name] for name in ("verdict", "summary", "apps", "findings", "unknown")}
    text = re.sub(r"\b\d+ (?:s|min|h)\b", "N s", json.dumps(kept))
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(
    "shape", [shapes.two_apps, _crashed, _nginx_elsewhere], ids=lambda shape: shape.__name__.lstrip("_")
)
def test_recording_gives_the_same_report(shape: Shape) -> None:
    with Machine() as m:
        shape(m)
        live = m.check()
        m.doctor("snapshot", "-o", "/tmp/r.snapshot.json.gz")
        replayed = m.check("/tmp/r.snapshot.json.gz")
        assert _told(replayed) == _told(live)
        assert (shape is shapes.two_apps) == (live["verdict"] == "healthy"), brief(live)
