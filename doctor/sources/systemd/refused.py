"""Lines of unit files that somebody should look at: those systemd refuses, and on a machine those it ignores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from doctor.facts.broken import BrokenFile, Flaw, Reader
from doctor.facts.value import Fact, Known, computed
from doctor.hosts.base import TargetKind
from doctor.sources.systemd.model import Unit, UnitProblem

_OWN = ("/etc/systemd/system/", "/usr/local/lib/systemd/system/")
"""What a package brings along may speak to another version of systemd, and is nobody's slip of the pen."""


def faulty_lines(units: Iterable[Unit], kind: TargetKind) -> Iterator[Fact[BrokenFile]]:
    """Each as "shop.service: what is wrong with it", with its place; some have a rule of their own."""
    for unit in units:
        for problem in unit.problems:
            if isinstance(problem, Known) and _counts(unit, problem, kind):
                flaw = Flaw.REFUSED if problem.value.fatal else Flaw.IGNORED
                message = f"{unit.name}: {problem.value.message}"
                yield computed(BrokenFile(Reader.SYSTEMD, flaw, message), *problem.places)


def _counts(unit: Unit, problem: Known[UnitProblem], kind: TargetKind) -> bool:
    if kind is TargetKind.TREE:
        return problem.value.fatal
    if not problem.value.fatal:
        reloads = unit.reload_kind.is_("fails") and problem.places[0] in unit.exec_reload.places
        return problem.places[0].path.startswith(_OWN) and not reloads
    told = isinstance(unit.second_command, Known) and unit.second_command.places == problem.places
    # What it loaded as it stands, systemd does not refuse.
    loaded = unit.load_state.is_("loaded") and not unit.need_daemon_reload.is_(True)
    return not told and not loaded
