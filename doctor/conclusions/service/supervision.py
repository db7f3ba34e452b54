"""Who starts a Gunicorn of no unit again, when it dies or the machine boots?"""

from __future__ import annotations

from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.hosts.base import Host, Missing, Stat
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.process import Process
from doctor.sources.systemd import Unit

_STARTERS = frozenset(("cron.service", "crond.service", "cronie.service", "atd.service", "ssh.service", "sshd.service"))
"""Services that start things for people, and start nothing again."""
_LINGER = "/var/lib/systemd/linger"
"""One empty file for each user whose services run without a login (loginctl(1), enable-linger)."""


def collect(host: Host, unit: Fact[Unit], gunicorn: Gunicorn) -> Fact[str]:
    """What it was started from, when that starts nothing again: "the login session session-3.scope".

    Absent: a unit, a supervisor or a container starts it, or it does not run. By the control group of the master
    (pam_systemd(8): a login is a scope of its own).
    """
    if isinstance(unit, Known) or not isinstance(gunicorn.master, Known):
        return ABSENT
    master = gunicorn.master.value
    if isinstance(master.elsewhere, Known) and master.elsewhere.value:
        return Absent(master.elsewhere.places)
    if not isinstance(master.unit, Known):
        return master.unit
    name, places = master.unit.value, master.unit.places
    if name.startswith("session-") and name.endswith(".scope"):
        return computed(f"the login session {name}", *places)
    if name.startswith("user@"):
        return _of_user(host, name, master)
    return computed(name, *places) if name in _STARTERS else Absent(places)


def _of_user(host: Host, name: str, master: Process) -> Fact[str]:
    """A service of a user's own manager, which ends with the last session unless the user lingers."""
    uid = name.removeprefix("user@").partition(".")[0]
    user = Accounts(host).name_of(uid).or_("")
    if not user:
        return Unknown(f"the name of user {uid} is not known")
    path = f"{_LINGER}/{user}"
    mark = host.stat(path)
    if isinstance(mark, Stat):
        return Absent((Place(path=path),))
    if not isinstance(mark, Missing):
        return Unknown(mark.reason, (Place(path=path),))
    return computed(
        f"the services of {user}, who does not linger", *master.unit.places, Place(path=path, text="not there")
    )
