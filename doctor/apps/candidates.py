"""Apps in the making: which units, Gunicorns and addresses belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from doctor.apps.identity import told_apart
from doctor.apps.joining import Assigned, Candidate, Routes
from doctor.apps.topology import PeerState
from doctor.facts.address import Address
from doctor.facts.value import Absent, Fact, Known, Place
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.sockets.model import CONTROL_SOCKET, Listener
from doctor.sources.systemd import Unit

_Listeners: TypeAlias = Fact[tuple[Listener, ...]]


def unit_names(candidate: Candidate) -> frozenset[str]:
    """Names of its units, with and without their suffix."""
    return frozenset(u.name for u in candidate.units) | {u.name.removesuffix(".service") for u in candidate.units}


def owned(g: Gunicorn, units: Iterable[Unit]) -> bool:
    """One of the units runs it."""
    return any(g.name == unit.name for unit in units)


def candidates(units: Sequence[Unit], gunicorns: Sequence[Gunicorn], listeners: _Listeners) -> list[Candidate]:
    """One for each unit that runs Gunicorn, and one for each stray that is no rival of such a unit."""
    found: list[Candidate] = []
    for unit in units:
        own = tuple(g for g in gunicorns if g.name == unit.name)
        if own:
            found.append(
                _candidate(unit.name.removesuffix(".service"), unit, own, listeners, _configured(own[0], unit))
            )
    for stray in gunicorns:
        if owned(stray, units):
            continue
        held = [listener.address for listener in _held((stray,), None, listeners)]
        if any(is_rival(stray, candidate, held) for candidate in found):
            continue
        found.append(_candidate(_stray_name(stray), None, (stray,), listeners, stray.settings.bind))
    return _told_apart(found)


def _told_apart(found: Sequence[Candidate]) -> list[Candidate]:
    """Each with a name of its own: that of a unit stays, and of others the folder they run in goes with it."""
    names = told_apart([c.name for c in found], [_hints(c) for c in found], [bool(c.units) for c in found])
    return [replace(c, name=name, word=c.word or c.name) for c, name in zip(found, names, strict=True)]


def _hints(candidate: Candidate) -> tuple[str, ...]:
    own = candidate.gunicorns[0]
    unit = candidate.units[0].name if candidate.units else ""
    folder = own.logical_directory.or_("") or own.directory.or_("")
    return unit, folder, own.master.map(lambda it: f"pid {it.pid}").or_("")


def _candidate(
    name: str,
    unit: Unit | None,
    gunicorns: tuple[Gunicorn, ...],
    listeners: _Listeners,
    configured: Fact[tuple[Address, ...]],
) -> Candidate:
    held = _held(gunicorns, unit, listeners)
    return Candidate(
        name=name,
        units=(unit,) if unit else (),
        gunicorns=gunicorns,
        holds=tuple(listener.address for listener in held),
        configured=configured,
        inodes=frozenset(listener.inode for listener in held),
        word=name.rpartition("/")[2],
    )


def _stray_name(stray: Gunicorn) -> str:
    """Named after its application's folder, as people would: /srv/shop/current → shop."""
    for fact in (stray.logical_directory, stray.directory):
        if isinstance(fact, Known):
            parts = [p for p in fact.value.split("/") if p and p not in {"current", "app", "src"}]
            if "releases" in parts:
                parts = parts[: parts.index("releases")]
            if parts:
                return parts[-1]
    return stray.name


def is_rival(g: Gunicorn, candidate: Candidate, addresses: Iterable[Address]) -> bool:
    """A running Gunicorn outside the candidate's units at whose `addresses` that should listen, or of the same code."""
    if not candidate.units or owned(g, candidate.units):
        return False
    running = isinstance(g.master, Known) or bool(g.foreign_workers)
    configured = set(map(str, candidate.configured.or_(())))
    meets = any(str(address) in configured for address in addresses)
    return running and (meets or any(_same_code(g, own) for own in candidate.gunicorns))


def _same_code(a: Gunicorn, b: Gunicorn) -> bool:
    if not (isinstance(a.settings.wsgi_app, Known) and isinstance(b.settings.wsgi_app, Known)):
        return False
    if a.settings.wsgi_app.value != b.settings.wsgi_app.value:
        return False
    directories = [
        {fact.value for fact in (g.directory, g.logical_directory) if isinstance(fact, Known)} for g in (a, b)
    ]
    return bool(directories[0] & directories[1])


