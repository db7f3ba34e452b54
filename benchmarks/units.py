"""Many units and sites on one live machine: how the cost grows."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import lab
from benchmarks.measure import HEAD, table
from benchmarks.product import Product

SIZES = (50, 100, 200)
RUNNING = 3


def measure(product: Product) -> str:
    """All units are installed and all sites are served; a few of the units run."""
    rows = [[*HEAD, "a unit"]]
    first = None
    with lab.Machine() as m:
        for number in range(RUNNING):
            lab.shapes.deploy(m, replace(lab.shapes.SHOP, name=f"run{number}"))
        for size in SIZES:
            _install(m, size - RUNNING)
            cost = lab.in_turns(m, product, {"check": product.command("check")}, rounds=3, seconds=15)["check"]
            first = first or cost
            rows.append([f"{size} units and sites", *cost.row(first), f"{cost.wall / size:.1f} ms"])
    return table("Many units", rows, [f"{RUNNING} of the units run; the others were never started"])


def _install(m: lab.Machine, count: int) -> None:
    """Units and sites from one app, all in one go: a script inside the machine writes them."""
    app = replace(lab.shapes.SHOP, name="NAME")
    m.write("/root/unit", app.unit_text())
    m.write("/root/site", app.site_text())
    m.sh(
        f"""
        for number in $(seq {count}); do
            sed "s/NAME/app$number/g" /root/unit >/etc/systemd/system/app$number.service
            sed "s/NAME/app$number/g" /root/site >/etc/nginx/sites-enabled/app$number
        done
        systemctl daemon-reload
        systemctl reload nginx
        """
    )
