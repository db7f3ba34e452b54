"""`--probe`: one HTTP request through nginx and one to Gunicorn, on this machine only, when asked for.

This is the one thing a check sends. `GET /` is what a browser asks first; the answer's body is not read.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from doctor.apps.topology import App
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import Known
from doctor.reports.model import ProbeReport
from doctor.servers.nginx.model import Server

TIMEOUT = 5.0
"""Seconds to wait for each answer."""

_SHOWN = 200
"""Characters of what a stranger answers."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket that is connected already."""

    def __init__(self, connected: socket.socket, host: str) -> None:
        super().__init__(host, timeout=TIMEOUT)
        self.sock = connected

    def connect(self) -> None:
        """Nothing to do: `sock` is connected."""


def probe(app: App) -> tuple[ProbeReport, ...]:
    """Both requests for one app; none where nginx does not serve it or Gunicorn binds nowhere that is local."""
    found: list[ProbeReport] = []
    server = app.routes[0].server if app.routes else None
    if server is not None and server.listens:
        found.append(through_nginx(app.name, server))
    host = host_header(server)
    if isinstance(app.binds, Known):
        found += [to_gunicorn(app.name, address, host) for address in app.binds.value[:1] if _local(address)]
    return tuple(found)


def through_nginx(name: str, server: Server) -> ProbeReport:
    """A request as a browser on this machine would send it, without TLS where there is a choice."""
    listen = next((each for each in server.listens if not each.tls), server.listens[0])
    host = host_header(server)
    scheme = "https" if listen.tls else "http"
    address = _loopback(listen.address)
    target = f"{scheme}://{host}/ at {address}"
    return _request(ProbeReport(name, "nginx", target, None, ""), address, host, tls=listen.tls)


def to_gunicorn(name: str, address: Address, host: str) -> ProbeReport:
    """The request that nginx would pass on, straight to where Gunicorn binds."""
    address = _loopback(address)
    return _request(ProbeReport(name, "gunicorn", str(address), None, ""), address, host)


def _request(asked: ProbeReport, address: Address, host: str, *, tls: bool = False) -> ProbeReport:
    over = threading.Event()
    try:
        with closing(_connected(address)) as plain, closing(_wrapped(plain, host) if tls else plain) as connected:
            connection = _Connection(connected, host)
            with _deadline(connected, over):
                headers = {"Host": host, "User-Agent": "flaskdoctor", "Connection": "close"}
                connection.request("GET", "/", headers=headers)
                answer = connection.getresponse()
            if over.is_set():  # the head has no end but the one that we made
                raise TimeoutError
            return replace(asked, status=answer.status, detail=answer.reason[:_SHOWN])
    except (OSError, http.client.HTTPException) as error:
        if over.is_set() or isinstance(error, TimeoutError):
            return replace(asked, detail=f"timed out after {TIMEOUT:g} s")
        if isinstance(error, OSError):
            return replace(asked, detail=error.strerror or str(error))
        return replace(asked, detail=f"no HTTP: {error!r}"[:_SHOWN])


@contextmanager
def _deadline(connected: socket.socket, over: threading.Event) -> Iterator[None]:
    """Hang up when time is over: the time-out of a socket begins anew with each byte that comes."""

    def hang_up() -> None:
        over.set()
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TIMEOUT, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _wrapped(connected: socket.socket, host: str) -> socket.socket:
    """TLS without a look at the certificate: the question is only whether somebody answers."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connected, server_hostname=host)


def _connected(address: Address) -> socket.socket:
    if address.kind is AddressKind.TCP:
        return socket.create_connection((address.host, address.port), TIMEOUT)
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(TIMEOUT)
    try:
        connected.connect(address.path if address.kind is AddressKind.UNIX else f"\0{address.path}")
    except OSError:
        connected.close()
        raise
    return connected


def _loopback(address: Address) -> Address:
    """A wildcard address is reached by its loopback twin."""
    if address.kind is not AddressKind.TCP or address.host not in ("", "0.0.0.0", "::", "*"):
        return address
    return Address(AddressKind.TCP, host="::1" if address.host == "::" else "127.0.0.1", port=address.port)


def _local(address: Address) -> bool:
    """An address of this machine. What Gunicorn is told to bind to, the owner of the app may have written."""
    if address.kind is not AddressKind.TCP:
        return address.kind in (AddressKind.UNIX, AddressKind.ABSTRACT)
    host = _loopback(address).host
    if host == "localhost":
        return True
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)  # no name is looked up
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((host, 0))
    except OSError:
        return False
    return True


def host_header(server: Server | None) -> str:
    """The first name of the server that a browser could ask for."""
    names = server.names if server is not None else ()
    return next((name for name in names if name not in ("", "_") and not set(name) & set("*~$")), "localhost")
