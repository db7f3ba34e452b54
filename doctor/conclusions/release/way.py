"""The ways to the code: the directory as written, what is searched for modules, and the link they go through."""

from __future__ import annotations

from doctor.cause import Cause
from doctor.conclusions.appcode.model import Imports
from doctor.conclusions.release.follow import searched
from doctor.conclusions.release.layout import Link, link_named, link_on
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, TargetKind, Unseen
from doctor.hosts.paths import resolve
from doctor.servers.gunicorn import Gunicorn, Plan

REPOSITORY = "a repository does not hold the machine's files"


@frozen
class Way:
    """A path that leads to the code, links kept. `working`: it is the working directory."""

    path: str
    places: tuple[Place, ...]
    working: bool


def ways(gunicorn: Gunicorn, plan: Fact[Plan]) -> Fact[tuple[Way, ...]]:
    """Every path as written that leads to the code: the directory, and what is searched for modules."""
    directory = gunicorn.logical_directory
    if isinstance(directory, Unknown):
        return directory
    ways = directory.map(lambda it: [Way(it, directory.places, True)]).or_([])
    chdir, pythonpath = gunicorn.settings.chdir, gunicorn.settings.pythonpath
    if isinstance(chdir, Known) and chdir.value.startswith("/"):
        ways.append(Way(chdir.value, chdir.places, True))
    if isinstance(pythonpath, Known):
        entries = (entry.strip() for entry in pythonpath.value.split(","))
        ways += [Way(entry, pythonpath.places, False) for entry in entries if entry.startswith("/")]
    ways += [Way(entry, (Place(note="PYTHONPATH"),), False) for entry in searched(gunicorn, plan)]
    return Known(tuple(ways)) if ways else ABSENT


@frozen
class Held:
    """The link and the way it lies on."""

    link: Link
    way: Way


def find_link(host: Host, logical: Fact[tuple[Way, ...]], imports: Fact[Imports]) -> Fact[Held]:
    """The link that releases are switched by. One on the search path counts only where the app is found behind it."""
    if not isinstance(logical, Known):
        return logical
    for way in logical.value:
        if not way.working and isinstance(imports, Known) and resolve(host, way.path).physical != imports.value.root:
            continue
        link = link_named(way.path) if host.kind is TargetKind.TREE else link_on(host, way.path)
        if isinstance(link, Unseen):
            return Unknown.of(link, way.places)
        if link is not None:
            return computed(Held(link, way), Place(path=link.path), *way.places)
    return Absent(logical.value[0].places)


def configured_by(host: Host, logical: Fact[tuple[Way, ...]], gunicorn: Gunicorn) -> Fact[str]:
    """--chdir wins over the working directory: Gunicorn changes into it before it loads the app."""
    if not isinstance(logical, Known):
        return gunicorn.directory if isinstance(logical, Absent) else logical
    working = [way for way in logical.value if way.working]
    if not working:
        return gunicorn.directory
    found = resolve(host, working[-1].path)
    if isinstance(found.physical, Unseen):
        return Unknown.of(found.physical, working[-1].places)
    if isinstance(found.physical, Missing) and host.kind is TargetKind.TREE:
        return Unknown(REPOSITORY, Cause.OUTSIDE, working[-1].places)
    if isinstance(found.physical, Missing):
        return Absent((*working[-1].places, Place(path=found.stopped_at)))
    return computed(found.physical, *working[-1].places)


def configured(host: Host, gunicorn: Gunicorn, plan: Fact[Plan]) -> Fact[str]:
    """The physical directory the next start would run in; Absent when it does not exist."""
    return configured_by(host, ways(gunicorn, plan), gunicorn)
