"""What is in a file of this machine, in the forms a host gives, secrets removed."""

from __future__ import annotations

from doctor.cause import Cause
from doctor.grammar.envfile import EnvFile, parse_env_file
from doctor.grammar.outline import Outline
from doctor.grammar.python_source import outline
from doctor.hosts import files
from doctor.hosts.base import READ_LIMIT, Answer, Content, Missing, TextKind, Unseen
from doctor.hosts.credentials import Reader
from doctor.hosts.redact import Redactor

_ENV_FILE_LIMIT = 1 << 18

CODE_LIMIT = 4 << 20
"""Bytes of Python that are parsed."""


def read_content(
    path: str, text: TextKind, limit: int, tail: bool, redactor: Redactor, reader: Reader | None = None
) -> Content | Answer:
    """A file of this machine as `Host.read` gives it, to `reader` where somebody else named it."""
    answer = files.read_bytes(path, limit, tail=tail, kernel=text is TextKind.KERNEL, reader=reader)
    if isinstance(answer, (Missing, Unseen)):
        return answer
    data, truncated = answer
    if text is not TextKind.KERNEL and b"\0" in data:
        return Unseen("it is a binary file", Cause.UNREADABLE)
    decoded = data.decode("utf-8", "replace")
    if text is not TextKind.KERNEL:
        decoded = redactor.text(text, decoded)
    return Content(decoded, truncated, 0 if tail and truncated else 1)


def read_env_file(path: str, redactor: Redactor, reader: Reader | None = None) -> EnvFile | Answer:
    """A file of this machine as `Host.env_file` gives it, to `reader` where somebody else than a unit named it."""
    answer = files.read_bytes(path, _ENV_FILE_LIMIT, manager=reader is None, reader=reader)
    if isinstance(answer, (Missing, Unseen)):
        return answer
    data, truncated = answer
    if b"\0" in data:  # read_full_file() of systemd answers EBADMSG, and the unit does not start
        return Unseen(f"{path} holds a NUL byte, so that systemd refuses to load it", Cause.UNREADABLE)
    parsed = parse_env_file(data, redactor.token)
    return EnvFile(parsed.assignments, parsed.oddities, truncated)


class Outliner:
    """Outlines files of this machine as `Host.outline` gives them, up to a bound on what is parsed in one run.

    Whoever owns the code of an app decides how much there is of it, and parsing takes up to a second for a megabyte.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._left = CODE_LIMIT

    def outline(self, path: str, shown: str, reader: Reader | None = None) -> Outline | Answer:
        """`shown` is the name of the file on the examined machine.

        Half a file may not compile: of one that is too large nothing is said but that.
        """
        answer = files.read_bytes(path, READ_LIMIT, reader=reader)
        if isinstance(answer, (Missing, Unseen)):
            return answer
        data, truncated = answer
        if truncated:
            return Outline(error=None, dynamic_names=True, truncated=True)
        if len(data) > self._left:
            return Unseen(f"{shown} was not looked at: there is more code than {CODE_LIMIT >> 20} MB", Cause.TOO_MUCH)
        self._left -= len(data)
        return self._redactor.outline(outline(data, shown))
