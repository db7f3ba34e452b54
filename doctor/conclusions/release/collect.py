"""From a Gunicorn and its unit to the facts about its release."""

from __future__ import annotations

from doctor.cause import Cause, doubt
from doctor.conclusions.appcode.flask import VERSION_ROUTE
from doctor.conclusions.appcode.model import Imports
from doctor.conclusions.release.age import Switch, age, came_after, loaded_code
from doctor.conclusions.release.copies import other_copy
from doctor.conclusions.release.follow import hup_follows
from doctor.conclusions.release.git import Checkout, checkout
from doctor.conclusions.release.layout import (
    MARKERS,
    Folder,
    folder_of,
    link_beside,
    link_inside,
    release_root,
)
from doctor.conclusions.release.model import Release
from doctor.conclusions.release.serving import TOLERANCE, serving, started
from doctor.conclusions.release.way import REPOSITORY, Held, Way, configured_by, find_link, ways
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.grammar.outline import Outline
from doctor.grammar.paths import is_below
from doctor.hosts.base import FileType, Host, Stat, TargetKind, Unseen
from doctor.hosts.paths import resolve
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.sources.process import Process, WorkingDirectory

_NOT_TOLD = Unknown("which files the app loads was not looked at", Cause.NOT_ASKED)
_SETTLED = 600.0
"""Seconds. A release that nobody writes to for so long is complete."""


def collect(
    host: Host,
    gunicorn: Gunicorn,
    plan: Fact[Plan],
    served: tuple[str, ...] = (),
    imports: Fact[Imports] = _NOT_TOLD,
) -> Release:
    """Where the code lies, how it is switched, and whether the processes run what lies there.

    Args:
        host: where to look.
        gunicorn: whose code.
        plan: how its unit starts it; Absent without one.
        served: directories other Gunicorns run in, which are no stray copies of this app.
        imports: what the next start would load.
    """
    logical = ways(gunicorn, plan)
    link = find_link(host, logical, imports)
    following = configured_by(host, logical, gunicorn)
    workers = serving(gunicorn)
    cwd = _cwd(gunicorn, workers)
    standing: Fact[str] = Known(cwd.value.path, cwd.places) if isinstance(cwd, Known) else cwd
    folder = _folder(host, link, following, standing)
    deleted = cwd.meets(lambda it: it.deleted)
    held = link.or_(None)
    place = Place(path=held.link.written or held.link.path) if held else Place()
    switched: Fact[float] = _switched(held, place) if held else _missing(link)
    follows = _follows(gunicorn, plan, link, logical)
    replaced = _replaced(host, gunicorn, cwd, following, held, workers)
    behind: Fact[str] = _missing(link)
    if held and not isinstance(replaced, Known):
        behind = _behind(host, gunicorn, held, standing, folder, workers, follows)
    running = _running(host, held, standing, behind)
    root = running if isinstance(running, Known) else following
    crossed = follows.or_(False)
    switch: Switch | None = None
    if held and held.link.seen:
        back = _turned_back(host, gunicorn, held, folder)
        switch = Switch(held.link.path, held.link.switched, isinstance(behind, Known), crossed, back)
    # The walk was of the directory the next start would run in.
    same = isinstance(standing, Known) and isinstance(following, Known) and standing.value == following.value
    loaded = imports.value if same and isinstance(imports, Known) else None
    ages = age(host, gunicorn, workers, _loaded_from(running, loaded), deleted, switch, loaded)
    repository = _checkout(host, root, deleted)
    oldest_worker = _worker(workers, 0)
    return Release(
        link=computed(held.link.path, *link.places) if held else _missing(link),
        link_target=_target(held) if held else _missing(link),
        link_switched=switched,
        link_inside_release=_inside(host, held, folder) if held else _missing(link),
        bypassed_link=_bypassed(host, link, folder, following),
        folder=computed(folder.path, Place(path=folder.path)) if folder else ABSENT,
        entries=computed(folder.names, Place(path=folder.path)) if folder else ABSENT,
        newest=_newest(folder),
        unswitched=_unswitched(host, gunicorn, held, folder, oldest_worker),
        running=running,
        running_deleted=Known(deleted, cwd.places) if isinstance(cwd, Known) else cwd,
        configured=following,
        replaced=replaced,
        behind_link=behind,
        reloaded_since_switch=_reloaded(oldest_worker, switched),
        newest_code=ages.newest_code,
        newest_code_time=ages.newest_code_time,
        oldest_worker=oldest_worker,
        newest_worker=_worker(workers, -1),
        master_started=_process_start(gunicorn.master),
        stale_code=ages.stale_code,
        stale_template=ages.stale_template,
        outdated_preload=ages.outdated_preload,
        reloaded_since_change=ages.reloaded_since_change,
        mixed_workers=ages.mixed_workers,
        git=repository.present,
        git_head=repository.head,
        hup_follows=follows,
        hup_effective=_effective(gunicorn, follows),
        other_copy=_other_copy(host, gunicorn, plan, root, deleted, folder, served),
        marker=_marker(host, gunicorn, root, folder),
    )


