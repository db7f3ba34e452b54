"""What runs an app: something starts it, keeps it up and ends it. Today that is a systemd unit.

Its questions are the same whatever it is: does it run, since when, why did it end, what would its next start use, how
does what runs differ from what is written, what do a reload and a restart do, what brings it back. A rule that is not
about systemd's own directives asks this; one that is asks `app.unit`.
"""

from __future__ import annotations

from enum import Enum

from doctor.conclusions.service.config_reload import UnreadConfig
from doctor.conclusions.service.placement import Placement
from doctor.conclusions.service.reload import NO_RELOAD, ReloadOutlook
from doctor.conclusions.service.runtimedir import DoomedSocket
from doctor.conclusions.service.supervision import Starter
from doctor.facts.value import ABSENT, Fact, absent_all
from doctor.frozen import frozen


class ServiceKind(str, Enum):
    """What it is that runs the app."""

    SYSTEMD = "systemd"
    """A unit."""


class ServiceState(str, Enum):
    """What it is doing, in words that fit every kind."""

    UP = "up"
    """It runs, and has said so where it is to say so."""
    RELOADING = "reloading"
    """It runs, and reads its settings or its code anew."""
    STARTING = "starting"
    """Its first try."""
    RESTARTING = "restarting"
    """Between two tries, or within one after others that failed."""
    STOPPING = "stopping"
    """It was told to end, and has not yet."""
    STOPPED = "stopped"
    """It does not run, and did not fail."""
    FAILED = "failed"
    """It does not run, and nobody tries again."""


@frozen
class Ending:
    """How its last main process ended, if it did."""

    result: Fact[str]
    """What the manager made of it: success, exit-code, signal, timeout, oom-kill, start-limit-hit …"""
    status: Fact[int]
    """The exit status, or the number of the signal."""
    failure: Fact[str]
    """The decisive line of its log, or what the status says; Absent: it did not fail."""


@frozen
class NextStart:
    """What its next start would use; the variables are those of `app.environment`."""

    command: Fact[str]
    """The command line, its words joined by spaces."""
    directory: Fact[str]
    """The working directory, links kept."""
    user: Fact[str]
    """Absent: root."""
    group: Fact[str]
    """Absent: the main group of the user."""
    blocker: Fact[str]
    """Why the manager would not start it: a line that it refuses, a dependency that is missing. Absent: it would."""


@frozen
class Service:
    """What runs an app. Of several units behind one upstream the first that is not up."""

    kind: Fact[ServiceKind]
    """Absent: nothing does, it was started by hand."""
    name: Fact[str]
    """As its manager calls it: "shop.service"."""
    state: Fact[ServiceState]
    """What it is doing."""
    since: Fact[float]
    """When its main process was started, in seconds since the epoch; Absent: it never was."""
    restarts: Fact[int]
    """How often its manager has started it again by itself."""
    ended: Ending
    """How its last run ended."""
    start: NextStart
    """What its next start would use."""
    changed_since_start: Fact[tuple[str, ...]]
    """What is written otherwise than the running Gunicorn was started with: options, user, group, directory."""
    placement: Placement
    """What stands in the way of its next start: a directory, a program or a right that is missing."""
    reload: ReloadOutlook
    """What a reload would do to it now."""
    unread_config: Fact[UnreadConfig]
    """Its configuration file of Gunicorn, changed since that read it; Absent: it has read it as it is, or none runs."""
    not_serving: Fact[str]
    """Why none of its workers takes a request though its master runs, one phrase; Absent when nothing shows."""
    socket_activated: bool
    """A socket unit starts it when somebody connects."""
    socket_removed_by_stop: Fact[DoomedSocket]
    """Its socket, where a stop of some service removes the directory it lies in; Absent: none does."""
    pid_file_problem: Fact[str]
    """What is wrong with its PID file, one sentence without a full stop; Absent when nothing is."""
    unsupervised: Fact[Starter]
    """What it was started from, when nobody starts it again from there: a login session, cron. Absent otherwise."""
    not_started_at_boot: Fact[str]
    """Why no boot starts it: "it is disabled"; Absent: one does."""


NO_SERVICE = Service(
    kind=ABSENT,
    name=ABSENT,
    state=ABSENT,
    since=ABSENT,
    restarts=ABSENT,
    ended=absent_all(Ending),
    start=absent_all(NextStart),
    changed_since_start=ABSENT,
    placement=absent_all(Placement),
    reload=NO_RELOAD,
    unread_config=ABSENT,
    not_serving=ABSENT,
    socket_activated=False,
    socket_removed_by_stop=ABSENT,
    pid_file_problem=ABSENT,
    unsupervised=ABSENT,
    not_started_at_boot=ABSENT,
)
"""Of an app that only nginx knows of."""
