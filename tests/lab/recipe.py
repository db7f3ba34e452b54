"""How a rule proves itself: one file, `fixtures/<rule>/recipe.py`, that tells its whole story.

A recipe is a module with two tuples:

    FAULTS = (
        Fault("other-path", shapes.unix, break_it=move_the_socket, symptom=answers(502), cure=point_nginx_at_it),
    )
    LOOKALIKES = (
        LookAlike("var-run", shapes.unix, prepare=write_var_run),
    )

For every fault a fresh machine is booted and deployed (the shape), broken the way people break it, and the
symptom is seen on the real machine. The doctor must name the rule first. Then the cure is applied, the symptom
must go, the site must answer, and the doctor must be silent about the rule. A look-alike is a healthy machine
that resembles the fault: the doctor must report neither the rule nor any error or warning.

A symptom looks once and raises AssertionError if it is not there; the lab does the waiting, in both directions.
A fault with `foretold=True` has not bitten yet when the doctor is asked: there the symptom makes it bite (a
deploy, a reload, a restart), which proves that the warning was right.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from lab.machine import TREE, LabError, Machine
from lab.shapes import FIRST, Deployment, Shape, deploy, put_release, switch

FIXTURES = TREE / "fixtures"

Step: TypeAlias = Callable[[Machine], None]
"""Does something on a machine, or looks and raises AssertionError."""


@dataclass(frozen=True)
class Fault:
    """One way to break a machine. `name` is a file name; `host` must answer with status `after` once it is cured."""

    name: str
    shape: Shape
    break_it: Step
    symptom: Step
    cure: Step
    foretold: bool = False
    host: str = "shop.test"
    after: int = 200
    led_by: str = ""
    """The rule that must be named first where another fault is the deeper cause; by default this one."""
    patience: float = 20
    """Seconds until the symptom must show, and must be gone."""

    def confirm(self, m: Machine) -> None:
        """Wait until the symptom shows."""
        error = _settle(m, self.symptom, present=True, patience=self.patience)
        if error:
            raise LabError(f"the symptom did not show: {error}") from error

    def confirm_gone(self, m: Machine) -> None:
        """Wait until the symptom has gone and the site answers."""
        m.wait_http(self.after, host=self.host)
        _settle(m, self.symptom, present=False, patience=self.patience)
        m.wait_http(self.after, host=self.host)


@dataclass(frozen=True)
class LookAlike:
    """A machine that resembles the fault and is fine. It must answer `host` with `status`."""

    name: str
    shape: Shape
    prepare: Step
    host: str = "shop.test"
    status: int = 200
    besides: tuple[str, ...] = ()
    """Other rules that rightly speak here."""


@dataclass(frozen=True)
class Recipe:
    """The story of one rule."""

    rule: str
    faults: tuple[Fault, ...]
    lookalikes: tuple[LookAlike, ...]

    @property
    def folder(self) -> Path:
        return FIXTURES / self.rule


def load(rule: str) -> Recipe:
    """Read fixtures/<rule>/recipe.py."""
    path = FIXTURES / rule / "recipe.py"
    spec = importlib.util.spec_from_file_location(f"recipe_{rule.replace('-', '_')}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Recipe(rule, tuple(module.FAULTS), tuple(module.LOOKALIKES))


def load_all() -> list[Recipe]:
    """Every recipe, by name of the rule."""
    return [load(path.parent.name) for path in sorted(FIXTURES.glob("*/recipe.py"))]


def findings(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Rule and severity of each finding, in the report's order."""
    return [(finding["name"], finding["severity"]) for finding in report["findings"]]


def brief(report: dict[str, Any]) -> str:
    """The findings of a report for a failure message."""
    rows = [f"{f['severity']:8} {f['name']}: {f['message']}" for f in report["findings"]]
    return "\n".join(rows) or f"no findings; summary {json.dumps(report['summary'])}"


def _settle(m: Machine, symptom: Step, *, present: bool, patience: float) -> AssertionError | None:
    deadline = time.monotonic() + patience
    while True:
        error: AssertionError | None = None
        try:
            symptom(m)
        except AssertionError as caught:
            error = caught
        if (error is None) == present:
            return None
        if time.monotonic() > deadline:
            if present:
                return error
            raise LabError("the symptom is still there after the cure")
        time.sleep(0.1)


# Symptoms that many recipes share.


def answers(status: int, path: str = "/", host: str = "shop.test", port: int = 80) -> Step:
    """The site answers with this status; 0: with nothing at all."""

    def look(m: Machine) -> None:
        seen, body = m.http(path, host, port)
        assert seen == status, f"{host}{path} answers {seen}, not {status}: {body[:300]}"

    return look


