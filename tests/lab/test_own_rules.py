"""Rules of one's own on a real machine: root makes their fixes only as unsafe ones, and only goes by files of root."""

from __future__ import annotations

import pytest

from lab import fixing, shapes
from lab.machine import Machine

pytestmark = pytest.mark.usefixtures("lab")

FOLDER = "/etc/flaskdoctor/rules"
RULE = """\
id: SYS900
name: low-file-limit
title: The service is not given a file limit of the house
symptoms: ["502"]
severity: warning
confidence: high
subject: unit
hop: unit
expect: count(path for path in unit.drop_ins if matches(path, "flaskdoctor")) > 0
evidence: [unit.fragment]
message: "{unit.name} has no drop-in of the house."
why: The house says so.
fix:
  - title: Raise the limit
    safety: unsafe
    actions:
      - systemd.dropin: {unit: "{unit.name}", section: Service, key: LimitNOFILE, values: ["8192"]}
sources:
  - title: A page of the house
    url: https://example.org/
"""


def test_their_fixes_are_made_as_unsafe_and_taken_back() -> None:
    with Machine() as m:
        shapes.unix(m)
        m.write(f"{FOLDER}/systemd/low-file-limit.yaml", RULE)
        before = fixing.files(m)
        own = ("--rules", FOLDER)
        assert "SYS900" in [finding["rule"] for finding in m.check(*own)["findings"]]
        assert not fixing.applied(fixing.fix(m, "--fix", *own))
        report = fixing.fix(m, "--fix", "--unsafe-fixes", *own)
        assert [entry["name"] for entry in fixing.applied(report)] == ["low-file-limit"], fixing.tried(report)
        assert "LimitNOFILE=8192" in m.sh("systemctl cat shop.service")
        assert m.doctor("undo").returncode == 0
        assert not (diff := fixing.difference(before, fixing.files(m))), diff


def test_root_goes_by_no_rules_that_the_app_can_write() -> None:
    with Machine() as m:
        shapes.unix(m)
        m.write("/srv/shop/rules/systemd/low-file-limit.yaml", RULE, owner="shop:shop")
        m.write(f"{FOLDER}/systemd/low-file-limit.yaml", RULE)
        m.sh(f"mv {FOLDER} /etc/flaskdoctor/kept; ln -s /srv/shop/rules {FOLDER}")
        for folder in ("/srv/shop/rules", FOLDER):
            done = m.doctor("check", "--rules", folder)
            assert (done.returncode, done.stdout) == (2, "")
            assert "may change rules that root would go by" in done.stderr
        assert m.doctor("check", "--rules", "/etc/flaskdoctor/kept").returncode in (0, 1)
