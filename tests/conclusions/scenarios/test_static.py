"""Static files that nginx serves for an app."""

from __future__ import annotations

import pytest
from servers.nginx_machine import BOOT, MemoryHost, machine

from doctor.cause import Cause
from doctor.conclusions.static import StaticPath, collect
from doctor.conclusions.static.assets import names_its_content
from doctor.conclusions.static.mapping import MappingKind, MappingProblem
from doctor.facts.access import obstacle, physical
from doctor.facts.value import Absent, Fact, Known, Unknown
from doctor.hosts.base import TargetKind
from doctor.servers.nginx import collect as collect_nginx
from doctor.sources.sockets.kernel import table

RUNNING = "/srv/shop/releases/B"
PROXY = "location / { proxy_pass http://unix:/run/shop.sock; }"


def site(body: str, *, files: tuple[str, ...] = ("static/app.css", "static/app.js")) -> MemoryHost:
    host = machine(f"server {{\nlisten 80;\nserver_name shop.test;\n{PROXY}\n{body}\n}}\n")
    for name in files:
        host.add(f"{RUNNING}/{name}", "x")
    host.link("/srv/shop/current", "releases/B")
    return host


def look(host: MemoryHost, running: Fact[str] | None = None) -> tuple[StaticPath, ...]:
    nginx = collect_nginx(host, Absent(), table(host))
    return collect(host, nginx, nginx.servers[0], running or Known(RUNNING), Absent(), Absent())


def one(host: MemoryHost) -> StaticPath:
    (path,) = look(host)
    return path


def test_of_two_apps_in_one_server_block_each_has_its_own_files() -> None:
    here = "location {0}/static/ {{ alias /srv/shop/current/static/; }}"
    host = site("\n".join(here.format(prefix) for prefix in ("", "/blog", "/wiki")))
    nginx = collect_nginx(host, Absent(), table(host))

    def urls(*own: str, others: tuple[str, ...]) -> list[str]:
        server, nothing = nginx.servers[0], Absent()
        return [x.url for x in collect(host, nginx, server, Known(RUNNING), nothing, nothing, own, others)]

    assert urls("/", others=("/blog",)) == ["/static/", "/wiki/static/"]
    assert urls("/blog", others=("/",)) == ["/blog/static/"]
    # Nothing tells whose they are.
    assert urls("/a", others=("/blog",)) == ["/static/", "/wiki/static/"]


def test_a_right_alias() -> None:
    path = one(site("location /static/ { alias /srv/shop/current/static/; }"))
    assert path.url == "/static/"
    assert isinstance(path.directory, Known)
    assert path.directory.value == "/srv/shop/current/static/"
    assert isinstance(path.physical, Known)
    assert path.physical.value == f"{RUNNING}/static"
    assert path.exists == Known(True, path.exists.places, path.exists.origin)  # type: ignore[union-attr]
    for fact in (path.obstacle, path.mapping_problem, path.pinned_release, path.stale_build, path.long_cache):
        assert isinstance(fact, Absent)


def test_a_root_has_the_url_behind_it() -> None:
    path = one(site("location /static { root /srv/shop/current; }"))
    assert isinstance(path.directory, Known)
    assert path.directory.value == "/srv/shop/current/static"
    assert isinstance(path.mapping_problem, Absent)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("location /static/ { alias /srv/shop/current/static; }", "/srv/shop/current/staticapp.css"),
        ("location /static/ { root /srv/shop/current/static; }", "/srv/shop/current/static/static/"),
        (
            "root /var/www; location /static/ { alias /srv/shop/current/static/; } location ~* \\.(css|js)$ { }",
            "/var/www/static/app.css",
        ),
    ],
)
def test_wrong_mappings(config: str, words: str) -> None:
    path = look(site(config))[0]
    assert isinstance(path.mapping_problem, Known)
    assert words in str(path.mapping_problem.value)


@pytest.mark.parametrize(
    "config",
    [
        "root /var/www; location ^~ /static/ { alias /srv/shop/current/static/; } location ~* \\.(css|js)$ { }",
        "root /srv/shop/current; location /static/ { } location ~* \\.(css|js)$ { }",
        "root /var/www; location /static/ { alias /srv/shop/current/static/; } location ~* \\.png$ { }",
        "location /static/ { alias /srv/shop/current/static/; } location ~ \\.css$ { proxy_pass http://127.0.0.1:1; }",
        "location /static { alias /srv/shop/current/static; }",
    ],
)
def test_right_mappings(config: str) -> None:
    assert isinstance(look(site(config))[0].mapping_problem, Absent)


