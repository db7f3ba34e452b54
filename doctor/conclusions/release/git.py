"""A git checkout, read as files: git itself would refuse a repository of another user, or run its hooks."""

from __future__ import annotations

import re

from doctor.cause import Cause, doubt
from doctor.facts.value import ABSENT, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Content, FileType, Host, Stat, Unseen

_ABOVE = 3
"""Folders above the directory in which .git is looked for."""
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@frozen
class Checkout:
    """`head`: the commit that is checked out, 40 hexadecimal digits."""

    present: Fact[bool]
    head: Fact[str]


def checkout(host: Host, directory: str) -> Checkout:
    """The checkout a directory lies in, if any."""
    folder = directory
    for _ in range(_ABOVE + 1):
        stat = host.stat(f"{folder}/.git")
        if isinstance(stat, Unseen):
            unseen = Unknown.of(stat)
            return Checkout(unseen, unseen)
        if isinstance(stat, Stat):
            return _read(host, f"{folder}/.git", stat)
        folder = folder.rpartition("/")[0]
        if not folder:
            break
    return Checkout(Known(False, (Place(path=directory, note=""),)), ABSENT)


def _read(host: Host, path: str, stat: Stat) -> Checkout:
    present = Known(True, (Place(path=path),))
    folder = path if stat.type is FileType.DIRECTORY else _worktree(host, path)
    content = host.read(f"{folder}/HEAD")
    if not isinstance(content, Content):
        unknown = Unknown.of(doubt(content, f"{folder}/HEAD does not exist", Cause.NOT_FOUND))
        return Checkout(present, unknown)
    return Checkout(present, _head(host, folder, content.text.strip()))


def _worktree(host: Host, path: str) -> str:
    """A .git file of a worktree or a submodule: `gitdir: PATH` (gitrepository-layout(5))."""
    content = host.read(path)
    text = content.text.strip() if isinstance(content, Content) else ""
    target = text.removeprefix("gitdir:").strip()
    if not target.startswith("/"):
        target = f"{path.rpartition('/')[0]}/{target}"
    return target


def _head(host: Host, folder: str, head: str) -> Fact[str]:
    place = Place(path=f"{folder}/HEAD", text=head)
    if not head.startswith("ref:"):
        return (
            Known(head, (place,))
            if _SHA.fullmatch(head)
            else Unknown(f"{folder}/HEAD holds no commit", Cause.NOT_UNDERSTOOD, (place,))
        )
    name = head.removeprefix("ref:").strip()
    common = host.read(f"{folder}/commondir")
    shared = f"{folder}/{common.text.strip()}" if isinstance(common, Content) else folder
    for base in dict.fromkeys((folder, shared)):
        loose = host.read(f"{base}/{name}")
        if isinstance(loose, Content) and _SHA.fullmatch(loose.text.strip()):
            return Known(loose.text.strip(), (place, Place(path=f"{base}/{name}")))
        if isinstance(loose, Unseen):
            return Unknown.of(loose, (place,))
    packed = host.read(f"{shared}/packed-refs")
    if isinstance(packed, Content):
        for number, line in enumerate(packed.text.splitlines(), packed.start_line):
            sha, _, ref = line.partition(" ")
            if ref == name and _SHA.fullmatch(sha):
                return Known(sha, (place, Place(path=f"{shared}/packed-refs", line=number, text=line)))
    if isinstance(packed, Unseen):
        return Unknown.of(packed, (place,))
    return Unknown(f"the branch {name} has no commit", Cause.NOT_FOUND, (place,))
