"""What a host can be asked, and what it may answer.

A host looks and never interprets: it runs an allow-listed command, reads a file, stats a path.
Three implementations answer the same questions: `LiveHost` (this machine), `TreeHost` (a folder of
configuration files) and `SnapshotHost` (a recording of another host).

Every answer is one of three things, never `None`:

- the observation itself (a frozen dataclass of this module),
- `Missing`: the host looked, and the thing is not there,
- `Unseen(reason, cause)`: the host could not look, or the thing is not part of it.

Secrets are removed here, before any fact sees them (see `doctor.hosts.redact`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from doctor.cause import Cause, Doubt
from doctor.frozen import frozen
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.hosts.commands import Command
from doctor.hosts.credentials import Reader

READ_LIMIT = 1 << 20
"""Bytes read from one file unless the caller asks for less."""


class TargetKind(str, Enum):
    """What is being examined; the `target.kind` of the JSON report."""

    LIVE = "live"
    TREE = "tree"
    SNAPSHOT = "snapshot"


class TextKind(str, Enum):
    """What kind of text a file holds: it decides how secrets are taken out of it."""

    PLAIN = "plain"
    UNIT = "unit"
    NGINX = "nginx"
    PYTHON = "python"
    LOG = "log"
    KERNEL = "kernel"
    """/proc, /sys and the like: taken as it is."""


@frozen
class Missing:
    """The host looked and it is not there."""


@frozen
class Unseen(Doubt):
    """The host could not look; `reason` is a phrase for people ("permission denied", "timed out after 5 s")."""


@frozen
class Machine:
    """The machine as a whole. `boot_time` in seconds since the epoch."""

    hostname: str
    """The host name, from uname(2)."""
    euid: int
    """The effective user id of this check; 0 is root."""
    user: str
    """The name of that user."""
    cpu_count: int
    """The number of processors."""
    boot_time: float
    """When the machine was booted, in seconds since the epoch."""
    systemd: bool
    """systemd is PID 1 (/run/systemd/system exists)."""
    container: str
    """What the container manager says of itself ("docker", "lxc", …), "" on a plain machine."""


@frozen
class Output:
    """A command that ran to its end. `truncated` when more than the bound was printed."""

    status: int
    stdout: str
    stderr: str
    truncated: bool = False


@frozen
class Content:
    """Text of a file, secrets removed, undecodable bytes as U+FFFD.

    `start_line` is the number of the first line held (1 unless the end of a large file was read, when
    it is 0: unknown). `truncated`: the bound cut something off.
    """

    text: str
    truncated: bool = False
    start_line: int = 1


class FileType(str, Enum):
    """What a path is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    SOCKET = "socket"
    FIFO = "fifo"
    DEVICE = "device"


@frozen
class Stat:
    """One path, not following a link at its end. Times in seconds since the epoch; `mode` the permission bits."""

    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    ctime: float
    inode: int
    device: int
    acl: bool = False
    """An access control list widens or narrows `mode`: the bits alone decide nothing."""
    target: str = ""
    """Of a link: where it points, as written."""


@frozen
class ProcessLine:
    """One row of the process table. `started` in seconds since the epoch, good to 0.02 s."""

    pid: int
    ppid: int
    comm: str
    state: str
    started: float
    argv: tuple[str, ...]
    """The command line, secrets removed; empty for a kernel thread; a process may have rewritten it (setproctitle)."""


@frozen
class Link:
    """/proc/PID/cwd, exe or root: the path as the kernel prints it, " (deleted)" taken off into `deleted`."""

    path: str
    deleted: bool
    inode: int
    device: int


@frozen
class ProcessRecord:
    """One process in depth. Parts that need its owner or root are `Unseen` for anybody else."""

    line: ProcessLine
    uid: int
    gid: int
    groups: tuple[int, ...]
    cgroup: str
    """Path of the control group in the unified hierarchy, such as /system.slice/shop.service."""
    cwd: Link | Unseen
    exe: Link | Unseen
    root: Link | Unseen
    environ: Mapping[str, str] | Unseen
    """The environment at exec. Values are tokens but for a few harmless names; equal tokens are equal values."""
    sockets: tuple[int, ...] | Unseen
    """Inodes of the sockets it holds open."""
    mount_namespace: int | Unseen
    """Inode of the mount namespace: processes that share it see the same /tmp."""
    open_files: int | Unseen = Unseen("not counted", Cause.NOT_ASKED)
    own_network: bool = True
    """It shares the network of the one who looks, as far as that can be told (network_namespaces(7))."""


@frozen
class ScannedFile:
    """One file met by a scan; times in seconds since the epoch, size in bytes."""

    path: str
    mtime: float
    ctime: float
    size: int


