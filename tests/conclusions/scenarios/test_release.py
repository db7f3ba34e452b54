"""Releases on a real file system; the processes are described, not run."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions import release
from doctor.conclusions.appcode.model import Imports
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.hosts.base import Missing, Scan, TargetKind, Unseen
from doctor.hosts.live import LiveHost
from doctor.servers.gunicorn.model import Gunicorn, Settings
from doctor.servers.gunicorn.plan import plan
from doctor.sources.process import Process, WorkingDirectory
from doctor.sources.systemd import EnvironmentFileRef, ExecCommand, Unit

NOW = 0.0
"""When the test began, as the file system tells it: nobody can set the time of a change of a file."""


@pytest.fixture(autouse=True)
def _now(tmp_path_factory: pytest.TempPathFactory) -> None:
    global NOW
    NOW = tmp_path_factory.mktemp("now").stat().st_mtime


def value(fact: Fact[Any]) -> Any:
    assert isinstance(fact, Known), fact
    return fact.value


def age(path: Path, seconds: float) -> None:
    os.utime(path, (NOW - seconds, NOW - seconds), follow_symlinks=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """releases/2026-11-01 and 2026-11-20, current → the first; everything an hour old but the link."""
    root = tmp_path / "shop"
    for name in ("2026-11-01", "2026-11-20"):
        folder = root / "releases" / name
        folder.mkdir(parents=True)
        (folder / "wsgi.py").write_text("app = 1\n")
        age(folder / "wsgi.py", 3600)
    (root / "current").symlink_to("releases/2026-11-01")
    return root


def process(pid: int, directory: Path | str, started: float, deleted: bool = False, **environ: str) -> Process:
    path = str(directory)
    stat = os.stat(path) if os.path.exists(path) else None
    cwd = WorkingDirectory(path, deleted, stat.st_ino if stat else 0, stat.st_dev if stat else 0)
    return make(Process, pid=pid, started=started, cwd=Known(cwd), environ=Known(environ))


def gunicorn(logical: Path | str, *workers: Process, master: Process | None = None, **settings: Any) -> Gunicorn:
    first = master or (workers[0] if workers else None)
    return make(
        Gunicorn,
        name="shop.service",
        master=Known(first) if first else Absent(),
        workers=Known(workers) if workers else Absent(),
        settings=make(Settings, wsgi_app=Known("wsgi:app"), **settings),
        logical_directory=Known(str(logical), (Place(path="/etc/systemd/system/shop.service", line=7),)),
        directory=Known(str(logical)),
    )


def look(
    g: Gunicorn,
    unit: Fact[Unit] = Absent(),  # noqa: B008
    served: tuple[str, ...] = (),
    host: LiveHost | None = None,
    imports: Fact[Imports] = Unknown("not asked", Cause.NOT_ASKED),  # noqa: B008
) -> release.Release:
    planned = Known(plan(LiveHost(), unit.value)) if isinstance(unit, Known) else unit
    return release.collect(host or LiveHost(), g, planned, served, imports)


class WrittenInPlace(LiveHost):
    """Nobody can set a ctime: here it is the mtime, as of a file that was simply written."""

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Missing | Unseen:
        found = super().scan(path, suffixes, limit=limit)
        if not isinstance(found, Scan):
            return found
        newest = tuple(replace(file, ctime=file.mtime) for file in found.newest)
        return replace(found, newest=newest, newest_change=newest[0] if newest else None)


def test_link_and_folder(shop: Path) -> None:
    old = shop / "releases/2026-11-01"
    found = look(gunicorn(shop / "current", process(20, old, NOW + 5)))
    assert value(found.link) == f"{shop}/current"
    assert value(found.link_target) == str(old)
    assert value(found.link_switched) == (shop / "current").lstat().st_ctime
    assert value(found.folder) == f"{shop}/releases"
    assert value(found.entries) == ("2026-11-20", "2026-11-01")
    assert value(found.newest) == f"{shop}/releases/2026-11-20"
    assert value(found.running) == value(found.configured) == str(old)
    assert isinstance(found.behind_link, Absent)
    assert isinstance(found.stale_code, (Absent, Unknown))


def test_plain_directory_has_no_link(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "other").mkdir()
    found = look(gunicorn(tmp_path / "app"))
    for fact in (found.link, found.link_target, found.folder, found.newest, found.behind_link, found.running):
        assert isinstance(fact, Absent)
    assert value(found.hup_follows)
    assert value(found.configured) == f"{tmp_path}/app"


def test_link_to_the_folder_above_switches_nothing(tmp_path: Path, shop: Path) -> None:
    (tmp_path / "www").symlink_to(shop.parent)
    found = look(gunicorn(tmp_path / "www/shop/current"))
    assert value(found.link) == f"{tmp_path}/www/shop/current"
    assert isinstance(look(gunicorn(tmp_path / "www/shop/releases")).link, Absent)


def test_app_in_a_folder_of_its_release(shop: Path) -> None:
    inside = shop / "releases/2026-11-01/backend"
    inside.mkdir()
    found = look(gunicorn(shop / "current/backend", process(20, inside, NOW)))
    assert value(found.link) == f"{shop}/current"
    assert value(found.configured) == value(found.running) == str(inside)
    assert isinstance(found.behind_link, Absent)


class Later(LiveHost):
    """The same machine, an hour later."""

    def now(self) -> float:
        return NOW + 3600


def test_nobody_switched(shop: Path) -> None:
    os.utime(shop / "current", (NOW - 600, NOW - 600), follow_symlinks=False)
    g = gunicorn(shop / "current", process(20, shop / "releases/2026-11-01", NOW - 300))
    just_now = look(g).unswitched
    assert isinstance(just_now, Unknown)
    assert "may still be going on" in just_now.reason
    assert value(release.collect(Later(), g, Absent()).unswitched) == f"{shop}/releases/2026-11-20"
    reloaded = gunicorn(shop / "current", process(20, shop / "releases/2026-11-01", NOW + 60))
    assert value(look(reloaded).unswitched) == f"{shop}/releases/2026-11-20"


def test_file_put_into_an_old_release_is_no_new_release(shop: Path) -> None:
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/2026-11-01")
    time.sleep(0.02)
    switched = (shop / "current").lstat().st_mtime
    os.utime(shop / "current", (switched - 0.5, switched - 0.5), follow_symlinks=False)
    (shop / "releases/2026-11-20/NOTES").write_text("kept\n")
    age(shop / "releases/2026-11-20/wsgi.py", 3600)
    os.utime(shop / "current", (NOW + 1, NOW + 1), follow_symlinks=False)
    (shop / "releases/2026-11-20/MORE").write_text("kept\n")
    assert isinstance(release.collect(Later(), gunicorn(shop / "current"), Absent()).unswitched, Absent)


def test_roll_back_is_no_forgotten_switch(shop: Path) -> None:
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/2026-11-01")
    os.utime(shop / "current", (NOW + 600, NOW + 600), follow_symlinks=False)
    assert isinstance(look(gunicorn(shop / "current")).unswitched, Absent)


def test_link_made_inside_the_old_release(shop: Path) -> None:
    subprocess.run(["ln", "-s", f"{shop}/releases/2026-11-20", f"{shop}/current"], check=True)
    assert value(look(gunicorn(shop / "current")).link_inside_release) == f"{shop}/releases/2026-11-01/2026-11-20"


def test_behind_the_link_before_and_after_a_reload(shop: Path) -> None:
    old = shop / "releases/2026-11-01"
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/2026-11-20")
    before = look(gunicorn(shop / "current", process(20, old, NOW - 3000)))
    assert value(before.behind_link) == f"{shop}/releases/2026-11-20"
    assert value(before.reloaded_since_switch) is False
    after = look(gunicorn(shop / "current", process(20, old, NOW + 60)))
    assert value(after.behind_link) == f"{shop}/releases/2026-11-20"
    assert value(after.reloaded_since_switch) is True


def switched(shop: Path) -> Path:
    """`current` → 2026-11-20 from now on; the old release's path."""
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/2026-11-20")
    return shop / "releases/2026-11-01"


