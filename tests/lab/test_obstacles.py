"""What stands in the way: no root, no systemd, no room, files that nobody can read. A clear answer, never a guess."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab import shapes
from lab.asking import MAIN, PYTHON, ask, told
from lab.machine import LAB, Machine
from lab.recipe import brief, findings

pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture(scope="class")
def shop() -> Iterator[Machine]:
    """A healthy machine for the tests of one class, each of which puts back what it changes."""
    with Machine() as machine:
        shapes.unix(machine)
        # What is changed and put back is then no change since nginx was started.
        machine.sh(
            "sleep 1.1; systemctl reload nginx; cp -a /etc/shop.env /root/; cp -a /srv/shop/current/wsgi.py /root/"
        )
        yield machine


def _incomplete(report: dict[str, Any], *reasons: str) -> None:
    """Nothing is blamed, nothing is called healthy, and these are among the reasons."""
    assert not [name for name, severity in findings(report) if severity != "info"], brief(report)
    assert report["verdict"] == "incomplete"
    assert report["summary"]["unknown"] == len(report["unknown"]) > 0
    said = "\n".join(item["reason"] for item in report["unknown"])
    for reason in reasons:
        assert reason in said, said


class TestWithoutTheMeans:
    """The machine is healthy; the doctor is hindered."""

    @pytest.mark.parametrize("user", ["nobody", "www-data", "shop"])
    def test_without_root(self, shop: Machine, user: str) -> None:
        under = ("runuser", "-u", user, "--")
        done = ask(shop, "check", under=under)
        told(done, 0, "? shop", "no faults found", "checks could not be made (run with sudo)", "permission denied")
        told(ask(shop, "check", "--strict", under=under), 4)
        shop.sh("systemctl stop shop")
        done = ask(shop, "check", under=under)
        shop.sh("systemctl start shop")
        shapes.serves(shop, shapes.FIRST)
        told(done, 1, "gunicorn-not-running", "could not be made (run with sudo)")

    def test_unknown_app(self, shop: Machine) -> None:
        told(ask(shop, "check", "--app", "nosuch"), 2, "no app is called 'nosuch'", "--app nosuch", "Found: shop")

    def test_full_and_read_only_disk(self, shop: Machine) -> None:
        shop.sh(
            "mkdir -p /mnt/full /mnt/ro; mount -t tmpfs -o size=4k none /mnt/full; mount -t tmpfs -o ro none /mnt/ro; "
            "head -c 4096 /dev/zero >/mnt/full/filler"
        )
        for folder, reason, before in (
            ("full", "no space left on device", ("✓ shop",)),
            ("ro", "read-only file system", ()),  # found out before the look
        ):
            path = f"/mnt/{folder}/r.json"
            done = ask(shop, "check", "--output", path)
            told(done, 2, f"cannot write the output file ({reason}): {path}", "Name a file", *before)
            told(ask(shop, "snapshot", "-o", path), 2, reason, path, "Give a file")
            assert shop.sh(f"ls -A /mnt/{folder}").split() in (["filler"], ["filler", "r.json"], [])

    def test_reader_that_leaves(self, shop: Machine) -> None:
        doctor = f"PYTHONPATH={LAB}/tree {PYTHON} -c '{MAIN}'"
        script = f'{doctor} check --format json | head -c 10 >/dev/null; echo "${{PIPESTATUS[*]}}"'
        done = shop.run(("/bin/bash", "-c", script))
        assert (done.stdout, done.stderr) == ("0 0\n", "")

    @pytest.mark.parametrize("wait", [0.02, 0.05, 0.1])
    @pytest.mark.parametrize("command", ["check", "snapshot"])
    def test_interrupt(self, shop: Machine, command: str, wait: float) -> None:
        # The wait counts from when our code runs, however slow the machine is.
        main = (
            # A job in the background of a shell ignores SIGINT, and so do its children.
            "import os, signal, sys, threading; signal.signal(signal.SIGINT, signal.default_int_handler); "
            f"threading.Timer({wait}, os.kill, (os.getpid(), signal.SIGINT)).start(); {MAIN}"
        )
        before = shop.sh("ls -A /tmp")
        done = (
            ask(shop, command, "--format", "json", main=main) if command == "check" else ask(shop, command, main=main)
        )
        assert done.returncode == 130
        assert "Traceback" not in done.stderr
        assert shop.sh("ls -A /tmp") == before

    def test_bus_that_does_not_answer(self, shop: Machine) -> None:
        with _stopped(int(shop.property("dbus.service", "MainPID")), shop):
            told(ask(shop, "check"), 0, "no faults found")  # root speaks to systemd itself
            done = ask(shop, "check", "--format", "json", under=("runuser", "-u", "nobody", "--"))
            assert "systemctl timed out after 5 s" in done.stdout

    def test_systemd_that_does_not_answer(self, shop: Machine) -> None:
        with _frozen(shop):
            begun = time.monotonic()
            report = shop.check()
            took = time.monotonic() - begun
        _incomplete(report, "systemctl timed out after 5 s")
        assert took < 15

    @pytest.mark.parametrize("program", ["systemctl", "journalctl", "nginx"])
    @pytest.mark.parametrize(
        ("way", "script"),
        [
            ("hangs", "exec sleep 60"),
            ("floods", "exec yes Id=x"),
            ("fails", "echo secret-failure >&2; exit 1"),
            ("none", ""),
        ],
    )
    def test_program_that_does_not_work(self, shop: Machine, program: str, way: str, script: str) -> None:
        path = shop.sh(f"readlink -f $(command -v {program})").strip()
        shop.sh(f"mv {path} {path}.real")
        try:
            if script:
                shop.write(path, f"#!/bin/sh\n{script}\n", mode=0o755)
            report = shop.check()
            text = shop.doctor("check")
        finally:
            shop.sh(f"mv {path}.real {path}")
        told(text, 0, "no faults found")
        if program == "systemctl":
            _incomplete(report, "systemctl is not installed" if way == "none" else "systemctl")
        elif (program, way) == ("journalctl", "hangs"):
            _incomplete(report, "journalctl timed out after 5 s")
        else:
            assert not [name for name, severity in findings(report) if severity != "info"], brief(report)

    def test_without_nginx(self, shop: Machine) -> None:
        shop.sh("systemctl stop nginx; mv /usr/sbin/nginx /root/nginx; mv /etc/nginx /root/etc-nginx")
        try:
            report = shop.check()
        finally:
            shop.sh("mv /root/nginx /usr/sbin/nginx; mv /root/etc-nginx /etc/nginx; systemctl start nginx")
        assert not [name for name, severity in findings(report) if severity != "info"], brief(report)
        assert report["apps"][0]["url"] is None


@contextmanager
def _stopped(pid: int, m: Machine) -> Iterator[None]:
    m.sh(f"kill -STOP {pid}")
    try:
        yield
    finally:
        m.sh(f"kill -CONT {pid}")


@contextmanager
def _frozen(m: Machine) -> Iterator[None]:
    """PID 1 of the machine stands still; only from outside can it be stopped."""
    os.kill(m._leader, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(m._leader, signal.SIGCONT)


def test_nothing_to_check() -> None:
    with Machine() as m:
        told(
            m.doctor("check"), 4, "nothing to check: no Flask app was found", "Run flaskdoctor on the server of the app"
        )
        told(m.doctor("check", "--app", "shop"), 2, "no app is called 'shop'", "None was found")


# Files that nobody can read. `say` is what the report must name; `seconds` is how long a check may take.

_SITES = "/etc/nginx/sites-enabled"
_CONFIG = "/srv/shop/current/gunicorn.conf.py"
_WSGI = "/srv/shop/current/wsgi.py"
_BACK_ENV = "rm -rf /etc/shop.env; cp -a /root/shop.env /etc/"
_BACK_WSGI = f"rm -f {_WSGI}; cp -a /root/wsgi.py {_WSGI}"
_UNIT = "/etc/systemd/system/shop.service"
_BACK_UNIT = f"cp -a /root/shop.service {_UNIT}; systemctl daemon-reload"

FILES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "site-fifo": (f"mkfifo {_SITES}/x", f"rm {_SITES}/x", ("config-unparsable", f"{_SITES}/x", "fifo")),
    "site-device": (f"ln -s /dev/zero {_SITES}/x", f"rm {_SITES}/x", ("config-unparsable", f"{_SITES}/x", "device")),
    "site-binary": (
        f"head -c 9000 /dev/urandom >{_SITES}/x", f"rm {_SITES}/x", ("config-unparsable", f"{_SITES}/x", "binary"),
    ),
    "site-large": (
        f"yes '# nothing but filler' | head -c 50000000 >{_SITES}/x", f"rm {_SITES}/x", (f"{_SITES}/x", "very large"),
    ),
    "site-cycle": (
        f"echo 'include {_SITES}/x;' >{_SITES}/x", f"rm {_SITES}/x",
        ("nginx-config-invalid", f"{_SITES}/x:1", "includes itself"),
    ),
    "site-half": (
        f"head -c 150 {_SITES}/shop >{_SITES}/x", f"rm {_SITES}/x",
        ("nginx-config-invalid", f"{_SITES}/x:", "unexpected end of file"),
    ),
    "site-link-to-nothing": (f"ln -s /nowhere {_SITES}/x", f"rm {_SITES}/x", (f"{_SITES}/x", "/nowhere", "not there")),
    "site-folder": (f"mkdir {_SITES}/x", f"rmdir {_SITES}/x", (f"{_SITES}/x", "is a directory")),
    "config-syntax": (
        f"printf 'a = 1\\nworkers = (\\n' >{_CONFIG}", f"rm {_CONFIG}",
        ("config-unparsable", f"{_CONFIG}:2", "was never closed", "Correct"),
    ),
    "config-binary": (f"head -c 9000 /dev/urandom >{_CONFIG}", f"rm {_CONFIG}", ("config-unparsable", _CONFIG)),
    "config-fifo": (f"mkfifo {_CONFIG}", f"rm {_CONFIG}", (f"{_CONFIG} is a fifo",)),
    "environment-fifo": ("rm /etc/shop.env; mkfifo /etc/shop.env", _BACK_ENV, ("/etc/shop.env", "a fifo")),
    "environment-folder": ("rm /etc/shop.env; mkdir /etc/shop.env", _BACK_ENV, ("/etc/shop.env", "a directory")),
    "environment-nul": (
        "printf 'A=1\\0B=2\\n' >>/etc/shop.env", _BACK_ENV, ("/etc/shop.env holds a NUL byte", "systemd refuses"),
    ),
    "environment-large": (
        "yes 'A=bbbbbbbbbbbbbbbbbbb' | head -c 50000000 >/etc/shop.env", _BACK_ENV, ("/etc/shop.env is too large",),
    ),
    "code-fifo": (f"rm {_WSGI}; mkfifo {_WSGI}", _BACK_WSGI, ("wsgi.py is a fifo",)),
    "code-binary": (f"head -c 9000 /dev/urandom >{_WSGI}", _BACK_WSGI, ("wsgi.py:1", "null bytes|binary")),
    "code-large": (f"yes 'x = 1' | head -c 50000000 >{_WSGI}", _BACK_WSGI, ("wsgi.py is too large",)),
    "code-deep": (
        f"python3 -c 'print(\"(\" * 9000 + \")\" * 9000)' >{_WSGI}", _BACK_WSGI, ("wsgi.py:1", "too many nested"),
    ),
    "current-cycle": (
        "ln -sfn current /srv/shop/current", f"ln -sfn /srv/shop/releases/{shapes.FIRST} /srv/shop/current",
        ("too many links at /srv/shop/current",),
    ),
    "error-log-fifo": (
        "mv /var/log/nginx/error.log /root/; mkfifo /var/log/nginx/error.log",
        "rm /var/log/nginx/error.log; mv /root/error.log /var/log/nginx/", ("/var/log/nginx/error.log is a fifo",),
    ),
    "unit-bad-line": (
        f"cp -a {_UNIT} /root/; sed -i 's/^Restart=.*/Restart on-failure/' {_UNIT}; systemctl daemon-reload",
        _BACK_UNIT, ("restart-policy-missing",),
    ),
    "unit-bad-setting": (
        f"cp -a {_UNIT} /root/; sed -i 's/^ExecStart=.*/ExecStart=gunicorn;/' {_UNIT}; systemctl daemon-reload",
        _BACK_UNIT, ("shop.service",),
    ),
    "unit-binary": (
        f"cp -a {_UNIT} /root/; head -c 5000 /dev/urandom >{_UNIT}; systemctl daemon-reload", _BACK_UNIT, ("shop",),
    ),
}  # fmt: skip


class TestFilesNobodyCanRead:
    @pytest.mark.parametrize("case", FILES)
    def test_live(self, shop: Machine, case: str) -> None:
        damage, repair, say = FILES[case]
        shop.sh(damage)
        try:
            begun = time.monotonic()
            done = shop.doctor("check")
            took = time.monotonic() - begun
            report = shop.check()
        finally:
            shop.sh(repair)
        told(done, done.returncode)
        assert done.returncode in (0, 1)
        assert took < 3 or case.endswith("large"), f"{took:.1f} s"
        assert max(map(len, done.stdout.splitlines())) < 1500
        assert report["verdict"] != "healthy"
        flat = " ".join(done.stdout.split())
        for words in say:
            assert any(word in flat for word in words.split("|")), f"does not say {words}:\n{done.stdout}"

    def test_all_is_well_again(self, shop: Machine) -> None:
        """What the cases above changed, they put back: each stood for itself."""
        shop.sh("systemctl reload nginx; systemctl restart shop")
        shapes.serves(shop, shapes.FIRST)
        report = shop.check()
        assert not [name for name, severity in findings(report) if severity != "info"], brief(report)

    @pytest.mark.parametrize(
        "case", ["site-fifo", "site-binary", "site-cycle", "site-half", "config-syntax", "code-fifo"]
    )
    def test_as_a_folder(self, shop: Machine, case: str) -> None:
        damage, repair, _ = FILES[case]
        shop.sh(damage)
        try:
            begun = time.monotonic()
            done = shop.doctor("check", "/etc/nginx", "/etc/systemd/system", "/srv/shop/current/")
            rooted = shop.doctor("check", "--root", "/")
            took = time.monotonic() - begun
        finally:
            shop.sh(repair)
        for each in (done, rooted):
            told(each, each.returncode)
            assert each.returncode in (0, 1, 4)
        assert took < 6
