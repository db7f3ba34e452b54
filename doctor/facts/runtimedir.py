"""Will nginx get through the runtime directory of a service after its next start?

systemd makes RuntimeDirectory= anew at each start, with RuntimeDirectoryMode= and for the user and group of the service
(systemd.exec(5)); a changed mode shows only then.
"""

from __future__ import annotations

from collections.abc import Iterable

from doctor.facts import access
from doctor.facts.socket import Obstacle
from doctor.facts.systemd import Unit
from doctor.facts.systemd.accounts import Accounts
from doctor.facts.value import Absent, Fact, Known, Unknown, computed
from doctor.hosts.base import Host


def closed(host: Host, path: str, units: Iterable[Unit], uid: Fact[int], gids: Fact[frozenset[int]]) -> Fact[Obstacle]:
    """The runtime directory above `path` that its unit makes without a way through for nginx's user; Absent: none."""
    for unit in units:
        directories = unit.runtime_directories
        if isinstance(directories, Unknown):
            return directories
        if isinstance(directories, Known):
            above = next((each for each in directories.value if path.startswith(f"{each}/")), None)
            if above is not None:
                return _judged(host, above, unit, uid, gids)
    return Absent()


def _judged(host: Host, directory: str, unit: Unit, uid: Fact[int], gids: Fact[frozenset[int]]) -> Fact[Obstacle]:
    mode = unit.runtime_directory_mode
    if not isinstance(mode, Known):
        return mode
    if mode.value & 0o111 == 0o111:
        return Absent(mode.places)
    if not (isinstance(uid, Known) and isinstance(gids, Known)):
        return next(
            (fact for fact in (uid, gids) if isinstance(fact, Unknown)), Unknown("the user of nginx is not known")
        )
    name = unit.user.value if isinstance(unit.user, Known) else "root"
    accounts = Accounts(host)
    owner = accounts.uid(name)
    group = accounts.gid(unit.group.value if isinstance(unit.group, Known) else name)
    if not (isinstance(owner, Known) and isinstance(group, Known)):
        return Unknown(f"the numbers of {name} and its group are not known")
    if uid.value == 0 or access.permitted(mode.value, owner.value, group.value, uid.value, gids.value, "x"):
        return Absent(mode.places)
    return computed(Obstacle(directory, "x", mode.value, owner.value, group.value, False), *mode.places)
