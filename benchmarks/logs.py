"""A huge error log beside a small one: only its end is read."""

from __future__ import annotations

from benchmarks import lab
from benchmarks.measure import table
from benchmarks.product import Product, rows

SMALL, LARGE = 10, 1024
"""MiB."""

_LINE = (
    "2026/11/01 06:25:01 [error] 812#812: *4711 connect() to unix:/run/old/gunicorn.sock failed (111: Connection "
    'refused) while connecting to upstream, client: 192.0.2.7, server: old.test, request: "GET / HTTP/1.1", '
    'upstream: "http://unix:/run/old/gunicorn.sock:/", host: "old.test"\\n'
)


def measure(product: Product) -> str:
    """The log is exchanged before each check. It vanishes with the machine."""
    with lab.Machine() as m:
        lab.shapes.unix(m)
        for size in (SMALL, LARGE):
            m.sh(f"yes $'{_LINE}' | grep . | head -c {size}M >/var/log/nginx/{size}", timeout=120)
        swap = 'ln -f "/var/log/nginx/$0" /var/log/nginx/error.log; exec "$@"'
        commands = {
            f"{size} MiB": ("/bin/sh", "-c", swap, str(size), *product.command("check")) for size in (SMALL, LARGE)
        }
        costs = lab.in_turns(m, product, commands, rounds=10, seconds=15)
    return table("Error log of nginx", rows(costs, f"{SMALL} MiB"))
