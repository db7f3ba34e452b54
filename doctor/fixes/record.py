"""What a run writes down before it changes anything: enough to take every change back, whenever it was killed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from doctor.edits.changes import Operation, Verb
from doctor.fixes.disk import Attributes, Kind
from doctor.frozen import frozen
from doctor.serial import Form as Written
from doctor.serial import FormError, Json, Serial

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


def _attributes_to_json(own: Attributes) -> Json:
    return {
        "mode": f"{own.mode:04o}",
        "uid": own.uid,
        "gid": own.gid,
        "mtime_ns": own.mtime_ns,
        "xattrs": {name: base64.b64encode(value).decode() for name, value in own.xattrs},
    }


@frozen
class _Attributes:
    """As a manifest holds them: permission bits in octal digits, extended attributes in Base64."""

    mode: str
    uid: int
    gid: int
    mtime_ns: int
    xattrs: Mapping[str, str]

    def meant(self) -> Attributes:
        """Raises ValueError."""
        mode = int(self.mode, 8)
        if not (0 <= mode <= 0o7777 and max(self.uid, self.gid) < 1 << 32 and min(self.uid, self.gid) >= 0):
            raise ValueError("no file has such a mode, owner or group")
        if abs(self.mtime_ns) >= 1 << 63:
            raise ValueError("no file was changed then")
        xattrs = tuple((name, base64.b64decode(value, validate=True)) for name, value in self.xattrs.items())
        return Attributes(mode, self.uid, self.gid, self.mtime_ns, xattrs)


_SERIAL = Serial(
    {
        Attributes: Written(_Attributes, _attributes_to_json, _Attributes.meant),
        Operation: Written(tuple[Verb, str], lambda op: [op.verb.value, op.unit], lambda row: Operation(*row)),
        UnitState: Written(tuple[str, str], lambda unit: [unit.active, unit.enabled], lambda row: UnitState(*row)),
    }
)


def to_json(run: RunRecord) -> Json:
    """As the manifest holds it."""
    return {"schema": SCHEMA} | cast("dict[str, Json]", _SERIAL.write(run))


def from_json(data: Json) -> RunRecord:
    """The inverse. Raises FormError when it is none."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise FormError(f"its schema is {str(schema)[:60]!r}, not {SCHEMA}")
    return cast(RunRecord, _SERIAL.read(data, RunRecord))
