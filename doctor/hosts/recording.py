"""Recordings are made: a host that remembers what another was asked, and what it answered.

One JSON document, schema `flaskdoctor.snapshot/1`, one observation a line, sorted, so that two recordings can be
compared. Secrets were removed before anything came here.
"""

from __future__ import annotations

import json
import threading
from typing import TypeVar

from doctor import __version__
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.hosts.base import (
    READ_LIMIT,
    Answer,
    Connection,
    Content,
    Document,
    Host,
    Machine,
    Output,
    ProcessLine,
    ProcessRecord,
    Scan,
    Stat,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command
from doctor.hosts.credentials import Reader
from doctor.hosts.serial import encode
from doctor.hosts.snapshotfile import LENT, SCHEMA_NAME, SCHEMA_VERSION, write
from doctor.serial import Json

T = TypeVar("T")


class _Notes:
    """What was asked and answered. What a reader was shown stands by itself where somebody else was shown more."""

    def __init__(self) -> None:
        self.look = 0
        self._lock = threading.Lock()
        self._own: dict[str, tuple[tuple[Json, ...], Json]] = {}
        self._lent: dict[tuple[str, int], tuple[tuple[Json, ...], Json]] = {}

    def add(self, ask: tuple[Json, ...], answer: object, reader: Reader | None) -> None:
        key = json.dumps(ask)
        with self._lock:
            if reader is None:
                if key not in self._own:
                    self._own[key] = (ask, encode(answer))
            elif (key, reader.uid) not in self._lent:
                self._lent[key, reader.uid] = (ask, encode(answer))

    def observations(self) -> list[tuple[tuple[Json, ...], Json]]:
        """All of them, in order."""
        with self._lock:
            found = dict(self._own)
            for (key, uid), (ask, answer) in sorted(self._lent.items()):
                if found.setdefault(key, (ask, answer))[1] != answer:
                    found[json.dumps([LENT, uid, *ask])] = ((LENT, uid, *ask), answer)
        return [found[key] for key in sorted(found)]


class RecordingHost(Host):
    """Asks another host, and remembers every question and answer."""

    def __init__(self, host: Host, notes: _Notes | None = None, reader: Reader | None = None) -> None:
        self.kind = host.kind
        self.name = host.name
        self._host = host
        self._notes = notes or _Notes()
        self.reader = reader

    def lent(self, reader: Reader) -> RecordingHost:
        return self._view(self._host.lent(reader))

    def named_in(self, *paths: str) -> RecordingHost:
        view = self._view(self._host.named_in(*paths))
        if view.reader is not None and self.reader is None:
            self._record("named_in", (*paths,), view.reader.uid)
        return view

    def _view(self, host: Host) -> RecordingHost:
        return self if host is self._host else RecordingHost(host, self._notes, host.reader)

    def _record(self, question: str, arguments: tuple[Json, ...], answer: T) -> T:
        self._notes.add((question, *arguments), answer, self.reader)
        return answer

    def now(self) -> float:
        return self._record("now", (self._notes.look,), self._host.now())

    def machine(self) -> Machine | Unseen:
        return self._record("machine", (), self._host.machine())

    def run(self, command: Command) -> Output | Answer:
        return self._record("run", (command.program, *command.arguments), self._host.run(command))

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Answer:
        answer = self._host.read(path, text, limit=limit, tail=tail)
        return self._record("read", (path, text.value, limit, tail), answer)

    def env_file(self, path: str) -> EnvFile | Answer:
        return self._record("env_file", (path,), self._host.env_file(path))

    def outline(self, path: str) -> Outline | Answer:
        return self._record("outline", (path,), self._host.outline(path))

    def stat(self, path: str) -> Stat | Answer:
        return self._record("stat", (path,), self._host.stat(path))

    def list(self, path: str) -> tuple[str, ...] | Answer:
        return self._record("list", (path,), self._host.list(path))

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Answer:
        return self._record("scan", (path, [*suffixes], limit), self._host.scan(path, suffixes, limit=limit))

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return self._record("processes", (self._notes.look,), self._host.processes())

    def process(self, pid: int) -> ProcessRecord | Answer:
        return self._record("process", (pid, self._notes.look), self._host.process(pid))

    def connect(self, address: str) -> Connection | Unseen:
        return self._record("connect", (address,), self._host.connect(address))

    def addresses(self) -> tuple[str, ...] | Unseen:
        return self._record("addresses", (), self._host.addresses())

    def pause(self, seconds: float) -> None:
        self._host.pause(seconds)
        self._notes.look += 1
        self.now()

    def documents(self) -> tuple[Document, ...]:
        return self._record("documents", (), self._host.documents())

    def save(self, path: str) -> None:
        """Write the recording, readable by its owner only, whole or not at all; raises `SnapshotError`."""
        write(path, self.text().encode())

    def text(self) -> str:
        """The recording as it is written."""
        self.machine()
        observations = self._notes.observations()
        head = {
            "schema": f"{SCHEMA_NAME}/{SCHEMA_VERSION}",
            "version": __version__,
            "target": self.name,
            "time": self._host.now(),
        }
        lines = ",\n".join(_compact({"ask": ask, "answer": answer}) for ask, answer in observations)
        return f'{_compact(head)[:-1]},"observations":[\n{lines}\n]}}\n'


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
