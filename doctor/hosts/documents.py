"""The documents of a repository: which of its files are looked at, and what else may have been overlooked."""

from __future__ import annotations

import os
import posixpath
import re
from collections import deque
from collections.abc import Iterator

from doctor.cause import Cause
from doctor.frozen import frozen
from doctor.hosts import files
from doctor.hosts.base import Document, Missing, Skipped, Unseen
from doctor.hosts.classify import classify
from doctor.hosts.deploying import deploys

FILE_LIMIT = 1 << 20
"""Larger files are no configuration."""

WALK_LIMIT = 100_000
"""Names looked at in one repository."""

_LEFT_OUT = files.SKIPPED_DIRECTORIES - {"env", "logs", "log"} | {"bower_components", "third_party", "vendor"}
"""Folders whose content is not of the repository, or not written by its people."""

_LOOK = 1 << 16
"""Bytes of a file that decide what it is."""

_FOREIGN_SUFFIXES = (
    ".c", ".cc", ".cpp", ".css", ".csv", ".gif", ".go", ".gz", ".h", ".htm", ".html", ".ico", ".ipynb", ".java",
    ".jpeg", ".jpg", ".js", ".json", ".jsx", ".less", ".lock", ".log", ".map", ".md", ".mdx", ".mjs", ".mo", ".pdf",
    ".php", ".png", ".po", ".pyc", ".rb", ".rs", ".rst", ".sass", ".scss", ".so", ".sql", ".svg", ".tar", ".ts",
    ".tsv", ".tsx", ".ttf", ".vue", ".webp", ".whl", ".woff", ".woff2", ".xml", ".zip",
)  # fmt: skip

_CALLED = re.compile(
    r"\.(?:service|socket|nginx|env)$|nginx[^/]*\.conf$|(?:^|/)(?:sites-(?:available|enabled)|conf\.d)/[^/]+$"
    r"|gunicorn[^/]*\.py$|supervisor[^/]*\.(?:conf|ini)$|compose[^/]*\.ya?ml$"
    r"|(?:^|/)(?:dockerfile|procfile|jenkinsfile)[^/]*$"
)
"""Names that promise configuration whatever a file holds."""


@frozen
class Documents:
    """What was found, sorted by path, and why something else may have been overlooked."""

    found: tuple[Document, ...]
    overlooked: tuple[Unseen, ...]
    skipped: tuple[Skipped, ...] = ()


def find_documents(paths: tuple[str, ...]) -> Documents:
    """Documents among files and below folders, each path begun as it was given."""
    found: dict[str, Document] = {}
    overlooked: list[Unseen] = []
    skipped: dict[str, Skipped] = {}
    for path in paths:
        for name in _walk(path, overlooked) if os.path.isdir(path) else (path,):
            document = recognise(name)
            if isinstance(document, Skipped):
                skipped[name] = document
            elif isinstance(document, Unseen):
                overlooked.append(document)
            elif document is not None:
                found[name] = document
    documents = tuple(document for _, document in sorted(found.items()))
    return Documents(documents, tuple(overlooked), tuple(skipped.values()))


def _walk(folder: str, overlooked: list[Unseen]) -> Iterator[str]:
    """Files below a folder, those that lie higher first; no link is followed.

    Environments, caches and code of others are left out.
    """
    waiting = deque([folder])
    left = WALK_LIMIT
    while waiting:
        if left <= 0:
            more = f"{folder} holds more than {WALK_LIMIT} files: {waiting[0]} and more were not looked at"
            overlooked.append(Unseen(more, Cause.TOO_MUCH))
            return
        here = waiting.popleft()
        try:
            with os.scandir(here) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            answer = files.failure(error, here)
            overlooked.extend([answer] if isinstance(answer, Unseen) else [])
            continue
        if here != folder and any(entry.name == "pyvenv.cfg" for entry in children):
            continue
        left -= len(children)
        for entry in children:
            path = entry.name if here == "." else posixpath.join(here, entry.name)
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _LEFT_OUT:
                        waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path
            except OSError:
                continue


def recognise(path: str) -> Document | Skipped | Unseen | None:
    """What a file of this machine is, None when it is nothing that is looked at; Unseen when it may not be read."""
    if path.lower().rstrip().endswith(_FOREIGN_SUFFIXES):
        return None
    telling = _CALLED.search(path.lower()) is not None
    try:
        large = os.stat(path).st_size > FILE_LIMIT
    except OSError:
        large = False
    if large:
        return Skipped(path, "larger than 1 MiB") if telling else None
    answer = files.read_bytes(path, _LOOK)
    if isinstance(answer, Unseen):
        return answer
    if isinstance(answer, Missing):
        return None
    if b"\0" in answer[0]:
        return Skipped(path, "a binary file") if telling else None
    text = answer[0].decode("utf-8", "replace").removeprefix("\ufeff")
    kind = classify(path, text)
    return Document(path, kind, deploys(path, kind, text)) if kind is not None else None
