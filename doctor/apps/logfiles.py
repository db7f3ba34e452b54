"""Which of nginx's logs may be read, and what it means for the rest that one may not."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import fields, replace

from doctor.facts.value import Absent, Fact, Known, Unknown
from doctor.hosts.base import Host, Unseen
from doctor.sources.logs import NginxLog


def readable(host: Host, own: Fact[str], named: Iterable[Fact[str]]) -> tuple[frozenset[str], Unknown | None]:
    """Paths of the logs, and why one is not among them.

    nginx opens its logs as root, and whoever may write a file that it includes can name any file as one: such a path
    is left out unless that user may read it, or it lies where nginx keeps its `own` error log.
    """
    paths = {own.value} if isinstance(own, Known) else set()
    folder = posixpath.dirname(own.value) if isinstance(own, Known) else ""
    refused: Unknown | None = None
    for fact in named:
        if not isinstance(fact, Known) or fact.value in paths:
            continue
        view = host.named_in(*(place.path for place in fact.places if place.path))
        if view.reader is not None and posixpath.dirname(posixpath.normpath(fact.value)) != folder:
            answer = view.read(fact.value, limit=1)
            if isinstance(answer, Unseen):
                refused = Unknown(answer.reason, fact.places)
                continue
        paths.add(fact.value)
    return frozenset(paths), refused


def without(found: NginxLog, refused: Unknown | None) -> NginxLog:
    """The same, where one log could not be read: that nothing was found in the others proves nothing."""
    if refused is None:
        return found
    silent = [field.name for field in fields(found) if isinstance(getattr(found, field.name), Absent)]
    return replace(found, **dict.fromkeys(silent, refused))
