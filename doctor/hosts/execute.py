"""Running one allow-listed command: absolute path, clean environment, no shell, bounded in time and output."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from doctor.cause import Cause
from doctor.hosts.base import Answer, Missing, Output, TextKind, Unseen
from doctor.hosts.commands import Command
from doctor.hosts.redact import Redactor

if TYPE_CHECKING:
    import subprocess

_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/local/nginx/sbin")
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PATH": ":".join(_DIRECTORIES),
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_URLIFY": "0",
    "TZ": "UTC",
}
_ERROR_LIMIT = 1 << 16
_AT_ONCE = threading.BoundedSemaphore(8)
"""Commands that run at a time: a machine with a hundred apps must not get a hundred processes from us."""
_TEXT_KINDS = {"systemctl": TextKind.UNIT}


def find_program(name: str) -> str | None:
    """Absolute path of an executable regular file in the fixed list of directories."""
    for directory in _DIRECTORIES:
        path = f"{directory}/{name}"
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def execute(command: Command, redactor: Redactor) -> Output | Answer:
    """Run to the end, or until time or output is used up; secrets are removed from what it printed.

    A command that printed more than its limit is ended and its output marked as truncated.
    """
    program = find_program(command.program)
    if program is None:
        return Missing()
    with _AT_ONCE:
        return _run(program, command, redactor)


def _run(program: str, command: Command, redactor: Redactor) -> Output | Unseen:
    import subprocess

    try:
        process = subprocess.Popen(
            (program, *command.arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Unseen(f"{command.program} could not be started: {error}", Cause.UNREADABLE)
    with process:
        try:
            printed = _collect(process, command)
        finally:
            if process.poll() is None:
                process.kill()
    if printed is None:
        return Unseen(f"{command.program} timed out after {command.timeout:g} s", Cause.TIMED_OUT)
    out, err, truncated = printed
    return Output(process.returncode, _clean(command, out, redactor), _clean(command, err, redactor), truncated)


def _collect(process: subprocess.Popen[bytes], command: Command) -> tuple[bytes, bytes, bool] | None:
    """Standard output and error, and whether a limit was reached; None when time was up."""
    import selectors

    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + command.timeout
    outputs = {process.stdout: bytearray(), process.stderr: bytearray()}
    limits = {process.stdout: command.limit, process.stderr: _ERROR_LIMIT}
    truncated = False
    with selectors.DefaultSelector() as selector:
        for stream in outputs:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and not truncated:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            for key, _ in ready:
                stream = process.stdout if key.fileobj is process.stdout else process.stderr
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    selector.unregister(stream)
                outputs[stream] += piece
                if len(outputs[stream]) > limits[stream]:
                    del outputs[stream][limits[stream] :]
                    truncated = True
    if not truncated:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except Exception:  # subprocess.TimeoutExpired, imported only where it is used
            return None
    return bytes(outputs[process.stdout]), bytes(outputs[process.stderr]), truncated


def _clean(command: Command, data: bytes, redactor: Redactor) -> str:
    text = data.decode("utf-8", "replace")
    if command.program == "journalctl":
        return redactor.journal(text)
    return redactor.text(_TEXT_KINDS.get(command.program, TextKind.PLAIN), text)