def test_worker_replaced_after_the_switch_loads_the_new_release_by_the_name_of_the_link(shop: Path) -> None:
    old = switched(shop)
    named, chdir = shop / "current", Known(f"{shop}/current")
    workers = (process(20, old, NOW - 300), process(21, old, NOW - 300), process(22, old, NOW + 60))
    some = look(gunicorn(named, *workers, chdir=chdir))
    assert value(some.mixed_workers) == (22,)
    assert value(some.behind_link) == f"{shop}/releases/2026-11-20"
    assert value(some.reloaded_since_switch) is False
    every = look(gunicorn(named, workers[2], chdir=chdir))
    assert isinstance(every.behind_link, Absent)
    assert isinstance(every.mixed_workers, Absent)


def test_worker_replaced_after_the_switch_stays_old_where_the_link_is_not_named(shop: Path) -> None:
    old = switched(shop)
    found = look(gunicorn(shop / "current", process(20, old, NOW - 300), process(22, old, NOW + 60)))
    assert isinstance(found.mixed_workers, Absent)
    assert value(found.behind_link) == f"{shop}/releases/2026-11-20"
    assert value(found.reloaded_since_switch) is False


def test_worker_that_finishes_its_last_request_does_not_count(shop: Path) -> None:
    old = switched(shop)
    workers = (process(20, old, NOW - 300), *(process(21 + i, shop / "releases/2026-11-20", NOW + 60) for i in (0, 1)))
    draining = look(gunicorn(shop / "current", *workers, workers=Known(2, origin=Origin.EXPLICIT)))
    assert value(draining.running) == f"{shop}/releases/2026-11-20"
    assert isinstance(draining.behind_link, Absent)
    assert isinstance(draining.mixed_workers, Absent)
    assert value(draining.oldest_worker) == NOW + 60
    configured = Known(3, origin=Origin.EXPLICIT)
    assert value(look(gunicorn(shop / "current", *workers, workers=configured)).mixed_workers) == (21, 22)
    counted = Known(3, origin=Origin.OBSERVED)
    assert isinstance(look(gunicorn(shop / "current", *workers, workers=counted)).mixed_workers, Unknown)


