"""The listen directive: addresses, parameters, and what nginx refuses of them."""

from __future__ import annotations

from doctor.facts.address import AddressKind, parse_upstream, tcp
from doctor.facts.value import Place
from doctor.servers.nginx.grammar import LISTEN_FLAGS, LISTEN_OPTIONS
from doctor.servers.nginx.model import Listen


def default_listen(place: Place) -> Listen:
    """What a server without any listen does: port 80 of every IPv4 interface (as root)."""
    return Listen(tcp("", 80), False, False, False, place)


def parse_listen(args: tuple[str, ...], place: Place) -> Listen | str:
    """One listen directive, or why nginx refuses it."""
    if not args:
        return 'invalid number of arguments in "listen" directive'
    for parameter in args[1:]:
        if parameter not in LISTEN_FLAGS and not parameter.startswith(LISTEN_OPTIONS):
            return f'invalid parameter "{parameter}" of listen'
    written = args[0]
    try:
        address = tcp("", int(written)) if written.isdigit() else parse_upstream(written, 80)
    except ValueError as error:
        return f"invalid address of listen: {error}"
    if address.kind is AddressKind.TCP and address.port == 0:
        return f'invalid port in "{written}" of the "listen" directive'
    return Listen(
        address=address,
        tls="ssl" in args[1:] or "quic" in args[1:],
        default="default_server" in args[1:] or "default" in args[1:],
        proxy_protocol="proxy_protocol" in args[1:],
        place=place,
        udp="quic" in args[1:],
    )
