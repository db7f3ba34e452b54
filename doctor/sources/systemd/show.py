"""What `systemctl show` prints, and the facts that stand in it directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TypeVar

from doctor.cause import Cause, Doubt
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.unitfile import boolean, integer

T = TypeVar("T")
Properties = Mapping[str, tuple[str, ...]]

_CODES = {"1": "exited", "2": "killed", "3": "dumped"}


def parse_show(text: str) -> Iterator[dict[str, tuple[str, ...]]]:
    """Properties of each unit in the output; a property printed on several lines has several values.

    A value may go on over several lines (a script in ExecStart=): a line that does not begin with a
    property name belongs to the one before.
    """
    properties: dict[str, list[str]] = {}
    last: list[str] | None = None
    inside = False
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if inside and last is not None:
            last[-1] += f"\n{line}"
        elif not line:
            if properties:
                yield {key: tuple(values) for key, values in properties.items()}
            properties, last = {}, None
            continue
        elif equals and name.isalnum():
            last = properties.setdefault(name, [])
            last.append(value)
        elif last is not None:
            last[-1] += f"\n{line}"
        # `{ path=… }` of a command closes on the line it began, unless its script holds line breaks.
        inside = last is not None and last[-1].startswith("{ path=") and not last[-1].endswith("}")
    if properties:
        yield {key: tuple(values) for key, values in properties.items()}


def timestamp(text: str) -> float | None:
    """Seconds since the epoch of "Sun 2026-11-22 09:42:27 UTC"; hosts run commands with TZ=UTC."""
    if not text.endswith(" UTC"):
        return None
    whole, _, fraction = text.removesuffix(" UTC").partition(".")
    try:
        seconds = datetime.fromisoformat(whole.partition(" ")[2]).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
    return seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)


@frozen
class Shown:
    """The manager's answer about one unit; `properties`: why there is no answer when it could not be asked."""

    name: str
    answer: Properties | Doubt

    @property
    def properties(self) -> Properties | None:
        """None when the manager could not be asked."""
        return None if isinstance(self.answer, Doubt) else self.answer

    def raw(self, key: str) -> str | None:
        """First value as printed; None when the manager did not print the property."""
        if self.properties is None or key not in self.properties:
            return None
        return self.properties[key][0]

    def lines(self, key: str) -> tuple[str, ...]:
        """Every value printed, empty ones left out."""
        return tuple(value for value in (self.properties or {}).get(key, ()) if value)

    def place(self, key: str) -> Place:
        """The command a person would type, and the line it prints."""
        values = (self.properties or {}).get(key, ("",))
        return Place(command=f"systemctl show --property={key} {self.name}", text=f"{key}={values[0]}")

    def fact(self, key: str, parse: Callable[[str], T | None]) -> Fact[T]:
        """A property as it is; empty or "n/a" is Absent."""
        if isinstance(self.answer, Doubt):
            return Unknown.of(self.answer)
        value = self.raw(key)
        if value is None:
            return Unknown(f"this systemd has no property {key}", Cause.NOT_FOUND)
        place = self.place(key)
        if value in {"", "n/a", "[not set]"}:
            return Absent((place,))
        parsed = parse(value)
        return (
            Unknown(f"systemctl printed {key}={value}", Cause.NOT_UNDERSTOOD, (place,))
            if parsed is None
            else Known(parsed, (place,))
        )

    def text(self, key: str) -> Fact[str]:
        """A property as printed."""
        return self.fact(key, str)

    def flag(self, key: str) -> Fact[bool]:
        """A property that is yes or no."""
        return self.fact(key, boolean)

    def number(self, key: str) -> Fact[int]:
        """A property that is a whole number."""
        return self.fact(key, integer)

    def time(self, key: str) -> Fact[float]:
        """A time stamp, in seconds since the epoch."""
        return self.fact(key, timestamp)

    def main_pid(self) -> Fact[int]:
        """Absent when there is no main process."""
        return self._nonzero("MainPID", integer)

    def exit_code(self) -> Fact[str]:
        """exited, killed or dumped; Absent until a main process has ended."""
        return self._nonzero("ExecMainCode", _CODES.get)

    def exit_status(self) -> Fact[int]:
        """Absent until a main process has ended: 0 then says nothing."""
        return self.exit_code().then(lambda _: self.number("ExecMainStatus"))

    def _nonzero(self, key: str, parse: Callable[[str], T | None]) -> Fact[T]:
        if self.raw(key) == "0":
            return Absent((self.place(key),))
        return self.fact(key, parse)


def paths_of(properties: Properties) -> tuple[str, ...]:
    """The files of a unit as the manager knows them, the fragment first."""
    fragment = properties.get("FragmentPath", ("",))[0]
    return (*((fragment,) if fragment else ()), *properties.get("DropInPaths", ("",))[0].split())
