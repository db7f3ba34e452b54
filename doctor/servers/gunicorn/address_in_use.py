"""Who holds an address that a Gunicorn is set up for.

Of TCP alone: a Gunicorn that is told a unix path removes what lies there and binds anew (gunicorn/sock.py, UnixSocket).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.address import AddressKind, clash, same_port
from doctor.facts.value import ABSENT, Absent, Fact, Known, Unknown
from doctor.hosts.base import Host
from doctor.servers.gunicorn.model import Gunicorn, Holder
from doctor.sources import process
from doctor.sources.keeper import forwarder, keeper_of
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import Row, owners


def with_holders(host: Host, gunicorns: Iterable[Gunicorn], rows: Mapping[int, Row]) -> Iterable[Gunicorn]:
    """Each with `taken`. `rows`: the listening sockets by inode."""
    for gunicorn in gunicorns:
        yield replace(gunicorn, address_in_use=_holder_of(host, gunicorn, rows))


def _holder_of(host: Host, gunicorn: Gunicorn, rows: Mapping[int, Row]) -> Fact[Holder]:
    bind = gunicorn.settings.bind
    if not isinstance(bind, Known):
        return bind
    if isinstance(gunicorn.listens, Unknown):
        return gunicorn.listens
    own = gunicorn.listens.or_(())
    for address in bind.value:
        if address.kind is not AddressKind.TCP or any(same_port(address, held) for held in own):
            continue
        row = next((row for row in rows.values() if clash(address, row.address)), None)
        if row is not None:
            return _holder(host, gunicorn, row)
    return Absent(bind.places)


def _holder(host: Host, gunicorn: Gunicorn, row: Row) -> Fact[Holder]:
    pids = owners(host, (row.inode,))[row.inode]
    if not isinstance(pids, Known):
        return (
            pids
            if isinstance(pids, Unknown)
            else Unknown("its holder could not be seen", Cause.UNREADABLE, (row.place,))
        )
    own = gunicorn.master.map(lambda it: it.pid).or_(0)
    if own in pids.value:
        return Absent((row.place,))
    found = process.read(host, pids.value[0])
    if not isinstance(found, Known):
        return Unknown(f"pid {pids.value[0]} could not be seen", Cause.UNREADABLE, pids.places)
    line = found.value
    command = line.argv.map(" ".join).or_(line.comm)
    place = replace(found.places[0], text=command)
    return Known(Holder(row.address, line.pid, command, line.unit, line.started, _kept(host, line)), (place,))


def _kept(host: Host, line: Process) -> Fact[str]:
    for keeper in (keeper_of(host, line), forwarder(line)):
        if isinstance(keeper, Known):
            return Known(keeper.value.name, keeper.places)
    return ABSENT