def test_preloading_master_after_a_switch(shop: Path) -> None:
    old = switched(shop)
    master, worker = process(10, old, NOW - 300), process(20, shop / "releases/2026-11-20", NOW + 60)
    settings = {"preload": Known(True), "chdir": Known(f"{shop}/current")}
    # The release came after the master had started.
    fresh = look(gunicorn(shop / "current", worker, master=master, **settings))
    assert value(fresh.outdated_preload) == f"{shop}/current"
    assert value(fresh.reloaded_since_change) is True
    not_reloaded = look(gunicorn(shop / "current", process(20, old, NOW - 200), master=master, **settings))
    assert value(not_reloaded.outdated_preload) == f"{shop}/current"
    assert value(not_reloaded.reloaded_since_change) is False
    # It was there before: the link may have pointed to it all the time.
    os.utime(shop / "current", (NOW + 900, NOW + 900), follow_symlinks=False)
    master = process(10, shop / "releases/2026-11-20", NOW + 300)
    late = look(
        gunicorn(shop / "current", process(20, shop / "releases/2026-11-20", NOW + 950), master=master, **settings)
    )
    assert isinstance(late.outdated_preload, Unknown)
    # It leads to the older of two that were there: somebody rolled back.
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/2026-11-01")
    os.utime(shop / "current", (NOW + 900, NOW + 900), follow_symlinks=False)
    back = look(gunicorn(shop / "current", process(20, old, NOW + 950), master=master, **settings))
    assert value(back.outdated_preload) == f"{shop}/current"
    assert value(back.reloaded_since_change) is True