def test_a_root_that_really_repeats_the_name_is_right() -> None:
    host = site("location /static/ { root /srv/shop/current/static; }", files=("static/static/app.css",))
    assert isinstance(one(host).mapping_problem, Absent)


@pytest.mark.parametrize(
    "config",
    [
        "location = /favicon.ico { root /var/www; }",
        "location /.well-known/acme-challenge/ { root /var/www; }",
        "location /media/ { internal; alias /srv/media/; }",
        "location /old { return 301 /; }",
        "location /x { }",
        "root /srv; location @x { }",
    ],
)
def test_locations_nobody_misses(config: str) -> None:
    assert look(site(config)) == ()


def test_a_missing_directory() -> None:
    path = one(site("location /static/ { alias /srv/shop/current/assets/; }"))
    assert isinstance(path.exists, Known)
    assert path.exists.value is False
    assert isinstance(path.obstacle, Absent)


def test_a_directory_nginx_may_not_pass() -> None:
    host = site("location /static/ { alias /srv/shop/current/static/; }")
    host.directory("/srv/shop", mode=0o750, uid=1000, gid=1000)
    found = one(host).obstacle
    assert isinstance(found, Known)
    assert (found.value.path, found.value.right, found.value.last) == ("/srv/shop", "x", False)


def test_a_file_nginx_may_not_read() -> None:
    host = site("location /static/ { alias /srv/shop/current/static/; }")
    host.add(f"{RUNNING}/static/app.js", "x", mode=0o600, uid=1000)
    found = one(host).obstacle
    assert isinstance(found, Known)
    assert (found.value.path, found.value.right) == (f"{RUNNING}/static/app.js", "r")


def test_the_group_of_the_worker_lets_it_pass() -> None:
    host = site("location /static/ { alias /srv/shop/current/static/; }")
    host.directory("/srv/shop", mode=0o750, uid=1000, gid=1001)  # www-data is a member of group 1001
    assert isinstance(one(host).obstacle, Absent)


STATIC = "location /static/ { alias /srv/shop/current/static/; }"


@pytest.mark.parametrize(
    ("path", "mode", "group", "expected"),
    [
        ("/srv/shop", 0o750, 1000, "0751"),
        (f"{RUNNING}/static", 0o700, 1000, "0701"),
        # A member of the group: what others may do does not count for it.
        ("/srv/shop", 0o705, 1001, "0715"),
        (f"{RUNNING}/static/app.js", 0o640, 1000, "0644"),
    ],
)
def test_the_mode_that_lets_nginx_through(path: str, mode: int, group: int, expected: str) -> None:
    host = site(STATIC)
    if path.endswith(".js"):
        host.add(path, "x", mode=mode, uid=1000, gid=group)
    else:
        host.directory(path, mode=mode, uid=1000, gid=group)
    found = one(host).grant
    assert isinstance(found, Known)
    assert (found.value.path, found.value.mode) == (path, expected)


def test_what_a_change_of_one_mode_does_not_cure() -> None:
    both = site(STATIC)
    both.directory("/srv/shop", mode=0o750, uid=1000, gid=1000)
    both.add(f"{RUNNING}/static/app.js", "x", mode=0o600, uid=1000)
    assert isinstance(one(both).obstacle, Known)
    assert isinstance(one(both).grant, Absent)
    assert isinstance(one(site(STATIC)).grant, Absent)


def test_what_was_closed_for_a_reason() -> None:
    """A file browsers do not ask for, a folder among the static files, the folders of the system and of homes."""
    dump = site(STATIC)
    dump.add(f"{RUNNING}/static/dump.sql", "x", mode=0o600, uid=1000)
    private = site(STATIC, files=("static/app.css", "static/private/one.png"))
    private.directory(f"{RUNNING}/static/private", mode=0o700, uid=1000, gid=1000)
    top = site(STATIC)
    top.directory("/srv", mode=0o700)
    homes = site(STATIC)
    homes.add("/etc/passwd", "ann:x:1000:1000::/srv/shop/home/ann:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n")
    homes.directory("/srv/shop", mode=0o700)
    for host in (dump, private, top, homes):
        assert isinstance(one(host).obstacle, Known)
        assert isinstance(one(host).grant, Absent)


