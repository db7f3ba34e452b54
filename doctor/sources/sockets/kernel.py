"""The kernel's own list of listening sockets, and the processes that hold them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from doctor.cause import Cause, doubt
from doctor.facts.address import Address, AddressKind, tcp, unix
from doctor.facts.value import Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.programs import LISTENERS
from doctor.hosts.base import Content, Host, ProcessLine, ProcessRecord, TextKind, Unseen
from doctor.sources import process

_LISTEN = "0A"
_ACCEPTS = 0x10000
"""__SO_ACCEPTCON in the flags of /proc/net/unix (unix_seq_show, net/unix/af_unix.c)."""


@frozen
class Row:
    """One listening socket as the kernel lists it. The path of a unix socket may be relative, as it was bound."""

    address: Address
    inode: int
    queue: int | None
    place: Place


@frozen
class SocketTable:
    """One reading of the kernel's list: every listening socket of this network namespace."""

    rows: Mapping[int, Row]
    """By inode."""
    named: Mapping[str, tuple[Row, ...]]
    """Unix sockets in the file system, by the last component of the path they were bound to."""


def table(host: Host) -> Fact[SocketTable]:
    """Source: /proc/net/tcp, tcp6 and unix (proc_pid_net(5))."""
    rows: dict[int, Row] = {}
    named: dict[str, tuple[Row, ...]] = {}
    seen: list[Place] = []
    unseen: Unseen | None = None
    for path in ("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/unix"):
        content = host.read(path, TextKind.KERNEL, limit=4 << 20)
        if isinstance(content, Content):
            seen.append(Place(path=path))
            parse = _unix_rows if path.endswith("unix") else _tcp_rows
            rows.update((row.inode, row) for row in parse(content.text, path))
        elif isinstance(content, Unseen):
            unseen = unseen or content
    if not seen:
        return Unknown.of(doubt(unseen, "the kernel does not list its sockets", Cause.NOT_FOUND))
    for row in rows.values():
        if row.address.kind is AddressKind.UNIX:
            name = posixpath.basename(row.address.path)
            named[name] = (*named.get(name, ()), row)
    return Known(SocketTable(rows, named), tuple(seen))


def owners(host: Host, inodes: Iterable[int]) -> Mapping[int, Fact[tuple[int, ...]]]:
    """The processes that hold sockets, by inode.

    Processes that may have to do with a web application are looked at first, all of them; the others, in order of
    pid, only until every socket that is left has a holder.
    """
    left = set(inodes)
    found: dict[int, list[int]] = {inode: [] for inode in left}
    lines = host.processes()
    if isinstance(lines, Unseen):
        return dict.fromkeys(left, Unknown.of(lines))
    refused: Unseen | None = None
    first = [line for line in lines if line.pid == 1 or _candidate(line)]
    chosen = {line.pid for line in first}
    rest = [line for line in lines if line.pid not in chosen and line.argv]
    for index, line in enumerate((*first, *rest)):
        if index >= len(first) and all(found[inode] for inode in left):
            break
        record = host.process(line.pid)
        if not isinstance(record, ProcessRecord):
            continue
        if isinstance(record.sockets, Unseen):
            refused = refused or record.sockets
            continue
        for inode in left.intersection(record.sockets):
            found[inode].append(line.pid)
    nobody = Unknown.of(doubt(refused, "no process that can be seen holds it", Cause.NOT_FOUND))
    return {
        inode: Known(tuple(sorted(pids)), tuple(Place(path=f"/proc/{pid}/fd") for pid in pids)) if pids else nobody
        for inode, pids in found.items()
    }


def address_of(host: Host, row: Row, pids: Fact[tuple[int, ...]] | None) -> Address:
    """Where a socket was bound; a relative path begins where one of its holders, `pids`, runs."""
    if row.address.path.startswith("/") or pids is None:
        return row.address
    for pid in pids.or_(()):
        cwd = process.read(host, pid).then(lambda holder: holder.cwd)
        if isinstance(cwd, Known):
            return located(row.address, cwd.value.path)
    return row.address


def located(address: Address, directory: str) -> Address:
    """The address of a socket that was bound under a relative path by a process in `directory`."""
    if address.kind is not AddressKind.UNIX or address.path.startswith("/"):
        return address
    return unix(address.path, directory)


def _candidate(line: ProcessLine) -> bool:
    return line.comm.startswith(LISTENERS) or any(
        posixpath.basename(word).startswith(LISTENERS) for word in line.argv[:2]
    )


def _tcp_rows(text: str, path: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines()[1:], 2):
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        host, _, port = fields[1].partition(":")
        queue = int(fields[4].partition(":")[2], 16)
        place = Place(path=path, line=number, text=line.strip())
        yield Row(tcp(_host(host), int(port, 16)), int(fields[9]), queue, place)


def _host(digits: str) -> str:
    """An address in the byte order of the machine, a word at a time (%08X of each, net/ipv4/tcp_ipv4.c)."""
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    if len(words) == 1:
        return ".".join(map(str, words[0]))
    packed = b"".join(words)
    if not any(packed):
        return "::"
    return ":".join(f"{packed[at]:02x}{packed[at + 1]:02x}" for at in range(0, 16, 2))


def _unix_rows(text: str, path: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines()[1:], 2):
        fields = line.split(None, 7)
        if len(fields) < 8 or not int(fields[3], 16) & _ACCEPTS:
            continue
        name = fields[7]
        address = Address(AddressKind.ABSTRACT, path=name[1:]) if name.startswith("@") else unix(name)
        yield Row(address, int(fields[6]), None, Place(path=path, line=number, text=line.strip()))
