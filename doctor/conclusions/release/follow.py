"""Does a HUP load the release a switched link points to?

Gunicorn's default chdir is the working directory at the import of gunicorn/config.py: $PWD where that names it, the
physical path otherwise (gunicorn/util.py, getcwd). A HUP changes into that directory again. So it follows a link only
where the link itself is named: by an absolute --chdir, by PWD, or by a path that is searched for modules.
"""

from __future__ import annotations

from doctor.facts.value import Fact, Known, Place, Unknown, computed
from doctor.grammar.paths import is_below
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.sources.variables import Variables, of_process


def hup_follows(gunicorn: Gunicorn, plan: Fact[Plan], link: str, outside: bool) -> Fact[bool]:
    """Whether a HUP after switching `link` brings the new release.

    `outside`: the working directory does not lie behind the link, so a PYTHONPATH through it decides.
    """
    chdir = gunicorn.settings.chdir
    if isinstance(chdir, Unknown):
        return Unknown.of(chdir, chdir.places)
    if isinstance(chdir, Known):
        if not is_below(chdir.value, link):
            outside = True
        elif not gunicorn.settings.chdir_relative.is_(True):
            return computed(True, *chdir.places)
    pythonpath = gunicorn.settings.pythonpath
    if isinstance(pythonpath, Unknown):
        return Unknown.of(pythonpath, pythonpath.places)
    if pythonpath.meets(lambda it: any(is_below(entry.strip(), link) for entry in it.split(","))):
        return computed(True, *pythonpath.places)
    variables = _variables(gunicorn, plan)
    path, pwd = variables.implicit("PYTHONPATH"), variables.implicit("PWD")
    for fact in (path, pwd):
        if isinstance(fact, Unknown):
            return fact
    if outside and any(is_below(entry, link) for entry in path.or_("").split(":")):
        return computed(True, Place(note="PYTHONPATH leads through the link"))
    directory = _changed_to(gunicorn, plan) or pwd.or_("")
    if is_below(directory, link):
        return computed(True, Place(note=f"PWD is {directory}"))
    return computed(False, *gunicorn.logical_directory.places)


def searched(gunicorn: Gunicorn, plan: Fact[Plan]) -> tuple[str, ...]:
    """Absolute entries of PYTHONPATH, as far as it is shown."""
    given = _variables(gunicorn, plan).implicit("PYTHONPATH").or_("")
    return tuple(entry for entry in given.split(":") if entry.startswith("/"))


def _variables(gunicorn: Gunicorn, plan: Fact[Plan]) -> Variables:
    """Those of the running master, or of the next one where none runs."""
    if isinstance(gunicorn.master, Known):
        return of_process(gunicorn.master.value)
    return plan.value.variables if isinstance(plan, Known) else Variables({})


def _changed_to(gunicorn: Gunicorn, plan: Fact[Plan]) -> str:
    """`bash -c 'cd DIR && exec gunicorn …'` before it was ever started: the shell will set PWD."""
    if isinstance(gunicorn.master, Known) or not isinstance(plan, Known) or plan.value.launch is None:
        return ""
    return plan.value.launch.directory
