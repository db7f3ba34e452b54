"""Style sheets and scripts: were they built anew, and may a browser keep them although they change?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from doctor.cause import Cause
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.data import json_object
from doctor.hosts.base import Content, Host, Scan, Stat
from doctor.servers.nginx.model import Location
from doctor.servers.nginx.scope import seconds

_DAY = 86400.0
_YEARS = 315360000.0
"""`expires max`: ten years (nginx.org, ngx_http_headers_module)."""
_BUILD_SLACK = 60.0
"""Seconds within which the files of one checkout or copy are written, in any order."""

_MANIFESTS = (
    "manifest.json", ".vite/manifest.json", "asset-manifest.json", "webpack-assets.json", "mix-manifest.json",
    "dist/manifest.json", "dist/.vite/manifest.json", "build/manifest.json", "build/asset-manifest.json",
)  # fmt: skip
_SOURCES = ("assets", "src", "frontend", "client", "static_src", "ui")
_SOURCE_SUFFIXES = (".js", ".ts", ".jsx", ".tsx", ".vue", ".svelte", ".scss", ".sass", ".less", ".css")
_VENDOR = frozenset({"vendor", "vendors", "lib", "libs", "node_modules", "third_party", "admin"})

_HASHED = re.compile(r"[.\-_](?:[0-9a-f]{8,}|(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,})\.")
"""app.3f9a1c42.css, index-BfH2kq0Z.js: a part that only a hash would have."""
_QUERY = re.compile(r"""\.(?:css|js)(?:["']\s*\)\s*\}\})?\?|filename\s*=[^)}]*,\s*\w+\s*=""")
_TEMPLATES = 200
_VERSIONED = re.compile(r"\d+\.\d+")


@frozen
class Manifest:
    """What a bundler wrote down: source names, each with its built file or more about it."""

    path: str
    entries: dict[str, object]


def manifest_in(host: Host, where: Fact[str]) -> Fact[Manifest]:
    """The first manifest among the static files in `where`; Absent without one."""
    if not isinstance(where, Known):
        return ABSENT if isinstance(where, Absent) else where
    for path in (posixpath.join(where.value, name) for name in _MANIFESTS):
        entries = _json(host, path) if isinstance(host.stat(path), Stat) else {}
        if _is_manifest(entries):
            return Known(Manifest(path, entries), (Place(path=path),))
    return ABSENT


def stale_build(host: Host, found: Fact[Manifest], where: Fact[str], running: Fact[str]) -> Fact[str]:
    """A manifest that is older than package.json or the sources beside it."""
    if not isinstance(found, Known) or not isinstance(where, Known):
        return found.untold()
    manifest = found.value.path
    built = host.stat(manifest)
    project = _project(host, where, running)
    if not isinstance(built, Stat) or not project:
        return ABSENT
    newest = (posixpath.join(project, "package.json"), 0.0)
    package = host.stat(newest[0])
    if isinstance(package, Stat):
        newest = (newest[0], package.mtime)
    for folder in _SOURCES:
        path = posixpath.join(project, folder)
        scan = None if (where.value + "/").startswith(path + "/") else host.scan(path, _SOURCE_SUFFIXES)
        if isinstance(scan, Scan) and scan.newest and scan.newest[0].mtime > newest[1]:
            newest = (scan.newest[0].path, scan.newest[0].mtime)
    if newest[1] <= built.mtime + _BUILD_SLACK:
        return Absent((Place(path=manifest),))
    return Known(
        f"{manifest} is older than {newest[0]}", (Place(path=manifest), Place(path=newest[0])), Origin.COMPUTED
    )


def missing_build(found: Fact[Manifest], where: Fact[str], names: Sequence[str], *, whole: bool) -> Fact[str]:
    """A built file that a manifest names and that lies nowhere among the static files.

    `names` of those, from the directory on; `whole`: they are all there is.
    """
    if not isinstance(found, Known) or not isinstance(where, Known):
        return found.untold()
    manifest = found.value.path
    present = {posixpath.basename(name) for name in names}
    wanted = [name for name in _built(found.value.entries) if posixpath.basename(name) not in present]
    if not wanted:
        return Absent((Place(path=manifest),))
    if not whole:
        return Unknown(f"{where.value} holds too many files to look at each", Cause.TOO_MUCH, (Place(path=manifest),))
    sentence = f"{wanted[0]}, which {manifest} names, is not in {where.value}"
    return Known(sentence, (Place(path=manifest),), Origin.COMPUTED)


def _built(manifest: dict[str, object]) -> Iterator[str]:
    """Style sheets and scripts a manifest names: {"app.js": "app.1.js"}, or {"app.js": {"file": "app.1.js"}}."""
    for value in manifest.values():
        found = value.get("file") if isinstance(value, dict) else value
        if isinstance(found, str) and found.partition("?")[0].endswith((".css", ".js")) and "//" not in found:
            yield found.partition("?")[0]


def _is_manifest(found: dict[str, object]) -> bool:
    """A map of source names to built files; not the manifest of a web app, which has icons and a start URL."""
    if not found or {"icons", "start_url"} & set(found):
        return False
    return any(
        isinstance(value, (str, list)) or (isinstance(value, dict) and {"file", "src", "js", "css"} & set(value))
        for value in found.values()
    )


def _project(host: Host, where: Known[str], running: Fact[str]) -> str:
    """The directory of the package.json that has a build script, at or above the static files; "" for none."""
    candidates = running.map(lambda it: [it]).or_([])
    folder = where.value
    for _ in range(4):
        folder = posixpath.dirname(folder)
        candidates.append(folder)
    for candidate in candidates:
        scripts = _json(host, posixpath.join(candidate, "package.json")).get("scripts")
        if isinstance(scripts, dict) and "build" in scripts:
            return candidate
    return ""


def _json(host: Host, path: str) -> dict[str, object]:
    content = host.read(path)
    return json_object(content.text) if isinstance(content, Content) else {}


def cached_for(location: Location) -> Fact[float]:
    """Seconds that `expires` and Cache-Control allow clients to keep an answer; Absent when they say nothing."""
    best: Known[float] | None = None
    for fact, read in ((location.expires, _expires), (location.cache_control, _max_age)):
        if isinstance(fact, Unknown):
            return fact
        if isinstance(fact, Known):
            time = read(fact.value)
            if time is not None and (best is None or time > best.value):
                best = Known(time, fact.places, fact.origin)
    if location.cache_control.meets(lambda it: re.search("no-cache|no-store", it)):
        return Absent(location.cache_control.places)
    return best or ABSENT


def _expires(written: str) -> float | None:
    words = written.removeprefix("modified ").split()
    time = words[0].lstrip("+") if words else ""
    if time == "max":
        return _YEARS
    try:
        return seconds((time,))
    except ValueError:
        return None  # off, epoch, -1, @15h30m


def _max_age(written: str) -> float | None:
    found = re.search(r"max-age\s*=\s*(\d+)", written)
    return float(found.group(1)) if found else None


def long_cache(
    host: Host, location: Location, where: Fact[str], files: Sequence[tuple[str, str]], static_folder: Fact[str]
) -> Fact[float]:
    """A day or more, for style sheets or scripts whose names stay when their content changes.

    Templates that ask for them with a version (`app.css?v=3`) make an address of each content.
    """
    cached = cached_for(location)
    if not isinstance(cached, Known) or cached.value < _DAY:
        return ABSENT if not isinstance(cached, Unknown) else cached
    if isinstance(where, Unknown):
        return where
    if static_folder.meets(lambda it: _asks_for_versions(host, it)):
        return Absent(cached.places)
    for path, name in files:
        base = posixpath.basename(name)
        if base.endswith((".css", ".js")) and not _VENDOR & set(name.split("/")[:-1]) and not names_its_content(base):
            return Known(cached.value, (*cached.places, Place(path=path)), cached.origin)
    return Absent(cached.places)


def _asks_for_versions(host: Host, static_folder: str) -> bool:
    """A template beside the static files links a style sheet or script with a query, or gives url_for() one."""
    folder = posixpath.join(posixpath.dirname(static_folder), "templates")
    scan = host.scan(folder, (".html", ".jinja", ".jinja2", ".j2"), limit=_TEMPLATES)
    for file in scan.newest if isinstance(scan, Scan) else ():
        content = host.read(file.path)
        if isinstance(content, Content) and _QUERY.search(content.text):
            return True
    return False


def names_its_content(name: str) -> bool:
    """The name of a file holds a hash or a version, so that it changes with the content."""
    return bool(_HASHED.search(name) or _VERSIONED.search(name))
