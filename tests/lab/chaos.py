"""What goes wrong while something is changed: killed, refused, hindered, or met by somebody else.

A `Scenario` is a broken machine and the fix that cures it. After whatever happens the machine must be cured, or exactly
as it was before, which `World` tells: files, units and what is served.
"""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from lab import fixing
from lab.asking import PYTHON
from lab.machine import LAB, LabError, Machine
from lab.recipe import FIXTURES, Fault, Step, brief, each, findings, holds, load, nothing, shell, shows

HOME = "/var/lib/flaskdoctor"
"""Where copies and manifests lie."""

RESULTS = FIXTURES / "chaos" / "results.json"

_PLACES = ("/etc", "/srv/shop/current", "/srv/shop/releases", "/run/systemd/system")
_UNITS = ("shop.service", "nginx.service")
_PROPERTIES = "Id,ActiveState,UnitFileState,DropInPaths,NeedDaemonReload,Restart,RestartUSec,ExecReload"
_PID = re.compile(r'"pid": ?\d+,?')


@dataclass(frozen=True)
class Scenario:
    """A fault, and what to ask for so that it is cured. `cured` looks at the machine and raises AssertionError."""

    name: str
    rule: str
    fault: Fault
    options: tuple[str, ...]
    cured: Step
    file: str = ""
    """The file that the fix changes; "" where it only makes one."""
    renew: Step = nothing
    """Makes the doctor find the fault again where undo cannot bring back what it judges by (times of change)."""

    def ready(self, m: Machine) -> None:
        """Deploy and break."""
        self.fault.shape(m)
        self.fault.break_it(m)
        if not self.fault.foretold:
            self.fault.confirm(m)
        assert self.rule in _names(m), f"{self.rule} is not found"

    def confirm_cured(self, m: Machine, patience: float = 10) -> None:
        """Wait until it is cured, and the doctor says so."""
        m.wait_until(f"cured: {self.name}", lambda: not problem(self.cured, m), patience)
        report = m.check()
        assert self.rule not in {name for name, _ in findings(report)}, f"still found:\n{brief(report)}"


def _fault(rule: str, name: str) -> Fault:
    return next(fault for fault in load(rule).faults if fault.name == name)


def _answers_200(m: Machine) -> None:
    status, body = m.http()
    assert status == 200, f"{status}: {body[:200]}"


NGINX = Scenario(
    "nginx file and reload",
    "upstream-bind-mismatch",
    _fault("upstream-bind-mismatch", "other-path"),
    ("--fix", "--unsafe-fixes"),
    _answers_200,
    "/etc/nginx/sites-available/shop",
)
DROPIN = Scenario(
    "drop-in and daemon-reload",
    "restart-policy-missing",
    _fault("restart-policy-missing", "never-written"),
    ("--fix",),
    each(holds("shop.service", "Restart", "on-failure"), _answers_200),
)
LINK = Scenario(
    "link and reload",
    "symlink-not-switched",
    _fault("symlink-not-switched", "forgotten"),
    ("--fix", "--unsafe-fixes"),
    shows("release 2026-11-08"),
    # A link that is newer than the release is a roll-back on purpose.
    renew=shell(
        "sleep 1.1; find /srv/shop/releases/2026-11-08 -exec touch {} +; systemctl start shop; systemctl reload shop; "
        "sleep 1.5"
    ),
)
SCENARIOS = (NGINX, DROPIN, LINK)


def several(*scenarios: Scenario) -> Scenario:
    """Faults of one machine together, the first with its shape; all of them are cured by one run."""
    first, *others = scenarios
    options = max((scenario.options for scenario in scenarios), key=len)
    break_it = each(first.fault.break_it, *(other.fault.break_it for other in others))
    return Scenario(
        " and ".join(scenario.rule for scenario in scenarios),
        scenarios[-1].rule,
        replace(first.fault, name="several", break_it=break_it),
        options,
        each(*(scenario.cured for scenario in scenarios)),
    )


# What the machine is.


