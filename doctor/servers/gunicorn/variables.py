"""What a Gunicorn reads from its environment without being told to, and what is taken for granted of that."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.facts.coverage import Assumption
from doctor.facts.value import Place, Unknown
from doctor.sources.systemd import Unit
from doctor.sources.systemd.environment import StartEnvironment

IMPLICIT = (
    "GUNICORN_CMD_ARGS", "PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PYTHONPATH", "PYTHONHOME", "PATH",
)  # fmt: skip
"""What decides although nobody names it: read by Gunicorn (gunicorn/config.py), by Python, and by whoever looks for a
program."""


def assumptions(unit: Unit, environment: StartEnvironment) -> Iterator[Assumption]:
    """What is taken for granted of files that a repository leaves to the machine, one for each file.

    Of a file that has a sample in the repository nothing is assumed: the sample names what it sets.
    """
    names = ", ".join(IMPLICIT)
    for file in environment.files:
        if file.gap is not None and file.gap.assumed:
            yield Assumption(f"{file.path} sets what the code needs, and no {names}", file.place)
    for gap in environment.variables.gaps:
        if not gap.assumed:
            continue
        if gap.why == unit.environment_files and isinstance(unit.environment_files, Unknown):
            where = _first(gap.why.places, f"EnvironmentFile= of {unit.name}")
            yield Assumption(f"the environment files of {unit.name} set what the code needs, and no {names}", where)
        if gap.names is not None and (passed := [name for name in IMPLICIT if gap.holds(name)]):
            where = _first(gap.why.places, f"PassEnvironment= of {unit.name}")
            yield Assumption(f"systemd has no {', '.join(passed)} to pass on to {unit.name}", where)


def _first(places: tuple[Place, ...], note: str) -> Place:
    return places[0] if places else Place(note=note)
