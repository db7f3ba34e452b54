"""A fix and its undo, beside the same done by hand; and what --fix costs where there is nothing to fix."""

from __future__ import annotations

import shlex

from benchmarks import lab
from benchmarks.measure import table
from benchmarks.product import Product, rows

BY_HAND = """
systemctl cat --no-pager shop
cp -a /etc/systemd/system/shop.service /root/shop.service.before
mkdir /etc/systemd/system/shop.service.d
printf '[Service]\\nRestart=on-failure\\nRestartSec=2s\\n' >/etc/systemd/system/shop.service.d/restart.conf
systemd-analyze verify --man=no shop.service
systemctl daemon-reload
systemctl show --no-pager -p Restart,ActiveState shop
rm -r /etc/systemd/system/shop.service.d
systemctl daemon-reload
systemctl show --no-pager -p Restart,ActiveState shop
"""
"""A drop-in as careful people write it, and take it away again."""

_BY_HAND, _FIX, _CHECK = "by hand, there and back", "check --fix, then undo", "check"
_NOTHING = "check --fix, nothing to fix"


def measure(product: Product) -> str:
    """A machine without Restart=, then a healthy one."""
    fix = shlex.join(product.command("check", "--fix"))
    undo = shlex.join(product.command("undo"))
    with lab.Machine() as m:
        lab.load("restart-policy-missing").faults[0].shape(m)
        lab.load("restart-policy-missing").faults[0].break_it(m)
        commands = {_BY_HAND: ("/bin/bash", "-c", BY_HAND), _FIX: ("/bin/bash", "-ec", f"{fix}; {undo}")}
        there = lab.in_turns(m, product, commands, rounds=8, seconds=30)
    with lab.Machine() as m:
        lab.shapes.unix(m)
        commands = {_CHECK: product.command("check"), _NOTHING: product.command("check", "--fix")}
        nothing = lab.in_turns(m, product, commands, rounds=10, seconds=15)
    statuses = sorted({sample.status for sample in there[_FIX].samples})
    return "\n\n".join(
        (
            table("A fix and its undo", rows(there, _BY_HAND), [f"exit codes: {statuses}"]),
            table("Nothing to fix", rows(nothing, _CHECK)),
        )
    )