def test_link_on_the_search_path_for_modules(shop: Path) -> None:
    switched(shop)
    settings: dict[str, Any] = {"pythonpath": Known(f"{shop}/current")}
    after = look(gunicorn(shop, process(20, shop, NOW + 60), **settings))
    assert isinstance(after.behind_link, Absent)
    before = look(gunicorn(shop, process(20, shop, NOW - 300), **settings))
    assert value(before.behind_link) == f"{shop}/releases/2026-11-20"
    os.utime(shop / "current", (NOW + 900, NOW + 900), follow_symlinks=False)
    assert isinstance(look(gunicorn(shop, process(20, shop, NOW + 60), **settings)).behind_link, Unknown)


def test_release_that_was_removed(shop: Path) -> None:
    gone = shop / "releases/2026-10-01"
    found = look(gunicorn(shop / "current", process(20, gone, NOW, deleted=True)))
    assert value(found.running_deleted)
    assert value(found.running) == str(gone)
    assert isinstance(found.stale_code, Unknown)
    assert value(found.behind_link) == f"{shop}/releases/2026-11-01"


def test_dangling_link(shop: Path) -> None:
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/none")
    found = look(gunicorn(shop / "current"))
    assert value(found.link) == f"{shop}/current"
    assert isinstance(found.link_target, Absent)
    assert isinstance(found.configured, Absent)


def test_configuration_that_names_a_release(shop: Path) -> None:
    found = look(gunicorn(shop / "releases/2026-11-20"))
    assert isinstance(found.link, Absent)
    assert value(found.bypassed_link) == f"{shop}/current"
    assert isinstance(look(gunicorn(shop / "releases/2026-11-01")).bypassed_link, Absent)


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (("v1.9.0", "v1.10.0"), "v1.10.0"),
        (("9", "10"), "10"),
        (("20261101123000", "20261031123000"), "20261101123000"),
        (("2026-11-01_10-00", "2026-11-02_09-00"), "2026-11-02_09-00"),
    ],
)
def test_order_of_names(tmp_path: Path, names: tuple[str, ...], newest: str) -> None:
    for name in names:
        (tmp_path / "apps" / name).mkdir(parents=True)
    (tmp_path / "apps" / "current").symlink_to(names[0])
    assert value(look(gunicorn(tmp_path / "apps/current")).newest) == f"{tmp_path}/apps/{newest}"


def test_commits_go_by_time(tmp_path: Path) -> None:
    for name, seconds in (("0a1b2c3", 10), ("f0e1d2c", 1000)):
        (tmp_path / "releases" / name).mkdir(parents=True)
        age(tmp_path / "releases" / name, seconds)
    (tmp_path / "current").symlink_to("releases/f0e1d2c")
    assert value(look(gunicorn(tmp_path / "current")).entries) == ("0a1b2c3", "f0e1d2c")


def app(tmp_path: Path, seconds: float = 3600) -> Path:
    folder = tmp_path / "app"
    (folder / "templates").mkdir(parents=True)
    for name in ("wsgi.py", "shop.py", "templates/index.html"):
        (folder / name).write_text("x = 1\n")
        age(folder / name, seconds)
    return folder


def test_stale_code(tmp_path: Path) -> None:
    folder = app(tmp_path)
    assert isinstance(look(gunicorn(folder, process(20, folder, NOW + 5000)), host=WrittenInPlace()).stale_code, Absent)
    age(folder / "shop.py", -9000)
    found = look(gunicorn(folder, process(20, folder, NOW + 5000)), host=WrittenInPlace())
    assert value(found.stale_code) == f"{folder}/shop.py"
    assert isinstance(found.stale_template, Absent)
    assert value(found.newest_code) == f"{folder}/shop.py"
    assert isinstance(
        look(gunicorn(folder, process(20, folder, NOW + 5000), reload=Known(True)), host=WrittenInPlace()).stale_code,
        Absent,
    )


