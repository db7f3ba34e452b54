"""The machine the program runs on, looked at without changing it."""

from __future__ import annotations

import copy
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar, cast

from doctor.cause import Cause
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.grammar.paths import SOCKET_PATH_LIMIT
from doctor.hosts import files
from doctor.hosts.base import (
    READ_LIMIT,
    Answer,
    Connection,
    Content,
    Host,
    Machine,
    Output,
    ProcessLine,
    ProcessRecord,
    Scan,
    Stat,
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command
from doctor.hosts.content import Outliner, read_content, read_env_file
from doctor.hosts.credentials import Reader
from doctor.hosts.execute import execute
from doctor.hosts.holders import writer_of
from doctor.hosts.processes import ProcessTable, boot_time
from doctor.hosts.redact import Redactor

T = TypeVar("T")

BUDGET = 20.0
"""Seconds that a look may take; what was not asked by then is `Unseen`."""

_CONNECT_TIMEOUT = 0.5


class LiveHost(Host):
    """The machine itself. Each observation is made once: whoever asks again is given the same answer, from any thread.

    Only `pause` makes the processes be looked at again. A host is one look: when `budget` seconds have gone by since
    it was made, new questions are answered with `Unseen`. What is `lent` shares all this.
    """

    kind = TargetKind.LIVE

    def __init__(
        self,
        redactor: Redactor | None = None,
        *,
        budget: float = BUDGET,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = os.uname().nodename
        self._redactor = redactor or Redactor()
        self._outliner = Outliner(self._redactor)
        self._memo = _Memo(budget, clock)
        self._moment = _Moment(time.time())
        self._booted = boot_time()
        self._table = ProcessTable(self._redactor, self._booted)

    def lent(self, reader: Reader) -> LiveHost:
        if reader.uid == 0:
            return self
        other = copy.copy(self)
        other.reader = reader
        return other

    def named_in(self, *paths: str) -> LiveHost:
        if self.reader is not None:
            return self
        writers = (self._memo.get(("writer", path), partial(writer_of, path)) for path in paths)
        return next((self.lent(writer) for writer in writers if isinstance(writer, Reader)), self)

    def now(self) -> float:
        """Of the first look; of the last one after `pause`."""
        return self._moment.now

    def machine(self) -> Machine | Unseen:
        return self._memo.get("machine", self._machine)

    def _machine(self) -> Machine:
        import pwd

        euid = os.geteuid()
        try:
            user = pwd.getpwuid(euid).pw_name
        except KeyError:
            user = str(euid)
        return Machine(
            hostname=self.name,
            euid=euid,
            user=user,
            cpu_count=os.cpu_count() or 1,
            boot_time=round(self._booted, 3),
            systemd=os.path.isdir("/run/systemd/system"),  # as sd_booted(3)
            container=_container(),
        )

    def run(self, command: Command) -> Output | Answer:
        return self._memo.get(command, lambda: execute(command, self._redactor))

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Answer:
        def read() -> Content | Answer:
            kernel = text is TextKind.KERNEL
            if kernel and not _is_kernel_path(path):
                return Unseen(f"{path} is not a file of the kernel", Cause.UNREADABLE)
            return read_content(path, text, limit, tail, self._redactor, self.reader)

        return self._memo.get(("read", path, text, limit, tail, self.reader), read)

    def env_file(self, path: str) -> EnvFile | Answer:
        return self._memo.get(("env_file", path, self.reader), lambda: read_env_file(path, self._redactor, self.reader))

    def outline(self, path: str) -> Outline | Answer:
        return self._memo.get(("outline", path, self.reader), lambda: self._outliner.outline(path, path, self.reader))

    def stat(self, path: str) -> Stat | Answer:
        return self._memo.get(("stat", path, self.reader), lambda: files.stat_path(path, self.reader))

    def list(self, path: str) -> tuple[str, ...] | Answer:
        return self._memo.get(("list", path, self.reader), lambda: files.list_directory(path, self.reader))

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Answer:
        return self._memo.get(
            ("scan", path, suffixes, limit, self.reader),
            lambda: files.scan_tree(path, suffixes, limit, self.reader),
        )

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return self._memo.get(("processes", self._moment.generation), self._table.lines)

    def process(self, pid: int) -> ProcessRecord | Answer:
        return self._memo.get(("process", self._moment.generation, pid), lambda: self._table.record(pid))

    def connect(self, address: str) -> Connection | Unseen:
        return self._memo.get(("connect", address), lambda: _connect(address))

    def addresses(self) -> tuple[str, ...] | Unseen:
        return self._memo.get("addresses", _addresses)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)
        self._moment.generation += 1
        self._moment.now = time.time()


class _Moment:
    """When the processes were looked at last, and how often before."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.generation = 0


def _addresses() -> tuple[str, ...] | Unseen:
    import psutil

    try:
        interfaces = psutil.net_if_addrs()
    except OSError as error:
        return Unseen(f"the network interfaces could not be listed: {error.strerror}", Cause.UNREADABLE)
    found = (each for own in interfaces.values() for each in own if each.family in (socket.AF_INET, socket.AF_INET6))
    return tuple(sorted({each.address.partition("%")[0] for each in found}))


def _is_kernel_path(path: str) -> bool:
    """Environment and command line of a process hold secrets: `process` reads them, and takes those out."""
    clean = os.path.normpath(path)
    return clean.startswith(("/proc/", "/sys/")) and os.path.basename(clean) not in {"environ", "cmdline", "mem"}


def _container() -> str:
    answer = files.read_bytes("/run/systemd/container", 256)
    if isinstance(answer, tuple) and answer[0].strip():
        return answer[0].decode("utf-8", "replace").strip()
    if os.path.exists("/.dockerenv"):
        return "docker"
    if os.path.exists("/run/.containerenv"):
        return "podman"
    return ""


def _connect(address: str) -> Connection | Unseen:
    """Connect and hang up. A unix socket with a full queue answers EAGAIN, a TCP one does not answer in time."""
    family, target = _destination(address)
    if isinstance(target, Unseen):
        return target
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as client:
        client.settimeout(_CONNECT_TIMEOUT)
        try:
            client.connect(target)
        except TimeoutError:
            return Connection(errno.ETIMEDOUT)
        except OSError as error:
            return Connection(error.errno or errno.EIO)
        if family is not socket.AF_UNIX:
            return Connection(0)
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        return Connection(0, pid)


def _destination(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int] | Unseen]:
    if address.startswith("unix:"):
        path = address[5:]
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            long = f"the path of the socket is longer than {SOCKET_PATH_LIMIT} bytes"
            return socket.AF_UNIX, Unseen(long, Cause.NOT_UNDERSTOOD)
        return socket.AF_UNIX, "\0" + path[1:] if path.startswith("@") else path
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return socket.AF_INET, Unseen(f"{address} is not an address", Cause.NOT_UNDERSTOOD)
    if host == "[::1]":
        return socket.AF_INET6, ("::1", int(port))
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return socket.AF_INET, Unseen(f"{host} is not a loopback address", Cause.ELSEWHERE)
    if not host.startswith("127."):
        return socket.AF_INET, Unseen(f"{host} is not a loopback address", Cause.ELSEWHERE)
    return socket.AF_INET, (host, int(port))


class _Memo:
    """Answers by question, while there is time. Whoever asks what another thread is finding out waits for it."""

    def __init__(self, budget: float, clock: Callable[[], float]) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, _Answer] = {}
        self._clock = clock
        self._end = clock() + budget
        self._late = Unseen(f"timed out: the look took longer than {budget:g} s", Cause.TIMED_OUT)

    def get(self, question: Hashable, find: Callable[[], T]) -> T:
        with self._lock:
            answer = self._answers.setdefault(question, _Answer())
        with answer.lock:
            if not answer.known:
                answer.value = find() if self._clock() < self._end else self._late
                answer.known = True
        return cast(T, answer.value)


class _Answer:
    __slots__ = ("known", "lock", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known = False
        self.value: object = None
