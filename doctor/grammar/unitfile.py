"""systemd's grammar of unit files: lines, drop-ins, specifiers and the forms of values.

Follows config_parse (src/shared/conf-parser.c) and systemd.syntax(7), systemd 252. Pure functions of text;
file and line are kept for every assignment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf

from doctor.frozen import frozen
from doctor.grammar.gaps import gap
from doctor.grammar.ours import DROP_IN

SEARCH_PATH = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
    "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system",
)  # fmt: skip
"""Folders of the system manager, strongest first (the generator folders that cannot hold a service left out)."""

SIGNALS = {
    "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
    "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CONT": 18, "STOP": 19,
    "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28,
    "IO": 29, "PWR": 30, "SYS": 31,
}  # fmt: skip
"""Linux signal numbers by name without SIG."""

_SIGNAL_NAMES = {number: name for name, number in SIGNALS.items()}
_TRUE = frozenset(("1", "yes", "y", "true", "t", "on"))
_FALSE = frozenset(("0", "no", "n", "false", "f", "off"))
_SECONDS = {
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "msec": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
    "M": 2629800.0, "month": 2629800.0, "months": 2629800.0, "y": 31557600.0, "year": 31557600.0, "years": 31557600.0,
}  # fmt: skip
_SPAN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-zµμ]*)")
_SPECIFIER = re.compile(r"%(.)", re.DOTALL)
_ESCAPED_BYTE = re.compile(r"\\x([0-9a-fA-F]{2})")
_COMMENT_AFTER = re.compile(r"\s#")


@frozen
class Assignment:
    """`key=value` at the line (from 1) where it begins; `text` is that line. An empty value resets a list."""

    section: str
    key: str
    value: str
    path: str
    line: int
    text: str


@frozen
class Oddity:
    """A line systemd ignores or refuses, by its shape alone. `fatal`: the unit does not load."""

    path: str
    line: int
    text: str
    message: str
    fatal: bool = False


@frozen
class UnitFile:
    """One file: a fragment or a drop-in."""

    path: str
    assignments: tuple[Assignment, ...]
    oddities: tuple[Oddity, ...]


def parse(text: str, path: str) -> UnitFile:
    """Read one unit file. Never raises: what systemd would ignore or refuse is in `oddities`."""
    assignments: list[Assignment] = []
    oddities: list[Oddity] = []
    section = ""
    # config_parse() of systemd skips a byte order mark.
    for number, first, line in _joined_lines(text.removeprefix("\ufeff")):

        def odd(message: str, *, fatal: bool = False, number: int = number, first: str = first) -> None:
            oddities.append(Oddity(path, number, first, message, fatal))

        if line.startswith("["):
            if not line.endswith("]"):
                odd("invalid section header, the file cannot be read further", fatal=True)
                break
            section = line[1:-1]
        elif "=" not in line:
            odd("no '=' in this line, it is ignored")
        elif line.startswith("="):
            odd("no key before '=', the line is ignored")
        elif not section:
            odd("text before the first [Section], it is ignored")
        else:
            key, _, value = line.partition("=")
            assignments.append(Assignment(section, key.strip(), value.strip(), path, number, first))
    return UnitFile(path, tuple(assignments), tuple(oddities))


def logical_lines(lines: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Indexes of the lines of each assignment, header or blank line.

    A backslash at the end of a line continues it; comment lines, which may stand in between, belong to none.
    """
    numbers: list[int] = []
    for number, line in enumerate(lines):
        if line.lstrip()[:1] in {"#", ";"}:
            continue
        numbers.append(number)
        if not _is_continued(line):
            yield tuple(numbers)
            numbers = []
    if numbers:
        yield tuple(numbers)


def _joined_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """(line number of its start, text of its first line, whole stripped line) of what is neither blank nor comment.

    A backslash that continues a line becomes a blank.
    """
    lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
    for numbers in logical_lines(lines):
        parts = (lines[number] for number in numbers)
        line = "".join(part[:-1] + " " if _is_continued(part) else part for part in parts).strip()
        if line:
            yield numbers[0] + 1, lines[numbers[0]].strip(), line


def _is_continued(line: str) -> bool:
    line = line.rstrip("\r")
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


@frozen
class Merged:
    """A unit as its files define it together, in systemd's order: the fragment, then its drop-ins."""

    files: tuple[UnitFile, ...]

    def values(self, section: str, *keys: str) -> tuple[Assignment, ...]:
        """Assignments in force of a list setting: those after the last empty one. Aliases of a key count as it."""
        found: list[Assignment] = []
        for file in self.files:
            for assignment in file.assignments:
                if assignment.section == section and assignment.key in keys:
                    if assignment.value:
                        found.append(assignment)
                    else:
                        found.clear()
        return tuple(found)

    def value(
        self,
        section: str,
        *keys: str,
        valid: Callable[[str], object] | None = None,
        empty_resets: bool = True,
    ) -> Assignment | None:
        """The assignment in force of a single setting: the last one systemd accepts.

        `valid` says by a result other than None that a value is accepted; one that is not is ignored and
        leaves the earlier one in force, as an empty one does where it is no way to reset (Restart=).
        """
        for file in reversed(self.files):
            for assignment in reversed(file.assignments):
                if assignment.section != section or assignment.key not in keys:
                    continue
                if assignment.value == "":
                    if empty_resets:
                        return None
                elif valid is None or valid(assignment.value) is not None:
                    return assignment
        return None


