"""The typed facts about nginx."""

from __future__ import annotations

from doctor.cause import Cause
from doctor.facts.address import Address
from doctor.facts.broken import Flaw
from doctor.facts.value import Fact, Place
from doctor.frozen import frozen
from doctor.sources.process import Process
from doctor.sources.systemd import Unit


@frozen
class ConfigError:
    """A file that could not be read or parsed, or a directive nginx refuses.

    `fatal`: `nginx -t` would fail.
    """

    path: str
    """The file."""
    line: int
    """The line in it, from 1; 0 for the file as a whole."""
    message: str
    """What is wrong, in the words of nginx where it has some."""
    fatal: bool
    """`nginx -t` would fail."""
    flaw: Flaw = Flaw.UNPARSABLE
    """What kind of fault it is, where somebody looked."""
    cause: Cause | None = None
    """Why nobody could look, which is no fault of the file; null where somebody did."""
    about: str = ""
    """The file or folder that an include names and that cannot be read or listed; "" where it is about its own line."""


@frozen
class Listen:
    """One listen directive; `tls` with `ssl` or `quic`; `default` with `default_server`; `udp` with `quic`."""

    address: Address
    """The address it listens on."""
    tls: bool
    """Connections are encrypted: the parameter `ssl` or `quic`."""
    default: bool
    """It is the default server of the address: `default_server`."""
    proxy_protocol: bool
    """It expects the PROXY protocol: the parameter of that name."""
    place: Place
    """The directive."""
    udp: bool = False
    """It listens for QUIC, on UDP."""


@frozen
class Peer:
    """One server of an upstream group, or the single target of a `proxy_pass` without a group.

    `address` is Unknown for what cannot be told without running nginx (a variable, a name that needs DNS).
    `backup`/`down` as the parameters say. `span` text is the directive as written.
    """

    address: Fact[Address]
    """Where it connects to; Unknown for what only running nginx could tell, such as a variable or a DNS name."""
    host: str
    """The host as written: "localhost", "127.0.0.1", "app.internal", "" for a socket."""
    backup: bool
    """It is asked only when the others fail: the parameter `backup`."""
    down: bool
    """It is never asked: the parameter `down`."""
    place: Place
    """The `server` directive of the group, or the `proxy_pass`."""
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
    """The name of the group, or the target as written where there is none."""
    group: bool
    """It is an `upstream` block, not a single target."""
    scheme: str
    """http, https, uwsgi, fastcgi, grpc, scgi."""
    uri: str
    """The URI part of proxy_pass, "" without one."""
    peers: tuple[Peer, ...]
    """The servers it distributes requests to."""
    place: Place
    """The `upstream` block, or the directive that names the target."""
    keepalive: Fact[int]
    """How many idle connections each worker keeps open to it; Absent without `keepalive`."""