@pytest.mark.parametrize("path", ["tests/test_shop.py", "shop/migrations/0001_first.py", "gunicorn.conf.py", "web.py"])
def test_code_that_no_worker_loads_is_not_stale(tmp_path: Path, path: str) -> None:
    folder = app(tmp_path)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("x = 1\n")
    age(folder / path, -9000)
    g = gunicorn(folder, process(20, folder, NOW + 5000), config_file=Known(f"{folder}/web.py"))
    assert isinstance(look(g, host=WrittenInPlace()).stale_code, Absent)


def test_stale_template(tmp_path: Path) -> None:
    folder = app(tmp_path)
    age(folder / "templates/index.html", -9000)
    found = look(gunicorn(folder, process(20, folder, NOW + 5000)), host=WrittenInPlace())
    assert value(found.stale_template) == f"{folder}/templates/index.html"
    assert isinstance(found.stale_code, Absent)


def test_time_of_modification_to_come_says_nothing(tmp_path: Path) -> None:
    """Of an archive, or a clock that was set back; the ctime is before the start."""
    folder = app(tmp_path)
    age(folder / "shop.py", -9000)
    found = look(gunicorn(folder, process(20, folder, NOW + 600)))
    assert isinstance(found.stale_code, Absent)
    assert value(found.newest_code_time) <= (folder / "shop.py").stat().st_ctime
    assert value(look(gunicorn(folder, process(20, folder, NOW - 600))).stale_code) == f"{folder}/shop.py"


@pytest.mark.parametrize(
    ("path", "loaded"),
    [
        ("shop.py", True),
        ("plugins/pay.py", True),  # the entry module names both parts
        ("manage.py", False),
        ("scripts/pay.py", False),
        ("releases/2026-11-01/shop.py", False),
        ("shop.bak/shop.py", False),
    ],
)
def test_code_that_nothing_in_the_app_leads_to_is_not_stale(tmp_path: Path, path: str, loaded: bool) -> None:
    folder = app(tmp_path)
    (folder / "wsgi.py").write_text('from shop import app\nPLUGINS = ["plugins.pay"]\n')
    age(folder / "wsgi.py", 3600)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("x = 1\n")
    age(folder / path, -9000)
    files = frozenset({f"{folder}/wsgi.py", f"{folder}/shop.py"})
    imports = Known(Imports(str(folder), files, (str(folder),)))
    g = gunicorn(folder, process(20, folder, NOW + 5000))
    assert isinstance(look(g, host=WrittenInPlace(), imports=imports).stale_code, Known if loaded else Absent)
    # Crowded out by others, the files that are loaded are looked at one by one.
    for number in range(30):
        (folder / f"copy{number}.py").write_text("x = 1\n")
        age(folder / f"copy{number}.py", -9500)
    crowded = look(gunicorn(folder, process(20, folder, NOW - 600)), imports=imports)
    assert isinstance(crowded.stale_code, Known if path == "shop.py" else Absent)


def test_directory_that_was_renamed_under_the_workers(tmp_path: Path) -> None:
    folder = app(tmp_path)
    worker = process(20, folder, NOW - 60)
    folder.rename(tmp_path / "app.old")
    moved = replace(worker, cwd=Known(replace(worker.cwd.value, path=f"{tmp_path}/app.old")))  # type: ignore[union-attr]
    assert isinstance(look(gunicorn(folder, moved)).replaced, Absent), "nothing has taken its place"
    app(tmp_path)
    found = look(gunicorn(folder, moved))
    assert value(found.replaced) == str(folder)
    later = replace(moved, started=NOW + 60)
    assert isinstance(look(gunicorn(folder, later)).replaced, Absent)
    (folder / "wsgi.py").unlink()
    assert isinstance(look(gunicorn(folder, moved)).replaced, Absent), "not the app's directory"


