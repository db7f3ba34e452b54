"""A real machine, booted in half a second and thrown away.

`Machine` boots systemd in a container over a copy-on-write view of this machine's root file system: what
is installed here (nginx, systemd, the virtual environments of `lab.prepare`) is there at once, what is
written there vanishes. All mounts live in a mount namespace of their own, so nothing can be left behind,
whatever ends the test run. The network inside is loopback only.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

TREE = Path(__file__).resolve().parents[2]
"""The working tree whose flaskdoctor runs inside the machines."""

LAB = Path("/opt/flaskdoctor-lab")
"""What `lab.prepare` made; the same path inside every machine."""

SLOTS = 3
"""Machines at a time, over all processes of this machine."""

_STATE = Path("/run/flaskdoctor-lab")
_NEEDS = ("systemd-nspawn", "nsenter", "unshare", "setpriv", "nginx", "curl", "git", "openssl")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = (
    "/usr/bin/env",
    "-i",
    f"PATH={_PATH}",
    "HOME=/root",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "PYTHONDONTWRITEBYTECODE=1",
)
_numbers = itertools.count()

# Units that cost time or noise in a machine of one app.
_MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer e2scrub_all.timer "
    "e2scrub_reap.service fstrim.timer "
    "logrotate.timer systemd-networkd.service systemd-resolved.service systemd-timesyncd.service networking.service "
    "console-getty.service cron.service docker.service docker.socket containerd.service podman.service podman.socket "
    "podman-restart.service podman-auto-update.timer redis-server.service postgresql.service mariadb.service "
    "apache2.service ssh.service unattended-upgrades.service supervisor.service"
)  # fmt: skip

_KEEPERS = "docker.service docker.socket containerd.service supervisor.service"
"""Of a machine that is to have an engine of containers and a supervisor."""

_HIDDEN = "usr/sbin/dockerd usr/bin/docker usr/bin/containerd usr/bin/supervisord etc/supervisor"
"""Their programs, which on other machines are not installed."""

_BOOT = f"""
set -e
mkdir "$3"
echo $$ >"$3/cgroup.procs"
mount -t tmpfs -o mode=0755,size=2g lab "$0"
mkdir "$0/up" "$0/work" "$0/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/up,workdir=$0/work" "$0/root"
# What else this machine holds is nobody's affair, in a recording least of all.
for folder in opt home; do mount -t tmpfs -o mode=0755 "$folder" "$0/root/$folder"; done
mount -t tmpfs -o mode=0700 home "$0/root/root"
mkdir "$0/opt-up" "$0/opt-work" "$0/root{LAB}"
mount -t overlay overlay -o "lowerdir={LAB},upperdir=$0/opt-up,workdir=$0/opt-work" "$0/root{LAB}"
cd "$0/root"
for unit in {_MASKED}; do ln -sf /dev/null "etc/systemd/system/$unit"; done
if [ "$4" = keepers ]; then
  for unit in {_KEEPERS}; do rm -f "etc/systemd/system/$unit" etc/systemd/system/*.wants/"$unit"; done
  # The engine's own overlays do not stack on the one of this machine.
  mkdir "$0/docker" "$0/containerd"
  set -- "$1" "$2" --capability=all "--system-call-filter=add_key keyctl bpf" \
    "--bind=$0/docker:/var/lib/docker" "--bind=$0/containerd:/var/lib/containerd"
else
  rm -rf {_HIDDEN}
  set -- "$1" "$2"
fi
name="$1" tree="$2"
shift 2
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
echo web1 >etc/hostname
rm -rf var/log/journal etc/nginx/sites-enabled/* etc/nginx/conf.d/* srv/* var/lib/flaskdoctor
: >var/log/nginx/error.log; : >var/log/nginx/access.log
cd /
exec systemd-nspawn --directory="$0/root" --boot --register=no --keep-unit --link-journal=no --machine="$name" \
  --hostname=web1 --private-network --console=pipe --bind-ro="$tree":{LAB}/tree "$@"
"""


class LabError(AssertionError):
    """A command inside a machine failed, or the machine did not do what it should."""


def impossible() -> str:
    """Why no machine can be booted here, "" if one can."""
    if os.geteuid() != 0:
        return "booting a lab machine needs root"
    missing = [name for name in _NEEDS if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if "cgroup2" not in Path("/proc/mounts").read_text():
        return "no unified control groups are mounted"
    if not Path("/usr/lib/systemd/systemd").exists() and not Path("/lib/systemd/systemd").exists():
        return "systemd is not installed"
    return ""


class Machine:
    """A booted machine, as a context manager. Paths and commands are those inside it; everything runs as root."""

    def __init__(self, *, keepers: bool = False) -> None:
        """`keepers`: with an engine of containers and a supervisor, installed and not started."""
        self._keepers = keepers
        self.name = f"fdlab-{os.getpid()}-{next(_numbers)}"
        self._slot: int | None = None
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._log = _STATE / f"{self.name}.log"
        self._cgroup = _cgroups() / self.name

    def __enter__(self) -> Machine:
        self._slot = _take_slot()
        try:
            self._boot()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _boot(self) -> None:
        mount_point = _STATE / "root"
        mount_point.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": _PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        if self._keepers:
            environment["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "1"
        boot = (
            "setpriv",
            "--pdeathsig",
            "TERM",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "/bin/sh",
            "-c",
            _BOOT,
        )
        with self._log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                (*boot, str(mount_point), self.name, str(TREE), str(self._cgroup), "keepers" if self._keepers else ""),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        if not _until(lambda: self._find_leader() and self._is_up(), timeout=60, pause=0.05):
            raise LabError(f"the machine did not come up:\n{self._log.read_text(errors='replace')[-3000:]}")

    def _find_leader(self) -> bool:
        assert self._nspawn is not None
        pid = self._nspawn.pid
        if self._nspawn.poll() is not None:
            raise LabError(f"the machine did not boot:\n{self._log.read_text(errors='replace')[-3000:]}")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in map(int, children):
            try:
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    self._leader = child
            except (FileNotFoundError, ProcessLookupError):
                continue
        return self._leader != 0

    def _is_up(self) -> bool:
        state = self.run(("systemctl", "is-system-running"), check=False).stdout.strip()
        return state in ("running", "degraded")

    def stop(self) -> None:
        """End the machine at once, as pulling the plug does. Twice is harmless."""
        nspawn, self._nspawn = self._nspawn, None
        if nspawn is not None:
            if self._leader:
                _kill(self._leader, signal.SIGKILL)
            else:
                nspawn.terminate()
            try:
                nspawn.wait(10)
            except subprocess.TimeoutExpired:
                nspawn.kill()
                nspawn.wait(10)
        self._leader = 0
        self._log.unlink(missing_ok=True)
        _remove_tree(self._cgroup)
        slot, self._slot = self._slot, None
        if slot is not None:
            os.close(slot)

    # What recipes use.

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout: float = 60, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; a `LabError` with its output if it fails and `check` is set."""
        done = subprocess.run(
            ("nsenter", "-t", str(self._leader), "-a", *_ENVIRONMENT, *argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            cwd="/",
            check=False,
            # A signal that a script sends to its process group stays inside.
            start_new_session=True,
        )
        if check and done.returncode != 0:
            raise LabError(f"{shlex.join(argv)}\nstatus {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def sh(self, script: str, *, check: bool = True, timeout: float = 60) -> str:
        """Run a shell script (`bash -e`) and return its standard output."""
        return self.run(("/bin/bash", "-ec", script), check=check, timeout=timeout).stdout

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root:root") -> None:
        """Write a file in place, with the directories above it."""
        script = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"; chown "$3" "$1"'
        self.run(("/bin/sh", "-ec", script, "sh", path, f"{mode:o}", owner), stdin=text)

    def read(self, path: str) -> str:
        return self.run(("cat", "--", path)).stdout

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file as an editor does, in place. The text must be there."""
        before = self.read(path)
        if old not in before:
            raise LabError(f"{path} does not say {old!r}:\n{before}")
        self.run(("/bin/sh", "-c", 'cat >"$1"', "sh", path), stdin=before.replace(old, new))

    def exists(self, path: str) -> bool:
        return self.run(("test", "-e", path), check=False).returncode == 0

    def http(
        self, path: str = "/", host: str = "shop.test", port: int = 80, timeout: float = 10, options: Sequence[str] = ()
    ) -> tuple[int, str]:
        """GET through nginx: status and body. Status 0: no answer (refused, reset, or none in `timeout` seconds)."""
        argv = ("curl", "-sk", "-m", str(timeout), "-H", f"Host: {host}", "-w", "\n%{http_code}", *options)
        scheme = "https" if port == 443 else "http"
        body, _, status = self.run((*argv, f"{scheme}://127.0.0.1:{port}{path}"), check=False).stdout.rpartition("\n")
        return int(status or 0), body

    def journal(self, unit: str) -> str:
        """Everything the journal has of a unit, messages only."""
        return self.sh(f"journalctl --sync; journalctl -q -o cat -u {shlex.quote(unit)}")

    def property(self, unit: str, name: str) -> str:
        """One property of a unit, as `systemctl show` gives it."""
        return self.run(("systemctl", "show", "--value", "-p", name, unit)).stdout.strip()

    def wait_until(self, what: str, condition: Callable[[], bool], timeout: float = 15) -> None:
        """Wait for something to become true; `what` names it in the failure."""
        if not _until(condition, timeout):
            raise LabError(f"waited {timeout:g} s in vain: {what}")

    def wait_http(
        self, status: int = 200, path: str = "/", host: str = "shop.test", port: int = 80, timeout: float = 15
    ) -> str:
        """Wait until the answer has this status, and return its body."""
        seen = (0, "")

        def answers() -> bool:
            nonlocal seen
            seen = self.http(path, host, port)
            return seen[0] == status

        if not _until(answers, timeout):
            raise LabError(
                f"{host}:{port}{path} answers {seen[0]}, not {status}, after {timeout:g} s:\n{seen[1][-2000:]}"
            )
        return seen[1]

    def wait_state(self, unit: str, *states: str, timeout: float = 15) -> None:
        """Wait until the unit's ActiveState is one of these."""
        self.wait_until(
            f"{unit} is {' or '.join(states)}", lambda: self.property(unit, "ActiveState") in states, timeout
        )

    def now(self) -> float:
        return time.time()

    # The doctor.

    def doctor(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the working tree's flaskdoctor as root. Its exit status is part of its answer and not checked."""
        python = f"{LAB}/doctor/bin/python"
        main = "import sys; from doctor.cli import main; sys.exit(main())"
        return self.run(("env", f"PYTHONPATH={LAB}/tree", python, "-c", main, *arguments), check=False, timeout=timeout)

    def check(self, *arguments: str) -> dict[str, Any]:
        """The JSON report of `flaskdoctor check`."""
        done = self.doctor("check", "--format", "json", *arguments)
        if done.returncode not in (0, 1, 4):
            raise LabError(
                f"flaskdoctor check ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def snapshot(self) -> str:
        """A recording of this machine, as `flaskdoctor snapshot` writes it."""
        path = "/tmp/recording.snapshot.json"
        done = self.doctor("snapshot", "-o", path)
        if done.returncode != 0:
            raise LabError(
                f"flaskdoctor snapshot ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        recording = self.read(path)
        self.run(("rm", path))
        return recording


def _cgroups() -> Path:
    """Where the unified control groups are mounted. Each machine needs a group of its own, or they see each other's."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise LabError("no unified control groups are mounted")


def _remove_tree(group: Path) -> None:
    """Remove a control group that has no process left, with those below it."""
    for folder, _, _ in os.walk(group, topdown=False):
        _until(partial(_rmdir, folder), timeout=2, pause=0.02)


def _rmdir(path: str) -> bool:
    try:
        os.rmdir(path)
    except OSError:
        return not os.path.exists(path)
    return True


def _until(condition: Callable[[], object], timeout: float, pause: float = 0.1) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _take_slot() -> int:
    """A file descriptor that holds one of the slots; closing it, or dying, gives it back."""
    _STATE.mkdir(parents=True, exist_ok=True)
    # Whoever waits longest is next: the kernel wakes waiters of a lock in their order, and one at a time looks around.
    with (_STATE / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        while True:
            for number in range(SLOTS):
                held = os.open(_STATE / f"slot-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(held)
                    continue
                return held
            time.sleep(0.05)