def _missing(link: Fact[Held]) -> Absent | Unknown:
    return link.untold()


def _switched(held: Held, place: Place) -> Fact[float]:
    return (
        Known(held.link.switched, (place,)) if held.link.seen else Unknown(REPOSITORY, Cause.OUTSIDE, held.way.places)
    )


def _target(held: Held) -> Fact[str]:
    if not held.link.seen:
        return Unknown(REPOSITORY, Cause.OUTSIDE, held.way.places)
    if not held.link.target:
        return Absent((Place(path=held.link.path, text=f"→ {held.link.text}"),))
    return Known(held.link.target, (Place(path=held.link.path),))


def _cwd(gunicorn: Gunicorn, workers: Fact[tuple[Process, ...]]) -> Fact[WorkingDirectory]:
    """Of the oldest worker; of the master while it has no workers."""
    if isinstance(workers, Known) and workers.value:
        return workers.value[0].cwd
    return gunicorn.master.value.cwd if isinstance(gunicorn.master, Known) else gunicorn.master


def _folder(host: Host, link: Fact[Held], configured: Fact[str], running: Fact[str]) -> Folder | None:
    targets = link.map(lambda it: [it.link.target]).or_([])
    targets += [fact.value for fact in (configured, running) if isinstance(fact, Known)]
    for target in dict.fromkeys(targets):
        path = target
        # The app may lie in a folder of its release: releases/42/backend.
        for _ in range(3):
            folder = folder_of(host, path) if path.count("/") > 1 else None
            if folder:
                return folder
            path = path.rpartition("/")[0]
    return None


def _inside(host: Host, held: Held, folder: Folder | None) -> Fact[str]:
    if folder is None or not held.link.target:
        return ABSENT
    found = link_inside(host, held.link.target, folder)
    return computed(found, Place(path=found)) if found else ABSENT


def _bypassed(host: Host, link: Fact[Held], folder: Folder | None, configured: Fact[str]) -> Fact[str]:
    if isinstance(link, Unknown):
        return link
    if isinstance(link, Known) or folder is None or not isinstance(configured, Known):
        return ABSENT
    beside = link_beside(host, folder)
    if beside is None or release_root(configured.value, folder) == release_root(beside.target, folder):
        return ABSENT
    return computed(beside.path, Place(path=beside.path, text=f"→ {beside.target}"), *configured.places)


def _newest(folder: Folder | None) -> Fact[str]:
    if folder is None or not folder.names:
        return ABSENT
    path = f"{folder.path}/{folder.names[0]}"
    return computed(path, Place(path=path))


def _unswitched(
    host: Host, gunicorn: Gunicorn, held: Held | None, folder: Folder | None, oldest_worker: Fact[float]
) -> Fact[str]:
    if held is None or folder is None or not folder.names:
        return ABSENT
    newest = f"{folder.path}/{folder.names[0]}"
    if release_root(held.link.target, folder) == newest:
        return ABSENT
    places = (Place(path=newest), Place(path=held.link.path, text=f"→ {held.link.target}"))
    stat = host.stat(newest)
    if not isinstance(stat, Stat):
        return Unknown.of(doubt(stat, f"{newest} is gone", Cause.VANISHED))
    # ctime is when it came here: rsync and tar give files the time they had elsewhere.
    if max(stat.mtime, stat.ctime) <= held.link.switched:
        return Absent(places)
    code = loaded_code(host, Known(newest, places), gunicorn)
    if isinstance(code, Unknown):
        return code
    if code.newest and not came_after(code, held.link.switched - TOLERANCE):
        return Absent(places)
    last = max(stat.mtime, stat.ctime, code.newest_change.ctime if code.newest_change else 0.0)
    reloaded = oldest_worker.meets(lambda it: it > last)
    if not code.newest or (not reloaded and host.now() - last < _SETTLED):
        return Unknown(f"the deploy of {newest} may still be going on", Cause.VANISHED, places)
    return computed(newest, *places)


