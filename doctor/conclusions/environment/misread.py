"""Lines of environment files that systemd reads differently from what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from doctor.conclusions.environment.model import EnvFileState, EnvProblem
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.envfile import EnvOddity
from doctor.sources.systemd.environment import StartEnvironment

_PHRASES: Mapping[EnvOddity, str] = {
    EnvOddity.EXPORT: "`export` is no word to systemd, {name} is not set",
    EnvOddity.INVALID_NAME: "{name} is no name of a variable, the line is ignored",
    EnvOddity.NO_EQUALS: "{name} has no =, the line is ignored",
    EnvOddity.BYTE_ORDER_MARK: "a byte order mark makes {name} another name",
    EnvOddity.INLINE_COMMENT: "the comment becomes part of the value of {name}",
    EnvOddity.TEXT_AFTER_QUOTE: "the text after the quote becomes part of the value of {name}",
    EnvOddity.UNTERMINATED_QUOTE: "the quote is not closed, {name} takes in the lines below",
    EnvOddity.VARIABLE_REFERENCE: "systemd puts nothing in the place of the $… in {name}",
}
"""White space before the = does no harm."""


def misread(
    files: tuple[EnvFileState, ...],
    environment: StartEnvironment,
    expected: Fact[frozenset[str]],
    required: Fact[tuple[str, ...]],
) -> Iterator[tuple[EnvProblem, str]]:
    """Odd lines that matter: a value in force, or a name that nothing sets. Each with a phrase.

    A word without `=` is meant to set a variable only where the code asks for it.
    """
    have = expected.or_(frozenset(environment.variables.values) | environment.passed)
    needed = required.or_(())
    for state in files:
        for problem in state.problems.or_(()):
            phrase = _PHRASES.get(problem.kind, "")
            if not phrase or not problem.name:
                continue
            if problem.dropped:
                matters = problem.name not in have
                matters &= problem.kind is not EnvOddity.NO_EQUALS or problem.name in needed
            else:
                variable = environment.variables.values.get(problem.name)
                place = variable.place if variable is not None else Place()
                matters = (place.path, place.line) == (problem.path, problem.line)
            if matters:
                yield problem, phrase.format(name=problem.name)


def joined(files: tuple[EnvFileState, ...], found: tuple[tuple[str, EnvProblem], ...]) -> Fact[tuple[str, ...]]:
    """What was found, each once, with its lines; Unknown where nothing was, and not all files could be read."""
    if not found:
        unseen = next((state.problems for state in files if isinstance(state.problems, Unknown)), None)
        return unseen or Absent(tuple(Place(path=state.path) for state in files))
    places = tuple(Place(path=p.path, line=p.line, text=f"{p.name}=…") for _, p in found)
    return Known(tuple(dict.fromkeys(text for text, _ in found)), places, Origin.EXPLICIT)
