"""sites-available and sites-enabled, and leftovers of editors and packages that nginx loads too."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase

from doctor.facts.access import physical
from doctor.facts.address import Address, parse_upstream
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, computed
from doctor.frozen import frozen
from doctor.grammar.paths import joined
from doctor.hosts.base import Content, FileType, Host, Missing, Stat, TextKind
from doctor.servers.nginx.include import Configuration
from doctor.servers.nginx.model import ConfigError, Server, Shadow, SiteFile
from doctor.servers.nginx.parse import Directive, parse
from doctor.servers.nginx.upstream import PASSES, split_target

_LEFTOVERS = (
    "~", ".bak", ".backup", ".save", ".orig", ".old", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-old",
    ".rpmsave", ".rpmnew", ".rpmorig", ".swp", ".tmp", ".copy", ".disabled", ".off",
)  # fmt: skip


def original_of(name: str) -> str:
    """The file that a leftover was made from (shop.bak → shop, shop.conf.save.1 → shop.conf), "" for any other name."""
    stem = name.rstrip("0123456789").rstrip("._-") if name[-1:].isdigit() else name
    for candidate in (name, stem):
        for suffix in _LEFTOVERS:
            if candidate.endswith(suffix) and len(candidate) > len(suffix):
                return candidate[: -len(suffix)]
    for part in (".bak.", ".bak-", ".bak_", ".old.", ".save."):
        if part in name[1:]:
            return name[: name.index(part, 1)]
    return ""


@frozen
class _Site:
    """A file as it lies there; the words of `SiteFile`."""

    path: str
    state: str
    twin: str


def collect(
    host: Host, prefix: str, configuration: Configuration, servers: Sequence[Server], errors: Sequence[ConfigError]
) -> tuple[SiteFile, ...]:
    """Every site with its state; of other folders only the files that are leftovers or shadowed.

    Args:
        host: where to look.
        prefix: directory of nginx.conf.
        configuration: the files that nginx reads, by the paths it reads them under, and the patterns that name them.
        servers: all server blocks, marked.
        errors: what `nginx -t` would refuse.
    """
    sites = _by_state(host, prefix, configuration.files)
    shadowed: dict[str, Fact[Shadow]] = {}
    for server in servers:
        proxies = any(not isinstance(location.upstream, Absent) for location in server.locations)
        if proxies and isinstance(server.shadowed, Known):
            shadowed.setdefault(server.place.path, server.shadowed)
    paths = {site.path for site in sites}
    sites.extend(_Site(path, "enabled", "") for path in shadowed if path not in paths)
    enabled, patterns = posixpath.join(prefix, "sites-enabled"), configuration.patterns
    return tuple(
        SiteFile(
            site.path,
            site.state,
            site.twin,
            twin_newer=False,
            targets=_targets(host, site.path),
            shadowed=ABSENT,
            shadow_newer=False,
            refused=ABSENT,
            linkable=_linkable(host, enabled, site.path, patterns),
        )
        if site.state == "not-enabled"
        else _in_context(host, site, shadowed.get(site.path, ABSENT), errors)
        for site in sites
    )


def _linkable(host: Host, enabled: str, path: str, patterns: Collection[str]) -> bool:
    """A link in `enabled` with the name of the site would be read, and there is none."""
    link = posixpath.join(enabled, posixpath.basename(path))
    included = any(
        posixpath.dirname(pattern) == enabled and fnmatchcase(posixpath.basename(link), posixpath.basename(pattern))
        for pattern in patterns
    )
    return included and isinstance(host.stat(link), Missing)


def _in_context(host: Host, site: _Site, shadowed: Fact[Shadow], errors: Sequence[ConfigError]) -> SiteFile:
    """With what the rest of the configuration means for it."""
    refused = next((e for e in errors if e.fatal and site.path in (e.path, e.about)), None)
    return SiteFile(
        site.path,
        site.state,
        site.twin,
        twin_newer=bool(site.twin) and _written(host, site.twin) > _written(host, site.path),
        shadowed=shadowed,
        shadow_newer=shadowed.meets(lambda it: _written(host, it.path) > _written(host, site.path)),
        refused=computed(refused.message, Place(path=refused.path, line=refused.line)) if refused else ABSENT,
        targets=(),
        linkable=False,
    )


def _written(host: Host, path: str) -> float:
    """When the text was written, links followed; 0 where it cannot be told."""
    stat = physical(host, path).map(host.stat).or_(None)
    return stat.mtime if isinstance(stat, Stat) else 0.0


def _targets(host: Host, path: str) -> tuple[Address, ...]:
    content = host.read(path, TextKind.NGINX)
    if not isinstance(content, Content):
        return ()
    found: dict[Address, None] = {}
    pending: list[Directive] = list(parse(path, content.text, truncated=content.truncated).directives)
    while pending:
        directive = pending.pop()
        written = directive.args[0] if directive.args else ""
        if directive.name in PASSES and written:
            target = split_target(directive.name, written)
            written = target.host if target else ""
        elif directive.block is not None:
            pending.extend(directive.block)
            continue
        elif directive.name != "server":
            continue
        if written and "$" not in written:
            try:
                found[parse_upstream(written)] = None
            except ValueError:
                continue
    return tuple(found)


def _by_state(host: Host, prefix: str, loaded: Collection[str]) -> list[_Site]:
    available, enabled = posixpath.join(prefix, "sites-available"), posixpath.join(prefix, "sites-enabled")
    sites: list[_Site] = []
    used: set[str] = set()
    for name in _names(host, enabled):
        site = _enabled(host, posixpath.join(enabled, name), posixpath.join(available, name), loaded)
        if site is not None:
            used.update((site.twin, posixpath.join(available, name) if site.state.endswith("copy") else ""))
            sites.append(site)
    for name in _names(host, available):
        path = posixpath.join(available, name)
        stat = host.stat(path)
        if path not in used and isinstance(stat, Stat) and stat.type is FileType.FILE and not original_of(name):
            sites.append(_Site(path, "not-enabled", ""))
    seen = {site.path for site in sites}
    sites.extend(_Site(path, "backup", _original(path, loaded)) for path in loaded if path not in seen and _left(path))
    return sites


def _names(host: Host, directory: str) -> Iterator[str]:
    names = host.list(directory)
    if isinstance(names, tuple):
        yield from (name for name in names if not name.startswith("."))


def _left(path: str) -> bool:
    return bool(original_of(posixpath.basename(path)))


def _original(path: str, loaded: Collection[str]) -> str:
    """The loaded file this is a leftover of, also under a name with .conf; "" when that is not loaded."""
    folder, name = posixpath.split(path)
    base = posixpath.join(folder, original_of(name))
    return next((p for p in (base, base + ".conf", base.removesuffix(".conf")) if p in loaded), "")


def _enabled(host: Host, path: str, twin: str, loaded: Collection[str]) -> _Site | None:
    stat = host.stat(path)
    if not isinstance(stat, Stat):
        return None
    if stat.type is FileType.LINK:
        target = physical(host, path)
        if isinstance(target, Absent):
            return _Site(path, "dangling", joined(posixpath.dirname(path), stat.target))
        state = "backup" if _left(path) and path in loaded else "enabled"
        return _Site(path, state, target.or_(""))
    if stat.type is not FileType.FILE:
        return None
    if _left(path) and path in loaded:
        return _Site(path, "backup", _original(path, loaded))
    other = host.stat(twin)
    if not isinstance(other, Stat) or other.type is not FileType.FILE or other.inode == stat.inode:
        return _Site(path, "enabled", "")
    mine, theirs = host.read(path, TextKind.NGINX), host.read(twin, TextKind.NGINX)
    if not isinstance(mine, Content) or not isinstance(theirs, Content):
        return _Site(path, "enabled", "")
    return _Site(path, "copy" if mine.text == theirs.text else "diverged-copy", twin)
