"""Effective settings of one unit: the manager's value where it was asked, the line of a file where one decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from doctor.cause import Cause, Doubt
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.gaps import is_gap, told
from doctor.grammar.unitfile import Assignment, Merged, expand
from doctor.sources.systemd.show import Shown

T = TypeVar("T")
_UNREADABLE = Doubt("no file of the unit could be read", Cause.UNREADABLE)


def place_of(assignment: Assignment) -> Place:
    """Where the assignment stands."""
    return Place(path=assignment.path, line=assignment.line, text=assignment.text)


@frozen
class Settings:
    """The files of a unit merged, and what the manager says (`shown.properties` None where there is none).

    A unit that did not load has only half its settings in the manager: there the files are the truth about
    the next start. `incomplete`: why the files cannot be trusted to be all of them, None if they can.
    `unread`: drop-ins on disk that the manager has not read. `passed_over`: files beside them that are meant for
    drop-ins, and whose names are not those of any.
    """

    name: str
    merged: Merged
    known: Mapping[str, str]
    shown: Shown
    version: str
    section: str = "Service"
    incomplete: Doubt | None = None
    unread: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def asked(self) -> bool:
        """The manager's word counts."""
        return self.shown.raw("LoadState") == "loaded"

    @property
    def gone(self) -> tuple[Place, ...]:
        """The proof that there is no such unit; empty when there is one, be it masked, or while its process runs."""
        running = self.shown.raw("ActiveState") == "active"
        if self.shown.raw("LoadState") in {"not-found", "masked"} and not self.merged.files and not running:
            return (self.shown.place("LoadState"),)
        return ()

    def expanded(self, assignment: Assignment) -> str:
        """Its value with specifiers resolved."""
        return expand(assignment.value, self.known)

    def default_place(self) -> Place:
        """Where a value that is written nowhere comes from."""
        return Place(note=f"default of {self.version}")

    def origin(self, assignment: Assignment) -> Origin:
        """A drop-in for all units of a type or prefix is inherited, everything else explicit."""
        folder = assignment.path.rpartition("/")[0].rpartition("/")[2]
        shared = folder in {"service.d", "socket.d"} or folder.endswith(("-.service.d", "-.socket.d"))
        return Origin.INHERITED if shared else Origin.EXPLICIT

    def scalar(
        self,
        keys: tuple[str, ...],
        parse: Callable[[str], T | None],
        default: T | Absent,
        shown_key: str = "",
        *,
        section: str = "",
        empty_resets: bool | None = None,
    ) -> Fact[T]:
        """A setting with one value. `default` is what systemd takes where nothing is written (Absent: nothing).

        `shown_key` is the property of `systemctl show`, the first key unless given. An empty assignment
        resets (`empty_resets`) what is unset by default, unless said otherwise.
        """
        if (unknown := self._filled_in(section or self.section, *keys)) is not None:
            return unknown
        assignment = self.merged.value(
            section or self.section,
            *keys,
            valid=lambda value: parse(expand(value, self.known)),
            empty_resets=isinstance(default, Absent) if empty_resets is None else empty_resets,
        )
        written = None if assignment is None else parse(self.expanded(assignment))
        key = shown_key or keys[0]
        raw = self.shown.raw(key)
        if self.gone:
            return Absent(self.gone)
        if not self.asked or raw is None:
            return self._from_files(assignment, written, default)
        if raw == "" and isinstance(default, Absent):
            return Absent((self.shown.place(key), *(() if assignment is None else (place_of(assignment),))))
        value = default if raw == "" else parse(raw)
        if value is None or isinstance(value, Absent):
            return Unknown(f"systemctl printed {key}={raw}", Cause.NOT_UNDERSTOOD, (self.shown.place(key),))
        if assignment is not None and written == value:
            return Known(value, (place_of(assignment),), self.origin(assignment))
        if assignment is not None:
            return Known(value, (self.shown.place(key), place_of(assignment)), Origin.OBSERVED)
        if value == default:
            return Known(value, (self.default_place(),), Origin.DEFAULT)
        # Set for all units in system.conf, or implied by another setting.
        return Known(value, (self.shown.place(key),), Origin.DEFAULT)

    def _filled_in(self, section: str, *keys: str) -> Unknown | None:
        """A template of a repository leaves it open. Of Environment= the names stand, and only values are open."""
        for item in self.merged.values(section, *keys):
            value = self.expanded(item)
            if is_gap(value) and item.key != "Environment":
                return Unknown.of(told(value), (place_of(item),))
        return None

    def _from_files(self, assignment: Assignment | None, written: T | None, default: T | Absent) -> Fact[T]:
        if not self.merged.files:
            return Unknown.of(self.incomplete or _UNREADABLE)
        if assignment is not None and written is not None:
            return Known(written, (place_of(assignment),), self.origin(assignment))
        if self.incomplete:
            return Unknown.of(self.incomplete)
        if isinstance(default, Absent):
            return default
        return Known(default, (self.default_place(),), Origin.DEFAULT)

    def sequence(
        self,
        keys: tuple[str, ...],
        parse: Callable[[str], tuple[T, ...]],
        shown_key: str = "",
        *,
        shown_parse: Callable[[str], tuple[T, ...]] | None = None,
        section: str = "",
        normal: Callable[[tuple[T, ...]], object] = tuple,
    ) -> Fact[tuple[T, ...]]:
        """A list setting. Two lists are the same to systemd when `normal` of them is equal."""
        if (unknown := self._filled_in(section or self.section, *keys)) is not None:
            return unknown
        assignments = self.merged.values(section or self.section, *keys)
        written = tuple(item for assignment in assignments for item in parse(self.expanded(assignment)))
        key = shown_key or keys[0]
        if self.gone:
            return Absent(self.gone)
        if not self.asked or self.shown.raw(key) is None:
            return self.written_list(assignments, written)
        value = tuple(item for line in self.shown.lines(key) for item in (shown_parse or parse)(line))
        if assignments and (normal(value) == normal(written)):
            return Known(value, tuple(map(place_of, assignments)), self.origin(assignments[0]))
        if not value and not assignments:
            return Known((), (self.default_place(),), Origin.DEFAULT)
        return Known(value, (self.shown.place(key), *map(place_of, assignments)), Origin.OBSERVED)

    def written_list(self, assignments: tuple[Assignment, ...], written: tuple[T, ...]) -> Fact[tuple[T, ...]]:
        """A list as the files have it."""
        if not self.merged.files:
            return Unknown.of(self.incomplete or _UNREADABLE)
        if assignments:
            return Known(written, tuple(map(place_of, assignments)), self.origin(assignments[0]))
        return Unknown.of(self.incomplete) if self.incomplete else Known((), (self.default_place(),), Origin.DEFAULT)
