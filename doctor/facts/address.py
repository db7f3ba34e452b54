"""Addresses: where Gunicorn binds, where nginx sends, what a socket unit listens on."""

from __future__ import annotations

from enum import Enum

from doctor.frozen import frozen
from doctor.grammar.paths import SOCKET_PATH_LIMIT


class AddressKind(str, Enum):
    """What an address is made of: a path, a name of the abstract namespace, host and port, an inherited descriptor."""

    UNIX = "unix"
    ABSTRACT = "abstract"
    TCP = "tcp"
    FD = "fd"


@frozen
class Address:
    """One address in canonical form: /var/run folded into /run, `host` "" for every interface of a wildcard bind.

    `host` is "" for 0.0.0.0, "::" for every interface of both families, lower case for a name.
    `str(address)` is what people write: unix:/run/x.sock, 127.0.0.1:8000, [::1]:8000, fd://3.
    """

    kind: AddressKind
    """What it is made of: unix (a path), abstract (a name), tcp (host and port) or fd (an inherited descriptor)."""
    path: str = ""
    """Of a unix socket its path, of an abstract one its name; "" of any other."""
    host: str = ""
    """Of TCP the host: "" for every interface of IPv4, "::" for every interface, lower case for a name."""
    port: int = 0
    """Of TCP the port, of an inherited socket the number of the descriptor; 0 of any other."""

    def __str__(self) -> str:
        match self.kind:
            case AddressKind.UNIX:
                return f"unix:{self.path}"
            case AddressKind.ABSTRACT:
                return f"unix:@{self.path}"
            case AddressKind.FD:
                return f"fd://{self.port}"
            case AddressKind.TCP:
                host = f"[{self.host}]" if ":" in self.host else self.host or "0.0.0.0"
                return f"{host}:{self.port}"


def unix(path: str, directory: str = "") -> Address:
    """A socket in the file system. A relative `path` is taken from `directory`; without one it stays relative.

    Repeated slashes and "." are dropped; a slash at the end is kept, for a connect to such a path fails.
    """
    if directory and not path.startswith("/"):
        path = f"{directory.rstrip('/')}/{path}"
    parts = path.split("/")
    last = len(parts) - 1
    path = "/".join(p for i, p in enumerate(parts) if (p or i in (0, last)) and (p != "." or last == 0))
    # /var/run is a link to /run wherever systemd runs (file-hierarchy(7)).
    if path.startswith("/var/run/"):
        path = path.removeprefix("/var")
    return Address(AddressKind.UNIX, path=path)