@frozen
class Location:
    """One location with effective values (inheritance and defaults applied). Durations in seconds, sizes in bytes.

    `modifier` is "", "=", "^~", "~", "~*" or "@"; `pattern` the text after it. `pattern` "" and modifier ""
    for the server block itself when it has proxy_pass, root or alias of its own.
    """

    server: str
    """The name of the server block it belongs to."""
    modifier: str
    """What stands before the pattern: "", "=", "^~", "~", "~*" or "@"."""
    pattern: str
    """The prefix, path, regular expression or name that selects it; "" for the server block itself."""
    place: Place
    """The block."""
    upstream: Fact[Upstream]
    """Absent: this location proxies nowhere."""
    read_timeout: Fact[float]
    """Seconds that nginx waits between two reads from the upstream (proxy_read_timeout)."""
    connect_timeout: Fact[float]
    """Seconds that nginx waits for a connection to the upstream (proxy_connect_timeout)."""
    send_timeout: Fact[float]
    """Seconds that nginx waits between two writes to the upstream (proxy_send_timeout)."""
    buffer_size: Fact[int]
    """Bytes for the first part of an answer, which must hold its header (proxy_buffer_size)."""
    buffering: Fact[bool]
    """Answers are buffered (proxy_buffering)."""
    body_limit: Fact[int]
    """client_max_body_size; 0 is no limit."""
    headers: Fact[tuple[tuple[str, str], ...]]
    """Effective proxy_set_header, names in lower case."""
    http_version: Fact[str]
    """The version of HTTP spoken to the upstream: "1.0" or "1.1" (proxy_http_version)."""
    root: Fact[str]
    """The directory that URLs are appended to; Absent where `alias` is in force."""
    alias: Fact[str]
    """The directory that takes the place of the pattern; Absent without one."""
    try_files: Fact[tuple[str, ...]]
    """The arguments of its `try_files`, in order; Absent without one."""
    expires: Fact[str]
    """The argument of `expires`, as written; Absent without one."""
    cache_control: Fact[str]
    """The value of the Cache-Control header that `add_header` sets; Absent without one."""
    proxy_cache: Fact[str]
    """The zone in which answers of the upstream are cached; Absent: they are not."""
    proxy_cache_valid: Fact[float]
    """The longest time in seconds that a good answer is cached (proxy_cache_valid); Absent without one."""
    internal: bool
    """It serves internal redirects alone: no client can ask for it."""
    returns: Fact[str]
    """The arguments of its `return`."""
    answered_by_nginx: Fact[str]
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
    """The name that both blocks have: "shop.test", or words such as "requests without a name"."""
    address: Address
    """The address on which both are asked."""
    path: str
    """The file of the block that answers."""
    line: int
    """The line in it where that block begins."""
    same_target: bool
    """The other block sends its requests to the same peers."""


@frozen
class Server:
    """One server block. `names` as written; `shadowed` tells which other block answers for one of its names."""

    names: tuple[str, ...]
    """The arguments of `server_name`, as written; the first is the main one."""
    listens: tuple[Listen, ...]
    """Its `listen` directives, or the address that nginx listens on without any."""
    locations: tuple[Location, ...]
    """Its locations, those nested in another one too."""
    place: Place
    """The block."""
    access_log: Fact[str]
    """The file of its access log; Absent: it writes none."""
    error_log: Fact[str]
    """The file of its error log."""
    shadowed: Fact[Shadow]
    """Absent: it answers for each of its names, but for those that another block only redirects."""
    unreachable: bool
    """Other blocks answer for every name and address of it: no request reaches it."""


@frozen
class SiteFile:
    """A site in sites-available / sites-enabled and how the two relate.

    `state`: enabled, not-enabled, dangling, copy (same text), diverged-copy, backup (a leftover that nginx loads too).
    Of a machine without these folders, and of conf.d, only what is a leftover or shadowed is listed.
    """

    path: str
    """The file."""
    state: str
    """enabled, not-enabled, dangling, copy, diverged-copy or backup."""
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
    """The version, from `nginx -v`."""
    main_file: Fact[str]
    """The path of nginx.conf."""
    master: Fact[Process]
    """Absent: nginx does not run."""
    workers: Fact[tuple[Process, ...]]
    """Workers that accept; those shutting down are in `old_workers`."""
    old_workers: Fact[tuple[Process, ...]]
    """Workers that finish their last requests after a reload."""
    user: Fact[str]
    """The user that its workers run as."""
    uid: Fact[int]
    """The number of that user."""
    gids: Fact[frozenset[int]]
    """Of the running workers; of the configured user when nginx does not run."""
    servers: tuple[Server, ...]
    """The server blocks of the whole configuration, in order."""
    errors: tuple[ConfigError, ...]
    """What `nginx -t` would complain about, and what could not be read."""
    files: tuple[str, ...]
    """The files of the configuration, in the order in which they are read."""
    newer_files: Fact[tuple[str, ...]]
    """Files of the configuration, or links to them, that changed after the oldest worker started: not loaded."""
    sites: tuple[SiteFile, ...]
    """The files in sites-available and sites-enabled, and how they relate."""
    error_log: Fact[str]
    """The error log of the main context."""
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
