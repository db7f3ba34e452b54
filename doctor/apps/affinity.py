"""How strongly something that nginx asks for looks meant for an app: by the names and folders that people gave."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from doctor.apps.joining import Candidate, Target
from doctor.facts.address import AddressKind
from doctor.facts.value import Known
from doctor.servers.nginx.model import Server

_GENERIC_WORDS = frozenset(
    {"app", "application", "backend", "default", "flask", "gunicorn", "server"}
    | {"service", "site", "upstream", "web", "wsgi", "www"}
)


_LOG_KIND = re.compile(r"(?:(?:^|[._-])(?:access|error))?(?:[._-]log)?$")
"""What the name of a log says besides whose it is: shop.access.log, shop_error.log, error.log."""


def affinity(target: Target, candidate: Candidate) -> int:
    """How strongly a target looks meant for a candidate: its exact name 3, or a part of it 1; its directory 2 more."""
    words = _words(target)
    name = _bare(candidate.word or candidate.name)
    score = 0
    if name and name in words:
        score += 3
    elif name and any(name in word or word in name for word in words if len(word) > 2):
        score += 1
    if any(_under(path, candidate) for path in _served_paths(target.server)):
        score += 2
    return score


def _words(target: Target) -> frozenset[str]:
    """Names a person gave: labels of the server names, the upstream group, the site file, the socket path, the logs."""
    raw: list[str] = []
    for name in target.server.names:
        raw.extend(name.split(".")[:-1] or [name])
    if target.upstream.group:
        raw.append(target.upstream.name)
    raw.append(target.server.place.path.rsplit("/", 1)[-1].removesuffix(".conf"))
    address = target.peer.address
    if isinstance(address, Known) and address.value.kind is AddressKind.UNIX:
        raw.extend(part.removesuffix(".sock") for part in address.value.path.split("/"))
    logs = (target.server.access_log, target.server.error_log)
    raw.extend(_LOG_KIND.sub("", posixpath.basename(log.value)) for log in logs if isinstance(log, Known))
    return frozenset(word for word in map(_bare, raw) if word and word not in _GENERIC_WORDS)


def _bare(name: str) -> str:
    return name.lower().replace("_", "-").strip("-")


def _served_paths(server: Server) -> Iterable[str]:
    for location in server.locations:
        for fact in (location.alias, location.root):
            if isinstance(fact, Known):
                yield fact.value


def _under(path: str, candidate: Candidate) -> bool:
    for gunicorn in candidate.gunicorns:
        for fact in (gunicorn.logical_directory, gunicorn.directory):
            if isinstance(fact, Known) and len(fact.value) > 1:
                base = fact.value.rstrip("/")
                parent = base.rsplit("/", 1)[0] if base.endswith("/current") else base
                if path == parent or path.startswith(parent + "/"):
                    return True
    return False