def test_link_that_leads_through_another_one(shop: Path) -> None:
    """current → latest → release: the last of them is switched."""
    old, new = shop / "releases/2026-11-01", shop / "releases/2026-11-20"
    (shop / "latest").symlink_to(new)
    (shop / "current").unlink()
    (shop / "current").symlink_to("latest")
    age(shop / "current", 3600)
    chdir: Fact[str] = Known(str(shop / "current"))
    found = look(gunicorn(shop / "current", process(20, old, NOW - 600), chdir=chdir))
    assert value(found.behind_link) == str(new)
    assert value(found.link) == f"{shop}/current"
    assert value(found.link_switched) > NOW - 600
    assert found.link_switched.places[0].path == f"{shop}/latest"
    assert value(found.reloaded_since_switch) is False


def test_link_on_pythonpath(shop: Path) -> None:
    """The code is found behind the link, while the workers stand beside it."""
    new = shop / "releases/2026-11-20"
    (shop / "current").unlink()
    (shop / "current").symlink_to(new)
    age(shop / "current", 3600)
    worker = process(20, shop, NOW - 600, PYTHONPATH=f"{shop}/current")
    imports = Known(Imports(str(new), frozenset({f"{new}/wsgi.py"}), (str(shop), str(new))))
    found = look(gunicorn(shop, worker), host=WrittenInPlace(), imports=imports)
    assert value(found.link) == f"{shop}/current"
    assert value(found.running) == str(new)
    assert isinstance(found.stale_code, Absent)
    assert isinstance(look(gunicorn(shop, worker), imports=Known(replace(imports.value, root=str(shop)))).link, Absent)
    age(shop / "current", 0)
    switched = look(gunicorn(shop, worker), imports=imports)
    assert value(switched.behind_link) == str(new)
    assert isinstance(switched.running, Unknown)


def test_replaced_with_an_old_time_or_only_another_mode_cannot_be_told(tmp_path: Path) -> None:
    folder = app(tmp_path)
    found = look(gunicorn(folder, process(20, folder, NOW - 600)))
    assert isinstance(found.stale_code, Unknown)
    assert "mode or owner" in found.stale_code.reason


def test_preload_counts_from_the_master(tmp_path: Path) -> None:
    folder = app(tmp_path)
    age(folder / "shop.py", -6000)
    master, worker = process(10, folder, NOW + 5000), process(20, folder, NOW + 9000)
    preloaded = look(gunicorn(folder, worker, master=master, preload=Known(True)), host=WrittenInPlace())
    assert value(preloaded.stale_code) == value(preloaded.outdated_preload) == f"{folder}/shop.py"
    assert value(preloaded.hup_effective) is False
    fresh = look(gunicorn(folder, worker, master=master, preload=Known(False)), host=WrittenInPlace())
    assert isinstance(fresh.stale_code, Absent)
    assert isinstance(fresh.outdated_preload, Absent)
    assert value(fresh.hup_effective) is True


def test_mixed_workers(tmp_path: Path) -> None:
    folder = app(tmp_path)
    age(folder / "shop.py", -6000)
    workers = (process(20, folder, NOW + 5000), process(21, folder, NOW + 5010), process(22, folder, NOW + 9000))
    assert value(look(gunicorn(folder, *workers), host=WrittenInPlace()).mixed_workers) == (22,)
    assert isinstance(look(gunicorn(folder, *workers[:2]), host=WrittenInPlace()).mixed_workers, Absent)
    changing = make(Gunicorn, workers=Known(workers), changing=Known(True), settings=make(Settings))
    assert isinstance(look(changing).mixed_workers, Unknown)


def test_workers_in_two_releases_are_mixed(shop: Path) -> None:
    old, new = (process(20 + i, shop / "releases" / n, NOW + 9) for i, n in enumerate(("2026-11-01", "2026-11-20")))
    assert value(look(gunicorn(shop / "current", old, new)).mixed_workers) == (21,)


FOLLOWS: list[tuple[dict[str, Any], dict[str, str], bool]] = [
    ({}, {}, False),
    ({"chdir": "{current}"}, {}, True),
    ({"pythonpath": "{current}"}, {}, True),
    ({}, {"PWD": "{current}"}, True),
    ({}, {"PWD": "{physical}"}, False),
    ({}, {"PYTHONPATH": "{current}"}, False),
    ({}, {"PYTHONPATH": "src"}, False),
    ({}, {"PYTHONPATH": "src", "PWD": "{current}"}, True),
]