@frozen
class Scan:
    """The newest files below a folder, newest first (by mtime), with where the look stopped."""

    newest: tuple[ScannedFile, ...]
    newest_change: ScannedFile | None
    """The file with the newest ctime: `rsync -a` and `tar` keep old mtimes."""
    seen: int
    complete: bool
    """False: the bound on the number of files was reached, or a folder could not be entered."""


@frozen
class Connection:
    """A connect that sent no byte. `errno` 0: somebody accepted."""

    errno: int
    peer: int = 0
    """The process that made the unix socket listen (SO_PEERCRED, unix(7)); 0 where nobody says."""


class DocumentKind(str, Enum):
    """What a file of a repository is, judged by its content first and its name second."""

    UNIT = "unit"
    SOCKET = "socket"
    DROPIN = "dropin"
    NGINX = "nginx"
    GUNICORN = "gunicorn"
    ENVIRONMENT = "environment"
    COMPOSE = "compose"
    DOCKERFILE = "dockerfile"
    SUPERVISOR = "supervisor"
    SCRIPT = "script"
    CI = "ci"
    TMPFILES = "tmpfiles"
    SAMPLE = "sample"
    """Of an environment file: it names what the file of a machine sets."""
    PROCFILE = "procfile"
    ANSIBLE = "ansible"
    TERRAFORM = "terraform"
    KUBERNETES = "kubernetes"
    SERVER = "server"
    """Of a program in the place of Gunicorn or Nginx: uWSGI, Apache, Caddy."""
    TEMPLATE = "template"
    """Needs rendering (Jinja, envsubst) before anybody could read it: named in the report, never judged."""


@frozen
class Document:
    """A configuration file of a repository."""

    path: str
    kind: DocumentKind
    deploys: bool = False
    """Of a kind that no rule judges: it decides how the app runs, and not only how it is developed."""


@frozen
class Skipped:
    """A file that is called like configuration, and why it was not read; a phrase without a full stop."""

    path: str
    reason: str


Answer: TypeAlias = Missing | Unseen
"""Why there is nothing to give."""


class Host(ABC):
    """Everything a collector may ask. Paths are absolute and of the examined machine, not of the one that looks."""

    kind: TargetKind
    name: str
    reader: Reader | None = None
    """Who files and folders are shown to; None: whoever looks."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since the epoch on the examined machine, when it was looked at."""

    @abstractmethod
    def machine(self) -> Machine | Unseen:
        """The machine as a whole."""

    @abstractmethod
    def run(self, command: Command) -> Output | Answer:
        """Run one allow-listed command. `Missing`: it is not installed."""

    @abstractmethod
    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Answer:
        """The text of a regular file, at most `limit` bytes from its start (its end with `tail`)."""

    @abstractmethod
    def env_file(self, path: str) -> EnvFile | Answer:
        """An environment file by systemd's grammar, values as tokens."""

    @abstractmethod
    def outline(self, path: str) -> Outline | Answer:
        """What a Python source file imports, defines and needs, found without running it."""

    @abstractmethod
    def stat(self, path: str) -> Stat | Answer:
        """One path; a link at its end is not followed, links on the way are."""

    @abstractmethod
    def list(self, path: str) -> tuple[str, ...] | Answer:
        """Sorted names in a directory. `Missing` too where the path is no directory."""

    @abstractmethod
    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Answer:
        """The newest files below `path` with one of the suffixes; stops after `limit` files, follows no link."""

    @abstractmethod
    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        """The process table."""

    @abstractmethod
    def process(self, pid: int) -> ProcessRecord | Answer:
        """One process in depth. `Missing`: it has ended."""

    @abstractmethod
    def connect(self, address: str) -> Connection | Unseen:
        """Connect to "unix:/path" or "127.0.0.1:8000" / "[::1]:8000" (loopback only) and hang up without a byte."""

    @abstractmethod
    def addresses(self) -> tuple[str, ...] | Unseen:
        """IP addresses of this machine's network interfaces, sorted, each once, without a zone (fe80::1, no %eth0)."""

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Let time pass before a second look. A recording does not wait."""

    def lent(self, reader: Reader) -> Host:
        """The same machine, its files and folders as `reader` may see them.

        For every path that `reader` named, or could have: what he may not read is `Unseen`. Commands, processes,
        sockets and the files of the kernel are the machine's own.
        """
        return self

    def named_in(self, *paths: str) -> Host:
        """The host to look with at what these files name: as the one who may write them, where that is not root."""
        return self

    def documents(self) -> tuple[Document, ...]:
        """The configuration files of a repository, by content. Nothing on a machine: there the manager is asked."""
        return ()
