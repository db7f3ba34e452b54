"""Facts and rules for tests: every field that is not given is empty, false or Absent."""

from __future__ import annotations

import textwrap
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from doctor.apps.topology import App, Facts
from doctor.engine.load import load_rule
from doctor.engine.rule import Rule
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import Absent, Known, Origin, Place
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process
from doctor.sources.systemd import Unit

C = TypeVar("C")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def make(cls: type[C], **given: Any) -> C:
    """An instance with what is given; plain values of Fact fields become Known."""
    values = {}
    for item in fields(cls):  # type: ignore[arg-type]
        hint = _hints(cls)[item.name]
        is_fact = Absent in get_args(hint)
        if item.name in given:
            value = given.pop(item.name)
            values[item.name] = known(value) if is_fact and not _is_fact(value) else value
        else:
            values[item.name] = Absent() if is_fact else _empty(hint)
    assert not given, f"{cls.__name__} has no {sorted(given)}"
    return cls(**values)


def _empty(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return ()
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if is_dataclass(hint):
        return make(hint)  # type: ignore[arg-type, type-var]
    return hint() if isinstance(hint, type) else None


def _is_fact(value: Any) -> bool:
    return type(value).__name__ in ("Known", "Absent", "Unknown")


def known(value: Any, path: str = "", line: int = 0, text: str = "", origin: Origin = Origin.EXPLICIT) -> Known[Any]:
    places = (Place(path=path, line=line, text=text),) if path else ()
    return Known(value, places, origin)


def tcp(port: int) -> Address:
    return Address(AddressKind.TCP, host="127.0.0.1", port=port)


def unix(path: str) -> Address:
    return Address(AddressKind.UNIX, path=path)


def running(name: str = "shop.service", **given: Any) -> Gunicorn:
    """A Gunicorn with a master."""
    return make(Gunicorn, name=name, master=make(Process, pid=122), **given)


def app(name: str = "shop", **given: Any) -> App:
    """An App whose single unit and Gunicorn, when given in the plural, are also given in the singular."""
    for one, many in (("unit", "units"), ("gunicorn", "gunicorns")):
        if given.get(many) and one not in given:
            given[one] = given[many][0]
    return make(App, name=name, **given)


def unit(name: str = "shop.service", **given: Any) -> Unit:
    return make(Unit, name=name, **given)


def machine(*apps: App, **given: Any) -> Facts:
    return make(Facts, name="box", time=1_800_000_000.0, apps=apps, **given)


RULE = """\
id: GUN900
name: test-rule
title: A rule of the tests
symptoms: ["502"]
severity: warning
confidence: high
subject: app
hop: workers
expect: app.gunicorn.settings.workers >= 2
message: "{app.name} has {app.gunicorn.settings.workers} workers"
why: Because.
sources:
  - title: A page
    url: https://example.org/page
"""


def rule_text(extra: str = "", **changes: str | None) -> str:
    """RULE with lines replaced by key (None: left out), and more at its end."""
    lines = []
    for line in RULE.splitlines():
        key = line.split(":")[0]
        if key in changes:
            value = changes[key]
            if value is not None:
                lines.append(f"{key}: {value}")
        else:
            lines.append(line)
    if changes.get("sources", "") is None:
        lines = [line for line in lines if not line.startswith("  ")]
    present = {line.split(":")[0] for line in RULE.splitlines()}
    lines += [f"{key}: {value}" for key, value in changes.items() if key not in present and value is not None]
    return "\n".join(lines) + "\n" + textwrap.dedent(extra)


def rule(extra: str = "", **changes: str | None) -> Rule:
    name = changes.get("name") or "test-rule"
    return load_rule(Path(f"rules/gunicorn/{name}.yaml"), rule_text(extra, **changes))
