"""A fix that meets what it cannot master: full and read-only places, validators and reloads that fail, other people.

Each ends with the machine cured or exactly as before, a message that says why, and the right exit status.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab import fixing, shapes
from lab.chaos import DROPIN, HOME, LINK, NGINX, Outcomes, Scenario, World, drive, driver, made
from lab.machine import Machine
from lab.recipe import brief, load

pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--record"))


@dataclass
class Patient:
    """A broken machine, how it is before anything is tried, and what is written down in the end."""

    m: Machine
    scenario: Scenario
    before: World

    def fix(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.m.doctor("check", "--format", "json", *self.scenario.options, *options, timeout=180)

    def is_refused(self, *words: str) -> None:
        """`check --fix` cures nothing, changes nothing, and says why: status 2, or a fix that was not made."""
        done = self.fix()
        said = f"{done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        assert "Traceback" not in done.stderr, said
        assert done.returncode in (0, 1, 2), said
        reasons = done.stderr
        if done.returncode != 2:
            report = json.loads(done.stdout)
            own = [entry for entry in report["fixes"] if entry["name"] == self.scenario.rule]
            assert own, f"no word of the fix that was not made:\n{brief(report)}"
            assert not [entry for entry in own if entry["result"] == "applied"], fixing.tried(report)
            reasons += "\n".join(entry["detail"] for entry in own)
        flat = " ".join(reasons.split()).lower()
        for word in words:
            assert word.lower() in flat, f"does not say {word!r}: {reasons}"
        self.is_as_before()

    def is_as_before(self) -> None:
        differs = self.before.comes_back(self.m)
        assert not differs, f"not as before:\n{differs}"
        assert not (ours := fixing.leftovers(self.m)), f"left behind: {ours}"

    def is_cured_without_it(self) -> None:
        """What stood in the way is gone: now it works, and can be taken back."""
        done = self.fix()
        assert done.returncode in (0, 1), f"{done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        self.scenario.confirm_cured(self.m)
        fixing.undo(self.m)
        self.is_as_before()


@contextmanager
def patient(scenario: Scenario, prepare: Callable[[Machine], object] | None = None) -> Iterator[Patient]:
    with Machine() as m:
        scenario.ready(m)
        if prepare:
            prepare(m)
        yield Patient(m, scenario, World.of(m))


def note(record: bool, injection: str, scenario: Scenario, *, cured: bool = False) -> None:
    if record:
        outcomes = Outcomes(injection, scenario.name)
        outcomes.count(cured=cured)
        outcomes.save()


# Places that take nothing.

SITES = "/etc/nginx/sites-available"
UNITS = "/etc/systemd/system"
PLACES = [
    pytest.param(NGINX, HOME, id="home"),
    pytest.param(NGINX, SITES, id="nginx"),
    pytest.param(DROPIN, UNITS, id="units"),
]


@pytest.mark.parametrize(("scenario", "folder"), PLACES)
def test_full_disk(scenario: Scenario, folder: str, record: bool) -> None:
    with patient(scenario) as p:
        p.m.sh(
            f"mkdir -p -m 0700 {folder}; cp -a {folder} /root/kept; mount -t tmpfs -o size=1m,mode=0755 none {folder}; "
            f"chmod --reference=/root/kept {folder}; cp -a /root/kept/. {folder}; "
            f"cat /dev/zero >{folder}/filler 2>/dev/null || true"
        )
        p.before = World.of(p.m)
        p.is_refused("no space left on device")
        p.m.sh(f"umount {folder}; rmdir {HOME} 2>/dev/null || true")
        p.before = World.of(p.m)
        p.is_cured_without_it()
    note(record, f"disk full: {folder}", scenario)


def test_little_room(record: bool) -> None:
    """Our own place takes some of what is to be written, and then no more."""
    outcomes = Outcomes("little room for copies", NGINX.name)
    with patient(NGINX) as p:
        p.m.sh(f"mkdir -m 0700 {HOME}; mount -t tmpfs -o size=64k,mode=0700 none {HOME}")
        for room in range(0, 44, 4):
            p.m.sh(
                f"rm -rf {HOME}/*; cat /dev/zero >{HOME}/filler 2>/dev/null || true; truncate -s -{room}k {HOME}/filler"
            )
            done = p.fix()
            said = f"{room} KiB: {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
            assert done.returncode in (0, 1, 2), said
            assert "Traceback" not in done.stderr, said
            cured = bool(done.stdout) and bool(fixing.applied(json.loads(done.stdout)))
            if cured:
                p.scenario.confirm_cured(p.m)
                p.m.sh(f"rm {HOME}/filler")
                fixing.undo(p.m)
            p.is_as_before()
            outcomes.count(cured=cured)
        assert outcomes.cured, "there was never room enough: the test proves little"
    if record:
        outcomes.save()


@pytest.mark.parametrize(("scenario", "folder"), PLACES)
def test_read_only(scenario: Scenario, folder: str, record: bool) -> None:
    with patient(scenario) as p:
        p.m.sh(f"mkdir -p -m 0700 {folder}; mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}")
        p.is_refused("read-only file system")
        p.m.sh(f"umount {folder}")
        p.is_cured_without_it()
    note(record, f"read-only: {folder}", scenario)


# Programs that refuse.


def replace_program(m: Machine, path: str, script: str) -> None:
    """Put a script in a program's place until `restore_program`; it finds the real one at `$real`."""
    name = path.rpartition("/")[2]
    real = f"/opt/real-{name}"
    m.sh(f"cp -a {path} {real}")
    m.write(f"/opt/{name}", f'#!/bin/bash\nreal={real}\n{script}\nexec $real "$@"\n', mode=0o755)
    m.sh(f"mount --bind /opt/{name} {path}")


