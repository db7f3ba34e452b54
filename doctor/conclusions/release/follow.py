"""Does a HUP load the release a switched link points to?

Gunicorn's default chdir is the working directory at the import of gunicorn/config.py: $PWD where that names it, the
physical path otherwise (gunicorn/util.py, getcwd). A HUP changes into that directory again. So it follows a link only
where the link itself is named: by an absolute --chdir, by PWD, or by a path that is searched for modules.
"""

from __future__ import annotations

import re
from functools import cache

from doctor.facts.value import Fact, Known, Place, Unknown, computed
from doctor.grammar.paths import is_below
from doctor.hosts.hidden import TOKEN
from doctor.servers.gunicorn.model import Gunicorn
from doctor.sources.systemd import Unit


def hup_follows(gunicorn: Gunicorn, unit: Fact[Unit], link: str, outside: bool) -> Fact[bool]:
    """Whether a HUP after switching `link` brings the new release.

    `outside`: the working directory does not lie behind the link, so a PYTHONPATH through it decides.
    """
    chdir = gunicorn.settings.chdir
    if isinstance(chdir, Unknown):
        return Unknown(chdir.reason, chdir.places)
    if isinstance(chdir, Known):
        if is_below(chdir.value, link) and not _written_relative(gunicorn, unit, chdir):
            return computed(True, *chdir.places)
        if not is_below(chdir.value, link):
            outside = True
    pythonpath = gunicorn.settings.pythonpath
    if isinstance(pythonpath, Unknown):
        return Unknown(pythonpath.reason, pythonpath.places)
    if isinstance(pythonpath, Known) and any(is_below(entry.strip(), link) for entry in pythonpath.value.split(",")):
        return computed(True, *pythonpath.places)
    variables = _variables(gunicorn, unit)
    if isinstance(variables, Unknown):
        return variables
    if outside and any(is_below(entry, link) for entry in variables.get("PYTHONPATH", "").split(":")):
        return computed(True, Place(note="PYTHONPATH leads through the link"))
    directory = variables.get("PWD", "") or _cd_target(gunicorn, unit)
    if is_below(directory, link):
        return computed(True, Place(note=f"PWD is {directory}"))
    return computed(False, *gunicorn.logical_directory.places)


def searched(gunicorn: Gunicorn, unit: Fact[Unit]) -> tuple[str, ...]:
    """Absolute entries of PYTHONPATH, as far as it is shown."""
    variables = _variables(gunicorn, unit)
    given = variables.get("PYTHONPATH", "") if isinstance(variables, dict) else ""
    return tuple(entry for entry in given.split(":") if entry.startswith("/"))


def _variables(gunicorn: Gunicorn, unit: Fact[Unit]) -> dict[str, str] | Unknown:
    """PWD and PYTHONPATH of the running master, or of the next one where none runs."""
    if isinstance(gunicorn.master, Known):
        environ = gunicorn.master.value.environ
        if not isinstance(environ, Known):
            reason = environ.reason if isinstance(environ, Unknown) else "the environment of the master is empty"
            return Unknown(reason, environ.places)
        source = dict(environ.value)
    elif isinstance(unit, Known) and isinstance(unit.value.environment, Known):
        source = dict(unit.value.environment.value)
    else:
        source = {}
    wanted = ("PWD", "PYTHONPATH")
    found: dict[str, str] = {name: value for name, value in source.items() if name in wanted}
    hidden = next((name for name, value in found.items() if TOKEN.search(value)), "")
    return Unknown(f"the value of {hidden} is not shown") if hidden else found


def _cd_target(gunicorn: Gunicorn, unit: Fact[Unit]) -> str:
    """`bash -c 'cd DIR && exec gunicorn …'` before it was ever started: the shell will set PWD."""
    if isinstance(gunicorn.master, Known) or not isinstance(unit, Known):
        return ""
    commands = unit.value.exec_start
    for command in commands.or_(()):
        match = _cd().search(command.argv[-1]) if len(command.argv) > 2 and "-c" in command.argv else None
        if match:
            return match["directory"]
    return ""


@cache
def _cd() -> re.Pattern[str]:
    return re.compile(r"""\bcd\s+["']?(?P<directory>/[^\s"';&]+)""")


@cache
def _relative() -> re.Pattern[str]:
    return re.compile(r"""(?:--chdir[=\s]+|\bchdir\s*=\s*)["']?(?!["'/\s])\S""")


def _written_relative(gunicorn: Gunicorn, unit: Fact[Unit], chdir: Known[str]) -> bool:
    """`--chdir .` is resolved against the physical directory, again and again."""
    texts = [place.text for place in chdir.places]
    if isinstance(gunicorn.master, Known) and isinstance(gunicorn.master.value.argv, Known):
        texts.append(" ".join(gunicorn.master.value.argv.value))
    if isinstance(unit, Known) and isinstance(unit.value.exec_start, Known):
        texts += [" ".join(command.argv) for command in unit.value.exec_start.value]
    return any(_relative().search(text) for text in texts)
