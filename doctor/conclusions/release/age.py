"""How old the running code is against the files it was loaded from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doctor.cause import Cause
from doctor.conclusions.appcode.loads import may_load
from doctor.conclusions.appcode.model import Imports
from doctor.conclusions.release.serving import TOLERANCE, divided, started
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, Scan, ScannedFile, Stat, Unseen
from doctor.servers.gunicorn.model import Gunicorn
from doctor.sources.process import Process

CODE = (".py",)
TEMPLATES = (".html", ".htm", ".jinja", ".jinja2", ".j2")

_NOT_LOADED = frozenset({"alembic", "doc", "docs", "migrations", "test", "tests"})
"""Folders of code that no worker imports."""
_NOT_LOADED_FILES = frozenset({"conftest.py", "fabfile.py", "gunicorn.conf.py", "noxfile.py", "setup.py"})


@frozen
class Age:
    """The part of `Release` that compares times."""

    newest_code: Fact[str]
    newest_code_time: Fact[float]
    stale_code: Fact[str]
    stale_template: Fact[str]
    outdated_preload: Fact[str]
    reloaded_since_change: Fact[bool]
    mixed_workers: Fact[tuple[int, ...]]


@frozen
class Switch:
    """The release link as it bears on the workers.

    `behind`: they were started in another release. `crossed`: those started after the switch load the new one.
    `back`: it points to an older release than one that was there when the master started.
    """

    path: str
    time: float
    behind: bool
    crossed: bool
    back: bool


def age(
    host: Host,
    gunicorn: Gunicorn,
    workers: Fact[tuple[Process, ...]],
    directory: Fact[str],
    deleted: bool,
    switch: Switch | None,
    imports: Imports | None = None,
) -> Age:
    """Compare the code in `directory` with the processes that run it.

    Args:
        host: where to look.
        gunicorn: with preload its master loaded the code.
        workers: those that take requests; without preload they loaded the code.
        directory: where they loaded it from, physical; Absent when nothing runs.
        deleted: it was removed under them.
        switch: None without a release link, or where its time is not known.
        imports: what of it is loaded; None where that cannot be told.
    """
    if not isinstance(directory, Known):
        return _same(directory)
    if deleted:
        return _same(Unknown("the directory the workers run in was removed", Cause.VANISHED, directory.places))
    code = loaded_code(host, directory, gunicorn, imports)
    templates = _scan(host, directory, TEMPLATES)
    newest = code.newest[0] if isinstance(code, Scan) and code.newest else None
    nothing: Fact[str] = code if isinstance(code, Unknown) else ABSENT
    loaded, who = _loaded(gunicorn, workers)
    stale = _stale(code, loaded, who, gunicorn)
    outdated, changed = _outdated_preload(gunicorn, code, stale, switch)
    return Age(
        newest_code=Known(newest.path, (Place(path=newest.path),)) if newest else nothing,
        newest_code_time=_changed(newest, code),
        stale_code=stale,
        stale_template=_stale(templates, loaded, who, gunicorn),
        outdated_preload=outdated,
        reloaded_since_change=_reloaded(workers, changed),
        mixed_workers=_mixed(gunicorn, workers, code, switch),
    )


def came_after(scan: Scan | Unknown, moment: float) -> bool:
    """Every file of a tree, as far as a scan tells, was put there after a moment. A change of owner looks the same."""
    files = scan.newest if isinstance(scan, Scan) else ()
    return bool(files) and all(file.ctime > moment + TOLERANCE for file in files)


def loaded_code(
    host: Host, directory: Known[str], gunicorn: Gunicorn, imports: Imports | None = None
) -> Scan | Unknown:
    """The Python files of a directory but those that no worker imports: tests, migrations, Gunicorn's own settings.

    With `imports`, nor what nothing in the app leads to.
    """
    scan = _scan(host, directory, CODE)
    if isinstance(scan, Unknown):
        return scan
    file = gunicorn.settings.config_file
    settings = file.or_("")

    def is_loaded(path: str) -> bool:
        return _is_loaded(path, directory.value, settings) and (imports is None or may_load(host, imports, path))

    kept = [file for file in scan.newest if is_loaded(file.path)]
    if scan.newest and not kept and scan.seen > len(scan.newest):
        if imports is None or not imports.files:
            return Unknown(
                f"the newest files in {directory.value} are all tests or migrations", Cause.AMBIGUOUS, directory.places
            )
        kept = [found for path in sorted(imports.files) if (found := _stated(host, path))]
    touched = scan.newest_change
    if touched and not is_loaded(touched.path):
        touched = None
    # Files with times to come crowd out what was changed just now; that has the newest ctime.
    known = {file.path: _settled(file) for file in (*kept, *((touched,) if touched else ()))}
    newest = sorted(known.values(), key=lambda file: (-file.mtime, file.path))
    return replace(scan, newest=tuple(newest), newest_change=_settled(touched) if touched else None)


def _stated(host: Host, path: str) -> ScannedFile | None:
    stat = host.stat(path)
    return ScannedFile(path, stat.mtime, stat.ctime, stat.size) if isinstance(stat, Stat) else None


def _settled(file: ScannedFile) -> ScannedFile:
    """Nothing in a file changes after its ctime (inode(7)): a later mtime was set, by an archive or a wrong clock."""
    return replace(file, mtime=min(file.mtime, file.ctime))


def _is_loaded(path: str, directory: str, settings: str) -> bool:
    *folders, name = path.removeprefix(f"{directory}/").split("/")
    return path != settings and name not in _NOT_LOADED_FILES and _NOT_LOADED.isdisjoint(folders)


def _same(fact: Absent | Unknown) -> Age:
    return Age(fact, fact, fact, fact, fact, fact, fact)


def _scan(host: Host, directory: Known[str], suffixes: tuple[str, ...]) -> Scan | Unknown:
    scan = host.scan(directory.value, suffixes)
    if isinstance(scan, Missing):
        return Unknown(f"{directory.value} does not exist", Cause.NOT_FOUND, directory.places)
    return Unknown.of(scan, directory.places) if isinstance(scan, Unseen) else scan


def _changed(newest: ScannedFile | None, code: Scan | Unknown) -> Fact[float]:
    if newest:
        return Known(newest.mtime, (Place(path=newest.path),))
    return code if isinstance(code, Unknown) else ABSENT


def _loaded(gunicorn: Gunicorn, workers: Fact[tuple[Process, ...]]) -> tuple[Fact[float], str]:
    """When the oldest of the running code was loaded, and by whom."""
    preload = gunicorn.settings.preload
    if isinstance(preload, Unknown):
        return Unknown.of(preload, preload.places), ""
    if preload.or_(False):
        master = gunicorn.master
        return started(master.value, "master") if isinstance(master, Known) else master, "the master"
    if not isinstance(workers, Known) or not workers.value:
        return workers.untold(), ""
    return started(workers.value[0], "worker"), "the oldest worker"


def _stale(scan: Scan | Unknown, loaded: Fact[float], who: str, gunicorn: Gunicorn) -> Fact[str]:
    if isinstance(scan, Unknown):
        return scan
    if not isinstance(loaded, Known):
        return loaded
    if gunicorn.settings.reload.or_(False):
        return Absent(gunicorn.settings.reload.places)
    limit = loaded.value + TOLERANCE
    newest = scan.newest[0] if scan.newest else None
    if newest and newest.mtime > limit:
        return computed(newest.path, Place(path=newest.path), *loaded.places)
    touched = scan.newest_change
    if touched and touched.ctime > limit:
        return Unknown(
            f"{touched.path} was replaced, or had only its mode or owner changed, after {who} started; "
            "its time of modification is older",
            Cause.AMBIGUOUS,
            (Place(path=touched.path), *loaded.places),
        )
    if not scan.complete:
        return Unknown(f"only {scan.seen} files could be looked at", Cause.TOO_MUCH)
    return Absent(loaded.places)


def _outdated_preload(
    gunicorn: Gunicorn, code: Scan | Unknown, stale: Fact[str], switch: Switch | None
) -> tuple[Fact[str], float]:
    """What the preloading master has not seen, and since when it is there."""
    preload = gunicorn.settings.preload
    if isinstance(preload, Unknown):
        return Unknown.of(preload, preload.places), 0.0
    if not preload.or_(False):
        return Absent(preload.places), 0.0
    if not isinstance(gunicorn.master, Known):
        return gunicorn.master, 0.0
    master = gunicorn.master.value
    later = switch is not None and switch.time > master.started + TOLERANCE
    # After a reload even the working directory is the new one; only the code in memory is old.
    if switch and later and (switch.behind or switch.back or came_after(code, master.started)):
        return computed(switch.path, Place(path=switch.path), *started(master, "master").places), switch.time
    if isinstance(stale, Known) and isinstance(code, Scan):
        return stale, code.newest[0].mtime
    if switch and later:
        reason = f"{switch.path} was written after the master had started; to which release it pointed before is lost"
        return Unknown(reason, Cause.VANISHED, (Place(path=switch.path),)), 0.0
    return stale, 0.0


def _reloaded(workers: Fact[tuple[Process, ...]], changed: float) -> Fact[bool]:
    if not changed:
        return ABSENT
    if not isinstance(workers, Known):
        return workers
    if not workers.value:
        return Absent(workers.places)
    oldest = workers.value[0]
    return computed(oldest.started > changed, *started(oldest, "worker").places)


def _mixed(
    gunicorn: Gunicorn, workers: Fact[tuple[Process, ...]], code: Scan | Unknown, switch: Switch | None
) -> Fact[tuple[int, ...]]:
    if gunicorn.changing.or_(False):
        return Unknown("a reload is in progress", Cause.VANISHED, gunicorn.changing.places)
    if not isinstance(workers, Known):
        return workers
    preload = gunicorn.settings.preload
    if isinstance(preload, Unknown):
        return Unknown.of(preload, preload.places)
    if preload.or_(False):
        return Absent(preload.places)
    changes: Sequence[ScannedFile] = code.newest if isinstance(code, Scan) else ()
    if switch and switch.behind:
        # Where the link is named, a worker that is started anew loads the new release in the old directory.
        changes = (ScannedFile(switch.path, switch.time, switch.time, 0),) if switch.crossed else ()
    found = divided(gunicorn, workers.value, changes)
    return found or (code if isinstance(code, Unknown) else ABSENT)
