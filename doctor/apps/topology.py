"""Joins the facts into Apps: the thing people think in.

An App is unit(s) ↔ Gunicorn ↔ bind ↔ nginx upstream, location, server ↔ release, code, environment, static.
"""

from __future__ import annotations

from enum import Enum

from doctor.conclusions.appcode import AppCode
from doctor.conclusions.environment import Environment
from doctor.conclusions.release import Release
from doctor.conclusions.service.model import Service
from doctor.conclusions.static import StaticPath
from doctor.facts.address import Address
from doctor.facts.broken import BrokenFile
from doctor.facts.coverage import Assumption, NotJudged
from doctor.facts.edit import Edit
from doctor.facts.value import Fact
from doctor.frozen import frozen
from doctor.hosts.base import Machine, TargetKind
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.nginx.limits import Limits
from doctor.servers.nginx.model import Location, Nginx, Peer, Server, Upstream
from doctor.sources.logs import AccessLog, NginxLog, UnitLog
from doctor.sources.sockets.model import SocketFile
from doctor.sources.systemd import Systemd, Unit


class Hop(str, Enum):
    """A link of the chain, in the order a request meets them."""

    SERVER = "server"
    LOCATION = "location"
    UPSTREAM = "upstream"
    SOCKET = "socket"
    UNIT = "unit"
    MASTER = "master"
    WORKERS = "workers"
    DIRECTORY = "directory"
    ENVIRONMENT = "environment"
    RELEASE = "release"
    CODE = "code"
    STATIC = "static"


class PeerState(str, Enum):
    """What a connection to an upstream peer meets."""

    OURS = "ours"
    """This app's Gunicorn, or the socket unit that starts it."""
    NOBODY = "nobody"
    """Nobody listens."""
    STRANGER = "stranger"
    """Something else listens: another unit, an older instance, a stray process."""
    REMOTE = "remote"
    """Not on this machine."""


@frozen
class Route:
    """One way of a request to this app: server → location → peer → who answers there."""

    server: Server
    """The server block of nginx that takes the request."""
    location: Location
    """The location in it that is chosen for the request."""
    upstream: Upstream
    """The group, or the single target, that the location sends it to."""
    peer: Peer
    """The server of that group that this way leads to."""
    state: Fact[PeerState]
    """What a connection to that peer meets, from the kernel's list of sockets."""
    answered_by: Fact[str]
    """The unit or process that listens there ("blog.service", "pid 122 (gunicorn)"); Absent when nobody does."""
    socket_file: Fact[SocketFile]
    """Of a unix peer; Absent for TCP."""
    edit_to_app: Fact[Edit]
    """The line of the nginx file that would lead to this app; Absent unless there is exactly one candidate."""
    configured: Fact[bool]
    """The app is set up to listen there, whether it does or not."""
    unanswered: Fact[tuple[Address, ...]]
    """Addresses of the peer's name at which the app does not listen, while it does at another; Absent when none."""
    edit_to_address: Fact[Edit]
    """The line with the one address of that name at which it does."""
    has_healthy_sibling: bool
    """Another server of the same upstream group is this app's, and answers."""
    rests: Fact[bool]
    """Nobody need listen there: nginx asks it as a last resort (`backup`), or the unit for it is not enabled."""


@frozen
class App:
    """One Flask app on this machine or in this repository."""

    name: str
    """What people call it: its unit without the suffix, or what its code or folder is called."""
    units: tuple[Unit, ...]
    """All units that serve it: one, or the instances of a template behind one upstream."""
    unit: Fact[Unit]
    """The unit; Absent for a Gunicorn without one. With several, the first that is worst off."""
    service: Service
    """What runs it."""
    gunicorns: tuple[Gunicorn, ...]
    """Its Gunicorns: one for each unit that runs one, or a single one without a unit."""
    gunicorn: Fact[Gunicorn]
    """The Gunicorn of `unit`; Absent where the app has none."""
    routes: tuple[Route, ...]
    """Every way that a request can take through nginx to this app, one for each location and peer."""
    binds: Fact[tuple[Address, ...]]
    """Where it really listens: what its processes or socket units hold; what settings say where nothing runs."""
    listening: bool
    """It is seen to hold a socket, itself or through its socket units: `binds` is not only what settings say."""
    mixed_releases: Fact[str]
    """Members of one upstream group run different releases; a sentence that names them."""
    release: Release
    """Where its code lies, and how old what runs is."""
    code: AppCode
    """What its code would do at the next start."""
    environment: Environment
    """The names of its environment variables, on disk and in the running process."""
    static: tuple[StaticPath, ...]
    """The locations by which nginx serves its static files itself."""
    log: UnitLog
    """What the journal of its unit says since the last start."""
    nginx_log: NginxLog
    """What nginx's error logs say about requests to it."""
    limits: Limits
    """The locations whose time-outs and size limits its requests meet."""
    resting: bool
    """Stopped and kept for later: nobody asks it, nothing starts it, and other apps do the work. No rule judges it."""


@frozen
class Broken:
    """An app that could not be looked at for a bug of ours: the name of the exception and the place in our code."""

    app: str
    """The name of the app."""
    error: str
    """The class of the exception."""
    place: str
    """module:line in our own code where it was raised."""


@frozen
class Facts:
    """Everything that was seen, joined; the root of every rule's expressions as `host`."""

    kind: TargetKind
    """What is examined: a live machine, a tree of files, or a snapshot (a recording)."""
    name: str
    """What the target is called: the host name of a machine, the path of a folder."""
    time: float
    """When it was looked at, in seconds since the epoch."""
    machine: Fact[Machine]
    """The machine as a whole; Unknown where it could not be asked."""
    systemd: Systemd
    """The manager, and the units that have to do with nginx and Gunicorn."""
    nginx: Nginx
    """The configuration of nginx, and its processes."""
    apps: tuple[App, ...]
    """Every Flask app that was found."""
    unreadable: tuple[Fact[BrokenFile], ...]
    """Files that could not be parsed, and lines of units that systemd does not take, each with its place."""
    templates: tuple[str, ...]
    """Files of a repository that need rendering before anybody could judge them."""
    broken: tuple[Broken, ...]
    """Apps that are missing among `apps`."""
    not_judged: tuple[NotJudged, ...]
    """What was recognised and cannot be judged, in order of path; the templates among it."""
    access: tuple[AccessLog, ...]
    """Of access logs that have requests to these apps alone, and that could be read."""
    managers: tuple[str, ...]
    """What else than systemd may start an app here, looked for where nginx asks at an address of nobody's."""
    assumed: tuple[Assumption, ...]
    """What was taken for granted, each once."""
