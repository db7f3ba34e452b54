"""Secrets in the command lines of processes that are no web application: each program has its own ways to take them."""

from __future__ import annotations

import re

from doctor.grammar.programs import FAMILIAR
from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact import secrets
from doctor.hosts.redact.commandline import LONG, CommandLine
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.text import generic

_LOOK = 6
"""Words that tell what a program is: `bash -c exec …`, `env A=B …`, `docker run …`."""
_OPTION = re.compile(r"(?P<name>--[A-Za-z][\w-]*|-[A-Za-z]{1,3}(?=\Z|=)|-[A-Za-z])(?P<equals>=?)(?P<value>[\s\S]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.:/@-]*")
_FILE = re.compile(r"[\w./-]+\.(?:py|sh|js|rb|php|jar|conf|cfg|ini|json|ya?ml|toml|sock|pid|log|service)")


def redact_argv(hider: Hider, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of the command line of a process."""
    words = _short(words, hider)
    state = CommandLine(hider)
    clean = tuple(state.word(word) for word in words)
    return stranger(hider, clean) if is_stranger(words) else clean


def is_stranger(words: tuple[str, ...]) -> bool:
    """Whether the process is none of those that nginx and Gunicorn consist of."""
    return not any(FAMILIAR.search(word) for word in words[:_LOOK])


def stranger(hider: Hider, words: tuple[str, ...]) -> tuple[str, ...]:
    """The program, its options, and what is plainly no secret: paths, numbers, addresses, names of things."""
    shown = [_title(hider, words[0])] if words else []
    after_option = False
    for word in words[1:]:
        option = _OPTION.fullmatch(word)
        if option is None:
            shown.append(_plain(hider, word, named=not after_option))
            after_option = False
            continue
        name, equals, value = option.group("name", "equals", "value")
        shown.append(name + equals + _plain(hider, value, named=name.startswith("--") and not equals))
        after_option = not value
    return tuple(shown)


def _title(hider: Hider, word: str) -> str:
    """The program, or what the process made of its title, which may be the whole command line again."""
    name, blank, rest = word.partition(" ")
    return name + blank + " ".join(stranger(hider, ("", *rest.split(" ")))[1:]) if blank else generic(hider, word)


def _plain(hider: Hider, word: str, *, named: bool) -> str:
    if TOKEN.search(word):
        return word
    plain = secrets.PLAIN_VALUE.fullmatch(word) or _FILE.fullmatch(word) or (named and _NAME.fullmatch(word))
    return generic(hider, word) if plain or not word else hider.hide(word)


def _short(words: tuple[str, ...], hider: Hider) -> tuple[str, ...]:
    """The words of a command line up to a bound, the rest of it as one."""
    left = LONG
    for index, word in enumerate(words):
        left -= len(word) + 1
        if left < 0:
            return (*words[:index], hider.hide(" ".join(words[index:])))
    return words
