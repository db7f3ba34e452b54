"""The typed facts about the environment of a service."""

from __future__ import annotations

from doctor.facts.value import ABSENT, Fact
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvOddity


@frozen
class EnvProblem:
    """A line systemd reads differently from what its author meant. `dropped`: the variable is not set at all."""

    path: str
    """The environment file."""
    line: int
    """The line in it, from 1."""
    kind: EnvOddity
    """What is odd about the line: an `export` before the name, a comment after the value, and so on."""
    name: str
    """The variable that the line means to set."""
    dropped: bool
    """The variable is not set at all; otherwise it has another value than its author meant."""


@frozen
class EnvFileState:
    """One EnvironmentFile of a unit. `state`: read, missing, unreadable."""

    path: str
    """The file as EnvironmentFile= names it."""
    optional: bool
    """It is written with a leading `-`: systemd starts the service without it."""
    state: Fact[str]
    """What comes of it: read, missing or unreadable."""
    problems: Fact[tuple[EnvProblem, ...]]
    """Lines of it that systemd reads differently from what their author meant; Absent where there are none."""


@frozen
class Environment:
    """Names only; values are compared as tokens and never shown."""

    files: tuple[EnvFileState, ...]
    """The EnvironmentFile= entries of the unit in order, each as it lies on disk."""
    declared: Fact[frozenset[str]]
    """Names the next start would set, from Environment=, the files and PassEnvironment=."""
    expected: Fact[frozenset[str]]
    """Names the next start would have: those declared, those the command sets, and what the running master has from
    elsewhere (a launcher, DefaultEnvironment=). Without what was taken out of a file since it started."""
    changed: Fact[tuple[str, ...]]
    """Names whose value on disk differs from the running one (changed, added or removed); Absent when equal."""
    missing_required: Fact[tuple[str, ...]]
    """Variables the code requires that the next start would not have; Absent when none. Unlike the same of the code,
    Unknown behind a launcher that may set any."""
    unloadable: Fact[str]
    """Path of the first file that is not optional and is missing, or no file at all: systemd refuses to start."""
    hidden: Fact[str]
    """Path of the first optional file (EnvironmentFile=-…) that is missing: systemd starts without a word."""
    lost: Fact[tuple[str, ...]]
    """Names that lines of the files mean to set and do not, and that nothing else sets; Absent when none."""
    misread: Fact[tuple[str, ...]]
    """What systemd reads differently from what was meant, a phrase for each such line; Absent when none."""


NOTHING = Environment((), *[ABSENT] * 8)
"""Of an app without a process or a unit."""