def _turned_back(host: Host, gunicorn: Gunicorn, held: Held, folder: Folder | None) -> bool:
    """The link points to an older release than one that was there when the master started: a roll-back since then."""
    if folder is None or not folder.names or not isinstance(gunicorn.master, Known):
        return False
    newest = f"{folder.path}/{folder.names[0]}"
    stat = host.stat(newest)
    came = isinstance(stat, Stat) and max(stat.mtime, stat.ctime) < gunicorn.master.value.started
    return came and bool(held.link.target) and release_root(held.link.target, folder) != newest


def _replaced(
    host: Host,
    gunicorn: Gunicorn,
    cwd: Fact[WorkingDirectory],
    following: Fact[str],
    held: Held | None,
    workers: Fact[tuple[Process, ...]],
) -> Fact[str]:
    """By inode: the directory was renamed, and another one put in its place after the workers had started."""
    if not isinstance(cwd, Known) or not isinstance(following, Known) or not isinstance(gunicorn.master, Known):
        return ABSENT
    if cwd.value.deleted or cwd.value.path == following.value or not isinstance(workers, Known) or not workers.value:
        return ABSENT
    # A link that was written since leads there for a reason of its own.
    if held and (not held.link.seen or held.link.switched > gunicorn.master.value.started - TOLERANCE):
        return ABSENT
    stat = host.stat(following.value)
    if not isinstance(stat, Stat) or (stat.device, stat.inode) == (cwd.value.device, cwd.value.inode):
        return ABSENT
    # A rename changes the ctime of what is renamed.
    if stat.ctime < workers.value[0].started:
        return ABSENT
    if not all(_entry_file(host, gunicorn, path) for path in (cwd.value.path, following.value)):
        return ABSENT
    return computed(following.value, Place(path=following.value), *cwd.places)


def _running(host: Host, held: Held | None, standing: Fact[str], behind: Fact[str]) -> Fact[str]:
    """The directory the workers stand in, or the release, where that is found on the search path alone."""
    if held is None or held.way.working or not isinstance(standing, Known):
        return standing
    place = Place(path=held.link.path)
    found = resolve(host, held.way.path).physical
    if isinstance(behind, Absent) and isinstance(found, str):
        return computed(found, place, *standing.places)
    return Unknown(
        f"which release {held.link.path} pointed to when the code was loaded is lost", Cause.VANISHED, (place,)
    )


def _loaded_from(running: Fact[str], imports: Imports | None) -> Fact[str]:
    """Where the code lies: in the directory, or where its entry module is found elsewhere on the search path."""
    if not isinstance(running, Known) or imports is None or running.value == imports.root:
        return running
    inside = imports.root.startswith(f"{running.value.rstrip('/')}/") and running.value != "/"
    return running if inside else Known(imports.root, (*running.places, Place(path=imports.root)))


def _behind(
    host: Host,
    gunicorn: Gunicorn,
    held: Held,
    running: Fact[str],
    folder: Folder | None,
    workers: Fact[tuple[Process, ...]],
    follows: Fact[bool],
) -> Fact[str]:
    if not isinstance(running, Known):
        return running
    place = Place(path=held.link.path)
    if not held.link.target:
        return Unknown(f"{held.link.path} points to nothing", Cause.AMBIGUOUS, (place,))
    target = release_root(held.link.target, folder)
    if held.way.working and is_below(running.value, target):
        return Absent(running.places)
    preload = gunicorn.settings.preload
    loader = gunicorn.master.or_(None)
    if not preload.or_(False):
        loader = workers.value[0] if isinstance(workers, Known) and workers.value else None
    if loader is not None and loader.started > held.link.switched + TOLERANCE:
        # Named on the search path, the link is resolved anew at every import, whatever the working directory.
        if isinstance(follows, Unknown):
            return follows
        if follows.or_(False):
            return Absent((place,))
    if held.way.working:
        return computed(target, *running.places, place)
    if loader is not None and came_after(loaded_code(host, Known(target, (place,)), gunicorn), loader.started):
        return computed(target, *started(loader, "process").places, place)
    return Unknown(
        f"which release {held.link.path} pointed to when the code was loaded is lost", Cause.VANISHED, held.way.places
    )


