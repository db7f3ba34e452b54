"""Settings that are lists of commands, variables and files: each item with the line it stands on."""

from __future__ import annotations

from dataclasses import replace

from doctor.facts.value import Absent, Fact, Known, Origin
from doctor.grammar.execline import LineError, parse_shown, split_exec, split_shown, split_words
from doctor.grammar.unitfile import expand
from doctor.sources.systemd.model import EnvironmentFileRef, ExecCommand
from doctor.sources.systemd.settings import Settings, place_of
from doctor.sources.variables import Variable


def words(text: str) -> tuple[str, ...]:
    """Words of a quoted list; of one that systemd refuses those between blanks."""
    try:
        return split_words(text)
    except LineError:
        return tuple(text.split())


def commands(settings: Settings, key: str) -> Fact[tuple[ExecCommand, ...]]:
    """Commands of an Exec*= setting.

    `systemctl show` joins the words by blanks and loses the quotes, so the files' reading is taken where it
    is the same command; a definition that was not reloaded yet is read from what the manager printed.
    """
    if settings.gone:
        return Absent(settings.gone)
    assignments = settings.merged.values("Service", key)
    written: list[ExecCommand] = []
    for assignment in assignments:
        try:
            lines = split_exec(assignment.value, lambda word: expand(word, settings.known))
        except LineError:
            continue
        written += (ExecCommand(line.argv, line.prefixes, place_of(assignment)) for line in lines)
    places = tuple(map(place_of, assignments))
    from_files = tuple(written)
    if not settings.asked or (settings.shown.raw(key) is None and not settings.merged.files):
        return settings.written_list(assignments, from_files)
    shown = [parsed for line in settings.shown.lines(key) if (parsed := parse_shown(line)) is not None]
    same = len(shown) == len(written) and all(
        one.path == other.argv[0] and ("@" in other.prefixes or one.arguments == " ".join(other.argv))
        for one, other in zip(shown, written, strict=True)
    )
    outdated = settings.unread or settings.shown.raw("NeedDaemonReload") != "no"
    current = not outdated and len(shown) == len(written)
    if assignments and (same or current):
        return Known(from_files, places, settings.origin(assignments[0]))
    if not shown and not assignments:
        return Known((), (settings.default_place(),), Origin.DEFAULT)
    told = settings.shown.place(key)
    manager = tuple(ExecCommand(line.argv, line.prefixes, told) for line in map(split_shown, shown))
    return Known(manager, (told, *places), Origin.OBSERVED)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """NAME=value words of Environment=; words of another form are ignored, as systemd does."""
    found = []
    for word in words(text):
        name, equals, value = word.partition("=")
        if equals and name.isidentifier() and name.isascii():
            found.append((name, value))
    return tuple(found)


def _names(environment: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """A value with specifiers has another token in the file than in the manager: names tell if it is the same list."""
    return frozenset(name for name, _ in environment)


def environment(settings: Settings) -> Fact[tuple[Variable, ...]]:
    """Each with the line that sets it; what no line sets like that is the manager's own word."""
    fact = settings.sequence(("Environment",), _pairs, normal=_names)
    if not isinstance(fact, Known):
        return fact
    lines = {
        pair if fact.origin is Origin.OBSERVED else pair[0]: place_of(assignment)
        for assignment in settings.merged.values("Service", "Environment")
        for pair in _pairs(settings.expanded(assignment))
    }
    otherwise = fact.places[0] if fact.places else settings.default_place()
    found = tuple(
        Variable(name, value, lines.get((name, value), lines.get(name, otherwise))) for name, value in fact.value
    )
    return Known(found, fact.places, fact.origin)


def environment_files(settings: Settings) -> Fact[tuple[EnvironmentFileRef, ...]]:
    """Each with the line that names it."""
    fact = settings.sequence(("EnvironmentFile",), _env_file, "EnvironmentFiles", shown_parse=_shown_env_file)
    if not isinstance(fact, Known):
        return fact
    lines = {
        ref: place_of(assignment)
        for assignment in settings.merged.values("Service", "EnvironmentFile")
        for ref in _env_file(settings.expanded(assignment))
    }
    otherwise = fact.places[0] if fact.places else settings.default_place()
    return Known(tuple(replace(ref, place=lines.get(ref, otherwise)) for ref in fact.value), fact.places, fact.origin)


def _env_file(text: str) -> tuple[EnvironmentFileRef, ...]:
    path = text.removeprefix("-")
    return (EnvironmentFileRef(path, text.startswith("-")),) if path.startswith("/") else ()


def _shown_env_file(text: str) -> tuple[EnvironmentFileRef, ...]:
    path, _, flag = text.rpartition(" (ignore_errors=")
    return (EnvironmentFileRef(path, flag == "yes)"),) if path else ()
