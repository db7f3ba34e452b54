"""Fixes on real machines: which are on offer, what the files are before and after, a client that never stops asking."""

from __future__ import annotations

import difflib
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from doctor.engine.load import load_rules
from doctor.engine.rule import Safety
from doctor.run import Options, check
from lab import recording
from lab.machine import LAB, LabError, Machine
from lab.recipe import FIXTURES, Fault, Recipe, load_all

SCRIPTS = f"{LAB}/tree/tests/lab/scripts"
"""The programs that run inside the machines."""

_OPTIONS = {Safety.SAFE: ("--fix",), Safety.UNSAFE: ("--fix", "--unsafe-fixes")}
_RESULT, _PID = "/tmp/hammer.json", "/tmp/hammer.pid"


# What is on offer.


@dataclass(frozen=True)
class Offer:
    """A fault whose rule offers fixes of this class. `whole`: no fix beyond this class is needed for its cure."""

    recipe: Recipe
    fault: Fault
    safety: Safety
    whole: bool

    @property
    def name(self) -> str:
        return f"{self.recipe.rule}/{self.fault.name}/{self.safety.value}"

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `check` that make these fixes."""
        return _OPTIONS[self.safety]


@cache
def offers() -> tuple[Offer, ...]:
    """Every offer, from the recordings beside the recipes; takes some seconds."""
    rules = automatic_rules()
    return tuple(
        offer
        for recipe in load_all()
        if recipe.rule in rules
        for fault in recipe.faults
        for offer in _offers(recipe, fault)
    )


def automatic_rules() -> frozenset[str]:
    """Names of the rules that have a safe or unsafe fix."""
    return frozenset(
        rule.name for rule in load_rules() for case in rule.cases if any(fix.safety in _OPTIONS for fix in case.fixes)
    )


def _offers(recipe: Recipe, fault: Fault) -> Iterator[Offer]:
    path = recipe.folder / f"{fault.name}{recording.SUFFIX}"
    if not path.exists():  # of which test_replay complains
        return
    with recording.opened(path) as name:
        own = [f for f in check(Options(targets=(name,))).findings if f.name == recipe.rule]
    offered = [{fix.safety for fix in finding.fixes} & _OPTIONS.keys() for finding in own]
    classes = set().union(*offered)
    if Safety.SAFE in classes:
        yield Offer(recipe, fault, Safety.SAFE, whole=all(safeties == {Safety.SAFE} for safeties in offered))
    if Safety.UNSAFE in classes:
        yield Offer(recipe, fault, Safety.UNSAFE, whole=all(offered))


def curable(report: dict[str, Any], offer: Offer) -> dict[tuple[str, str], str]:
    """Subjects (kind, name) of the rule's findings that fixes of the offer's class are to cure, with the severity."""
    classes = {"safe"} if offer.safety is Safety.SAFE else {"safe", "unsafe"}
    return {
        (finding["subject"]["kind"], finding["subject"]["name"]): finding["severity"]
        for finding in report["findings"]
        if finding["name"] == offer.recipe.rule and classes & {fix["safety"] for fix in finding["fixes"]}
    }


def not_cured(report: dict[str, Any], offer: Offer, curable: dict[tuple[str, str], str]) -> list[tuple[str, str]]:
    """Those subjects that have as grave a finding still. What was broken may be foretold yet: then a person decides."""
    severities = ["error", "warning", "info"]
    return [
        subject
        for finding in report["findings"]
        if finding["name"] == offer.recipe.rule
        and (subject := (finding["subject"]["kind"], finding["subject"]["name"])) in curable
        and severities.index(finding["severity"]) <= severities.index(curable[subject])
    ]


# What the doctor is asked for.


def fix(m: Machine, *options: str) -> dict[str, Any]:
    """The report of `flaskdoctor check --fix`; its exit status must say what the findings say."""
    done = m.doctor("check", "--format", "json", *options, timeout=180)
    said = f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    assert done.returncode in (0, 1), f"check {' '.join(options)} ended with {done.returncode}\n{said}"
    assert "Traceback" not in done.stderr, said
    report: dict[str, Any] = json.loads(done.stdout)
    loud = [finding["name"] for finding in report["findings"] if finding["severity"] != "info"]
    assert done.returncode == (1 if loud else 0), f"status {done.returncode}, but the findings are {loud}"
    return report


def applied(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The fixes that were made and stayed."""
    return [entry for entry in report["fixes"] if entry["result"] == "applied"]


