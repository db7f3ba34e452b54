"""`--probe` against real servers on this machine's loopback and on unix sockets."""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from doctor import probe
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import Place, absent_all
from doctor.servers.nginx.model import Listen, Server

asked: list[tuple[str, str | None]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked.append((self.path, self.headers["Host"]))
        self.send_response(502 if self.headers["Host"] == "broken.test" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "peer"


class UnixServer(socketserver.UnixStreamServer):
    pass


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked.clear()
    monkeypatch.setattr(probe, "TIMEOUT", 0.3)


def serve(server: socketserver.BaseServer) -> Iterator[socketserver.BaseServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web() -> Iterator[socketserver.BaseServer]:
    yield from serve(http.server.HTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture
def app_socket(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "s")
    for _ in serve(UnixServer(path, Handler)):
        yield path


def tcp(port: int, host: str = "127.0.0.1") -> Address:
    return Address(AddressKind.TCP, host=host, port=port)


def block(port: int, *names: str, host: str = "") -> Server:
    listen = Listen(tcp(port, host), tls=False, default=False, proxy_protocol=False, place=Place())
    return replace(absent_all(Server), names=names, listens=(listen,))


def test_request_names_the_server(web) -> None:  # type: ignore[no-untyped-def]
    port = web.server_address[1]
    found = probe.through_nginx("shop", block(port, "*.shop.test", "_", "shop.test"))
    assert (found.status, found.detail, found.via) == (200, "OK", "nginx")
    assert found.target == f"http://shop.test/ at 127.0.0.1:{port}"
    assert asked == [("/", "shop.test")]


def test_bad_gateway_is_an_answer(web) -> None:  # type: ignore[no-untyped-def]
    found = probe.through_nginx("shop", block(web.server_address[1], "broken.test"))
    assert (found.status, found.detail) == (502, "Bad Gateway")


def test_request_over_a_unix_socket(app_socket: str) -> None:
    found = probe.to_gunicorn("shop", Address(AddressKind.UNIX, path=app_socket), "shop.test")
    assert (found.status, found.target, found.via) == (200, f"unix:{app_socket}", "gunicorn")
    assert asked == [("/", "shop.test")]


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused = probe.to_gunicorn("shop", tcp(port), "shop.test")
    missing = probe.to_gunicorn("shop", Address(AddressKind.UNIX, path=str(tmp_path / "no")), "shop.test")
    assert (refused.status, refused.detail) == (None, "Connection refused")
    assert (missing.status, missing.detail) == (None, "No such file or directory")


def test_silence_is_timed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = probe.to_gunicorn("shop", tcp(silent.getsockname()[1]), "shop.test")
    assert (found.status, found.detail) == (None, "timed out after 0.3 s")


@pytest.mark.parametrize("drop", [b"HTTP/1.1 200 OK\r\n", b"x"], ids=["lines", "bytes"])
def test_an_answer_that_never_ends_is_timed(drop: bytes) -> None:
    sent: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                for _ in range(60):
                    connection.sendall(drop)
                    sent.append(drop)
                    time.sleep(0.05)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        found = probe.to_gunicorn("shop", tcp(server.getsockname()[1]), "shop.test")
    assert (found.status, found.detail) == (None, "timed out after 0.3 s")
    assert len(sent) < 60


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True), ("", True), ("0.0.0.0", True), ("localhost", True),
        ("192.0.2.1", False), ("shop.invalid", False), ("2001:db8::1", False), ("127.1", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_asked(host: str, local: bool) -> None:
    assert probe._local(Address(AddressKind.TCP, host=host, port=80)) is local


def test_a_long_answer_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shout() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 " + b"x" * 50_000 + b"\r\n\r\n")

        thread = threading.Thread(target=shout)
        thread.start()
        found = probe.to_gunicorn("shop", tcp(server.getsockname()[1]), "shop.test")
        thread.join()
    assert found.status == 200
    assert len(found.detail) == 200


def test_another_protocol() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        found = probe.to_gunicorn("shop", tcp(server.getsockname()[1]), "shop.test")
        thread.join()
    assert found.status is None
    assert "220 mail ready" in found.detail or "reset" in found.detail