def tcp(host: str, port: int) -> Address:
    """A TCP address; `host` without brackets. IPv6 is compressed, as the kernel prints it.

    Raises:
        ValueError: `port` is not in 0…65535.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is not a port number")
    host = host.lower()
    if host in ("0.0.0.0", "*"):
        host = ""
    elif ":" in host:
        host = _compressed(host)
    return Address(AddressKind.TCP, host=host, port=port)


def parse_bind(text: str, directory: str = "") -> Address:
    """A bind of Gunicorn (gunicorn/util.py, parse_address). `directory`: where it runs, for a relative socket path.

    A bare path is a host name to Gunicorn, and so it is here. `localhost` is 127.0.0.1: Gunicorn opens an IPv4
    socket for every host that is not an IPv6 address (gunicorn/sock.py, _sock_type).

    Raises:
        ValueError: Gunicorn would refuse it; the message says why.
    """
    text = text.strip()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if path[:1] in ("@", "\0"):
            return Address(AddressKind.ABSTRACT, path=path[1:])
        return unix(path, directory)
    if text.startswith("fd://"):
        return Address(AddressKind.FD, port=_number(text[5:], "file descriptor"))
    text = text.removeprefix("tcp://")
    host, port = text, "8000"
    if "[" in text and "]" in text:
        host, _, rest = text.partition("]")
        host = host[1:]
        port = rest.removeprefix(":") or port
    elif ":" in text:
        host, port = text.split(":")[:2]
    host = "127.0.0.1" if host.lower() == "localhost" else host
    return tcp(host, _number(port, "port number"))


def parse_listen_stream(text: str) -> Address:
    """A ListenStream= of a socket unit (systemd.socket(5)): a path, @name, a port, or host:port.

    A port alone is every interface of both families.

    Raises:
        ValueError: it is none of these (vsock and the like).
    """
    text = text.strip()
    if text.startswith("/"):
        return unix(text)
    if text.startswith("@"):
        return Address(AddressKind.ABSTRACT, path=text[1:])
    if text.isdigit():
        return tcp("::", int(text))
    host, _, port = text.rpartition(":")
    if not host or host.startswith("vsock"):
        raise ValueError(f"{text!r} is no address of a stream socket")
    return tcp(host.strip("[]"), _number(port, "port number"))


def parse_upstream(text: str, default_port: int = 80) -> Address:
    """A target of nginx as in `server` of an upstream, or between scheme and URI of proxy_pass (ngx_parse_url).

    A relative socket path is taken from "/", the directory nginx runs in as a service. A name stays a name.

    Raises:
        ValueError: nginx would refuse it; the message says why.
    """
    if text[:5].lower() == "unix:":
        path = text[5:].partition(":")[0]
        if not path:
            raise ValueError(f'no path in the unix domain socket "{text}"')
        if len(path.encode()) > SOCKET_PATH_LIMIT:
            raise ValueError(f'too long path in the unix domain socket "{text}"')
        return unix(path, "/")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f'invalid host in "{text}"')
        return tcp(host, _number(rest[1:], "port number") if rest else default_port)
    host, colon, port = text.partition(":")
    if not host:
        raise ValueError(f'no host in "{text}"')
    return tcp(host, _number(port, "port number") if colon else default_port)


def is_loopback(address: Address) -> bool:
    """It can only be on this machine: a socket in the file system, 127.0.0.0/8, ::1, localhost."""
    if address.kind is not AddressKind.TCP:
        return True
    return address.host in ("localhost", "::1") or _is_ipv4(address.host, "127.")


def reaches(upstream: Address, bind: Address, *, here: bool = False) -> bool:
    """A connect to `upstream` arrives at a socket bound to `bind` on the same machine.

    A wildcard bind answers at every address that is known to be local, and at none that may be elsewhere; `here`:
    that of `upstream` is one of this machine. [::] takes IPv4 too (net.ipv6.bindv6only is 0 on every distribution).
    `localhost` is both 127.0.0.1 and ::1.
    """
    if AddressKind.TCP not in (upstream.kind, bind.kind):
        return upstream == bind
    if upstream.kind is not bind.kind or upstream.port != bind.port:
        return False
    if upstream.host == bind.host:
        return True
    targets = ("127.0.0.1", "::1") if upstream.host == "localhost" else (upstream.host or "127.0.0.1",)
    sources = ("127.0.0.1", "::1") if bind.host == "localhost" else (bind.host,)
    return any(_answers(target, source, here) for target in targets for source in sources)


def reachable(bind: Address) -> Address:
    """Where a socket bound to `bind` is reached on the same machine: a wildcard by its loopback address."""
    return tcp("127.0.0.1", bind.port) if bind.kind is AddressKind.TCP and bind.host in ("", "::") else bind


def same_port(one: Address, other: Address) -> bool:
    """Both are of TCP, with one port."""
    return one.kind is other.kind is AddressKind.TCP and one.port == other.port


def clash(wanted: Address, held: Address) -> bool:
    """A bind to the one fails because of the other; a wildcard takes every address of its port."""
    return same_port(wanted, held) and (
        "" in (wanted.host, held.host) or reaches(wanted, held) or reaches(held, wanted)
    )


def _answers(target: str, source: str, here: bool) -> bool:
    if target.startswith("::ffff:"):
        target = target.removeprefix("::ffff:")
    local = here or target in ("::1", "::") or _is_ipv4(target, "127.")
    if source == "::":
        return local
    if source == "":
        return local and ":" not in target
    return target == source


def _is_ipv4(host: str, prefix: str) -> bool:
    return host.startswith(prefix) and host.replace(".", "").isdigit()


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not a valid {what}")
    return int(text)


def _compressed(host: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    try:
        return str(IPv6Address(host))
    except AddressValueError:
        return host
