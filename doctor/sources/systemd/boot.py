"""Does the machine start a unit by itself when it boots?

That a unit file is enabled says only that links to it exist. A boot starts what the default target wants, directly or
through other units (bootup(7), systemd.unit(5)), and what a socket, timer or path unit started that way triggers.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from doctor.cause import Cause, Doubt
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.unitfile import Assignment
from doctor.hosts.base import Content, Host, Output, Unseen
from doctor.hosts.commands import show_units
from doctor.sources.systemd.settings import Settings, place_of
from doctor.sources.systemd.show import Properties, parse_show

_DEFAULT = "default.target"
_REACHED = frozenset(
    (_DEFAULT, "graphical.target", "multi-user.target", "basic.target", "sysinit.target", "sockets.target",
     "timers.target", "paths.target")
)  # fmt: skip
"""Targets of every ordinary boot (bootup(7))."""
_PULLED_IN_BY = ("WantedBy", "RequiredBy", "UpheldBy", "BoundBy", "TriggeredBy")
"""The reverse of what starts another unit with itself, as the manager knows it, links made by `enable` included."""
_INSTALL = ("WantedBy", "RequiredBy", "UpheldBy")
_FLEETING = ("/run/systemd/system/", "/run/systemd/transient/", "/run/systemd/system.control/")
"""Where unit files lie until the next boot. What generators write to /run/systemd/generator they write at each boot."""
_WITHOUT_LINKS = {
    "disabled": "it is disabled",
    "linked": "its file is linked into systemd's folders, but it is not enabled",
    "static": "its file has no [Install] section, and nothing that a boot starts wants it",
    "indirect": "it is not enabled itself, and nothing that a boot starts wants it",
    "generated": "its file was generated, and nothing that a boot starts wants it",
    "enabled-runtime": "it is enabled until the next boot only (systemctl enable --runtime)",
}
"""What UnitFileState= says of a unit that no boot starts (systemctl(1), is-enabled)."""
_RC_LOCAL = "/etc/rc.local"
_BOUND = 50


class Boot:
    """What a boot starts, by the word of the manager. `shown`: units it has been asked about already."""

    def __init__(self, host: Host, shown: Mapping[str, Properties]) -> None:
        self._host = host
        self._shown = dict(shown)
        self._default = ""

    def missed(self, settings: Settings) -> Fact[str]:
        """Why no boot starts a unit, a phrase such as "it is disabled"; Absent: one does."""
        properties, place = settings.shown.answer, settings.shown.place("UnitFileState")
        if isinstance(properties, Doubt):
            return Unknown.of(properties)
        if settings.shown.raw("LoadState") == "masked":
            return Known("it is masked", (settings.shown.place("LoadState"),))
        if settings.shown.raw("LoadState") == "not-found":
            return Known("its unit file is gone", (settings.shown.place("LoadState"),))
        if any("pacemaker" in path for path in _first(properties, "DropInPaths").split()):
            # The cluster starts it where it shall run, and its own drop-in says so.
            return Absent((settings.shown.place("DropInPaths"),))
        state, fragment = _first(properties, "UnitFileState"), _first(properties, "FragmentPath")
        if fragment.startswith(_FLEETING) or state == "linked-runtime":
            return Known(f"its file lies in {posixpath.dirname(fragment)}, which is empty after a boot", (place,))
        pulled_in_by = set(_pulled_in_by(properties))
        installed = {word for item in _install(settings) for word in settings.expanded(item).split()}
        if state == "enabled" and not pulled_in_by:
            # The manager does not tell of a target that is not loaded, nor of links it has not read yet.
            if not installed:
                return Absent((place,))
            pulled_in_by = installed
        if state == "enabled-runtime":
            pulled_in_by -= installed
        started = self._any_started(pulled_in_by, set())
        if isinstance(started, Unseen):
            return Unknown.of(started, (place,))
        if started:
            return Absent((place, settings.shown.place("WantedBy")))
        if state != "enabled" and state not in _WITHOUT_LINKS:
            return Unknown(f"systemd says UnitFileState={state} of {settings.name}", Cause.NOT_UNDERSTOOD, (place,))
        stem = settings.name.removesuffix(".service")
        if self._in_rc_local(stem):
            return Unknown(f"{_RC_LOCAL} names {stem}, and may start it", Cause.RUN_TIME, (Place(path=_RC_LOCAL),))
        wanting = " and ".join(sorted(pulled_in_by))
        because = _WITHOUT_LINKS.get(state) or f"only {wanting} starts it, and nothing that a boot starts wants that"
        return Known(because, (place, settings.shown.place("WantedBy")), Origin.COMPUTED)

    def _any_started(self, names: set[str], seen: set[str]) -> bool | Unseen:
        """A boot starts one of these units."""
        if names & _REACHED:
            return True
        names -= seen
        if not names:
            return False
        if len(seen) > _BOUND:
            return Unseen(f"more than {_BOUND} units would have to be looked at", Cause.TOO_MUCH)
        refused = self._ask(names)
        if refused is not None:
            return refused
        above: set[str] = set()
        for name in names:
            properties = self._shown.get(name, {})
            wanting = set(_pulled_in_by(properties))
            if name == self._default or (_first(properties, "UnitFileState") == "enabled" and not wanting):
                return True
            above |= wanting
        return self._any_started(above, seen | names)

    def _ask(self, names: set[str]) -> Unseen | None:
        """Let the manager tell of those it has not told of, and which unit the default target is."""
        wanted = sorted(names - self._shown.keys())
        if not self._default:
            wanted.append(_DEFAULT)
        if not wanted:
            return None
        answer = self._host.run(show_units(tuple(wanted)))
        if not isinstance(answer, Output):
            return answer if isinstance(answer, Unseen) else Unseen("systemctl is not installed", Cause.NOT_FOUND)
        for properties in parse_show(answer.stdout):
            names_of = _first(properties, "Names").split()
            if _DEFAULT in names_of:
                self._default = _first(properties, "Id")
            for name in (_first(properties, "Id"), *names_of):
                self._shown.setdefault(name, properties)
        return None

    def _in_rc_local(self, name: str) -> bool:
        """The administrator's script for the boot (systemd-rc-local-generator(8)) names the unit."""
        content = self._host.read(_RC_LOCAL)
        lines = content.text.splitlines() if isinstance(content, Content) else []
        return any(name in line and not line.lstrip().startswith("#") for line in lines)


def enabling_starts_it(settings: Settings) -> Fact[bool]:
    """`systemctl enable` of this unit makes a boot start it, and enables nothing besides.

    By its [Install] section: it is wanted by a target of every boot, and no Also= brings others along.
    """
    if settings.gone:
        return Absent(settings.gone)
    fragment = settings.shown.raw("FragmentPath") or ""
    if not fragment or fragment.startswith("/run/"):
        return Known(False, (settings.shown.place("FragmentPath"),))
    also = settings.merged.values("Install", "Also")
    if also:
        return Known(False, tuple(map(place_of, also)))
    install = _install(settings)
    for item in install:
        if _REACHED.intersection(settings.expanded(item).split()):
            return Known(True, (place_of(item),))
    return Known(False, tuple(map(place_of, install)))


def _install(settings: Settings) -> tuple[Assignment, ...]:
    return tuple(item for key in _INSTALL for item in settings.merged.values("Install", key))


def _pulled_in_by(properties: Properties) -> Iterator[str]:
    for key in _PULLED_IN_BY:
        yield from _first(properties, key).split()


def _first(properties: Properties, key: str) -> str:
    return properties.get(key, ("",))[0]
