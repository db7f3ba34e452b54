"""Recordings of machines: where they lie, how they are written, and what they must say.

`fixtures/healthy/<shape>.snapshot.json` is a healthy machine, whole. `fixtures/<rule>/<fault>.snapshot.json` is a
broken one, `lookalike-<name>.snapshot.json` one that only resembles it: a layer, which holds what differs from the
healthy machine named in its head: "observations", and under "noise" what another boot would change as well. Beside each
lies `<name>.expected.txt`, the report a person sees. Why it is so: docs/adr/0008-recordings.md.

    PYTHONPATH=tests python -m lab.recording fixtures/<rule>/<fault>.snapshot.json >whole.snapshot.json

writes a whole recording, which `flaskdoctor check` reads.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from doctor.hosts.snapshotfile import LAYER_SCHEMA
from doctor.reports.layout import line, plain
from doctor.reports.model import Report
from doctor.reports.text import lines
from doctor.reports.verdict import unknown_lines
from lab import layer
from lab.normal import normal
from lab.recipe import FIXTURES as FIXTURES

SUFFIX = ".snapshot.json"
LOOKALIKE = "lookalike-"
HEALTHY = FIXTURES / "healthy"

Document: TypeAlias = "dict[str, Any]"
Observation: TypeAlias = "dict[str, Any]"


def save(folder: Path, name: str, text: str, base: str = "") -> None:
    """Keep a recording as written by `flaskdoctor snapshot`. The same text gives the same bytes.

    `base` is the shape that the machine was before it was broken; where no machine of that shape is kept, the plainest
    stands for it. A healthy machine has none: the layers over the one it replaces are written anew over it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{SUFFIX}"
    with _alone():
        if path.parent == HEALTHY:
            above = {other: json.loads(load(other)) for other in saved() if _base(_read(other)) == path}
            path.write_text(written(normal(json.loads(text))))
            for other, document in above.items():
                other.write_text(written(split(path, document)))
        else:
            below = HEALTHY / f"{base}{SUFFIX}"
            below = below if below.exists() else HEALTHY / f"unix{SUFFIX}"
            path.write_text(written(split(below, normal(json.loads(text)))))


def load(path: Path) -> str:
    """A recording as `flaskdoctor check` reads it."""
    document = _read(path)
    below = _base(document)
    if below is None:
        return written(document)
    if _digest(below) != document["digest"]:
        raise ValueError(f"{path} lies over another {document['base']} than the one there is: record it anew")
    return written(compose(_read(below), document))


@contextmanager
def opened(path: Path) -> Iterator[str]:
    """The name of a file with the whole recording."""
    with tempfile.NamedTemporaryFile("w", suffix=SUFFIX) as file:
        file.write(load(path))
        file.flush()
        yield file.name


def split(below: Path, document: Document) -> Document:
    """The layer of a recording over the one at `below`."""
    old = {layer.written(o["ask"]): o for o in _read(below)["observations"]}
    new = {layer.written(o["ask"]): o for o in document["observations"]}
    differs: list[Observation] = [
        {"ask": o["ask"], **_said(layer.change(old[key]["answer"], o["answer"]))} if key in old else o
        for key, o in new.items()
        if key not in old or not layer.same(old[key]["answer"], o["answer"])
    ]
    gone: list[Observation] = [{"ask": o["ask"], "gone": True} for key, o in old.items() if key not in new]
    alike = {_told(o) for o in old.values()} & {_told(o) for o in new.values()}

    def is_noise(o: Observation) -> bool:
        key = layer.written(o["ask"])
        return _told(new.get(key, old.get(key, o))) in alike

    head = {name: value for name, value in document.items() if name != "observations"}
    return {
        **head,
        "schema": LAYER_SCHEMA,
        "base": f"{below.parent.name}/{name_of(below)}",
        "digest": _digest(below),
        "observations": [o for o in (*differs, *gone) if not is_noise(o)],
        "noise": [o for o in (*differs, *gone) if is_noise(o)],
    }


