"""Secrets in the command lines of processes that are no web application: each program has its own ways to take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from doctor.hosts import secrets
from doctor.hosts.hidden import TOKEN

if TYPE_CHECKING:
    from doctor.hosts.redact import Redactor

_FAMILIAR = re.compile(
    r"gunicorn|flask|wsgi|nginx|python|werkzeug|supervisor|hypercorn|uvicorn|waitress|systemd|docker-proxy"
)
"""What the words say of a program that is looked at closely: its options are known."""
_LOOK = 6
"""Words that tell what a program is: `bash -c exec …`, `env A=B …`, `docker run …`."""
_OPTION = re.compile(r"(?P<name>--[A-Za-z][\w-]*|-[A-Za-z]{1,3}(?=\Z|=)|-[A-Za-z])(?P<equals>=?)(?P<value>[\s\S]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.:/@-]*")
_FILE = re.compile(r"[\w./-]+\.(?:py|sh|js|rb|php|jar|conf|cfg|ini|json|ya?ml|toml|sock|pid|log|service)")


def is_stranger(words: tuple[str, ...]) -> bool:
    """Whether the process is none of those that nginx and Gunicorn consist of."""
    return not any(_FAMILIAR.search(word) for word in words[:_LOOK])


def stranger(redactor: Redactor, words: tuple[str, ...]) -> tuple[str, ...]:
    """The program, its options, and what is plainly no secret: paths, numbers, addresses, names of things."""
    shown = [_title(redactor, words[0])] if words else []
    after_option = False
    for word in words[1:]:
        option = _OPTION.fullmatch(word)
        if option is None:
            shown.append(_plain(redactor, word, named=not after_option))
            after_option = False
            continue
        name, equals, value = option.group("name", "equals", "value")
        shown.append(name + equals + _plain(redactor, value, named=name.startswith("--") and not equals))
        after_option = not value
    return tuple(shown)


def _title(redactor: Redactor, word: str) -> str:
    """The program, or what the process made of its title, which may be the whole command line again."""
    name, blank, rest = word.partition(" ")
    return name + blank + " ".join(stranger(redactor, ("", *rest.split(" ")))[1:]) if blank else redactor.generic(word)


def _plain(redactor: Redactor, word: str, *, named: bool) -> str:
    if TOKEN.search(word):
        return word
    plain = secrets.PLAIN_VALUE.fullmatch(word) or _FILE.fullmatch(word) or (named and _NAME.fullmatch(word))
    return redactor.generic(word) if plain or not word else redactor.hide(word)
