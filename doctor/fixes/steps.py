"""From a plan to single steps on the disk, each with what was there before; and back again."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace

from doctor.edits.changes import Change, Permit, Relink, Rewrite, Uncompile
from doctor.fixes import disk
from doctor.fixes.disk import Attributes, Entry, Kind, Refused
from doctor.fixes.record import Form, Step, digest

_PLAIN = Attributes(0o644, 0, 0, 0)
_MOST_FILES = 5000
"""Compiled files that one fix takes away, at most."""
_NOTHING = Form(Kind.MISSING)


class Conflict(Exception):
    """Something that was changed by somebody else since, and is left as it is."""


def prepare(changes: tuple[Change, ...], run: str, keep: Callable[[bytes], str]) -> list[tuple[Step, bytes]]:
    """Every step with the bytes it writes, in order. `keep` stores what was there. Raises Refused; changes nothing."""
    steps: list[tuple[Step, bytes]] = []
    made: set[str] = set()
    for change in changes:
        for entry, after, content in _targets(change):
            if _matches(entry, after):
                continue
            folder = posixpath.dirname(entry.path)
            if folder not in made and disk.look(folder).kind is Kind.MISSING:
                made.add(folder)
                new = Form(Kind.DIRECTORY, attributes=replace(_PLAIN, mode=0o755))
                steps.append((Step(folder, _NOTHING, new, ""), b""))
            temporary = f".flaskdoctor-{run}-{len(steps)}"
            steps.append((Step(entry.path, _form(entry, keep), after, temporary), content))
    return steps


def take(step: Step, content: bytes) -> None:
    """Make one step. Raises Refused when something else lies there by now, OSError when it cannot be done."""
    now = disk.look(step.path, follow=False)
    if not _matches(now, step.before):
        raise Refused(f"{step.path} was changed meanwhile")
    _realize(now, step.after, content, step.temporary, keep_time=False)


def take_back(step: Step, kept: Callable[[str], bytes]) -> None:
    """Undo one step, however far it came. Raises Conflict when what lies there is neither its before nor its after."""
    if step.temporary:
        disk.discard(posixpath.join(posixpath.dirname(step.path), step.temporary))
    now = disk.look(step.path, follow=False)
    if _matches(now, step.before):
        return
    if step.after.kind is Kind.DIRECTORY and step.before.kind is Kind.MISSING:
        if now.kind is Kind.DIRECTORY and not os.listdir(step.path):
            disk.remove(now)
        return
    if step.after.kind is Kind.MISSING and now.kind is Kind.FILE and step.path.endswith(".pyc"):
        return  # Python has compiled its source anew
    if not _between(now, step):
        raise Conflict(f"{step.path} was changed since: it is left as it is")
    content = kept(step.before.copy) if step.before.copy else b""
    if step.before.kind is Kind.FILE and digest(content) != step.before.digest:
        raise Conflict(f"the copy of {step.path} is damaged: it is left as it is")
    _realize(now, step.before, content, step.temporary, keep_time=True)


def _targets(change: Change) -> Iterator[tuple[Entry, Form, bytes]]:
    match change:
        case Rewrite(path, before, after):
            entry = disk.look(path)
            if entry.kind not in (Kind.FILE, Kind.MISSING):
                raise Refused(f"{path} is no file")
            if entry.content != _bytes(before or "") or (entry.kind is Kind.MISSING) != (before is None):
                raise Refused(f"{path} was changed since it was read")
            content = _bytes(after)
            yield entry, Form(Kind.FILE, digest(content), attributes=entry.attributes or _PLAIN), content
        case Relink(path, target):
            entry = disk.look(path, follow=False)
            if entry.kind not in (Kind.LINK, Kind.MISSING):
                raise Refused(f"{path} is no link")
            yield entry, Form(Kind.LINK, target=target, attributes=entry.attributes), b""
        case Permit():
            entry = disk.look(change.path)
            yield entry, _permitted(entry, change), b""
        case Uncompile(path):
            yield from ((entry, _NOTHING, b"") for entry in _compiled(path))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _permitted(entry: Entry, change: Permit) -> Form:
    if entry.attributes is None or entry.kind is Kind.LINK:
        raise Refused(f"{change.path} is not there")
    attributes = entry.attributes
    if change.mode:
        attributes = replace(attributes, mode=int(change.mode, 8))
    if change.group:
        import grp

        try:
            attributes = replace(attributes, gid=grp.getgrnam(change.group).gr_gid)
        except KeyError:
            raise Refused(f"there is no group {change.group}") from None
    return Form(entry.kind, digest(entry.content) if entry.kind is Kind.FILE else "", attributes=attributes)


def _compiled(path: str) -> Iterator[Entry]:
    count = 0
    for folder, _, names in os.walk(disk.physical(path)):
        for name in sorted(names):
            if name.endswith(".pyc"):
                count += 1
                if count > _MOST_FILES:
                    raise Refused(f"{path} holds more than {_MOST_FILES} compiled files")
                yield disk.look(posixpath.join(folder, name), follow=False)


def _form(entry: Entry, keep: Callable[[bytes], str]) -> Form:
    if entry.kind is not Kind.FILE:
        return Form(entry.kind, target=entry.target, attributes=entry.attributes)
    return Form(Kind.FILE, digest(entry.content), keep(entry.content), attributes=entry.attributes)


def _realize(now: Entry, form: Form, content: bytes, temporary: str, *, keep_time: bool) -> None:
    attributes = form.attributes or _PLAIN
    match form.kind:
        case Kind.MISSING:
            disk.remove(now)
        case Kind.DIRECTORY if now.kind is Kind.MISSING:
            disk.make_directory(now.path)
        case Kind.LINK:
            disk.link(now, form.target, attributes, temporary, keep_time=keep_time)
        case Kind.FILE if now.kind is not Kind.FILE or digest(now.content) != form.digest:
            disk.write(now, content, attributes, temporary, keep_time=keep_time)
        case _:
            disk.set_attributes(now, attributes)


def _matches(now: Entry, form: Form) -> bool:
    """The path is as the form says; times are not part of it."""
    if now.kind is not form.kind:
        return False
    if form.kind is Kind.LINK:
        return now.target == form.target
    if form.kind is Kind.FILE and digest(now.content) != form.digest:
        return False
    return _access(now.attributes) == _access(form.attributes)


def _between(now: Entry, step: Step) -> bool:
    """The path is as before the step, as after it, or on the way: of one that was killed between owner and mode."""
    forms = [form for form in (step.before, step.after) if form.kind is now.kind]
    if not forms:
        return False
    if now.kind is Kind.LINK:
        return now.target in {form.target for form in forms}
    if now.kind is Kind.FILE and digest(now.content) not in {form.digest for form in forms}:
        return False
    own, ends = _access(now.attributes), [_access(form.attributes) for form in forms]
    if now.kind is Kind.FILE and len({end[1:] for end in ends}) > 1:
        # A change of owner or group takes these bits away (chown(2)) before the mode is set.
        ends += [
            (mode & ~bits, *owner) for mode, *owner in ends for bits in (stat.S_ISUID, stat.S_ISUID | stat.S_ISGID)
        ]
    return all(part in parts for part, *parts in zip(own, *ends, strict=True))


def _access(attributes: Attributes | None) -> tuple[int, ...]:
    return (attributes.mode, attributes.uid, attributes.gid) if attributes else ()
