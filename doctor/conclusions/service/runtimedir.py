"""Runtime directories of services: does nginx get through after the next start, and what does a stop take away?

systemd makes RuntimeDirectory= anew at each start, with RuntimeDirectoryMode= and for the user and group of the
service, and removes it with all that lies in it at each stop (systemd.exec(5)); a changed mode shows only then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from doctor.cause import Cause, Doubt
from doctor.facts import access
from doctor.facts.access import Obstacle
from doctor.facts.accounts import Accounts
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, TargetKind, Unseen
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.systemd import Unit
from doctor.sources.systemd.files import on_disk
from doctor.sources.systemd.model import LoadedUnit

_ADMINISTRATORS = ("/etc/systemd/system", "/usr/local/lib/systemd/system")


@frozen
class DoomedSocket:
    """A unix socket in a runtime directory that systemd removes while somebody else still listens on it."""

    path: str
    """The path of the socket."""
    directory: str
    """The runtime directory that it lies in, such as /run/shop."""
    unit: str
    """The service whose stop removes the directory."""
    listener: str
    """Who goes on listening: a socket unit, or another service."""
    activated: bool
    """The listener is a socket unit."""
    gone: Fact[bool]
    """It has happened: the listener listens, and there is no file."""


@frozen
class _Kept:
    """Where a unit listens; `own` is the unit that makes its socket anew after its own stop, "" for a socket unit."""

    listener: str
    own: str
    listens: bool
    addresses: Fact[tuple[Address, ...]]


def closed(host: Host, path: str, units: Iterable[Unit], uid: Fact[int], gids: Fact[frozenset[int]]) -> Fact[Obstacle]:
    """The runtime directory above `path` that its unit makes without a way through for nginx's user; Absent: none."""
    for unit in units:
        directories = unit.runtime_directories
        if isinstance(directories, Unknown):
            return directories
        if isinstance(directories, Known):
            above = next((each for each in directories.value if path.startswith(f"{each}/")), None)
            if above is not None:
                return _judged(host, above, unit, uid, gids)
    return ABSENT


def _judged(host: Host, directory: str, unit: Unit, uid: Fact[int], gids: Fact[frozenset[int]]) -> Fact[Obstacle]:
    mode = unit.runtime_directory_mode
    if not isinstance(mode, Known):
        return mode
    if mode.value & 0o111 == 0o111:
        return Absent(mode.places)
    if not (isinstance(uid, Known) and isinstance(gids, Known)):
        return next(
            (fact for fact in (uid, gids) if isinstance(fact, Unknown)),
            Unknown("the user of nginx is not known", Cause.NOT_FOUND),
        )
    name = unit.user.or_("root")
    accounts = Accounts(host)
    owner = accounts.uid(name)
    group = accounts.gid(unit.group.or_(name))
    if not (isinstance(owner, Known) and isinstance(group, Known)):
        return Unknown(f"the numbers of {name} and its group are not known", Cause.NOT_FOUND)
    if uid.value == 0 or access.permitted(mode.value, owner.value, group.value, uid.value, gids.value, "x"):
        return Absent(mode.places)
    return computed(Obstacle(directory, "x", mode.value, owner.value, group.value, False), *mode.places)


def doomed(
    host: Host, units: Iterable[Unit], gunicorns: Sequence[Gunicorn], everybody: Sequence[Unit]
) -> Fact[DoomedSocket]:
    """The socket of an app's `units` that a stop of one of `everybody` removes; one that is gone before others.

    Of one that is gone, a unit that has nothing to do with the web may have removed the directory as well.
    """
    found: Known[DoomedSocket] | None = None
    unsure: Unknown | None = None
    for kept in _listeners(units, gunicorns):
        for unit in everybody:
            if unit.name == kept.own:
                continue
            fact = _removed(host, kept, unit)
            if isinstance(fact, Unknown):
                unsure = unsure or fact
            elif isinstance(fact, Known):
                if fact.value.gone.or_(False):
                    return fact
                found = found or fact
        if found is None and unsure is None:
            removed = _removed_by_another(host, kept, {unit.name for unit in everybody})
            if isinstance(removed, Known):
                return removed
            unsure = removed if isinstance(removed, Unknown) else None
    return found or unsure or ABSENT


def _listeners(units: Iterable[Unit], gunicorns: Sequence[Gunicorn]) -> Iterator[_Kept]:
    for unit in units:
        for socket in unit.triggered_by:
            yield _Kept(socket.name, "", _is(socket.active_state, "active"), socket.listen)
        own = next((g for g in gunicorns if g.name == unit.name), None)
        if own is not None and not unit.triggered_by:
            addresses = own.listens if isinstance(own.listens, Known) else own.settings.bind
            yield _Kept(unit.name, unit.name, isinstance(own.master, Known), addresses)


def _removed(host: Host, kept: _Kept, unit: LoadedUnit) -> Fact[DoomedSocket]:
    directories, preserve = unit.runtime_directories, unit.runtime_directory_preserve
    if not isinstance(directories, Known) or not directories.value:
        return directories.untold()
    if not isinstance(preserve, Known) or preserve.value == "yes":
        return preserve.untold()
    if not isinstance(kept.addresses, Known):
        return kept.addresses.untold()
    for address in kept.addresses.value:
        if address.kind is not AddressKind.UNIX:
            continue
        directory = next((each for each in directories.value if address.path.startswith(f"{each}/")), None)
        if directory is None:
            continue
        gone = _gone(host, address.path, kept)
        happened = gone.or_(False)
        # A service that is down removes nothing more, but the one of a socket unit is started by it.
        idle = kept.own and (_is(unit.active_state, "inactive") or _is(unit.active_state, "failed"))
        if not happened and (idle or preserve.value == "restart"):
            continue
        value = DoomedSocket(address.path, directory, unit.name, kept.listener, not kept.own, gone)
        return computed(value, *directories.places, *kept.addresses.places)
    return Absent(directories.places)


def _removed_by_another(host: Host, kept: _Kept, known: Collection[str]) -> Fact[DoomedSocket]:
    """By a unit of the administrator, none of the `known`; asked only where a socket in /run is missing."""
    if not kept.listens or not any(map(partial(_is_missing, host), kept.addresses.or_(()))):
        return ABSENT
    unsure: Unknown | None = None
    for unit in chain.from_iterable(on_disk(host, folder, "RuntimeDirectory=") for folder in _ADMINISTRATORS):
        if isinstance(unit, Doubt):
            unsure = unsure or Unknown.of(unit)
            continue
        removed = _removed(host, kept, unit) if unit.name not in known else ABSENT
        if isinstance(removed, Known):
            return removed
        if isinstance(removed, Unknown):
            unsure = unsure or removed
    return unsure or ABSENT


def _is_missing(host: Host, address: Address) -> bool:
    inside = address.kind is AddressKind.UNIX and address.path.startswith("/run/")
    return inside and isinstance(host.stat(address.path), Missing)


def _gone(host: Host, path: str, kept: _Kept) -> Fact[bool]:
    if host.kind is TargetKind.TREE:
        return Unknown("files alone do not run", Cause.OUTSIDE)
    stat = host.stat(path)
    if isinstance(stat, Unseen):
        return Unknown.of(stat)
    if not isinstance(stat, Missing):
        return computed(False)
    return computed(kept.listens, Place(path=path, text="no such file"))


def _is(fact: Fact[str], value: str) -> bool:
    return fact.is_(value)
