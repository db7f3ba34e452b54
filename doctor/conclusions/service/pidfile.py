"""The PID file that Gunicorn writes, and the one that systemd reads."""

from __future__ import annotations

import posixpath

from doctor.facts import access
from doctor.facts.accounts import Accounts
from doctor.facts.value import Absent, Fact, Known, Place, Unknown, computed
from doctor.hosts.base import Content, Host, Missing, Unseen
from doctor.servers.gunicorn import Gunicorn
from doctor.sources.systemd import Unit

_LIMIT = 64


def collect(host: Host, unit: Fact[Unit], gunicorn: Gunicorn) -> Fact[str]:
    """What is wrong with it, one sentence without a full stop; Absent when nothing is, or nobody uses one.

    Type=forking alone needs PIDFile=; with the other types systemd knows the main process by itself
    (systemd.service(5)).
    """
    written = gunicorn.settings.pidfile
    if isinstance(unit, Known) and unit.value.type.is_("forking"):
        read = unit.value.pid_file
        if isinstance(read, Known) and isinstance(written, Known) and read.value != written.value:
            text = f"systemd reads PIDFile={read.value}, but Gunicorn writes {written.value}"
            return computed(text, *read.places, *written.places)
        if isinstance(read, Known) and isinstance(written, Absent):
            return computed(f"systemd waits for PIDFile={read.value}, but Gunicorn writes none", *read.places)
    if not isinstance(written, Known):
        return written
    if isinstance(gunicorn.master, Absent) and isinstance(unit, Known):
        return _unwritable(host, unit.value, written)
    if not isinstance(gunicorn.master, Known):
        return gunicorn.master
    answer = host.read(written.value, limit=_LIMIT)
    if isinstance(answer, Unseen):
        return Unknown.of(answer, written.places)
    if not isinstance(answer, Content):
        return Absent(written.places)
    said, pid = answer.text.strip(), gunicorn.master.value.pid
    if said and not (said.isascii() and said.isdigit()):
        # What else the file holds is not ours to show.
        return computed(f"{written.value} holds no number of a process", Place(path=written.value), *written.places)
    if said == str(pid):
        return Absent((Place(path=written.value, line=1, text=said),))
    place = Place(path=written.value, line=1, text=said)
    return computed(f"{written.value} names process {said or 'none'}, but the master is {pid}", place, *written.places)


def _unwritable(host: Host, unit: Unit, written: Known[str]) -> Fact[str]:
    """Gunicorn writes a temporary file beside it first (gunicorn/pidfile.py, create): the folder must be writable."""
    folder = posixpath.dirname(written.value)
    if not isinstance(unit.user, Known) or not isinstance(unit.runtime_directories, Known):
        return unit.user if isinstance(unit.user, Unknown) else Absent(written.places)
    if folder in unit.runtime_directories.value:
        return Absent(unit.runtime_directories.places)
    if isinstance(host.stat(folder), Missing):
        return computed(f"the folder of {written.value} does not exist", *written.places)
    credentials = Accounts(host).credentials(unit.user.value, unit.group, unit.supplementary_groups)
    if not isinstance(credentials, Known):
        return credentials
    found = access.obstacle(host, folder, *credentials.value, want="wx")
    if not isinstance(found, Known):
        return found
    return computed(f"{unit.user.value} may not write {written.value}", *found.places, *written.places)
