"""Members of one upstream group that serve different releases."""

from __future__ import annotations

from collections.abc import Sequence

from doctor.apps.joining import Assigned, Candidate
from doctor.conclusions.release.git import checkout
from doctor.conclusions.release.layout import REVISION_FILES
from doctor.facts.value import Absent, Fact, Known, Place, computed
from doctor.hosts.base import Content, Host


def mixed_releases(host: Host, candidate: Candidate, assigned: Sequence[Assigned]) -> Fact[str]:
    """A sentence that names the members and what they run; Absent when all members of each group run the same.

    Members run the same when they run in one directory, or in directories that by a marker or by git hold the same
    release. A backup serves nobody, and what is being started or reloaded may be about to agree.
    """
    groups: dict[str, set[str]] = {}
    for a in assigned:
        if a.target.upstream.group and not a.target.peer.backup and isinstance(a.answered_by, Known):
            groups.setdefault(a.target.upstream.name, set()).add(a.answered_by.value)
    directories: dict[str, str] = {}
    places: list[Place] = []
    for g in candidate.gunicorns:
        steady = not g.changing.or_(False)
        if steady and isinstance(g.master, Known) and isinstance(g.directory, Known):
            directories[g.name] = g.directory.value
            places.extend(g.directory.places)
    for members in groups.values():
        seen = {name: path for name, path in sorted(directories.items()) if name in members}
        if len(set(seen.values())) > 1 and len({_release(host, path) for path in seen.values()}) > 1:
            return computed(", ".join(f"{name} runs {path}" for name, path in seen.items()), *places)
    return Absent(tuple(places))


def _release(host: Host, directory: str) -> str:
    """What tells a release from another: its marker, its commit, or else where it lies."""
    for name in REVISION_FILES:
        content = host.read(f"{directory}/{name}", limit=256)
        if isinstance(content, Content) and content.text.strip():
            return content.text.strip()
    head = checkout(host, directory).head
    return head.or_(directory)
