"""What a run writes down before it changes anything: enough to take every change back, whenever it was killed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from doctor.edits.changes import Operation, Verb
from doctor.fixes.disk import Attributes, Kind
from doctor.frozen import frozen

SCHEMA = "flaskdoctor.run/1"


class State(str, Enum):
    """How far a fix came."""

    BEGUN = "begun"
    """Perhaps some of its changes were made: the run works on it, or was killed."""
    APPLIED = "applied"
    ROLLED_BACK = "rolled-back"
    UNDONE = "undone"
    LEFT = "left"
    """It was to be taken back, and could not be whole: something of it belongs to somebody else by now."""


@frozen
class Form:
    """What lies at a path before or after a change. `copy`: the file of the run's folder that holds the bytes."""

    kind: Kind
    digest: str = ""
    """SHA-256 of the bytes of a file, in hex digits."""
    copy: str = ""
    target: str = ""
    attributes: Attributes | None = None


@frozen
class Step:
    """One path that changes. `temporary`: the name of the new file beside it, until it takes the old one's place."""

    path: str
    before: Form
    after: Form
    temporary: str


@frozen
class UnitState:
    """A unit as it was before; both words are systemd's."""

    active: str
    enabled: str


@dataclass(slots=True)
class FixRecord:
    """One fix of a run."""

    rule: str
    name: str
    subject: str
    title: str
    safety: str
    steps: tuple[Step, ...]
    operations: tuple[Operation, ...]
    units: Mapping[str, UnitState]
    begun: int = 0
    """Operations that were begun: as many from the first on."""
    state: State = State.BEGUN

    @property
    def stands(self) -> bool:
        """Something of it may lie on the machine that can be taken back."""
        return self.state in (State.BEGUN, State.APPLIED, State.LEFT) and not self.lasting

    @property
    def lasting(self) -> bool:
        """Nothing of it can be taken back: processes read their code or their files anew, and nothing else changed."""
        return not self.steps and not any(op.verb in (Verb.START, Verb.ENABLE) for op in self.operations)


@dataclass(slots=True)
class RunRecord:
    """One run. `started` in ISO 8601, UTC."""

    run: str
    started: str
    version: str
    fixes: list[FixRecord] = field(default_factory=list)

    @property
    def open(self) -> list[FixRecord]:
        """What a run that was killed left half done."""
        return [fix for fix in self.fixes if fix.state is State.BEGUN]

    @property
    def standing(self) -> list[FixRecord]:
        """What can be taken back, and what was to be and can be tried again."""
        return [fix for fix in self.fixes if fix.state in (State.APPLIED, State.LEFT)]


def digest(content: bytes) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(content).hexdigest()


def to_json(run: RunRecord) -> dict[str, Any]:
    """As the manifest holds it."""
    return {
        "schema": SCHEMA,
        "run": run.run,
        "started": run.started,
        "version": run.version,
        "fixes": [_fix_to_json(fix) for fix in run.fixes],
    }


def from_json(data: Any) -> RunRecord:
    """The inverse; ValueError, KeyError or TypeError when it is none."""
    if data["schema"] != SCHEMA:
        raise ValueError(f"its schema is {data['schema']!r}, not {SCHEMA}")
    return RunRecord(
        str(data["run"]), str(data["started"]), str(data["version"]), [_fix_from_json(f) for f in data["fixes"]]
    )


def _fix_to_json(fix: FixRecord) -> dict[str, Any]:
    return {
        "rule": fix.rule,
        "name": fix.name,
        "subject": fix.subject,
        "title": fix.title,
        "safety": fix.safety,
        "state": fix.state.value,
        "steps": [
            {
                "path": step.path,
                "before": _form_to_json(step.before),
                "after": _form_to_json(step.after),
                "temporary": step.temporary,
            }
            for step in fix.steps
        ],
        "operations": [[operation.verb.value, operation.unit] for operation in fix.operations],
        "begun": fix.begun,
        "units": {name: [unit.active, unit.enabled] for name, unit in fix.units.items()},
    }


def _fix_from_json(data: Any) -> FixRecord:
    return FixRecord(
        rule=str(data["rule"]),
        name=str(data["name"]),
        subject=str(data["subject"]),
        title=str(data["title"]),
        safety=str(data["safety"]),
        steps=tuple(
            Step(str(s["path"]), _form_from_json(s["before"]), _form_from_json(s["after"]), str(s["temporary"]))
            for s in data["steps"]
        ),
        operations=tuple(Operation(Verb(verb), str(unit)) for verb, unit in data["operations"]),
        units={str(name): UnitState(str(active), str(enabled)) for name, (active, enabled) in data["units"].items()},
        begun=int(data["begun"]),
        state=State(data["state"]),
    )


def _form_to_json(form: Form) -> dict[str, Any]:
    own = form.attributes
    attributes = own and {
        "mode": f"{own.mode:04o}",
        "uid": own.uid,
        "gid": own.gid,
        "mtime_ns": own.mtime_ns,
        "xattrs": {name: base64.b64encode(value).decode() for name, value in own.xattrs},
    }
    return {
        "kind": form.kind.value,
        "digest": form.digest,
        "copy": form.copy,
        "target": form.target,
        "attributes": attributes,
    }


def _form_from_json(data: Any) -> Form:
    own = data["attributes"]
    attributes = own and Attributes(
        mode=int(own["mode"], 8),
        uid=int(own["uid"]),
        gid=int(own["gid"]),
        mtime_ns=int(own["mtime_ns"]),
        xattrs=tuple((str(name), base64.b64decode(value)) for name, value in own["xattrs"].items()),
    )
    return Form(Kind(data["kind"]), str(data["digest"]), str(data["copy"]), str(data["target"]), attributes)