def restore_program(m: Machine, path: str) -> None:
    m.sh(f"umount {path}")


NGINX_PROGRAM = "/usr/sbin/nginx"
MENDED = f"grep -q unix:/run/shop/ {SITES}/shop"
"""True once the file is as the fix makes it."""


@pytest.mark.parametrize("when", ["always", "after-the-change"])
def test_nginx_test_fails(when: str, record: bool) -> None:
    condition = "true" if when == "always" else MENDED
    with patient(NGINX) as p:
        refuse = 'echo "nginx: [emerg] injected by the lab" >&2; exit 1'
        script = f'if [[ " $* " == *" -t "* ]] && {condition}; then {refuse}; fi'
        replace_program(p.m, NGINX_PROGRAM, script)
        p.is_refused("injected by the lab")
        restore_program(p.m, NGINX_PROGRAM)
        p.is_cured_without_it()
    note(record, f"nginx -t fails, {when.replace('-', ' ')}", NGINX)


def test_nginx_reload_fails(record: bool) -> None:
    with patient(NGINX) as p:
        replace_program(
            p.m, NGINX_PROGRAM, 'if [[ " $* " == *" reload "* ]]; then echo "injected by the lab" >&2; exit 1; fi'
        )
        p.is_refused("nginx")
        restore_program(p.m, NGINX_PROGRAM)
        p.is_cured_without_it()
    note(record, "reload of nginx fails", NGINX)


def test_nginx_goes_on_with_the_old(record: bool) -> None:
    """The reload says that it succeeded, and nothing has changed: only a second look can tell."""
    with patient(NGINX) as p:
        replace_program(p.m, NGINX_PROGRAM, '[[ " $* " == *" reload "* ]] && exit 0')
        p.is_refused()
        restore_program(p.m, NGINX_PROGRAM)
        p.is_cured_without_it()
    note(record, "reload of nginx does nothing", NGINX)


VERIFY = "/usr/bin/systemd-analyze"


