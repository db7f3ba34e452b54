"""May Gunicorn make its unix socket at its next start?

It removes what lies at the path and binds anew (gunicorn/sock.py, UnixSocket), so that its user needs to write to the
directory. systemd makes RuntimeDirectory= for that user before each start; nobody makes anything else.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace

from doctor.cause import Cause
from doctor.facts import access
from doctor.facts.accounts import Accounts
from doctor.facts.address import AddressKind
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.grammar.paths import is_below
from doctor.hosts.base import Host, TargetKind, Unseen
from doctor.servers.gunicorn.model import Gunicorn, Unwritable
from doctor.sources.systemd import Unit

_RUN = "/run"


def with_run_directory(host: Host, gunicorn: Gunicorn, unit: Unit) -> Gunicorn:
    """The same with `socket_dir_not_writable`, judged by what `unit` says now."""
    return replace(gunicorn, socket_dir_not_writable=_unwritable(host, gunicorn, unit))


def _unwritable(host: Host, gunicorn: Gunicorn, unit: Unit) -> Fact[Unwritable]:
    bind = gunicorn.settings.bind
    if not isinstance(bind, Known):
        return bind
    if unit.triggered_by:
        return Absent(bind.places)  # systemd binds
    user = unit.user
    if unit.dynamic_user.or_(False):
        user = Unknown("the user is made at the start (DynamicUser=)", Cause.RUN_TIME, unit.dynamic_user.places)
    elif isinstance(user, Absent) or user.meets(lambda it: it in ("root", "0")):
        return Absent(bind.places)
    for address in bind.value:
        if address.kind is not AddressKind.UNIX or not address.path.startswith("/"):
            continue
        directory = posixpath.dirname(address.path)
        found = _directory(host, unit, user, directory, bind.places)
        if isinstance(found, Known) and host.kind is not TargetKind.TREE:
            named = _runtime_name(host, unit, directory, posixpath.basename(address.path))
            return replace(found, value=replace(found.value, runtime_name=named))
        if not isinstance(found, Absent):
            return found
    return Absent(bind.places)


def _runtime_name(host: Host, unit: Unit, directory: str, socket: str) -> Fact[str]:
    """Systemd would give all that lies there to the user of this service, and remove it at its stop."""
    above, name = posixpath.split(directory)
    set_already = unit.runtime_directories.or_(True)
    if above != _RUN or set_already or "RuntimeDirectory" in unit.set_after_ours:
        return Absent(unit.runtime_directories.places)
    entries = host.list(directory)
    if isinstance(entries, Unseen):
        return Unknown.of(entries, (Place(path=directory),))
    others = [entry for entry in entries if entry != socket] if isinstance(entries, tuple) else []
    return Absent((Place(path=directory),)) if others else computed(name, Place(path=directory))


def _directory(
    host: Host, unit: Unit, user: Known[str] | Unknown, directory: str, bind: tuple[Place, ...]
) -> Fact[Unwritable]:
    made = unit.runtime_directories
    if isinstance(made, Unknown):
        return made
    if made.meets(lambda it: any(is_below(directory, each) for each in it)):
        return Absent(made.places)
    if isinstance(user, Unknown):
        return user
    prepared = _prepared(unit, directory)
    if prepared is not None:
        writable = host.kind is not TargetKind.TREE and isinstance(_present(host, unit, user, directory, bind), Absent)
        return Absent(prepared.places) if writable else prepared
    places = (*bind, *user.places)
    if host.kind is TargetKind.TREE:
        if directory == _RUN:
            return Known(Unwritable(directory, user.value, False, 0o755, ABSENT), places)
        return Unknown(f"a repository does not tell who makes {directory}", Cause.OUTSIDE, bind)
    return _present(host, unit, user, directory, places)


def _prepared(unit: Unit, directory: str) -> Unknown | None:
    """A step before the start that runs as root and names the directory: what it does to it is not told."""
    if isinstance(unit.exec_start_pre, Unknown):
        return unit.exec_start_pre
    for command in unit.exec_start_pre.or_(()):
        words = command.argv
        if not ("+" in command.prefixes or "!" in command.prefixes):
            continue
        # `mkdir` alone leaves it to root.
        if posixpath.basename(words[0]) == "mkdir" or not any(directory in word for word in words):
            continue
        return Unknown(
            f"a step before the start may make {directory} ({' '.join(words)})",
            Cause.RUN_TIME,
            unit.exec_start_pre.places,
        )
    return None


def _present(host: Host, unit: Unit, user: Known[str], directory: str, places: tuple[Place, ...]) -> Fact[Unwritable]:
    ids = Accounts(host).credentials(user.value, unit.group, ABSENT)
    if not isinstance(ids, Known):
        return ids
    uid, gids = ids.value
    real = access.physical(host, directory)
    if isinstance(real, Absent):
        return Known(
            Unwritable(directory, user.value, True, 0, ABSENT),
            (*places, Place(path=directory, text="no such directory")),
        )
    barrier = access.obstacle(host, directory, uid, gids, "wx")
    return barrier.then(
        lambda at: Known(Unwritable(at.path, user.value, False, at.mode, ABSENT), (*places, *barrier.places))
    )