@dataclass(frozen=True)
class World:
    """Everything that must be as before where nothing was cured."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, m: Machine) -> World:
        """How it is now."""
        listing = m.run(("/usr/bin/python3", f"{fixing.SCRIPTS}/listing.py", *_PLACES)).stdout
        units = m.run(("systemctl", "show", "-p", _PROPERTIES, *_UNITS)).stdout
        # Of a command, only what it is, not when it ran last.
        units = re.sub(r"ignore_errors=.*", "", units)
        served = [f"{path}: {_told(m, path)}" for path in ("/", "/version", "/static/app.css")]
        return cls((*listing.splitlines(), *units.splitlines(), *served))

    def difference(self, other: World) -> str:
        """What another one has that this has not, and the reverse, as a unified diff."""
        return fixing.difference(list(self.lines), list(other.lines))

    def comes_back(self, m: Machine, patience: float = 8) -> str:
        """Wait until the machine is like this; what differs in the end, or "".

        The old workers of nginx and gunicorn may answer for a moment after a reload.
        """
        differs = self.difference(World.of(m))
        if not differs:
            return ""
        try:
            m.wait_until("as before", lambda: not self.difference(World.of(m)), patience)
        except LabError:
            return self.difference(World.of(m))
        return ""


def _told(m: Machine, path: str) -> str:
    status, body = m.http(path)
    return f"{status} {_PID.sub('', ' '.join(body.split()))}"


def problem(look: Step, m: Machine) -> str:
    """What a look complains about; "" if nothing."""
    try:
        look(m)
    except AssertionError as error:
        return str(error) or type(error).__name__
    return ""


def _names(m: Machine) -> set[str]:
    return {name for name, _ in findings(m.check())}


# The driver.


@dataclass(frozen=True)
class Made:
    """One step that a run made: its number, its name, what it was about."""

    number: int
    name: str
    about: str

    def __str__(self) -> str:
        return f"step {self.number} ({self.name} {self.about})"


@dataclass(frozen=True)
class Strike:
    """What happened at one step, and how the run ended."""

    action: str
    at: Made
    done: subprocess.CompletedProcess[str]

    def __str__(self) -> str:
        return f"{self.action} at {self.at}"


def drive(
    m: Machine, number: int, action: str, *arguments: str, argument: str = "", timeout: float = 180
) -> subprocess.CompletedProcess[str]:
    """Run flaskdoctor, with something happening just before its step `number` (0: nothing happens)."""
    return m.run(driver(number, action, *arguments, argument=argument), check=False, timeout=timeout)


def driver(number: int, action: str, *arguments: str, argument: str = "") -> tuple[str, ...]:
    """The command line of `drive`: see scripts/kill_at.py."""
    script = f"{fixing.SCRIPTS}/kill_at.py"
    return ("env", f"PYTHONPATH={LAB}/tree", PYTHON, script, str(number), action, argument, "--", *arguments)


def made(m: Machine) -> list[Made]:
    """The steps that the last run came to."""
    found = []
    for line in m.read("/tmp/steps").splitlines():
        number, name, about = line.split(" ", 2)
        found.append(Made(int(number), name, about))
    return found


def strikes(
    m: Machine,
    arguments: tuple[str, ...],
    action: str,
    argument: str = "",
    further: Callable[[Made], tuple[str, ...]] = lambda step: (),
    numbers: Iterable[int] = (),
    *,
    every: bool = True,
) -> Iterator[Strike]:
    """Run again and again, with the action at the first step, at the second, …, and `further` actions at each.

    Not at `every` step: at each seventh. All of them take an hour.

    Whoever asks for the next one has brought the machine back to where it was. In the end there is a run that has no
    such step: it was left alone. `numbers`: only at these.
    """
    for number in numbers or itertools.count(1, 1 if every else 7):
        done = drive(m, number, action, *arguments, argument=argument)
        steps = made(m)
        if len(steps) < number:
            return
        yield Strike(action, steps[number - 1], done)
        for other in further(steps[number - 1]):
            done = drive(m, number, other, *arguments, argument=argument)
            steps = made(m)
            if len(steps) >= number:
                yield Strike(other, steps[number - 1], done)


def deaths(step: Made) -> tuple[str, ...]:
    """Further ways to die at a step: a torn write; while a program runs."""
    return {"write": ("torn",), "run": ("after",)}.get(step.name, ())


# What is written down.


@dataclass
class Outcomes:
    """How the machine was in the end, over all steps of one injection."""

    injection: str
    scenario: str
    steps: int = 0
    cured: int = 0
    as_before: int = 0

    def count(self, *, cured: bool) -> None:
        """One more step, after which the machine was cured, or as before."""
        self.steps += 1
        self.cured += cured
        self.as_before += not cured

    def save(self) -> None:
        """Put it among the results."""
        row = {
            "injection": self.injection,
            "scenario": self.scenario,
            "steps": self.steps,
            "cured": self.cured,
            "as_before": self.as_before,
        }
        fixing.merge(RESULTS, {f"{self.injection}: {self.scenario}": row})