def test_verify_complains(record: bool) -> None:
    """systemd-analyze prints what systemd ignores, and returns 0."""
    dropin = f"{UNITS}/shop.service.d/zz-flaskdoctor.conf"
    with patient(DROPIN) as p:
        replace_program(
            p.m,
            VERIFY,
            f'[[ " $* " == *" verify "* ]] && test -e {dropin} && '
            f"{{ echo \"{dropin}:2: Unknown key name 'Injected' in section 'Service', ignoring.\" >&2; exit 0; }}",
        )
        p.is_refused("unknown key name 'injected'")
        restore_program(p.m, VERIFY)
        p.is_cured_without_it()
    note(record, "systemd-analyze verify complains", DROPIN)


# A reload that would take the service down.

_RULE = "gunicorn-not-restarted-after-deploy"
BEHIND = Scenario(
    "reload into a new release",
    _RULE,
    next(fault for fault in load(_RULE).faults if fault.name == "switched"),
    ("--fix",),
    lambda m: shapes.serves(m, shapes.SECOND),
)

RAISES = {
    "divides-by-zero": "import os\n1 / (os.getpid() * 0)\n",
    "misses-a-file": "open('/srv/shop/settings.json').read()\n",
    "exits": "import sys\nsys.exit('not today')\n",
}


@pytest.mark.parametrize("code", RAISES)
def test_release_that_raises_is_not_loaded(code: str, record: bool) -> None:
    """Every static check passes, and the import fails: a rehearsal tells, and the old workers go on."""

    def prepare(m: Machine) -> None:
        path = "/srv/shop/releases/2026-11-08/wsgi.py"
        m.write(path, RAISES[code] + m.read(path))

    with patient(BEHIND, prepare) as p:
        master = p.m.property("shop.service", "MainPID")
        with fixing.hammering(p.m, "shop.test") as requests:
            p.is_refused({"divides-by-zero": "ZeroDivisionError", "misses-a-file": "settings.json", "exits": ""}[code])
        assert not requests.failed, f"{requests.counts}: {requests.failed[:5]}"
        assert p.m.property("shop.service", "MainPID") == master
        shapes.serves(p.m, shapes.FIRST)
    note(record, f"the new code {code.replace('-', ' ')}", BEHIND)


def test_reload_takes_the_service_down(record: bool) -> None:
    """The new release loads in the rehearsal, and not in earnest: the link goes back, and the old one is served."""
    cheat = "import sys\nassert '--check-config' in sys.argv\n"

    def prepare(m: Machine) -> None:
        path = "/srv/shop/releases/2026-11-08/wsgi.py"
        m.write(path, cheat + m.read(path))
        m.sh("sleep 1.1; systemctl reload shop; sleep 1.5")

    with patient(LINK, prepare) as p:
        p.is_refused()
        shapes.serves(p.m, shapes.FIRST)
        # Brought back for good: it is not about to fall.
        p.m.sh("sleep 3; systemctl -q is-active shop")
        shapes.serves(p.m, shapes.FIRST)
    note(record, "reload takes the service down", LINK)


# Other people.


@pytest.mark.parametrize("other", ["fix", "undo"])
def test_two_at_once(other: str, record: bool) -> None:
    with patient(NGINX) as p:
        drive(p.m, 0, "count", "check", "--format", "json", *NGINX.options)
        change = next(step.number for step in made(p.m) if NGINX.file.rpartition("/")[2] in step.about)
        fixing.undo(p.m)
        p.is_as_before()
        waiting = driver(change, "wait", "check", *NGINX.options, argument="/tmp/go")
        script = 'setsid -f "$@" >/tmp/first.out 2>&1 </dev/null'
        p.m.run(("/bin/bash", "-ec", f"rm -f /tmp/steps; {script}", "bash", *waiting))
        p.m.wait_until("the first one waits", lambda: p.m.exists("/tmp/steps") and len(made(p.m)) >= change)
        done = p.fix() if other == "fix" else p.m.doctor("undo")
        said = done.stdout + done.stderr
        assert done.returncode == 2, f"{done.returncode}\n{said}"
        assert "another flaskdoctor" in said, said
        p.m.sh("touch /tmp/go")
        p.scenario.confirm_cured(p.m)
        p.m.wait_until("the first one has ended", lambda: not p.m.sh("pgrep -f 'kill_a[t].py' || true"))
        fixing.undo(p.m)
        p.is_as_before()
    note(record, f"--fix and {'--fix' if other == 'fix' else other} at once", NGINX, cured=True)


