"""Variables of an environment as far as they can be told: of a running process, or of the next start of a unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from doctor.cause import Cause, doubt
from doctor.facts.value import ABSENT, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.gaps import is_gap, told
from doctor.hosts.hidden import is_hidden
from doctor.sources.process import Process


@frozen
class Variable:
    """One that is set, and where."""

    name: str
    """Its name."""
    value: str
    """A token; in clear for a harmless name."""
    place: Place
    """The line that sets it."""


@frozen
class Gap:
    """What may set variables, or set them otherwise, and cannot be seen."""

    why: Unknown
    names: frozenset[str] | None = None
    """The only ones that it sets; None: any."""
    assumed: bool = False
    """It is taken not to set what is read without being named: a repository leaves it to the machine."""

    def holds(self, name: str) -> bool:
        """It may set the variable."""
        return self.names is None or name in self.names


@frozen
class Variables:
    """Variables by name. Without gaps there are no others."""

    values: Mapping[str, Variable]
    gaps: tuple[Gap, ...] = ()

    def get(self, name: str) -> Fact[str]:
        """The value in clear. Unknown too where only a token of it is held."""
        return self._seen(name, self.gaps)

    def implicit(self, name: str) -> Fact[str]:
        """`get`, for what is read without being named: what is assumed not to be set elsewhere is as it is seen."""
        return self._seen(name, tuple(gap for gap in self.gaps if not gap.assumed))

    def _seen(self, name: str, gaps: tuple[Gap, ...]) -> Fact[str]:
        gap = next((gap for gap in gaps if gap.holds(name)), None)
        if gap is not None:
            return Unknown.of(gap.why.because(f"the environment variable {name}"))
        found = self.values.get(name)
        if found is None:
            return ABSENT
        if is_hidden(found.value):
            return Unknown(f"the value of the environment variable {name} is not shown", Cause.HIDDEN, (found.place,))
        if is_gap(found.value):
            return Unknown.of(told(found.value), (found.place,))
        return Known(found.value, (found.place,), Origin.INHERITED)

    def overlaid(self, more: Mapping[str, Variable]) -> Variables:
        """With assignments in front of the command (`X=1 gunicorn`, `env X=1 gunicorn`)."""
        if not more:
            return self
        gaps = (gap if gap.names is None else replace(gap, names=gap.names - more.keys()) for gap in self.gaps)
        return Variables({**self.values, **more}, tuple(gaps))

    def plain(self) -> Mapping[str, str]:
        """Names and values that are known in clear."""
        return {name: v.value for name, v in self.values.items() if not is_hidden(v.value) and not is_gap(v.value)}


def of_process(process: Process) -> Variables:
    """What a running process was started with."""
    if not isinstance(process.environ, Known):
        why = doubt(process.environ, "its environment is not there", Cause.NOT_FOUND)
        return Variables({}, (Gap(Unknown.of(why, process.environ.places)),))
    place = Place(note=f"environment of pid {process.pid}")
    return Variables({name: Variable(name, value, place) for name, value in process.environ.value.items()})
