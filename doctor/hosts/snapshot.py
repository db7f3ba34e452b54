"""Recordings: every observation of a host in one file, and the host that answers from it.

One JSON document, schema `flaskdoctor.snapshot/1`, one observation a line, sorted, so that two recordings can be
compared; compressed where the name ends in .gz. Secrets were removed before anything came here.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

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
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command
from doctor.hosts.credentials import Reader
from doctor.hosts.recognise import GZIP
from doctor.hosts.serial import FormError, Json, decode, encode

T = TypeVar("T")

SCHEMA_NAME = "flaskdoctor.snapshot"
SCHEMA_VERSION = 1
LAYER_SCHEMA = "flaskdoctor.layer/1"
"""Of what our tests keep. What it lies over is never looked for: a recording must not say which files are read."""

SIZE_LIMIT = 1 << 28
"""Bytes of a recording, after decompression."""

VALUE_LIMIT = 1 << 23
"""Commas and brackets in it, those of texts too: in memory a value is up to thirty times as large as when written."""

NOT_RECORDED = Unseen("not in this recording")
LENT = "lent"
"""Begins a question, with the number of the user, whose answer for that user is another one than for root."""

_RECORD_COMMAND = "flaskdoctor snapshot"
_RECORD_AGAIN = f"record the machine again with {_RECORD_COMMAND}"

_ANSWERS: dict[str, Any] = {
    "addresses": tuple[str, ...] | Unseen,
    "connect": Connection | Unseen,
    "documents": tuple[Document, ...],
    "env_file": EnvFile | Answer,
    "list": tuple[str, ...] | Answer,
    "machine": Machine | Unseen,
    "named_in": int,
    "now": float,
    "outline": Outline | Answer,
    "process": ProcessRecord | Answer,
    "processes": tuple[ProcessLine, ...] | Unseen,
    "read": Content | Answer,
    "run": Output | Answer,
    "scan": Scan | Answer,
    "stat": Stat | Answer,
}
"""Type of the answer to each question."""

_VARIABLE_OPTIONS = ("--property=", "--since=", "--lines=", "--output-fields=")


class SnapshotError(Exception):
    """A recording that cannot be written or read: `what` is wrong with it and `todo` about it."""

    def __init__(self, path: str, what: str, todo: str) -> None:
        super().__init__(f"{path}: {what}; {todo}")
        self.path = path
        self.what = what
        self.todo = todo


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
        _write(path, self.text().encode())

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


class SnapshotHost(Host):
    """Answers from a recording. `pause` does not wait, but goes on to what was seen after it."""

    kind = TargetKind.SNAPSHOT

    def __init__(self, path: str) -> None:
        """Read the recording; raises `SnapshotError`."""
        document = _load(path)
        self._path = path
        try:
            self.name = cast(str, decode(document["target"], str))
            self._time = cast(float, decode(document["time"], float))
            self._answers = _answers(document["observations"])
        except (KeyError, TypeError) as error:
            raise SnapshotError(path, f"a part is missing ({error})", _RECORD_AGAIN) from None
        except FormError as error:
            raise SnapshotError(path, f"it is damaged ({error})", _RECORD_AGAIN) from None
        except RecursionError:
            raise SnapshotError(path, "it is nested deeper than a recording is", _RECORD_AGAIN) from None
        if not self._answers:
            raise SnapshotError(path, "nothing of a machine is recorded in it", _RECORD_AGAIN)
        self._notes = _Notes()
        self._readers = frozenset(key[1] for key in self._answers if key[0] == LENT)

    def lent(self, reader: Reader) -> SnapshotHost:
        if reader.uid not in self._readers:
            return self
        other = copy.copy(self)
        other.reader = reader
        return other

    def named_in(self, *paths: str) -> SnapshotHost:
        uid = self._replay("named_in", *paths)
        return self.lent(Reader(uid, uid)) if self.reader is None and isinstance(uid, int) else self

    def _replay(self, question: str, *arguments: Json) -> Any:
        if self.reader is not None:
            answer = self._answers.get((LENT, self.reader.uid, *_key(question, arguments)))
            if answer is not None:
                return answer
        return self._answers.get(_key(question, arguments), NOT_RECORDED)

    def _replay_like(self, question: str, arguments: tuple[Json, ...], same: Callable[[tuple[Any, ...]], bool]) -> Any:
        """The answer to this question, else to one that differs only in bounds: recordings outlive changes of those."""
        answer = self._replay(question, *arguments)
        if answer is not NOT_RECORDED:
            return answer
        begins = [(question,)] if self.reader is None else [(LENT, self.reader.uid, question), (question,)]
        for begin in begins:
            for key, found in self._answers.items():
                if key[: len(begin)] == begin and same(key[len(begin) :]):
                    return found
        return NOT_RECORDED

    def _replay_look(self, question: str, *arguments: Json) -> Any:
        """What was seen at this look, else at the last one before it."""
        for look in range(self._notes.look, -1, -1):
            answer = self._replay(question, *arguments, look)
            if answer is not NOT_RECORDED:
                return answer
        return NOT_RECORDED

    def now(self) -> float:
        answer = self._replay("now", self._notes.look)
        return self._time if answer is NOT_RECORDED else cast(float, answer)

    def machine(self) -> Machine | Unseen:
        return cast("Machine | Unseen", self._replay("machine"))

    def run(self, command: Command) -> Output | Answer:
        words = (command.program, *command.arguments)
        answer = self._replay_like("run", words, lambda asked: _fixed(asked) == _fixed(words))
        return cast("Output | Answer", answer)

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Answer:
        arguments = (path, text.value, limit, tail)
        answer = self._replay_like("read", arguments, lambda asked: (asked[0], asked[3]) == (path, tail))
        return cast("Content | Answer", answer)

    def env_file(self, path: str) -> EnvFile | Answer:
        return cast("EnvFile | Answer", self._replay("env_file", path))

    def outline(self, path: str) -> Outline | Answer:
        return cast("Outline | Answer", self._replay("outline", path))

    def stat(self, path: str) -> Stat | Answer:
        return cast("Stat | Answer", self._replay("stat", path))

    def list(self, path: str) -> tuple[str, ...] | Answer:
        return cast("tuple[str, ...] | Answer", self._replay("list", path))

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Answer:
        arguments: tuple[Any, ...] = (path, suffixes, limit)
        answer = self._replay_like("scan", arguments, lambda asked: asked[:2] == (path, suffixes))
        return cast("Scan | Answer", answer)

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return cast("tuple[ProcessLine, ...] | Unseen", self._replay_look("processes"))

    def process(self, pid: int) -> ProcessRecord | Answer:
        return cast("ProcessRecord | Answer", self._replay_look("process", pid))

    def connect(self, address: str) -> Connection | Unseen:
        return cast("Connection | Unseen", self._replay("connect", address))

    def addresses(self) -> tuple[str, ...] | Unseen:
        return cast("tuple[str, ...] | Unseen", self._replay("addresses"))

    def pause(self, seconds: float) -> None:
        self._notes.look += 1

    def documents(self) -> tuple[Document, ...]:
        answer = self._replay("documents")
        return () if answer is NOT_RECORDED else cast("tuple[Document, ...]", answer)


def _key(question: str, arguments: tuple[Json, ...]) -> tuple[Any, ...]:
    """A question with its arguments; lists become tuples, as keys have to be."""
    return (question, *(tuple(argument) if isinstance(argument, list) else argument for argument in arguments))


def _answers(observations: Json) -> dict[tuple[Any, ...], object]:
    """Every recorded answer by its question; questions of a later minor version are left out."""
    answers: dict[tuple[Any, ...], object] = {}
    if not isinstance(observations, list):
        raise FormError("the observations are no list")
    for item in observations:
        if not isinstance(item, dict) or not isinstance(ask := item["ask"], list) or not ask:
            raise FormError("an observation without a question")
        question = ask[2] if ask[0] == LENT and len(ask) > 2 else ask[0]
        if isinstance(question, str) and question in _ANSWERS:
            answers[_key(str(ask[0]), tuple(ask[1:]))] = decode(item["answer"], _ANSWERS[question])
    return answers


def _fixed(words: tuple[Any, ...]) -> tuple[Any, ...]:
    """A command line without the options that only bound what is printed."""
    return tuple(word for word in words if not str(word).startswith(_VARIABLE_OPTIONS))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _load(path: str) -> dict[str, Json]:
    data = _read(path)
    if sum(map(data.count, (b",", b"[", b"{"))) > VALUE_LIMIT:
        raise SnapshotError(path, "it holds more than a recording can", _RECORD_AGAIN)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise SnapshotError(path, "this is not a whole recording", _RECORD_AGAIN) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == LAYER_SCHEMA:
        what = "it holds only what differs from another recording"
        raise SnapshotError(path, what, "give it whole (CONTRIBUTING.md of flaskdoctor shows how)")
    name, _, version = schema.partition("/") if isinstance(schema, str) else ("", "", "")
    if name != SCHEMA_NAME or not (version.isascii() and version.isdecimal()):
        raise SnapshotError(path, "this is not a recording", f"give a file written by {_RECORD_COMMAND}")
    if version != str(SCHEMA_VERSION):
        newer = not version.startswith("0")
        what = "it was written by a newer flaskdoctor" if newer else "its version is older, or none this one knows"
        todo = "update flaskdoctor, or record" if newer else "record"
        raise SnapshotError(path, f"{what} ({str(schema)[:60]})", f"{todo} the machine with this version")
    return cast("dict[str, Json]", document)


def _read(path: str) -> bytes:
    import zlib

    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        if data.startswith(GZIP):
            unpacker = zlib.decompressobj(wbits=31)
            data = unpacker.decompress(data, SIZE_LIMIT + 1)
            if not unpacker.eof and len(data) <= SIZE_LIMIT:
                raise SnapshotError(path, "the end of the file is missing", _RECORD_AGAIN)
    except zlib.error:
        raise SnapshotError(path, "the compressed data is damaged", _RECORD_AGAIN) from None
    except OSError as error:
        raise SnapshotError(path, _reason(error), "give a file that can be read") from None
    if len(data) > SIZE_LIMIT:
        raise SnapshotError(path, f"it is larger than {SIZE_LIMIT >> 20} MB", _RECORD_AGAIN)
    return data


def _write(path: str, data: bytes) -> None:
    """By a temporary file of an unforeseeable name beside it, which is then renamed."""
    import gzip

    if os.path.islink(path):
        raise SnapshotError(path, "it is a link", "give the name of a file")
    if path.endswith(".gz"):
        data = gzip.compress(data, 6, mtime=0)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise SnapshotError(path, _reason(error), "give a file in a writable directory with room") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