@pytest.mark.parametrize(("settings", "environ", "follows"), FOLLOWS)
def test_hup_follows(shop: Path, settings: dict[str, str], environ: dict[str, str], follows: bool) -> None:
    """As measured with gunicorn 20.1.0, 23.0.0 and 27.0.1."""
    names = {"current": f"{shop}/current", "physical": f"{shop}/releases/2026-11-01"}
    given: dict[str, Any] = {k: Known(v.format(**names)) for k, v in settings.items()}
    variables: dict[str, Any] = {k: v.format(**names) for k, v in environ.items()}
    worker = process(20, names["physical"], NOW, **variables)
    assert value(look(gunicorn(shop / "current", worker, **given)).hup_follows) is follows


def test_relative_chdir_does_not_follow(shop: Path) -> None:
    worker = process(20, shop / "releases/2026-11-01", NOW)
    found = look(gunicorn(shop / "current", worker, chdir=Known(f"{shop}/current"), chdir_relative=Known(True)))
    assert value(found.hup_follows) is False


def test_pythonpath_through_the_link_from_elsewhere_follows(shop: Path) -> None:
    worker = process(20, shop, NOW, PYTHONPATH=f"{shop}/current")
    found = look(gunicorn(shop, worker, pythonpath=Known(f"{shop}/current")))
    assert value(found.link) == f"{shop}/current"
    assert value(found.hup_follows) is True


@pytest.mark.parametrize("target", ["releases/nope", "current"])
def test_link_that_leads_to_nothing(shop: Path, target: str) -> None:
    """The workers stand in a release that is still there."""
    (shop / "current").unlink()
    (shop / "current").symlink_to(target)
    found = look(gunicorn(shop / "current", process(20, shop / "releases/2026-11-01", NOW)))
    assert value(found.link) == f"{shop}/current"
    assert isinstance(found.link_target, Absent)
    assert found.link_target.places[0].text == f"→ {target}"
    assert value(found.newest) == f"{shop}/releases/2026-11-20"


def test_hidden_working_directory_is_unknown(shop: Path) -> None:
    worker = process(20, shop / "releases/2026-11-01", NOW, PWD="<hidden:0123456789ab>")
    assert isinstance(look(gunicorn(shop / "current", worker)).hup_follows, Unknown)


def test_environment_that_cannot_be_read_is_unknown(shop: Path) -> None:
    worker = make(Process, pid=20, started=NOW, environ=Unknown("permission denied", Cause.AMBIGUOUS))
    assert isinstance(look(gunicorn(shop / "current", worker)).hup_follows, Unknown)


def test_shell_that_changes_directory_first(shop: Path) -> None:
    argv = ("/bin/bash", "-c", f"cd {shop}/current && exec gunicorn wsgi:app")
    unit = make(Unit, exec_start=Known((ExecCommand(argv),)))
    assert value(look(gunicorn(shop / "current"), Known(unit)).hup_follows) is True


def test_a_script_that_changes_directory_first(shop: Path) -> None:
    (shop / "start.sh").write_text(f"#!/bin/sh\ncd {shop}/current\nexec gunicorn wsgi:app\n")
    unit = make(Unit, exec_start=Known((ExecCommand((str(shop / "start.sh"),)),)))
    assert value(look(gunicorn(shop / "current"), Known(unit)).hup_follows) is True


