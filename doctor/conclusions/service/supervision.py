"""Who starts a Gunicorn of no unit again, when it dies or the machine boots?"""

from __future__ import annotations

from enum import Enum

from doctor.cause import Cause
from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, Stat
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process
from doctor.sources.systemd import Unit

_STARTERS = frozenset(("cron.service", "crond.service", "cronie.service", "atd.service", "ssh.service", "sshd.service"))
"""Services that start things for people, and start nothing again."""
_LINGER = "/var/lib/systemd/linger"
"""One empty file for each user whose services run without a login (loginctl(1), enable-linger)."""


class StarterKind(str, Enum):
    """What starts a process, and never again."""

    LOGIN = "login"
    """A session of somebody, which may take it along when it ends."""
    USER = "user"
    """The manager of a user without lingering, which ends with his last session."""
    SERVICE = "service"
    """A service that starts things for people, such as cron."""


@frozen
class Starter:
    """What a Gunicorn was started from. `name`: of a session or service its unit, else the user."""

    kind: StarterKind
    """What sort of thing it is."""
    name: str
    """The unit of a session or service; of a user the user."""

    def __str__(self) -> str:
        if self.kind is StarterKind.LOGIN:
            return f"the login session {self.name}"
        return f"the services of {self.name}, who does not linger" if self.kind is StarterKind.USER else self.name


def collect(host: Host, unit: Fact[Unit], gunicorn: Gunicorn) -> Fact[Starter]:
    """What it was started from, when that starts nothing again.

    Absent: a unit, a supervisor or a container starts it, or it does not run. By the control group of the master
    (pam_systemd(8): a login is a scope of its own).
    """
    if isinstance(unit, Known) or not isinstance(gunicorn.master, Known):
        return ABSENT
    master = gunicorn.master.value
    if master.elsewhere.or_(False):
        return Absent(master.elsewhere.places)
    if not isinstance(master.unit, Known):
        return master.unit
    name, places = master.unit.value, master.unit.places
    if name.startswith("session-") and name.endswith(".scope"):
        return computed(Starter(StarterKind.LOGIN, name), *places)
    if name.startswith("user@"):
        return _of_user(host, name, master)
    return computed(Starter(StarterKind.SERVICE, name), *places) if name in _STARTERS else Absent(places)


def _of_user(host: Host, name: str, master: Process) -> Fact[Starter]:
    """A service of a user's own manager, which ends with the last session unless the user lingers."""
    uid = name.removeprefix("user@").partition(".")[0]
    user = Accounts(host).name_of(uid).or_("")
    if not user:
        return Unknown(f"the name of user {uid} is not known", Cause.NOT_FOUND)
    path = f"{_LINGER}/{user}"
    mark = host.stat(path)
    if isinstance(mark, Stat):
        return Absent((Place(path=path),))
    if not isinstance(mark, Missing):
        return Unknown.of(mark, (Place(path=path),))
    starter = Starter(StarterKind.USER, user)
    return computed(starter, *master.unit.places, Place(path=path, text="not there"))
