"""Another process on a port that nginx wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from doctor.cause import Cause
from doctor.facts.address import AddressKind, clash
from doctor.facts.value import ABSENT, Fact, Known, Origin, Place, Unknown
from doctor.hosts.base import Host, Unseen
from doctor.servers.nginx.model import Listen, Server
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import Row, SocketTable, owners


def listen_conflict(
    host: Host, master: Fact[Process], servers: Sequence[Server], table: Fact[SocketTable]
) -> Fact[str]:
    """A sentence that names the port and who holds it; Absent when nginx has its ports, or they are free."""
    if isinstance(master, Known):
        return _kept_from(host, master.value, servers, table)
    if isinstance(master, Unknown):
        return master
    wanted = {x.address.port: x.place for x in _tcp(servers)}
    if not isinstance(table, Known):
        return table
    held: dict[int, list[Row]] = {}
    for row in table.value.rows.values():
        if row.address.kind is AddressKind.TCP and row.address.port in wanted:
            held.setdefault(row.address.port, []).append(row)
    if not held:
        return ABSENT
    port = min(held)
    who = _holder(host, owners(host, [row.inode for row in held[port]]))
    return Known(f"port {port} is held by {who}", (wanted[port], Place(note=who)), Origin.COMPUTED)


def _kept_from(host: Host, master: Process, servers: Sequence[Server], table: Fact[SocketTable]) -> Fact[str]:
    """An address in the files that the running nginx does not hold, because another process does: each reload fails."""
    if not isinstance(table, Known) or not isinstance(master.sockets, Known):
        return (
            table if isinstance(table, Unknown) else Unknown("the sockets of nginx could not be seen", Cause.UNREADABLE)
        )
    own = {row.address for inode, row in table.value.rows.items() if inode in master.sockets.value}
    for listen in _tcp(servers):
        if listen.address in own:
            continue
        rivals = [
            row for row in table.value.rows.values() if row.address not in own and clash(listen.address, row.address)
        ]
        if rivals:
            who = _holder(host, owners(host, [row.inode for row in rivals]))
            said = f"port {listen.address.port} is held by {who}"
            return Known(said, (listen.place, Place(note=who)), Origin.COMPUTED)
    return ABSENT


def _tcp(servers: Sequence[Server]) -> Iterator[Listen]:
    """What is bound as TCP: `quic` beside `ssl` is another socket, of UDP."""
    for server in servers:
        yield from (listen for listen in server.listens if listen.address.kind is AddressKind.TCP and not listen.udp)


def _holder(host: Host, owners: Mapping[int, Fact[tuple[int, ...]]]) -> str:
    lines = host.processes()
    names = {} if isinstance(lines, Unseen) else {line.pid: line.comm for line in lines}
    for pids in owners.values():
        for pid in pids.or_(())[:1]:
            return f"{names.get(pid, 'a process')} (pid {pid})"
    reason = next((pids.reason for pids in owners.values() if isinstance(pids, Unknown)), "")
    return f"another process ({reason})" if reason else "another process"
