"""A setting as written, made into what Gunicorn makes of it (gunicorn/config.py, the validators)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from doctor.cause import Cause
from doctor.facts.value import Fact, Known, Origin, T, Unknown
from doctor.hosts.hidden import is_hidden
from doctor.servers.gunicorn.expression import AtLeast, Value

_OCTAL = re.compile(r"0\d")
_NUMBER_LIMIT = 1 << 63


def converted(found: Fact[Value], name: str, convert: Callable[[Value], T]) -> Fact[T]:
    """What `convert` makes of a value; Unknown where it raises ValueError, as Gunicorn refuses it then."""
    if not isinstance(found, Known):
        return found
    if isinstance(found.value, AtLeast):
        said = f"{name} depends on the number of processors, at least {found.value.value}"
        return Unknown(said, Cause.RUN_TIME, found.places)
    if beyond(found.value):
        return Unknown(f"{name} is set to a number that is too large", Cause.NOT_UNDERSTOOD, found.places)
    try:
        return Known(convert(found.value), found.places, found.origin)
    except ValueError:
        return Unknown(refusal(found, name), Cause.NOT_UNDERSTOOD, found.places)


def refusal(found: Known[Value], name: str) -> str:
    """What Gunicorn does with a value that `converted` can make nothing of."""
    if found.origin is Origin.INHERITED:
        return f"Gunicorn refuses for {name} what a variable of the environment holds"
    return f"Gunicorn refuses {found.value!r} for {name}"


def beyond(value: Value) -> bool:
    """A whole number that Gunicorn takes, and that nothing could be made of, or even printed."""
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            return False
    return isinstance(value, int) and abs(value) >= _NUMBER_LIMIT


def number(value: Value) -> int:
    """validate_pos_int; the command line's int() and auto_int() come to the same but for a leading zero."""
    if isinstance(value, str):
        value = int(value.replace("0", "0o", 1) if _OCTAL.match(value) else value, 0)
    if not isinstance(value, int) or value < 0:
        raise ValueError
    return int(value)


def flag(value: Value) -> bool:
    """validate_bool."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise ValueError
    return value


def proxy(value: Value) -> bool:
    """validate_proxy_protocol: since 24.0 it also takes v1, v2 and auto."""
    if isinstance(value, str):
        return value.strip().lower() not in ("false", "off", "0", "none")
    return flag(value)


def strings(value: Value) -> tuple[str, ...]:
    """validate_list_string, and a text alone for a list of one."""
    items = value if isinstance(value, tuple) else (value,) if value else ()
    if not all(isinstance(item, str) for item in items):
        raise ValueError
    return tuple(str(item).strip() for item in items)


def as_text(found: Fact[Value]) -> Fact[str]:
    """validate_string; Unknown where only a token of it is held."""
    if not isinstance(found, Known):
        return found
    if isinstance(found.value, (AtLeast, tuple)):
        return Unknown("its value is no text", Cause.NOT_UNDERSTOOD, found.places)
    if isinstance(found.value, str) and is_hidden(found.value):
        return Unknown("its value is not shown", Cause.HIDDEN, found.places)
    return Known(str(found.value).strip(), found.places, found.origin)


def in_directory(found: Fact[str], directory: Fact[str]) -> Fact[str]:
    """A path made absolute and without `.` and `..`, links kept."""
    if not isinstance(found, Known) or found.value.startswith("/"):
        return found.map(_tidy)
    if not isinstance(directory, Known):
        told = "a path" if found.origin is Origin.INHERITED else found.value
        return Unknown(f"{told} is relative to a directory that is not known", Cause.NOT_FOUND, found.places)
    return Known(_tidy(posixpath.join(directory.value, found.value)), found.places, found.origin)


def _tidy(path: str) -> str:
    return posixpath.normpath(path) if path else path