def shows(text: str, path: str = "/", host: str = "shop.test") -> Step:
    """The body of an answer contains this text, in each of four answers."""

    def look(m: Machine) -> None:
        for _ in range(4):
            status, body = m.http(path, host)
            assert text in body, f"{host}{path} answers {status} without {text!r}: {body[:300]}"

    return look


def journal_says(text: str, unit: str = "shop.service") -> Step:
    """The journal of the unit's last start contains this text."""

    def look(m: Machine) -> None:
        invocation = m.property(unit, "InvocationID")
        lines = m.sh(
            f"journalctl --sync; journalctl -q -o cat _SYSTEMD_INVOCATION_ID={invocation} + INVOCATION_ID={invocation}"
        )
        assert text in lines, f"the journal of {unit} does not say {text!r}: {lines[-1500:]}"

    return look


def nginx_says(text: str) -> Step:
    """The error log of nginx contains this text."""

    def look(m: Machine) -> None:
        log = m.read("/var/log/nginx/error.log")
        assert text in log, f"nginx does not say {text!r}: {log[-1500:]}"

    return look


def fails(*argv: str) -> Step:
    """A command fails."""

    def look(m: Machine) -> None:
        done = m.run(argv, check=False)
        assert done.returncode != 0, f"{' '.join(argv)} succeeds: {done.stdout}{done.stderr}"

    return look


def each(*steps: Step) -> Step:
    """All of these, in order."""

    def look(m: Machine) -> None:
        for step in steps:
            step(m)

    return look


def shell(script: str) -> Step:
    """A step that is a shell script (`bash -e`)."""

    def act(m: Machine) -> None:
        m.sh(script)

    return act


def edit(path: str, old: str, new: str, then: str = "") -> Step:
    """A step that replaces a text in a file, then runs a shell script."""

    def act(m: Machine) -> None:
        m.edit(path, old, new)
        if then:
            m.sh(then)

    return act


UNIT = "/etc/systemd/system/shop.service"
SITE = "/etc/nginx/sites-available/shop"

RESTART = "systemctl reset-failed shop; systemctl restart shop || true"
"""Whether the start succeeds is what the symptom tells."""

RELOAD = "systemctl reload shop"
RELOAD_NGINX = "nginx -t -q && systemctl reload nginx"


def edit_unit(old: str, new: str, then: str = RESTART) -> Step:
    """Edit the unit as people do: the file, daemon-reload, restart."""
    return edit(UNIT, old, new, f"systemctl daemon-reload; {then}")


def edit_site(old: str, new: str, then: str = RELOAD_NGINX) -> Step:
    """Edit the nginx site, test it and reload nginx."""
    return edit(SITE, old, new, then)


def release(
    revision: str, then: str = RELOAD, *, path: str = "", old: str = "", new: str = "", linked: bool = True
) -> Step:
    """Deploy a release: its files, with `old` replaced by `new` in `path`; the link; a script."""

    def act(m: Machine) -> None:
        folder = put_release(m, revision)
        if path:
            m.edit(f"{folder}/{path}", old, new)
        if linked:
            switch(m, revision)
        if then:
            m.sh(then)

    return act


def roll_back(then: str = RESTART) -> Step:
    """Point `current` at the first release again, and run a script."""

    def act(m: Machine) -> None:
        switch(m, FIRST)
        m.sh(then)

    return act


def write(path: str, text: str, then: str = "", mode: int = 0o644) -> Step:
    """A step that writes a file, then runs a shell script."""

    def act(m: Machine) -> None:
        m.write(path, text, mode)
        if then:
            m.sh(then)

    return act


def dropin(text: str, unit: str = "shop.service", name: str = "override", then: str = RESTART) -> Step:
    """Write a drop-in as `systemctl edit` does, then run a shell script. An empty text removes it."""
    path = f"/etc/systemd/system/{unit}.d/{name}.conf"
    after = f"systemctl daemon-reload; {then}"
    return write(path, text, after) if text else shell(f"rm {path}; {after}")


def deployed(app: Deployment) -> Shape:
    """A shape of one deployment."""

    def shape(m: Machine) -> None:
        deploy(m, app)

    return shape


def holds(unit: str, name: str, value: str) -> Step:
    """A property of a unit has this value."""

    def look(m: Machine) -> None:
        seen = m.property(unit, name)
        assert seen == value, f"{name} of {unit} is {seen}, not {value}"

    return look


def nothing(m: Machine) -> None:
    """A step that does nothing: the shape itself is the look-alike."""