def test_who_may_turn_a_link_does_not_choose_what_is_opened() -> None:
    for owner, granted in ((1000, False), (0, True)):
        host = site(STATIC, files=())
        host.link(f"{RUNNING}/static", "/var/lib/private/static", uid=owner)
        host.add("/var/lib/private/static/app.css", "x")
        host.directory("/var/lib/private", mode=0o700)
        stopped = one(host).obstacle
        assert isinstance(stopped, Known)
        assert stopped.value.chosen is not granted
        assert isinstance(one(host).grant, Known if granted else Absent)


def test_a_release_written_into_the_path() -> None:
    host = site("location /static/ { alias /srv/shop/releases/A/static/; }")
    path = one(host)
    assert isinstance(path.pinned_release, Known)
    assert path.pinned_release.value == (
        "/static/ is served from /srv/shop/releases/A while the app runs /srv/shop/releases/B"
    )
    (unknown,) = look(host, Unknown("permission denied", Cause.NEEDS_ROOT))
    assert isinstance(unknown.pinned_release, Unknown)
    (same,) = look(host, Known("/srv/shop/releases/A/src"))
    assert isinstance(same.pinned_release, Absent)


def build(manifest: str = '{"app.js": "app.1.js"}', package: str = '{"scripts": {"build": "vite"}}') -> MemoryHost:
    host = site("location /static/ { alias /srv/shop/current/static/; }")
    host.add(f"{RUNNING}/static/manifest.json", manifest, time=BOOT)
    host.add(f"{RUNNING}/package.json", package, time=BOOT)
    host.add(f"{RUNNING}/assets/app.ts", "x", time=BOOT + 3600)
    return host


def test_a_build_older_than_its_sources() -> None:
    stale = one(build()).stale_build
    assert isinstance(stale, Known)
    assert stale.value == f"{RUNNING}/static/manifest.json is older than {RUNNING}/assets/app.ts"


def test_builds_that_are_none() -> None:
    web_app = '{"name": "Shop", "icons": [], "start_url": "/"}'
    assert isinstance(one(build(manifest=web_app)).stale_build, Absent)
    assert isinstance(one(build(package='{"scripts": {"lint": "x"}}')).stale_build, Absent)
    assert isinstance(one(build(package="{")).stale_build, Absent)
    fresh = build()
    fresh.touch(f"{RUNNING}/assets/app.ts", mtime=BOOT + 30)  # one checkout
    assert isinstance(one(fresh).stale_build, Absent)


@pytest.mark.parametrize(
    ("config", "cached"),
    [
        ("expires 30d;", 2592000.0),
        ("expires max;", 315360000.0),
        ('add_header Cache-Control "public, max-age=604800, immutable";', 604800.0),
        ("expires 1h;", None),
        ("expires off;", None),
        ("expires -1;", None),
        ("expires epoch;", None),
        ("", None),
        ("add_header Cache-Control no-cache; expires 30d;", None),
    ],
)
def test_long_caching_of_names_that_stay(config: str, cached: float | None) -> None:
    found = one(site(f"location /static/ {{ alias /srv/shop/current/static/; {config} }}")).long_cache
    assert (found.value if isinstance(found, Known) else None) == cached


def test_hashed_names_may_be_cached_for_long() -> None:
    files = ("static/app.3f9a1c42.css", "static/index-BfH2kq0Z.js", "static/vendor/jquery.js", "static/robots.txt")
    host = site("location /static/ { alias /srv/shop/current/static/; expires max; }", files=files)
    assert isinstance(one(host).long_cache, Absent)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.css", False), ("main.min.js", False), ("bootstrap-datepicker.js", False), ("app.3f9a1c42.css", True),
        ("index-BfH2kq0Z.js", True), ("jquery-3.6.0.min.js", True), ("chunk_0a1b2c3d4e.js", True),
    ],
)  # fmt: skip
def test_names_that_change_with_their_content(name: str, expected: bool) -> None:
    assert names_its_content(name) is expected


