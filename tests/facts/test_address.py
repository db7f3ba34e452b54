from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.facts.address import (
    Address,
    AddressKind,
    is_loopback,
    parse_bind,
    parse_listen_stream,
    parse_upstream,
    reachable,
    reaches,
    tcp,
    unix,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("unix:/run/shop/gunicorn.sock", "unix:/run/shop/gunicorn.sock"),
        ("unix:///run/shop.sock", "unix:/run/shop.sock"),
        ("unix:/var/run/shop.sock", "unix:/run/shop.sock"),
        ("unix:shop.sock", "unix:/srv/shop/shop.sock"),
        ("unix:./shop.sock", "unix:/srv/shop/shop.sock"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("tcp://127.0.0.1:9000", "127.0.0.1:9000"),
        ("127.0.0.1", "127.0.0.1:8000"),
        (":8000", "0.0.0.0:8000"),
        ("", "0.0.0.0:8000"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("[::]:8000", "[::]:8000"),
        ("[::1]", "[::1]:8000"),
        ("localhost:5000", "127.0.0.1:5000"),
        ("fd://3", "fd://3"),
        ("/run/shop.sock", "/run/shop.sock:8000"),
    ],
)
def test_gunicorn_binds(text: str, canonical: str) -> None:
    assert str(parse_bind(text, "/srv/shop")) == canonical


@pytest.mark.parametrize("text", ["127.0.0.1:port", "fd://x", "127.0.0.1:", "127.0.0.1:99999"])
def test_binds_that_gunicorn_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_bind(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("unix:/run/shop.sock", "unix:/run/shop.sock"),
        ("unix:run/shop.sock", "unix:/run/shop.sock"),
        ("unix:/run/shop.sock:/uri", "unix:/run/shop.sock"),
        ("unix:/run/shop.sock/", "unix:/run/shop.sock/"),
        ("localhost:8000", "localhost:8000"),
        ("127.0.0.1", "127.0.0.1:80"),
        ("[::1]:8000", "[::1]:8000"),
        ("[0:0:0:0:0:0:0:1]:8000", "[::1]:8000"),
        ("App.Internal:81", "app.internal:81"),
    ],
)
def test_nginx_targets(text: str, canonical: str) -> None:
    assert str(parse_upstream(text)) == canonical


@pytest.mark.parametrize("text", ["unix:", ":8000", "localhost:http", "[::1"])
def test_targets_that_nginx_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"no |not a|invalid"):
        parse_upstream(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("/run/shop.sock", "unix:/run/shop.sock"),
        ("8000", "[::]:8000"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("[::1]:8000", "[::1]:8000"),
        ("@shop", "unix:@shop"),
    ],
)
def test_listen_streams(text: str, canonical: str) -> None:
    assert str(parse_listen_stream(text)) == canonical


@pytest.mark.parametrize(
    ("upstream", "bind", "expected"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000", True),
        ("127.0.0.1:8000", "0.0.0.0:8000", True),
        ("127.0.0.1:8000", "[::]:8000", True),
        ("127.0.0.1:8000", "[::1]:8000", False),
        ("127.0.0.1:8000", "127.0.0.1:8001", False),
        ("127.0.1.1:8000", "127.0.0.1:8000", False),
        ("0.0.0.0:8000", "127.0.0.1:8000", True),
        ("[::1]:8000", "[::]:8000", True),
        ("[::1]:8000", "0.0.0.0:8000", False),
        ("localhost:8000", "127.0.0.1:8000", True),
        ("localhost:8000", "[::1]:8000", True),
        ("localhost:8000", "0.0.0.0:8000", True),
        ("10.0.0.7:8000", "0.0.0.0:8000", False),
        ("10.0.0.7:8000", "10.0.0.7:8000", True),
        ("app.internal:8000", "0.0.0.0:8000", False),
        ("127.evil.test:8000", "0.0.0.0:8000", False),
        ("unix:/run/a.sock", "unix:/var/run/a.sock", True),
        ("unix:/run/a.sock/", "unix:/run/a.sock", False),
        ("unix:/run/a.sock", "127.0.0.1:8000", False),
    ],
)
def test_reaches(upstream: str, bind: str, expected: bool) -> None:
    assert reaches(parse_upstream(upstream), parse_bind(bind)) is expected


def test_a_wildcard_answers_at_every_address_of_the_machine() -> None:
    for bind in ("0.0.0.0:8000", "[::]:8000"):
        assert reaches(parse_upstream("10.0.0.7:8000"), parse_bind(bind), here=True)
    assert not reaches(parse_upstream("10.0.0.7:8000"), parse_bind("127.0.0.1:8000"), here=True)


@pytest.mark.parametrize(
    ("bind", "asked"),
    [
        ("0.0.0.0:8000", "127.0.0.1:8000"),
        ("[::]:8000", "127.0.0.1:8000"),
        ("10.0.0.0:8000", "10.0.0.0:8000"),
        ("[fe80::]:8000", "[fe80::]:8000"),
        ("unix:/run/a.sock", "unix:/run/a.sock"),
    ],
)
def test_where_a_bind_is_reached(bind: str, asked: str) -> None:
    assert str(reachable(parse_bind(bind))) == asked


def test_only_addresses_of_this_machine_are_loopback() -> None:
    assert is_loopback(unix("/run/a.sock"))
    assert is_loopback(tcp("127.0.1.1", 80))
    assert not is_loopback(tcp("10.0.0.7", 80))
    assert not is_loopback(tcp("127.evil.test", 80))


@given(st.sampled_from(["", "127.0.0.1", "10.1.2.3", "::", "::1", "fe80::1"]), st.integers(0, 65535))
def test_what_is_printed_is_read_back(host: str, port: int) -> None:
    address = tcp(host, port)
    assert parse_bind(str(address)) == address
    assert parse_upstream(str(address)) == address


@given(st.text("abc/.", min_size=1, max_size=12).map(lambda t: "/" + t))
def test_a_canonical_path_is_stable(path: str) -> None:
    once = unix(path)
    assert unix(once.path) == once
    assert once.kind is AddressKind.UNIX
    assert once == Address(AddressKind.UNIX, path=once.path)