def test_two_names_of_one_file(record: bool) -> None:
    """A hard link: to replace the file would part the two names."""
    with patient(NGINX, lambda m: m.run(("ln", NGINX.file, "/etc/nginx/shop.kept"))) as p:
        p.is_refused("hard link")
        p.m.run(("rm", "/etc/nginx/shop.kept"))
        p.before = World.of(p.m)
        p.is_cured_without_it()
    note(record, "a file with two names", NGINX)


def test_immutable_file(record: bool) -> None:
    with patient(NGINX) as p:
        if p.m.run(("chattr", "+i", NGINX.file), check=False).returncode != 0:
            pytest.skip("the file system has no immutable files")
        p.is_refused("operation not permitted")
        p.m.run(("chattr", "-i", NGINX.file))
        p.is_cured_without_it()
    note(record, "an immutable file", NGINX)


# Our own place.

HOMES = {
    "a-link": f"mkdir -m 0700 /root/elsewhere; ln -s /root/elsewhere {HOME}",
    "of-another-user": f"mkdir -m 0700 {HOME}; chown shop {HOME}",
    "open-to-all": f"mkdir {HOME}; chmod 0777 {HOME}",
    "a-file": f": >{HOME}",
}


@pytest.mark.parametrize("home", HOMES)
def test_home_that_others_could_write(home: str, record: bool) -> None:
    with patient(NGINX, lambda m: m.sh(HOMES[home])) as p:
        p.is_refused(HOME)
        assert not p.m.sh("ls -A /root/elsewhere 2>/dev/null || true"), "written through a link"
        p.m.run(("rm", "-rf", HOME))
        p.is_cured_without_it()
    note(record, f"{HOME} is {home.replace('-', ' ')}", NGINX)


DAMAGES = {
    "cut": 'size=$(stat -c %s "$f"); truncate -s $((size / 2)) "$f"',
    "empty": ': >"$f"',
    "garbage": 'head -c 4096 /dev/urandom >"$f"',
    "another-form": 'echo \'{"schema": "nobody/9"}\' >"$f"',
    "not-json-object": "echo '[]' >\"$f\"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_manifest(damage: str, record: bool) -> None:
    with patient(NGINX) as p:
        p.fix()
        p.scenario.confirm_cured(p.m)
        manifest = p.m.sh(f"find {HOME} -name 'manifest*'").split()
        assert len(manifest) == 1, manifest
        p.m.sh(f"f={manifest[0]}; cp -a $f /root/manifest; {DAMAGES[damage]}")
        cured = World.of(p.m)
        kept = p.m.sh(f"find {HOME} -type f ! -name lock | sort | xargs sha256sum")
        for arguments in (("undo",), ("undo", "--list"), ("check", "--fix")):
            done = p.m.doctor(*arguments)
            said = done.stdout + done.stderr
            assert "Traceback" not in said, said
            assert "bug of its own" not in said, said
            if arguments == ("undo",):
                assert done.returncode == 2, f"{done.returncode}: {said}"
            if arguments != ("check", "--fix"):
                assert "manifest" in said, said
                assert manifest[0].split("/")[-2] in said, said
            assert not (differs := cured.comes_back(p.m)), f"{arguments}:\n{differs}"
            assert p.m.sh(f"find {HOME} -type f ! -name lock | sort | xargs sha256sum") == kept
        p.m.sh(f"cp -a /root/manifest {manifest[0]}")
        fixing.undo(p.m)
        p.is_as_before()
    note(record, f"damaged manifest: {damage.replace('-', ' ')}", NGINX, cured=True)
