"""What other than systemd keeps a process: the engine of a container, or a supervisor of processes.

A process in a container has files, users and often a network of its own: paths that /proc shows of it mean other files
than they do here. A program of a supervisor has its settings where no unit says a word of them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from doctor.facts.value import ABSENT, Fact, Known, Place
from doctor.frozen import frozen
from doctor.hosts.base import Host, ProcessLine, Unseen
from doctor.sources.process import Process, read

CONTAINER = "container"
SUPERVISOR = "supervisor"

_ID = re.compile(r"(?:[a-z]+(?:-[a-z]+)*[-_])?([0-9a-f]{12})[0-9a-f]{20,52}(?:\.scope)?")
"""docker-ID.scope, libpod-ID, cri-containerd-ID.scope, crio-conmon-ID.scope, a bare ID below /docker or a parent."""
_NAMED = re.compile(
    r"lxc\.(?:payload|monitor)\.(.+)|machine-(.+)\.scope|systemd-nspawn@(.+)\.service|(?:lxc|incus)\.(.+)"
)
_FOLDERS = frozenset({"docker", "lxc", "libpod_parent", "kubepods", "kubepods.slice", "ecs", "garden", "buildkit"})
"""Control groups below which an engine puts nothing but containers."""

_SUPERVISORS = {
    "supervisord": "supervisor",
    "runsv": "runit",
    "s6-supervise": "s6",
    "supervise": "daemontools",
    "circusd": "circus",
    "pm2": "pm2",
}
_OWN_UNITS = ("supervisor.service", "supervisord.service", "circus.service", "circusd.service", "pm2-")
_VARIABLE = "SUPERVISOR_PROCESS_NAME"
"""Set for each program by supervisor (supervisor/process.py); it stays with one whose supervisor has gone."""

_ENGINES = {
    "dockerd": "Docker",
    "containerd": "containerd",
    "podman": "Podman",
    "conmon": "Podman",
    "crio": "CRI-O",
    "kubelet": "Kubernetes",
    "k3s-server": "Kubernetes",
    "lxd": "LXD",
    "incusd": "Incus",
}
_FORWARDERS = (
    "docker-proxy", "rootlesskit", "rootlessport", "containers-root", "conmon", "slirp4netns", "pasta", "passt",
    "forkproxy", "dockerd", "gvproxy", "kube-proxy", "podman",
)  # fmt: skip
"""Programs that hold a port for a container; the kernel cuts names to 15 characters."""


@frozen
class Keeper:
    """Who keeps a process. `kind`: "container" or "supervisor"; `name` completes "listens there is …"."""

    kind: str
    name: str

    @property
    def reason(self) -> str:
        """Why nothing is said of what it keeps."""
        what = "containers" if self.kind == CONTAINER else "programs of a supervisor"
        return f"{what} are not judged yet"


def keeper_of(host: Host, process: Process) -> Fact[Keeper]:
    """The container or the supervisor of a process; Absent: it is one of this machine and of systemd."""
    inside = _container(host, process)
    if inside:
        return Known(Keeper(CONTAINER, inside), process.cgroup.places)
    above = _supervisor(host, process)
    return Known(Keeper(SUPERVISOR, above), process.cgroup.places) if above else ABSENT


def keeper_of_pid(host: Host, pid: int) -> Fact[Keeper]:
    """The same of a process by its number."""
    found = read(host, pid)
    return keeper_of(host, found.value) if isinstance(found, Known) else ABSENT


def forwarder(process: Process) -> Fact[Keeper]:
    """The container for which a process of an engine holds a port of this machine; Absent: it is no such process."""
    argv = process.argv.or_(())
    names = {process.comm, *(posixpath.basename(word) for word in argv[:2])}
    if not any(name.startswith(_FORWARDERS) for name in names):
        return ABSENT
    place = Place(note=f"pid {process.pid}", text=" ".join(argv) or process.comm)
    options = dict(pairwise(argv))
    ip, port = (_option(options, argv, name) for name in ("container-ip", "container-port"))
    at = f" at {ip}:{port}" if ip and port else ""
    return Known(Keeper(CONTAINER, f"a container{at}, whose port {process.comm} holds"), (place,))


def _option(options: Mapping[str, str], argv: Iterable[str], name: str) -> str:
    """The value of -name VALUE, --name VALUE or either with "="."""
    joined = (word.partition("=")[2] for word in argv if word.lstrip("-").startswith(f"{name}="))
    return options.get(f"-{name}", "") or options.get(f"--{name}", "") or next(joined, "")


def engines(host: Host) -> tuple[str, ...]:
    """The container engines that run, by what people call them, sorted."""
    lines = host.processes()
    if isinstance(lines, Unseen):
        return ()
    return tuple(sorted({_ENGINES[line.comm] for line in lines if line.comm in _ENGINES}))


def supervisors(host: Host) -> tuple[str, ...]:
    """The supervisors of processes that run, by name, sorted."""
    lines = host.processes()
    return () if isinstance(lines, Unseen) else tuple(sorted({name for line in lines if (name := _called(line))}))


def container_of(cgroup: str) -> str:
    """The container that a control group belongs to: "container 3f2a91c0b7de", "container web"; "" for none."""
    parts = cgroup.split("/")
    for part in reversed(parts):
        if found := _ID.fullmatch(part):
            return f"container {found[1]}"
        if found := _NAMED.fullmatch(part):
            return f"container {next(filter(None, found.groups()))}"
    folder = next((at for at, part in enumerate(parts) if part in _FOLDERS), len(parts))
    return f"container {parts[folder + 1]}" if folder + 1 < len(parts) else ""


def _container(host: Host, process: Process) -> str:
    cgroup = process.cgroup.or_("")
    inside = container_of(cgroup)
    if inside:
        # Where the whole of what is looked at is a container itself, its processes are no strangers.
        first = read(host, 1)
        own = first.map(lambda it: container_of(it.cgroup.or_(""))).or_("")
        return "" if inside == own else inside
    unit = process.unit.or_("")
    if process.elsewhere.is_(True) and not unit.endswith(".service"):
        return f"pid {process.pid} in a root directory of its own"
    return ""


def _supervisor(host: Host, process: Process) -> str:
    lines = host.processes()
    table = {} if isinstance(lines, Unseen) else {line.pid: line for line in lines}
    program, above, seen = process.pid, table.get(process.ppid), 0
    while above is not None and above.pid != 1 and seen < 64:
        if name := _called(above):
            return f"pid {program}, a program of {name}"
        program, above, seen = above.pid, table.get(above.ppid), seen + 1
    unit = process.unit.or_("")
    if unit.startswith(_OWN_UNITS):
        return f"pid {program}, a program of {unit.removesuffix('.service')}"
    return f"pid {program}, a program of supervisor" if _VARIABLE in process.environ.or_({}) else ""


def _called(line: ProcessLine) -> str:
    """What a supervisor is called, by the name of its process or the script that its interpreter runs; "" for none."""
    names = (line.comm, *(posixpath.basename(word) for word in line.argv[:2]))
    if line.comm.startswith("PM2 ") or (line.argv and line.argv[0].startswith("PM2 ")):
        return "pm2"
    return next((_SUPERVISORS[name] for name in names if name in _SUPERVISORS), "")
