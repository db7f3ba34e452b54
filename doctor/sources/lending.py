"""With whose eyes an app is looked at: with those of its own user.

Its settings, its code and what lies beside them name further paths: log files, PID files, folders to import from,
branches, manifests. Whoever may write them must see no more through a report than by himself, and what the app needs
its user may read. Root's own look is for what root wrote: units, nginx's configuration, environment files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from doctor.facts.accounts import Accounts
from doctor.facts.value import Absent, Fact, Known, both
from doctor.hosts.base import Host, TargetKind
from doctor.hosts.credentials import NOBODY, Reader
from doctor.sources.process import Process
from doctor.sources.systemd import Unit


def for_unit(host: Host, unit: Unit) -> Host:
    """The host as the user of a service sees it. Of a service of root: as the one who may write what it starts."""
    if host.kind is TargetKind.TREE:
        return host
    if unit.dynamic_user.or_(False):
        return host.lent(NOBODY)  # there is none before the start
    if isinstance(unit.user, Absent) or unit.user.or_("") in ("root", "0"):
        return for_files_of(host, unit).named_in(*_paths(unit.working_directory))
    if not isinstance(unit.user, Known):
        return host.lent(NOBODY)
    found = Accounts(host).credentials(unit.user.value, unit.group, unit.supplementary_groups)
    return host.lent(found.map(lambda ids: _reader(*ids)).or_(NOBODY))


def for_process(host: Host, process: Process, unit: Unit | None, *named: Fact[str]) -> Host:
    """The host as a process sees it. Of one of root: as who may write what its unit starts, or the files `named`."""
    if host.kind is TargetKind.TREE:
        return host
    ids = both(process.uid, process.gids).or_(None)
    if ids is None:
        return host.lent(NOBODY)
    if ids[0] != 0:
        return host.lent(_reader(*ids))
    if unit is not None and (view := for_unit(host, unit)).reader is not None:
        return view
    standing = process.cwd.map(lambda it: (it.path,)).or_(())
    return host.named_in(*standing, *_paths(*named))


def for_app(host: Host, unit: Fact[Unit], master: Fact[Process], *named: Fact[str]) -> Host:
    """The host as an app sees it, running or not. `named`: files and folders that decide what an app of root does."""
    known = unit.or_(None)
    if isinstance(master, Known):
        return for_process(host, master.value, known, *named)
    if host.kind is TargetKind.TREE:
        return host
    return for_unit(host, known).named_in(*_paths(*named)) if known is not None else host.lent(NOBODY)


def for_nginx(host: Host, uid: Fact[int], gids: Fact[frozenset[int]]) -> Host:
    """The host as the workers of nginx see it, who open what they serve."""
    if host.kind is TargetKind.TREE:
        return host
    ids = both(uid, gids).or_(None)
    return host.lent(_reader(*ids) if ids is not None and ids[0] != 0 else NOBODY)


def for_peer(host: Host, named: str, uid: Fact[int], gids: Fact[frozenset[int]]) -> Host:
    """The host to look at a socket with that the file `named` sends requests to: as nginx, who connects to it.

    Root looks where root alone wrote that file.
    """
    return host if host.named_in(named).reader is None else for_nginx(host, uid, gids)


def for_served(host: Host, nginx: Host) -> Callable[[Sequence[str]], tuple[Host, ...]]:
    """Who else may be shown a folder of static files, besides the app: nginx, and whoever holds it.

    Given the files that name the folder, and the folder: root sees one that root alone named and holds.
    """
    return lambda paths: (nginx, host.named_in(*paths))


def for_files_of(host: Host, unit: Unit) -> Host:
    """The host as the one who wrote the unit: root, but for a unit that is a link into the folder of an app."""
    return host.named_in(*_paths(unit.fragment), *unit.drop_ins.or_(()))


def _paths(*facts: Fact[str]) -> tuple[str, ...]:
    return tuple(path for fact in facts if (path := fact.or_("")).startswith("/"))


def _reader(uid: int, gids: frozenset[int]) -> Reader:
    groups = tuple(sorted(gids))
    return Reader(uid, groups[0] if groups else NOBODY.gid, groups)
