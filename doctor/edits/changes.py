"""What a fix changes and what it runs: the whole set of both."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from doctor.frozen import frozen

NGINX = "nginx.service"
"""The unit that a reload of nginx is about."""


class Verb(str, Enum):
    """What is run once the files are as they should be."""

    DAEMON_RELOAD = "daemon-reload"
    RESET_FAILED = "reset-failed"
    ENABLE = "enable"
    START = "start"
    RELOAD = "reload"
    RESTART = "restart"
    NGINX_RELOAD = "nginx-reload"
    STOP = "stop"
    DISABLE = "disable"
    """The last two only take back a start and an enablement."""


@frozen
class Operation:
    """A command of `systemctl`; `unit` is "" where it is about the manager. A reload of nginx is tested first."""

    verb: Verb
    unit: str = ""


@frozen
class Rewrite:
    """A file whose text changes. `before` None: it is made."""

    path: str
    before: str | None
    after: str


@frozen
class Relink:
    """A link that comes to point to `target`; it is made where there is none."""

    path: str
    target: str


@frozen
class Permit:
    """A path that gets another mode (octal digits) or group; "" leaves it."""

    path: str
    mode: str = ""
    group: str = ""


@frozen
class Uncompile:
    """A folder whose compiled Python files (*.pyc, in it and below) are taken away."""

    path: str


Change: TypeAlias = Rewrite | Relink | Permit | Uncompile
