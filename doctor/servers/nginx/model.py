"""The typed facts about nginx."""

from __future__ import annotations

from doctor.facts.address import Address
from doctor.facts.value import Fact, Place
from doctor.frozen import frozen
from doctor.sources.process import Process
from doctor.sources.systemd import Unit


@frozen
class ConfigError:
    """A file that could not be read or parsed, or a directive nginx refuses.

    `fatal`: `nginx -t` would fail. `unseen`: nobody could look, which is no fault of the file.
    """

    path: str
    line: int
    message: str
    fatal: bool
    unseen: bool = False


@frozen
class Listen:
    """One listen directive; `tls` with `ssl` or `quic`; `default` with `default_server`; `udp` with `quic`."""

    address: Address
    tls: bool
    default: bool
    proxy_protocol: bool
    place: Place
    udp: bool = False


@frozen
class Peer:
    """One server of an upstream group, or the single target of a `proxy_pass` without a group.

    `address` is Unknown for what cannot be told without running nginx (a variable, a name that needs DNS).
    `backup`/`down` as the parameters say. `span` text is the directive as written.
    """

    address: Fact[Address]
    host: str
    """The host as written: "localhost", "127.0.0.1", "app.internal", "" for a socket."""
    backup: bool
    down: bool
    place: Place
    local: bool
    """A unix socket, an address of this machine, or a name that /etc/hosts maps to one."""
    addresses: Fact[tuple[Address, ...]]
    """What its name stands for by /etc/hosts, each a peer of its own to nginx; Absent for what is no name."""
    chosen: bool = False
    """A variable leads some requests here, and by default leads them elsewhere."""


@frozen
class Upstream:
    """Where a location sends its requests. `name` of the group, or the target as written when there is none."""

    name: str
    group: bool
    scheme: str
    """http, https, uwsgi, fastcgi, grpc, scgi."""
    uri: str
    """The URI part of proxy_pass, "" without one."""
    peers: tuple[Peer, ...]
    place: Place
    keepalive: Fact[int]


@frozen
class Location:
    """One location with effective values (inheritance and defaults applied). Durations in seconds, sizes in bytes.

    `modifier` is "", "=", "^~", "~", "~*" or "@"; `pattern` the text after it. `pattern` "" and modifier ""
    for the server block itself when it has proxy_pass, root or alias of its own.
    """

    server: str
    modifier: str
    pattern: str
    place: Place
    upstream: Fact[Upstream]
    """Absent: this location proxies nowhere."""
    read_timeout: Fact[float]
    connect_timeout: Fact[float]
    send_timeout: Fact[float]
    buffer_size: Fact[int]
    buffering: Fact[bool]
    body_limit: Fact[int]
    """client_max_body_size; 0 is no limit."""
    headers: Fact[tuple[tuple[str, str], ...]]
    """Effective proxy_set_header, names in lower case."""
    http_version: Fact[str]
    root: Fact[str]
    alias: Fact[str]
    try_files: Fact[tuple[str, ...]]
    expires: Fact[str]
    cache_control: Fact[str]
    proxy_cache: Fact[str]
    proxy_cache_valid: Fact[float]
    internal: bool
    returns: Fact[str]
    """The arguments of its `return`."""
    turned_away: Fact[str]
    """What answers every request in the place of `upstream`: "return 503", "deny all"."""
    via: str = ""
    """The named location ("@app") that its try_files or error_page hands requests to: `upstream` and the values of the
    proxy module are those in force there."""
    parent: int = -1
    """Index in `Server.locations` of the location it is nested in, -1 at the top."""
    conditional: bool = False
    """An `if` or `limit_except` block with a target of its own: no URL selects it, its parent's requests go there."""


@frozen
class Shadow:
    """A name for which another server block, which comes first, is asked. `name`: "shop.test", or what is meant."""

    name: str
    address: Address
    path: str
    line: int
    same_target: bool
    """The other block sends its requests to the same peers."""


@frozen
class Server:
    """One server block. `names` as written; `shadowed` tells which other block answers for one of its names."""

    names: tuple[str, ...]
    listens: tuple[Listen, ...]
    locations: tuple[Location, ...]
    place: Place
    access_log: Fact[str]
    error_log: Fact[str]
    included_by: tuple[Place, ...]
    shadowed: Fact[Shadow]
    """Absent: it answers for each of its names, but for those that another block only redirects."""
    unasked: bool
    """Other blocks answer for every name and address of it: no request reaches it."""


@frozen
class SiteFile:
    """A site in sites-available / sites-enabled and how the two relate.

    `state`: enabled, not-enabled, dangling, copy (same text), diverged-copy, backup (a leftover that nginx loads too).
    Of a machine without these folders, and of conf.d, only what is a leftover or shadowed is listed.
    """

    path: str
    state: str
    twin: str
    """What it is a link to, a copy or a leftover of; "" without one."""
    twin_newer: bool
    """The twin was written after it."""
    targets: tuple[Address, ...]
    """Of a site that is not enabled: where it would send requests."""
    shadowed: Fact[Shadow]
    """Of the first of its servers that proxies and is shadowed."""
    shadow_newer: bool
    """The file that answers in its stead was written after it."""
    refused: Fact[str]
    """Why `nginx -t` fails because of this file."""
    linkable: bool
    """Not enabled, and a link of its name in sites-enabled would be: nginx includes that name, and nothing has it."""


@frozen
class Nginx:
    """nginx on this machine, or the nginx files of a repository."""

    version: Fact[str]
    main_file: Fact[str]
    master: Fact[Process]
    """Absent: nginx does not run."""
    workers: Fact[tuple[Process, ...]]
    """Workers that accept; those shutting down are in `old_workers`."""
    old_workers: Fact[tuple[Process, ...]]
    user: Fact[str]
    uid: Fact[int]
    gids: Fact[frozenset[int]]
    """Of the running workers; of the configured user when nginx does not run."""
    servers: tuple[Server, ...]
    errors: tuple[ConfigError, ...]
    files: tuple[str, ...]
    newer_files: Fact[tuple[str, ...]]
    """Files of the configuration, or links to them, that changed after the oldest worker started: not loaded."""
    sites: tuple[SiteFile, ...]
    error_log: Fact[str]
    unit_failed: Fact[str]
    """Why the nginx unit failed, from its state; Absent when it did not."""
    listen_conflict: Fact[str]
    """Another process that holds a port nginx wants."""
    unit: Fact[Unit]
    """nginx.service; Absent without one, and in a repository."""
    refusal: Fact[str]
    """The first thing for which `nginx -t` would fail, in nginx's words, at its line."""
    start_failure: Fact[str]
    """What its last start failed of, in nginx's words; Absent: it runs, was stopped, was killed, or that is gone."""