def test_a_module_path_of_an_environment_file_is_followed(shop: Path) -> None:
    (shop / "env").write_text(f"PYTHONPATH={shop}/current\n")
    unit = make(Unit, environment_files=Known((EnvironmentFileRef(str(shop / "env"), False),)))
    found = look(gunicorn(shop), Known(unit))
    assert value(found.link) == f"{shop}/current"
    assert value(found.hup_follows) is True
    unset = replace(unit, unset_environment=Known(("PYTHONPATH",)))
    assert isinstance(look(gunicorn(shop), Known(unset)).link, Absent)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_git(tmp_path: Path) -> None:
    folder = app(tmp_path)
    assert value(look(gunicorn(folder)).git) is False
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    head = git(folder, "rev-parse", "HEAD")
    found = look(gunicorn(folder))
    assert value(found.git) is True
    assert value(found.git_head) == head
    git(folder, "pack-refs", "--all")
    assert value(look(gunicorn(folder)).git_head) == head
    git(folder, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    assert value(look(gunicorn(tmp_path / "tree")).git_head) == head
    git(folder, "worktree", "add", "-q", "-b", "other", str(tmp_path / "branch"))
    assert value(look(gunicorn(tmp_path / "branch")).git_head) == head


def test_other_copy(tmp_path: Path) -> None:
    folder = app(tmp_path)
    copy = tmp_path / "app-new"
    (copy / "templates").mkdir(parents=True)
    for name in ("wsgi.py", "shop.py"):
        (copy / name).write_text("x = 1\n")
    assert isinstance(look(gunicorn(folder)).other_copy, Absent), "new times alone"
    (copy / "shop.py").write_text("x = 1\ny = 2\n")
    assert value(look(gunicorn(folder)).other_copy) == str(copy)
    assert isinstance(look(gunicorn(folder), served=(str(copy),)).other_copy, Absent)
    (copy / "wsgi.py").rename(copy / "other.py")
    assert isinstance(look(gunicorn(folder)).other_copy, Absent)


@pytest.mark.parametrize("name", ["app.bak", "app-staging", "app_old2", "app~"])
def test_copy_that_is_named_as_one_is_not_meant_to_run(tmp_path: Path, name: str) -> None:
    folder = app(tmp_path)
    (tmp_path / name / "templates").mkdir(parents=True)
    for file in ("wsgi.py", "shop.py"):
        (tmp_path / name / file).write_text("x = 2, 3\n")
    assert isinstance(look(gunicorn(folder)).other_copy, Absent)
    (tmp_path / name).rename(tmp_path / "app-new")
    assert value(look(gunicorn(folder)).other_copy) == f"{tmp_path}/app-new"


def test_copies_of_the_same_age_or_another_shape_are_none(tmp_path: Path) -> None:
    folder = app(tmp_path)
    for name in ("backup", "blog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wsgi.py").write_text("x = 1\n")
    age(tmp_path / "backup/wsgi.py", 3590)
    (tmp_path / "blog/posts").mkdir()
    assert isinstance(look(gunicorn(folder)).other_copy, Absent)


def test_marker(tmp_path: Path) -> None:
    folder = app(tmp_path)
    assert isinstance(look(gunicorn(folder)).marker, Absent)
    (folder / "wsgi.py").write_text("@app.route('/version')\ndef version(): ...\n")
    assert value(look(gunicorn(folder)).marker) == "the route /version"
    (folder / "REVISION").write_text("abc\n")
    assert value(look(gunicorn(folder)).marker) == "the file REVISION"


def test_a_repository_only_names_the_link() -> None:
    class Tree(LiveHost):
        kind = TargetKind.TREE

    def follows(**settings: Any) -> release.Release:
        return release.collect(Tree(), gunicorn("/srv/none/current/app", **settings), Absent())

    found = follows()
    assert value(found.link) == "/srv/none/current"
    assert isinstance(found.link_target, Unknown)
    assert isinstance(found.link_switched, Unknown)
    assert isinstance(found.configured, Unknown)
    assert value(found.hup_follows) is False
    assert value(follows(chdir=Known("/srv/none/current")).hup_follows) is True


def test_unknown_directory_stays_unknown() -> None:
    g = make(
        Gunicorn,
        settings=make(Settings),
        logical_directory=Unknown("permission denied", Cause.AMBIGUOUS),
        directory=Unknown("x", Cause.AMBIGUOUS),
    )
    found = look(g)
    assert isinstance(found.link, Unknown)
    assert isinstance(found.configured, Unknown)
    assert isinstance(found.hup_follows, Unknown)