def test_a_repository_tells_only_what_is_written() -> None:
    text = (
        f"server {{ {PROXY} location /static/ {{ alias /srv/shop/static; }} "
        "location /s/ { root /srv/s; } location /media/ { alias /m/; } }"
    )
    host = MemoryHost({"/repo/nginx.conf": text}, kind=TargetKind.TREE)
    static, s, media = look(host, Unknown("nothing runs", Cause.AMBIGUOUS))
    assert isinstance(static.mapping_problem, Known)
    assert isinstance(s.mapping_problem, Absent)
    assert isinstance(media.mapping_problem, Absent)
    assert isinstance(static.exists, Unknown)
    assert isinstance(static.obstacle, Unknown)


def test_root_passes_everywhere_and_nobody_else() -> None:
    host = MemoryHost({"/root/app/a.css": "x"})
    host.directory("/root", mode=0o700)
    assert isinstance(obstacle(host, "/root/app/a.css", 0, frozenset(), "r"), Absent)
    assert isinstance(obstacle(host, "/root/app/a.css", 33, frozenset(), "r"), Known)


def test_the_first_class_that_fits_decides() -> None:
    host = MemoryHost()
    host.directory("/srv", mode=0o707, uid=0, gid=33)
    assert isinstance(obstacle(host, "/srv", 33, frozenset({33}), "x"), Known)
    assert isinstance(obstacle(host, "/srv", 34, frozenset({34}), "x"), Absent)


def test_what_is_missing_or_hidden_is_no_obstacle() -> None:
    host = MemoryHost({"/srv/a": "x"})
    assert isinstance(obstacle(host, "/srv/b", 33, frozenset(), "x"), Unknown)
    assert isinstance(physical(host, "/srv/b"), Absent)
    host.hidden.add("/srv/a")
    assert isinstance(obstacle(host, "/srv/a", 33, frozenset(), "r"), Unknown)
    assert isinstance(physical(host, "/srv/a"), Unknown)


def folder(host: MemoryHost, static: str = f"{RUNNING}/shop/static") -> StaticPath:
    nginx = collect_nginx(host, Absent(), table(host))
    (path,) = collect(host, nginx, nginx.servers[0], Known(RUNNING), Known(static), Known("/static"))
    return path


def test_a_directory_that_is_not_there_while_the_app_has_files() -> None:
    config = "location /static/ { alias /srv/shop/current/static/; }"
    problem = folder(site(config, files=("shop/static/app.css",))).mapping_problem
    assert isinstance(problem, Known)
    looked, instead = "/srv/shop/current/static/", f"{RUNNING}/shop/static"
    assert problem.value == MappingProblem(MappingKind.ELSEWHERE, "/static/", looked, instead)
    assert str(problem.value) == f"/static/ is looked for in {looked}, which does not exist; the app has {instead}"
    assert isinstance(folder(site(config, files=("shop/views.py",))).mapping_problem, Absent)
    media = site("location /media/ { alias /srv/shop/media/; }", files=("shop/static/app.css",))
    assert isinstance(folder(media).mapping_problem, Absent)


@pytest.mark.parametrize(
    ("manifest", "missing"),
    [
        ('{"app.js": "/static/app.1.js"}', True),
        ('{"app.js": {"file": "assets/app.1.js"}}', True),
        ('{"app.js": "app.js"}', False),
        ('{"app.js": "/static/app.js?id=1"}', False),
        ('{"app.js": "https://cdn.test/app.1.js"}', False),
        ('{"app.js": "logo.1.svg"}', False),
    ],
)
def test_a_built_file_that_a_manifest_names(manifest: str, missing: bool) -> None:
    assert isinstance(one(build(manifest)).missing_build, Known if missing else Absent)


@pytest.mark.parametrize(
    ("link", "cached"),
    [
        ('<link href="/static/app.css">', True),
        ('<link href="/static/app.css?v={{ version }}">', False),
        ("<link href=\"{{ url_for('static', filename='app.css') }}\">", True),
        ("<link href=\"{{ url_for('static', filename='app.css') }}?v=3\">", False),
        ("<link href=\"{{ url_for('static', filename='app.css', v=release) }}\">", False),
    ],
)
def test_links_with_a_version_may_be_cached_for_long(link: str, cached: bool) -> None:
    host = site("location /static/ { alias /srv/shop/current/static/; expires 30d; }")
    host.add(f"{RUNNING}/templates/base.html", link)
    assert isinstance(folder(host, f"{RUNNING}/static").long_cache, Known if cached else Absent)
