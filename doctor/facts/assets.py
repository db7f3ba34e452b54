"""Style sheets and scripts: were they built anew, and may a browser keep them although they change?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from doctor.facts.nginx.model import Location
from doctor.facts.nginx.scope import seconds
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.hosts.base import Content, Host, Scan, Stat

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
_VERSIONED = re.compile(r"\d+\.\d+")


def stale_build(host: Host, where: Fact[str], running: Fact[str]) -> Fact[str]:
    """A manifest of a bundler that is older than package.json or the sources beside it."""
    if not isinstance(where, Known):
        return Absent() if isinstance(where, Absent) else where
    manifest = next((p for p in (posixpath.join(where.value, m) for m in _MANIFESTS) if _is_manifest(host, p)), "")
    built = host.stat(manifest) if manifest else None
    project = _project(host, where, running)
    if not isinstance(built, Stat) or not project:
        return Absent()
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


def _is_manifest(host: Host, path: str) -> bool:
    """A map of source names to built files; not the manifest of a web app, which has icons and a start URL."""
    if not isinstance(host.stat(path), Stat):
        return False
    found = _json(host, path)
    if not found or {"icons", "start_url"} & set(found):
        return False
    return any(
        isinstance(value, (str, list)) or (isinstance(value, dict) and {"file", "src", "js", "css"} & set(value))
        for value in found.values()
    )


def _project(host: Host, where: Known[str], running: Fact[str]) -> str:
    """The directory of the package.json that has a build script, at or above the static files; "" for none."""
    candidates = [running.value] if isinstance(running, Known) else []
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
    import json

    content = host.read(path)
    if not isinstance(content, Content):
        return {}
    try:
        found = json.loads(content.text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


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
    if isinstance(location.cache_control, Known) and re.search(r"no-cache|no-store", location.cache_control.value):
        return Absent(location.cache_control.places)
    return best or Absent()


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


def long_cache(location: Location, where: Fact[str], files: Sequence[tuple[str, str]]) -> Fact[float]:
    """A day or more, for style sheets or scripts whose names stay when their content changes."""
    cached = cached_for(location)
    if not isinstance(cached, Known) or cached.value < _DAY:
        return Absent() if not isinstance(cached, Unknown) else cached
    if isinstance(where, Unknown):
        return where
    for path, name in files:
        base = posixpath.basename(name)
        if base.endswith((".css", ".js")) and not _VENDOR & set(name.split("/")[:-1]) and not names_its_content(base):
            return Known(cached.value, (*cached.places, Place(path=path)), cached.origin)
    return Absent(cached.places)


def names_its_content(name: str) -> bool:
    """The name of a file holds a hash or a version, so that it changes with the content."""
    return bool(_HASHED.search(name) or _VERSIONED.search(name))