def drop_in_folders(name: str) -> tuple[str, ...]:
    """Names of the folders whose *.conf files apply to a unit, the most particular first.

    a-b@x.service: a-b@x.service.d, a-b@.service.d, a-.service.d, service.d (systemd.unit(5)).
    """
    stem, _, suffix = name.rpartition(".")
    prefix, at, _ = stem.partition("@")
    folders = [f"{name}.d"]
    if at and not stem.endswith("@"):
        folders.append(f"{prefix}@.{suffix}.d")
    dash = prefix.rfind("-")
    while dash > 0:
        folders.append(f"{prefix[: dash + 1]}.{suffix}.d")
        dash = prefix.rfind("-", 0, dash)
    folders.append(f"{suffix}.d")
    return tuple(dict.fromkeys(folders))


def order_drop_ins(paths: Iterable[str]) -> tuple[str, ...]:
    """Drop-in files, given strongest first, in the order they are applied.

    All are sorted by file name whatever folder they lie in; of two with one file name the stronger hides the other.
    """
    chosen: dict[str, str] = {}
    for path in paths:
        if path.endswith(".conf"):
            chosen.setdefault(path.rpartition("/")[2], path)
    return tuple(chosen[name] for name in sorted(chosen))


def set_after_ours(merged: Merged, section: str) -> tuple[str, ...]:
    """Keys of a section that a drop-in sets which is applied after ours: a value of ours would not count."""
    late = (file for file in merged.files if file.path.endswith(".conf") and file.path.rpartition("/")[2] > DROP_IN)
    return tuple(dict.fromkeys(item.key for file in late for item in file.assignments if item.section == section))


def is_template(name: str) -> bool:
    """shop@.service"""
    return name.rpartition(".")[0].endswith("@")


def template_of(name: str) -> str | None:
    """shop@a.service → shop@.service; None for what is no instance."""
    stem, _, suffix = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return f"{prefix}@.{suffix}" if at and instance else None


def specifiers(name: str, *, host_name: str = "", fragment: str = "") -> dict[str, str]:
    """What %-specifiers of a unit of the system manager stand for, as far as the name alone tells.

    %u, %h and their like are those of the manager (root), not of User=. What a template is given as its instance
    is a gap (`grammar/gaps.py`).
    """
    stem, _, _ = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    last = prefix.rpartition("-")[2]
    known = {
        "n": name, "N": stem, "p": prefix, "P": _unescape(prefix), "j": last, "J": _unescape(last),
        "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp",
        "u": "root", "U": "0", "g": "root", "G": "0", "h": "/root", "%": "%",
    }  # fmt: skip
    if is_template(name):
        known |= {specifier: gap(f"%{specifier}") for specifier in "nNiIf"}
    else:
        known |= {"i": instance, "I": _unescape(instance)}
        path = _unescape(instance if at else prefix)
        known["f"] = path if path.startswith("/") else f"/{path}"
    if host_name:
        known |= {"H": host_name, "l": host_name.partition(".")[0]}
    if fragment:
        known |= {"y": fragment, "Y": fragment.rpartition("/")[0]}
    return known


def _unescape(text: str) -> str:
    r"""unit_name_unescape: `-` is a slash, \xNN a byte."""
    plain = text.replace("-", "/")
    if "\\x" not in plain:
        return plain
    latin = _ESCAPED_BYTE.sub(lambda found: chr(int(found.group(1), 16)), plain)
    try:
        return latin.encode("latin-1").decode()
    except UnicodeError:
        return plain


def expand(value: str, known: Mapping[str, str]) -> str:
    """Resolve %-specifiers; one that is not known stays as it is written."""
    if "%" not in value:
        return value
    return _SPECIFIER.sub(lambda found: known.get(found.group(1), found.group()), value)


def boolean(text: str) -> bool | None:
    """A boolean in any of systemd's spellings; None for anything else."""
    lower = text.lower()
    return True if lower in _TRUE else False if lower in _FALSE else None


def duration(text: str) -> float | None:
    """Seconds of "90", "1min 30s", "5min", "infinity" (`inf`); None where systemd would ignore it."""
    text = text.strip()
    if text == "infinity":
        return inf
    position, total = 0, 0.0
    while position < len(text):
        found = _SPAN.match(text, position)
        if found is None or found.group(2) not in _SECONDS:
            return None
        total += float(found.group(1)) * _SECONDS[found.group(2)]
        position = found.end()
    return round(total, 6) if text else None


def mode(text: str) -> int | None:
    """Octal file mode bits: "0660" is 0o660."""
    try:
        number = int(text, 8)
    except ValueError:
        return None
    return number if 0 <= number <= 0o7777 and text.isdigit() else None


def integer(text: str) -> int | None:
    """A whole number, not below zero."""
    return int(text) if text.isascii() and text.isdigit() else None


def signal_name(text: str) -> str | None:
    """SIGTERM for SIGTERM, TERM and 15; None for no signal."""
    if text.isdigit():
        name = _SIGNAL_NAMES.get(int(text))
        return f"SIG{name}" if name else None
    name = text.removeprefix("SIG")
    if name in SIGNALS or name.startswith(("RTMIN", "RTMAX")):
        return f"SIG{name}"
    return None


def comment_after(value: str) -> bool:
    """A `#` after a blank: systemd has no comments there, it belongs to the value."""
    return _COMMENT_AFTER.search(value) is not None


def merge(files: Sequence[UnitFile]) -> Merged:
    """A fragment and its drop-ins in the order they are applied."""
    return Merged(tuple(files))