def tried(report: dict[str, Any]) -> str:
    """What became of each fix, for a failure message."""
    rows = [
        f"{e['result']:12} {e['rule']} {e.get('name', '')} [{e['action']}] undo {e['undo']}: {e['detail']}"
        for e in report["fixes"]
    ]
    return "\n".join(rows) or "no fix was tried"


def undo(m: Machine, *run: str) -> str:
    """`flaskdoctor undo`, which must end well."""
    done = m.doctor("undo", *run, timeout=180)
    assert done.returncode == 0, f"undo ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


def leftovers(m: Machine) -> list[str]:
    """Files of ours anywhere but in our own place."""
    found = m.sh(
        "find / /run /tmp -xdev \\( -path /opt -o -path /var/lib/flaskdoctor -o -path /proc -o -path /sys \\) -prune "
        "-o -name '*flaskdoctor*' -print"
    )
    return sorted(set(found.splitlines()))


# The files.


def files(m: Machine) -> list[str]:
    """Every file that a fix could change, a line each: see scripts/listing.py."""
    return m.run(("/usr/bin/python3", f"{SCRIPTS}/listing.py")).stdout.splitlines()


def difference(before: list[str], after: list[str]) -> str:
    """What differs, as a unified diff; "" if nothing does."""
    return "\n".join(difflib.unified_diff(before, after, "before", "after", n=0, lineterm=""))


def changed(before: list[str], after: list[str]) -> list[str]:
    """Paths that came, went, or are not what they were."""
    return sorted({line.split(" ", 1)[0] for line in set(before) ^ set(after)})


# The client.


@dataclass
class Requests:
    """What a client that asks all the time saw; filled in when it has ended."""

    sent: int = 0
    good: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


@contextmanager
def hammering(m: Machine, host: str, path: str = "/") -> Iterator[Requests]:
    """Requests through nginx, from before the block to a second after it: see scripts/hammer.py."""
    seen = Requests()
    m.sh(
        f"rm -f {_RESULT}; setsid -f /bin/sh -c 'echo $$ >{_PID}; exec /usr/bin/python3 {SCRIPTS}/hammer.py "
        f"{host} {path} {_RESULT}' >/tmp/hammer.log 2>&1 </dev/null; sleep 0.5"
    )
    yield seen
    # Old workers finish what they have, new ones take over: a request that is lost then is lost by the fix.
    m.sh(f"sleep 1; kill -TERM $(cat {_PID})")
    m.wait_until("the client has ended", lambda: m.exists(_RESULT), timeout=20)
    result = json.loads(m.read(_RESULT))
    m.sh(f"rm -f {_RESULT} {_PID} /tmp/hammer.log")
    if not result["requests"]:
        raise LabError("the client sent no request")
    seen.sent, seen.good, seen.counts = result["requests"], result["good"], result["counts"]
    seen.failed = [(at, what) for at, what in result["failed"]]


# What is written down.


def save(offer: Offer, result: dict[str, Any]) -> None:
    """Keep what a fix did beside the recording of its fault, by its class."""
    merge(FIXTURES / offer.recipe.rule / f"{offer.fault.name}.fix.json", {offer.safety.value: result})


def merge(path: Any, part: dict[str, Any]) -> None:
    """Put these keys into a JSON file that other processes write too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        kept = {**(json.loads(text) if text else {}), **part}
        file.truncate(0)
        file.write(json.dumps(kept, indent=2, sort_keys=True) + "\n")
