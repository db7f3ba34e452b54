"""Users and groups as the machine's own files name them."""

from __future__ import annotations

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.hosts.base import Content, Host, Missing, TargetKind, TextKind, Unseen

_LOCAL_SOURCES = frozenset(("files", "systemd", "compat", "db", "altfiles"))
_DATABASES = {"/etc/passwd": "passwd", "/etc/group": "group"}


class Accounts:
    """Looks names up in /etc/passwd and /etc/group."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._files: dict[str, tuple[tuple[list[str], Place], ...] | Unseen] = {}

    def user_exists(self, name: str) -> Fact[bool]:
        """Known for a name or number found; Unknown where other sources of names could have it."""
        return self._exists("/etc/passwd", name)

    def group_exists(self, name: str) -> Fact[bool]:
        """As `user_exists`, for groups."""
        return self._exists("/etc/group", name)

    def home(self, name: str) -> Fact[str]:
        """Home directory of a user."""
        found = self._find("/etc/passwd", name)
        if isinstance(found, (Absent, Unknown)):
            return found
        return (
            Known(found.value[5], found.places)
            if len(found.value) > 5
            else Unknown(f"/etc/passwd has no home of {name}", Cause.NOT_FOUND)
        )

    def homes(self) -> tuple[str, ...]:
        """Home directories of all users; none where they cannot be read."""
        entries = self._entries("/etc/passwd")
        return () if isinstance(entries, Unseen) else tuple(fields[5] for fields, _ in entries if len(fields) > 5)

    def name_of(self, uid: str) -> Fact[str]:
        """Name of a user by its number, in digits."""
        found = self._find("/etc/passwd", uid)
        return Known(found.value[0], found.places) if isinstance(found, Known) else found

    def uid(self, name: str) -> Fact[int]:
        """Number of a user by its name, or the number itself."""
        return self._number("/etc/passwd", name)

    def gid(self, name: str) -> Fact[int]:
        """As `uid`, for groups."""
        return self._number("/etc/group", name)

    def credentials(self, user: str, group: Fact[str], more: Fact[tuple[str, ...]]) -> Fact[tuple[int, frozenset[int]]]:
        """What a service of `user` runs with: the user's number, and those of all groups.

        `group` is Group=; Absent: the user's own. `more` is SupplementaryGroups=; groups that list the user count
        too (initgroups(3)).
        """
        found = self._find("/etc/passwd", user)
        if not isinstance(found, Known):
            return found
        fields = found.value
        if len(fields) < 4 or not (fields[2].isdigit() and fields[3].isdigit()):
            return Unknown(f"/etc/passwd has no numbers of {user}", Cause.NOT_FOUND)
        primary: Fact[int] = self.gid(group.value) if isinstance(group, Known) else Known(int(fields[3]))
        if isinstance(group, Unknown) or not isinstance(primary, Known):
            return group if isinstance(group, Unknown) else primary.untold()
        entries = self._entries("/etc/group")
        if isinstance(entries, Unseen):
            return Unknown.of(entries)
        listed = {
            int(row[2]) for row, _ in entries if len(row) > 3 and row[2].isdigit() and fields[0] in row[3].split(",")
        }
        if isinstance(more, Unknown):
            return more
        extra = [self.gid(name) for name in more.or_(())]
        gids = frozenset((primary.value, *listed, *(gid.value for gid in extra if isinstance(gid, Known))))
        return Known((int(fields[2]), gids), found.places, Origin.COMPUTED)

    def _number(self, path: str, name: str) -> Fact[int]:
        if name == "root" or name.isdigit():
            return Known(0 if name == "root" else int(name), (), Origin.COMPUTED)
        found = self._find(path, name)
        if not isinstance(found, Known):
            return found
        if len(found.value) < 3 or not found.value[2].isdigit():
            return Unknown(f"{path} has no number of {name}", Cause.NOT_FOUND)
        return Known(int(found.value[2]), found.places)

    def _exists(self, path: str, name: str) -> Fact[bool]:
        if name in {"root", "0"}:
            return Known(True, (Place(note="root always exists"),), Origin.COMPUTED)
        found = self._find(path, name)
        if isinstance(found, Known):
            return Known(True, found.places)
        return found if isinstance(found, Unknown) else Known(False, found.places)

    def _find(self, path: str, name: str) -> Fact[list[str]]:
        entries = self._entries(path)
        if isinstance(entries, Unseen):
            return Unknown.of(entries)
        for fields, place in entries:
            if fields[0] == name or (name.isdigit() and len(fields) > 2 and fields[2] == name):
                return Known(fields, (place,))
        others = self._other_sources(_DATABASES[path])
        if others:
            return Unknown(f"{name} is not in {path}, but names also come from {others}", Cause.AMBIGUOUS)
        return Absent((Place(path=path, text=f"no line for {name}"),))

    def _entries(self, path: str) -> tuple[tuple[list[str], Place], ...] | Unseen:
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> tuple[tuple[list[str], Place], ...] | Unseen:
        if self._host.kind is TargetKind.TREE:
            return Unseen("a repository has no users and groups", Cause.OUTSIDE)
        answer = self._host.read(path)
        if isinstance(answer, Missing):
            return Unseen(f"{path} is not there", Cause.NOT_FOUND)
        if isinstance(answer, Unseen):
            return answer.about(path)
        return tuple(
            (line.split(":"), Place(path=path, line=number, text=line))
            for number, line in enumerate(answer.text.splitlines(), answer.start_line)
            if ":" in line and not line.startswith("#")
        )

    def _other_sources(self, database: str) -> str:
        """Name services besides the local files, from /etc/nsswitch.conf; "" for none."""
        # As plain text `passwd: files` would be taken for a password and hidden.
        answer = self._host.read("/etc/nsswitch.conf", TextKind.NGINX)
        if not isinstance(answer, Content):
            return "" if isinstance(answer, Missing) else "sources that could not be read (/etc/nsswitch.conf)"
        for line in answer.text.splitlines():
            key, colon, sources = line.partition("#")[0].partition(":")
            if colon and key.strip() == database:
                return ", ".join(
                    word for word in sources.split() if not word.startswith("[") and word not in _LOCAL_SOURCES
                )
        return ""
