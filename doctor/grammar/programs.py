"""Programs by the words of a command line: what serves an app, what starts it, what stands in between."""

from __future__ import annotations

import posixpath
import re

GUNICORN = "gunicorn"
APP_SERVERS = (GUNICORN, "uvicorn", "hypercorn", "waitress", "uwsgi", "flask")
"""What answers for an app: how names of such programs begin."""
WEB_SERVER = "nginx"
INTERPRETER = "python"

WEB_PROGRAM = re.compile("|".join((*APP_SERVERS, WEB_SERVER, "wsgi", r"manage\.py")), re.IGNORECASE)
"""What the name or command of anything that serves the web mentions."""

LISTENERS = (*APP_SERVERS, WEB_SERVER, INTERPRETER)
"""How names of programs begin that may hold a socket of an app or of what is in front of it."""

OWN_PROGRAMS = (*APP_SERVERS, INTERPRETER)
"""How names of programs begin that run the app themselves, and set no variables before."""

FAMILIAR = re.compile(
    "|".join((*APP_SERVERS, WEB_SERVER, INTERPRETER, "wsgi", "werkzeug", "supervisor", "systemd", "docker-proxy"))
)
"""What a command line mentions whose options are known."""

SERVER_PACKAGES = frozenset({"waitress", "gevent", "eventlet", "cheroot", "tornado", "uvicorn", "hypercorn", "bjoern"})
"""Packages with which Python code serves an app by itself."""

SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})

LAUNCHERS = frozenset(
    {
        "env", "uv", "uvx", "poetry", "pipenv", "pdm", "hatch", "rye", "nice", "ionice", "chrt", "taskset", "sudo",
        "runuser", "setpriv", "chpst", "setuidgid", "gosu", "su-exec", "timeout", "stdbuf", "dumb-init", "tini",
        "nohup", "setsid", "ddtrace-run", "opentelemetry-instrument", "newrelic-admin", "with-contenv", "dotenv",
        "doppler", "systemd-run", "strace", "authbind", "unshare", "conda", "micromamba",
    }
)  # fmt: skip
"""Run the command that they are given."""

CONTAINER_CLIENTS = frozenset(
    {
        "docker", "podman", "nerdctl", "docker-compose", "podman-compose", "ctr", "crictl", "lxc", "lxc-attach",
        "incus", "machinectl", "systemd-nspawn", "kubectl", "apptainer", "singularity", "flatpak", "toolbox",
    }
)  # fmt: skip
"""What they are given to run runs in a container, not here."""

MAIN_IS_GUNICORN = frozenset({"direct", "module", "shell-exec", "env", "uv"})
"""Ways to start in which the main process is Gunicorn, or one that hands HUP on. A wrapper shell dies of it."""

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*$")
_GUNICORN = re.compile(r"gunicorn3?$")


def is_python(word: str) -> bool:
    """The word names a Python interpreter."""
    return bool(_PYTHON.match(posixpath.basename(word)))


def is_gunicorn(word: str) -> bool:
    """The word names Gunicorn's script."""
    return bool(_GUNICORN.match(posixpath.basename(word)))


def is_shell(word: str) -> bool:
    """The word names a shell, a login shell's "-bash" too."""
    return posixpath.basename(word).lstrip("-") in SHELLS
