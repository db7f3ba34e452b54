"""A manifest that an earlier version wrote is read, and one is still written so that an earlier version reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from doctor.edits.changes import Operation, Verb
from doctor.fixes.disk import Attributes, Kind
from doctor.fixes.record import FixRecord, Form, RunRecord, State, Step, UnitState, from_json, to_json
from doctor.serial import FormError

OLD = r"""{
 "schema": "flaskdoctor.run/1", "run": "20261122T101500Z-7", "started": "2026-11-22T10:15:00Z", "version": "1.0",
 "fixes": [
  {"rule": "SYS001", "name": "some-rule", "subject": "shop", "title": "Do it", "safety": "safe", "state": "applied",
   "steps": [
    {"path": "/etc/systemd/system/shop.service.d",
     "before": {"kind": "missing", "digest": "", "copy": "", "target": "", "attributes": null},
     "after": {"kind": "directory", "digest": "", "copy": "", "target": "",
      "attributes": {"mode": "0755", "uid": 0, "gid": 0, "mtime_ns": 0, "xattrs": {}}},
     "temporary": ""},
    {"path": "/etc/systemd/system/shop.service.d/zz-flaskdoctor.conf",
     "before": {"kind": "file", "digest": "cdcd", "copy": "cdcd.before", "target": "",
      "attributes": {"mode": "4640", "uid": 1, "gid": 2, "mtime_ns": 1795000000123456789,
       "xattrs": {"user.x": "AP8="}}},
     "after": {"kind": "file", "digest": "abab", "copy": "", "target": "",
      "attributes": {"mode": "0644", "uid": 0, "gid": 0, "mtime_ns": 0, "xattrs": {}}},
     "temporary": ".flaskdoctor-1"},
    {"path": "/srv/caf\udce9",
     "before": {"kind": "link", "digest": "", "copy": "", "target": "/srv/1", "attributes": null},
     "after": {"kind": "link", "digest": "", "copy": "", "target": "/srv/2", "attributes": null},
     "temporary": ".flaskdoctor-2"}
   ],
   "operations": [["daemon-reload", ""], ["restart", "shop.service"]],
   "begun": 2,
   "units": {"shop.service": ["active", "enabled"], "nginx.service": ["failed", ""]}
  }
 ]
}"""
"""As version 1.0 wrote it, digests cut short."""

_NONE = Form(Kind.MISSING)
_OWN = Attributes(0o4640, 1, 2, 1795000000123456789, (("user.x", b"\0\xff"),))
MEANT = RunRecord(
    "20261122T101500Z-7",
    "2026-11-22T10:15:00Z",
    "1.0",
    [
        FixRecord(
            "SYS001",
            "some-rule",
            "shop",
            "Do it",
            "safe",
            (
                Step(
                    "/etc/systemd/system/shop.service.d",
                    _NONE,
                    Form(Kind.DIRECTORY, attributes=Attributes(0o755, 0, 0, 0)),
                    "",
                ),
                Step(
                    "/etc/systemd/system/shop.service.d/zz-flaskdoctor.conf",
                    Form(Kind.FILE, "cdcd", "cdcd.before", attributes=_OWN),
                    Form(Kind.FILE, "abab", attributes=Attributes(0o644, 0, 0, 0)),
                    ".flaskdoctor-1",
                ),
                Step(
                    "/srv/caf\udce9",
                    Form(Kind.LINK, target="/srv/1"),
                    Form(Kind.LINK, target="/srv/2"),
                    ".flaskdoctor-2",
                ),
            ),
            (Operation(Verb.DAEMON_RELOAD), Operation(Verb.RESTART, "shop.service")),
            {"shop.service": UnitState("active", "enabled"), "nginx.service": UnitState("failed", "")},
            2,
            State.APPLIED,
        )
    ],
)


def test_an_old_manifest_is_read() -> None:
    assert from_json(json.loads(OLD)) == MEANT


def test_the_same_is_written() -> None:
    assert to_json(MEANT) == json.loads(OLD)


def test_units_stay_in_order() -> None:
    assert list(from_json(json.loads(OLD)).fixes[0].units) == ["shop.service", "nginx.service"]


_DEEP: Any = "x"
for _ in range(400):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("keys", "value", "where"),
    [
        (("fixes",), "none", "fixes: 'none' is not a list"),
        (("fixes", 0, "state"), "half", "fixes[0].state: 'half' is no State"),
        (("fixes", 0, "begun"), "2", "fixes[0].begun: '2' is not of type int"),
        (("fixes", 0, "begun"), True, "fixes[0].begun: True is not of type int"),
        (("fixes", 0, "operations", 1), ["restart"], "fixes[0].operations[1]: it has 1 parts, not 2"),
        (("fixes", 0, "operations", 1, 0), "rm", "fixes[0].operations[1][0]: 'rm' is no Verb"),
        (("fixes", 0, "units", "shop.service"), 7, "fixes[0].units['shop.service']: 7 is not a list"),
        (("fixes", 0, "steps", 2, "path"), _DEEP, "fixes[0].steps[2].path: a list is not of type str"),
        (("fixes", 0, "steps", 1, "before", "attributes"), [], "steps[1].before.attributes: a list has none"),
        (("fixes", 0, "steps", 1, "before", "attributes", "mode"), "rwx", "steps[1].before.attributes: an object"),
        (("fixes", 0, "steps", 1, "before", "attributes", "mode"), "7" * 4000, "steps[1].before.attributes: an object"),
        (("fixes", 0, "steps", 1, "before", "attributes", "uid"), 1 << 40, "steps[1].before.attributes: an object"),
        (("fixes", 0, "steps", 1, "before", "attributes", "xattrs", "a"), "?", "steps[1].before.attributes: an object"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(keys: tuple[Any, ...], value: Any, where: str) -> None:
    data = json.loads(OLD)
    inner = data
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    with pytest.raises(FormError) as caught:
        from_json(data)
    assert where in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_part_that_is_missing_is_named() -> None:
    data = json.loads(OLD)
    del data["fixes"][0]["state"]  # it has a default, which would say that nothing was done
    with pytest.raises(FormError, match=r"^fixes\[0\]: FixRecord lacks state$"):
        from_json(data)
