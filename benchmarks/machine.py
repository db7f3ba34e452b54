"""A check of a live machine beside what the guides tell people to type in, or beside the check of another commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import lab
from benchmarks.measure import table
from benchmarks.product import Product, rows

GUIDES = """
systemctl cat --no-pager shop
systemctl status --no-pager shop
systemctl show --no-pager shop
journalctl --no-pager -u shop -n 200
journalctl --no-pager -u nginx -n 200
ps aux
ss -ltnp
ss -lxp
curl -sI -H 'Host: shop.test' http://127.0.0.1/
curl -sI --unix-socket /run/shop/gunicorn.sock http://shop.test/
nginx -t
readlink -f /srv/shop/current
grep -R proxy_pass /etc/nginx
ls -l /run/shop /srv/shop
find /srv/shop/releases -maxdepth 2
"""
"""The debugging list of the guides, without the reading and thinking in between."""

_GUIDES, _CHECK = "the guides' commands", "flaskdoctor check"


def measure(product: Product) -> str:
    """A healthy machine, then one that serves old code."""
    return _two_machines(product, {_GUIDES: ("/bin/bash", "-c", GUIDES), _CHECK: product.command("check")}, rounds=15)


def beside(product: Product, other: Product, commit: str) -> str:
    """The same two machines, `check` beside that of another commit."""
    return _two_machines(product, {f"of {commit}": other.command("check"), _CHECK: product.command("check")}, rounds=30)


def _two_machines(product: Product, commands: Mapping[str, Sequence[str]], rounds: int) -> str:
    """The first command is what the others are compared with."""
    base = next(iter(commands))
    with lab.Machine() as m:
        lab.shapes.unix(m)
        healthy = lab.in_turns(m, product, commands, rounds=rounds, seconds=rounds)
        lab.shapes.put_release(m, lab.shapes.SECOND)
        lab.shapes.switch(m, lab.shapes.SECOND)
        stale = lab.in_turns(m, product, commands, rounds=rounds, seconds=rounds)
    statuses = {sample.status for cost in (healthy[_CHECK], stale[_CHECK]) for sample in cost.samples}
    return "\n\n".join(
        (
            table("One app, healthy", rows(healthy, base)),
            table("One app that serves old code", rows(stale, base), [f"exit codes: {sorted(statuses)}; aim: ratio 2"]),
        )
    )