def _held(gunicorns: Sequence[Gunicorn], unit: Unit | None, listeners: _Listeners) -> tuple[Listener, ...]:
    """Sockets that the processes hold, or systemd for their socket units."""
    if not isinstance(listeners, Known):
        return ()
    pids = {
        process.pid
        for g in gunicorns
        for process in (
            *g.master.map(lambda it: (it,)).or_(()),
            *(g.workers.or_(())),
            *g.foreign_workers,
        )
    }
    activated = {
        str(address)
        for socket_unit in (unit.triggered_by if unit else ())
        if isinstance(socket_unit.listen, Known) and socket_unit.active_state.is_("active")
        for address in socket_unit.listen.value
    }
    return tuple(
        listener
        for listener in listeners.value
        if not listener.address.path.endswith(CONTROL_SOCKET)
        and (listener.pids.meets(lambda it: pids & set(it)) or str(listener.address) in activated)
    )


def _configured(g: Gunicorn, unit: Unit) -> Fact[tuple[Address, ...]]:
    """Socket activation makes Gunicorn ignore --bind (gunicorn/arbiter.py: LISTEN_FDS)."""
    for socket_unit in unit.triggered_by:
        if not isinstance(socket_unit.listen, Absent):
            return socket_unit.listen
    return g.settings.bind


def merge_groups(found: Sequence[Candidate], routes: Routes) -> tuple[list[Candidate], Routes]:
    """Units behind one upstream group (template instances, blue and green) are one app, with the routes of each."""
    merged: list[Candidate] = []
    ways = dict(routes)
    at: dict[Place, int] = {}
    for candidate in found:
        groups = {a.target.upstream.place for a in ways[candidate.name] if a.target.upstream.group and not _astray(a)}
        index = min((at[group] for group in groups if group in at), default=len(merged))
        for group in groups:
            at.setdefault(group, index)
        partner = merged[index] if index < len(merged) else None
        if partner is None or not candidate.units or not partner.units:
            merged.append(candidate)
            continue
        merged[index] = _together(partner, candidate, ways)
        own = ways.pop(partner.name) + ways.pop(candidate.name)
        ways[merged[index].name] = own
    return merged, ways


def _together(a: Candidate, b: Candidate, taken: Iterable[str]) -> Candidate:
    word = _common_name(a.units + b.units, a.name)
    return Candidate(
        name=_free(word, taken, a, b),
        units=a.units + b.units,
        gunicorns=a.gunicorns + b.gunicorns,
        holds=a.holds + b.holds,
        configured=_joined(a.configured, b.configured),
        inodes=a.inodes | b.inodes,
        word=word,
    )


def _free(name: str, taken: Iterable[str], *parts: Candidate) -> str:
    """The name that units have in common, unless another app has it: then that of the first of them."""
    return name if name not in taken or any(part.name == name for part in parts) else parts[0].name


def _astray(assigned: Assigned) -> bool:
    """Another app answers in the place of the one it was meant for: not a sign that they belong together."""
    return assigned.state.is_(PeerState.STRANGER)


def _joined(a: Fact[tuple[Address, ...]], b: Fact[tuple[Address, ...]]) -> Fact[tuple[Address, ...]]:
    if isinstance(a, Known) and isinstance(b, Known):
        return Known(a.value + b.value, a.places + b.places, a.origin)
    return a if not isinstance(a, Known) else b


def _common_name(units: Sequence[Unit], fallback: str) -> str:
    """shop@1.service and shop@2.service → shop; shop-blue and shop-black → shop; app@8001 and app@8002 → app."""
    names = [unit.name.removesuffix(".service") for unit in units]
    first = names[0]
    length = next((i for i in range(len(first)) if any(n[i : i + 1] != first[i] for n in names)), len(first))
    common = first[:length]
    following = {name[len(common) : len(common) + 1] for name in names}
    for run in (str.isdigit, str.isalpha):
        # The names part within a number or word, which belongs to what differs.
        while common and run(common[-1]) and any(run(sign) for sign in following):
            common = common[:-1]
    return common.rstrip("@-_.") or fallback