def _reloaded(oldest_worker: Fact[float], switched: Fact[float]) -> Fact[bool]:
    if not isinstance(switched, Known):
        return switched
    if not isinstance(oldest_worker, Known):
        return oldest_worker
    return computed(oldest_worker.value > switched.value, *oldest_worker.places, *switched.places)


def _worker(workers: Fact[tuple[Process, ...]], index: int) -> Fact[float]:
    if not isinstance(workers, Known):
        return workers
    if not workers.value:
        return Absent(workers.places)
    return started(workers.value[index], "worker")


def _process_start(process: Fact[Process]) -> Fact[float]:
    if not isinstance(process, Known):
        return process
    return started(process.value, "master")


def _checkout(host: Host, root: Fact[str], deleted: bool) -> Checkout:
    if isinstance(root, Known) and not deleted:
        return checkout(host, root.value)
    fact = root if not isinstance(root, Known) else Unknown("the directory was removed", Cause.VANISHED, root.places)
    return Checkout(fact, fact)


def _follows(gunicorn: Gunicorn, plan: Fact[Plan], link: Fact[Held], logical: Fact[tuple[Way, ...]]) -> Fact[bool]:
    if isinstance(link, Unknown):
        return link
    if isinstance(link, Absent):
        return Known(True, link.places)
    path = link.value.link.path
    directory = logical.map(lambda it: it[0].path).or_("")
    outside = not is_below(directory, path)
    return hup_follows(gunicorn, plan, path, outside)


def _effective(gunicorn: Gunicorn, follows: Fact[bool]) -> Fact[bool]:
    preload = gunicorn.settings.preload
    if preload.or_(False):
        return computed(False, *preload.places)
    if isinstance(follows, Known) and not follows.value:
        return follows
    if isinstance(preload, Unknown):
        return Unknown.of(preload, preload.places)
    return follows


def _entry_file(host: Host, gunicorn: Gunicorn, root: str) -> str:
    """File of the entry module below `root`, "" when it is not there."""
    wsgi_app = gunicorn.settings.wsgi_app
    if not isinstance(wsgi_app, Known):
        return ""
    stem = wsgi_app.value.partition(":")[0].replace(".", "/")
    for name in (f"{stem}.py", f"{stem}/__init__.py"):
        stat = host.stat(f"{root}/{name}")
        if isinstance(stat, Stat) and stat.type is FileType.FILE:
            return name
    return ""


def _other_copy(
    host: Host,
    gunicorn: Gunicorn,
    plan: Fact[Plan],
    root: Fact[str],
    deleted: bool,
    folder: Folder | None,
    served: tuple[str, ...],
) -> Fact[str]:
    if not isinstance(root, Known):
        return root
    if host.kind is TargetKind.TREE:
        return Unknown(REPOSITORY, Cause.OUTSIDE)
    if deleted:
        return Unknown("the directory was removed", Cause.VANISHED, root.places)
    entry = _entry_file(host, gunicorn, root.value)
    if not entry:
        return Absent(root.places)
    kept = (folder.path,) if folder else ()
    unit = Known(plan.value.unit) if isinstance(plan, Known) else plan
    return other_copy(host, unit, root.value, entry, kept, tuple(s for s in served if s != root.value))


def _marker(host: Host, gunicorn: Gunicorn, root: Fact[str], folder: Folder | None) -> Fact[str]:
    if not isinstance(root, Known):
        return root
    for place in dict.fromkeys((root.value, release_root(root.value, folder))):
        names = host.list(place)
        if isinstance(names, Unseen):
            return Unknown.of(names, root.places)
        for name in MARKERS:
            if isinstance(names, tuple) and name in names:
                return Known(f"the file {name}", (Place(path=f"{place}/{name}"),))
    entry = _entry_file(host, gunicorn, root.value)
    outline = host.outline(f"{root.value}/{entry}") if entry else None
    for route in outline.routes if isinstance(outline, Outline) else ():
        if VERSION_ROUTE.match(route):
            return Known(f"the route {route}", (Place(path=f"{root.value}/{entry}"),))
    return Absent(root.places)
