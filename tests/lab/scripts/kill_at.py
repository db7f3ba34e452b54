"""Runs flaskdoctor inside a lab machine, and lets something happen just before its n-th step.

    kill_at.py N ACTION ARGUMENT -- ARGUMENTS OF FLASKDOCTOR

A step is a system call that changes something, or a program that is run, on behalf of `doctor.fixes`. Every step
is told in /tmp/steps, a line each: its number, its name, what it is about. N is 0 for none. What happens, by ACTION:

    kill    the process is killed by SIGKILL before the step
    torn    it writes half of its bytes, and the process is killed (other steps: as kill)
    after   the step is made, and the process is killed; of a program: while it runs
    fail    the step fails with the errno ARGUMENT
    signal  the signals ARGUMENT come ("TERM", "INT,INT"), each once the one before was seen; then the step is made
    shell   the shell script ARGUMENT runs; then the step is made
    wait    it waits until the file ARGUMENT exists; then the step is made
"""

import builtins
import errno
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

TRACE = "/tmp/steps"
LOOKING = tuple(
    f"doctor.{room}" for room in ("facts", "sources", "servers", "conclusions", "apps", "engine", "reports", "cli")
)
"""Rooms that change nothing."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

PLAIN = (
    *("write", "pwrite", "writev", "sendfile", "copy_file_range", "fsync", "fdatasync", "ftruncate", "truncate"),
    *("rename", "replace", "link", "unlink", "remove", "symlink", "mkdir", "rmdir"),
    *("chmod", "fchmod", "lchown", "chown", "fchown", "utime", "setxattr", "removexattr"),
)


class Steps:
    """Counts, tells, and strikes at the n-th."""

    def __init__(self, number: int, action: str, argument: str) -> None:
        self.number = number
        self.action = action
        self.argument = argument
        self.count = 0
        self.pid = os.getpid()
        self.trace = os.open(TRACE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        # The real ones, whatever is put in their places.
        self.write, self.kill, self.run = os.write, os.kill, os.spawnv

    def step(self, name: str, about: object, act: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        """Make one step, or let happen what was asked for."""
        if os.getpid() != self.pid or not of_a_fix():
            return act()
        self.count += 1
        self.write(self.trace, f"{self.count} {name} {about}\n".encode())
        if self.count != self.number:
            return act()
        return self.strike(act, half)

    def strike(self, act: Callable[[], Any], half: Callable[[], Any] | None) -> Any:
        if self.action == "fail":
            number = int(self.argument)
            raise OSError(number, os.strerror(number))
        if self.action == "shell":
            self.run(os.P_WAIT, "/bin/bash", ["bash", "-ec", self.argument])
        elif self.action == "signal":
            for name in self.argument.split(","):
                self.kill(self.pid, getattr(signal, f"SIG{name}"))
        elif self.action == "wait":
            while not os.path.exists(self.argument):
                time.sleep(0.02)
        else:
            if self.action == "after":
                act()
            elif self.action == "torn" and half:
                half()
            self.kill(self.pid, signal.SIGKILL)
        return act()


def of_a_fix() -> bool:
    """The nearest room of the doctor that the call comes from is `fixes`; what only looks is no step."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        room = frame.f_globals.get("__name__", "")
        if room.startswith("doctor.fixes"):
            return True
        if room.startswith(LOOKING):
            return False
        frame = frame.f_back
    return False


def watch(steps: Steps) -> None:
    """Put the counting ones in the places of the real ones."""
    for name in PLAIN:
        if hasattr(os, name):
            setattr(os, name, plain(steps, name, getattr(os, name)))
    os.open = opening(steps, os.open)
    builtins.open = io.open = opening_file(steps, io.open)
    setattr(subprocess.Popen, "__init__", starting(steps, subprocess.Popen.__init__))  # noqa: B010


def plain(steps: Steps, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        half = None
        if name == "write":
            descriptor, data = arguments
            half = lambda: real(descriptor, bytes(data)[: len(data) // 2])  # noqa: E731
        about = " ".join(told(item) for item in arguments if isinstance(item, (str, int, os.PathLike)))
        return steps.step(name, about, lambda: real(*arguments, **options), half)

    return call


def told(item: object) -> str:
    """An argument; a descriptor as the path it stands for. Modes and owners are no descriptors, and told as numbers."""
    try:
        return os.readlink(f"/proc/self/fd/{item}") if isinstance(item, int) and item > 2 else str(item)
    except OSError:
        return str(item)


def opening(steps: Steps, real: Callable[..., int]) -> Callable[..., int]:
    def call(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if not flags & WRITING or path == os.devnull:
            return real(path, flags, *arguments, **options)
        descriptor: int = steps.step("open", path, lambda: real(path, flags, *arguments, **options))
        return descriptor

    return call


def opening_file(steps: Steps, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return real(file, mode, *arguments, **options)
        return steps.step("open", file, lambda: real(file, mode, *arguments, **options))

    return call


def starting(steps: Steps, real: Callable[..., None]) -> Callable[..., None]:
    def call(self: Any, args: Any, *arguments: Any, **options: Any) -> None:
        # Programs that only look are steps too: it takes time, in which things happen.
        try:
            steps.step("run", " ".join(map(str, args)), lambda: real(self, args, *arguments, **options))
        except OSError:
            # What __del__ asks for, of one that never was.
            self._child_created = False
            raise

    return call


def main() -> None:
    end = sys.argv.index("--")
    number, action, argument = sys.argv[1:end]
    sys.argv = ["flaskdoctor", *sys.argv[end + 1 :]]
    from doctor.cli import main as doctor
    from doctor.fixes import disk, exchange

    steps = Steps(int(number), action, str(getattr(errno, argument, argument)))
    watch(steps)
    # A job in the background of a shell ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A system call that Python does not offer.
    setattr(disk, "exchange", plain(steps, "exchange", exchange.exchange))  # noqa: B010
    sys.exit(doctor())


main()