def compose(base: Document, above: Document) -> Document:
    """The whole recording of which `above` is the layer over `base`."""
    found = {layer.written(o["ask"]): o for o in base["observations"]}
    for o in (*above["observations"], *above["noise"]):
        key = layer.written(o["ask"])
        if "gone" in o:
            del found[key]
        elif "change" in o:
            found[key] = {"ask": o["ask"], "answer": layer.changed(found[key]["answer"], o["change"])}
        else:
            found[key] = o
    head = {name: value for name, value in above.items() if name not in ("base", "digest", "observations", "noise")}
    return {**head, "schema": base["schema"], "observations": [*found.values()]}


def _said(change: layer.Change) -> dict[str, Any]:
    return {"answer": change["is"]} if "is" in change else {"change": change}


_COUNTED = re.compile(
    r"(?<=\")(?P<name>pid|ppid|started|mtime|ctime|inode|device|mount_namespace|open_files|peer|boot_time"
    r"|SYSTEMD_EXEC_PID|JOURNAL_STREAM)"
    r"\":\"?[\d.:]+|(?<=\"state\":)\"[RS]\"|(?<=\"sockets\":)\[[\d,]*\]|(?<=^\[\"process\",)\d+|--since=@\d+"
)
_DIGITS = re.compile(r"\d+")


def _told(o: Observation) -> str:
    """An observation without what differs from one boot to the next: numbers of processes and inodes, times."""
    text = _COUNTED.sub(r"\g<name>", layer.written([*o["ask"], o.get("answer")]))
    counts = o["ask"][0] == "now" or o["ask"][:2] in (["run", "journalctl"], ["run", "systemctl"]) or _is_proc(o)
    return _DIGITS.sub("0", text) if counts else text


def _is_proc(o: Observation) -> bool:
    return o["ask"][0] == "read" and str(o["ask"][1]).startswith("/proc/")


def _read(path: Path) -> Document:
    document: Document = json.loads(path.read_text())
    return document


def _base(document: Document) -> Path | None:
    """The recording that a layer lies over."""
    return FIXTURES / f"{document['base']}{SUFFIX}" if document["schema"] == LAYER_SCHEMA else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def written(document: Document) -> str:
    """One observation a line, by question, so that a change of one is a change of a line."""
    lists = {"observations", "noise"} & document.keys()
    out = layer.written({name: value for name, value in document.items() if name not in lists})[:-1]
    for name in sorted(lists, reverse=True):
        rows = sorted(document[name], key=lambda o: json.dumps(o["ask"]))
        out += f',"{name}":[\n' + ",\n".join(map(layer.written, rows)) + "\n]"
    return out + "}\n"


@contextmanager
def _alone() -> Iterator[None]:
    """No other process keeps a recording meanwhile: a layer and what it lies over belong together."""
    held = os.open(FIXTURES, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def golden(report: Report) -> str:
    """What a recording is known for: the report as people see it, without the counts that one more rule changes.

    That is the last line, and how often each reason kept a check from being made: the reasons stand there sorted, all
    of them, each in a line (tests/reports holds the words of both).
    """
    said = lines(report, 100)[:-1]
    if told := unknown_lines(report, 100):
        at = next(at for at in range(len(said)) if said[at : at + len(told)] == told)
        reasons = sorted({item.reason.partition("; ")[0] for item in report.unknown})
        said[at : at + len(told)] = [told[0], *(line((f"   {reason}", "")) for reason in reasons)]
    return plain(said)


def saved() -> list[Path]:
    """Every recording there is."""
    return sorted(FIXTURES.glob(f"*/*{SUFFIX}"))


def name_of(path: Path) -> str:
    """The fault, look-alike or shape a recording is of."""
    return path.name.removesuffix(SUFFIX)


if __name__ == "__main__":
    sys.stdout.write(load(Path(sys.argv[1])))
