"""Recordings are read: a host that answers as another did when it was recorded (`recording.py`)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

from doctor.cause import Cause
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
from doctor.hosts.serial import decode
from doctor.hosts.snapshotfile import LENT, RECORD_AGAIN, SnapshotError, load
from doctor.serial import FormError, Json

NOT_RECORDED = Unseen("not in this recording", Cause.NOT_RECORDED)

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


class _Looks:
    """How often the host that was recorded had been looked at again; for all views of it."""

    def __init__(self) -> None:
        self.look = 0


class SnapshotHost(Host):
    """Answers from a recording. `pause` does not wait, but goes on to what was seen after it."""

    kind = TargetKind.SNAPSHOT

    def __init__(self, path: str) -> None:
        """Read the recording; raises `SnapshotError`."""
        document = load(path)
        self._path = path
        try:
            self.name = cast(str, decode(document["target"], str))
            self._time = cast(float, decode(document["time"], float))
            self._answers = _answers(document["observations"])
        except (KeyError, TypeError) as error:
            raise SnapshotError(path, f"a part is missing ({error})", RECORD_AGAIN) from None
        except FormError as error:
            raise SnapshotError(path, f"it is damaged ({error})", RECORD_AGAIN) from None
        if not self._answers:
            raise SnapshotError(path, "nothing of a machine is recorded in it", RECORD_AGAIN)
        self._looks = _Looks()
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
        for look in range(self._looks.look, -1, -1):
            answer = self._replay(question, *arguments, look)
            if answer is not NOT_RECORDED:
                return answer
        return NOT_RECORDED

    def now(self) -> float:
        answer = self._replay("now", self._looks.look)
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
        self._looks.look += 1

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
    for number, item in enumerate(observations):
        if not isinstance(item, dict) or not isinstance(ask := item["ask"], list) or not ask:
            raise FormError("an observation without a question")
        question = ask[2] if ask[0] == LENT and len(ask) > 2 else ask[0]
        if isinstance(question, str) and question in _ANSWERS:
            try:
                answers[_key(str(ask[0]), tuple(ask[1:]))] = decode(item["answer"], _ANSWERS[question])
            except FormError as error:
                raise error.inside("answer").inside(number).inside("observations") from None
    return answers


def _fixed(words: tuple[Any, ...]) -> tuple[Any, ...]:
    """A command line without the options that only bound what is printed."""
    return tuple(word for word in words if not str(word).startswith(_VARIABLE_OPTIONS))
