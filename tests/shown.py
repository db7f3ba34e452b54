"""A host that shows a few files, for previews."""

from __future__ import annotations

from collections.abc import Mapping

from doctor.cause import Cause
from doctor.hosts.base import READ_LIMIT, Content, Missing, TextKind, Unseen
from doctor.hosts.live import LiveHost


class Shown(LiveHost):
    """Files by path; any other is missing, or `blind`: cannot be looked at."""

    def __init__(self, files: Mapping[str, str] | None = None, *, blind: bool = False) -> None:
        super().__init__()
        self._files = files or {}
        self._blind = blind

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Missing | Unseen:
        if path in self._files:
            return Content(self._files[path])
        return Unseen("not part of this test", Cause.AMBIGUOUS) if self._blind else Missing()


BLIND = Shown(blind=True)
