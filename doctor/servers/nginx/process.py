"""nginx as it runs: master, workers, the user they work as; and the user that is configured."""

from __future__ import annotations

from dataclasses import replace

from doctor.cause import Cause
from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown, computed
from doctor.frozen import frozen
from doctor.hosts.base import Host, Missing, ProcessLine, Unseen
from doctor.hosts.commands import nginx_version
from doctor.sources.keeper import CONTAINER, Keeper, keeper_of, keeper_of_pid
from doctor.sources.process import Process, read
from doctor.sources.systemd import Unit

_MASTER = "nginx: master process"
_WORKER = "nginx: worker process"
_LEAVING = "is shutting down"
_OWN_PROGRAM = "/sbin/nginx"


@frozen
class Running:
    """The processes of one nginx, and what stands on its master's command line; "" what does not.

    `main_file`: of -c; `prefix`: of -p; `program`: its own path.
    """

    master: Fact[Process]
    workers: Fact[tuple[Process, ...]]
    old_workers: Fact[tuple[Process, ...]]
    main_file: str = ""
    prefix: str = ""
    program: str = ""


@frozen
class Build:
    """What `nginx -V` tells. `options`: --name=value pairs of the build."""

    version: Fact[str]
    options: dict[str, str]


def running(host: Host, unit: Fact[Unit]) -> Running:
    """The nginx of `unit`, or the oldest one that runs. Titles are those of ngx_setproctitle."""
    lines = host.processes()
    if isinstance(lines, Unseen):
        unknown = Unknown.of(lines)
        return Running(unknown, unknown, unknown)
    titles = {line.pid: " ".join(line.argv) for line in lines if line.comm == "nginx" and line.state != "Z"}
    masters = [
        line for line in lines if titles.get(line.pid, "").startswith(_MASTER) and not _elsewhere(host, line.pid)
    ]
    if not masters:
        absent = Absent((Place(note=f'no process called "{_MASTER}"'),))
        return Running(absent, absent, absent)
    master = _chosen(masters, unit)
    children = [line for line in lines if line.ppid == master.pid and titles.get(line.pid, "").startswith(_WORKER)]
    # Sorted by start: the first is the oldest.
    children.sort(key=lambda line: (line.started, line.pid))
    return Running(
        master=read(host, master.pid),
        workers=_processes(host, [line for line in children if _LEAVING not in titles[line.pid]]),
        old_workers=_processes(host, [line for line in children if _LEAVING in titles[line.pid]]),
        main_file=_option(titles[master.pid], "-c"),
        prefix=_option(titles[master.pid], "-p"),
        program=next(iter(titles[master.pid].removeprefix(_MASTER).split()), ""),
    )


def _elsewhere(host: Host, pid: int) -> bool:
    """It belongs to a container: other mounts than PID 1 has, so other files, and no service of this machine's systemd.

    A service may have mounts of its own as well (PrivateTmp=), but reads the same configuration.
    """
    process, init = read(host, pid), read(host, 1)
    if not isinstance(process, Known) or not isinstance(init, Known):
        return False
    if keeper_of(host, process.value).map(lambda keeper: keeper.kind).is_(CONTAINER):
        return True
    mounts, host_mounts, unit = process.value.mount_namespace, init.value.mount_namespace, process.value.unit
    return (
        isinstance(mounts, Known)
        and isinstance(host_mounts, Known)
        and mounts.value != host_mounts.value
        and not unit.meets(lambda it: it.endswith(".service"))
    )


def contained(host: Host) -> tuple[Keeper, ...]:
    """The containers in which an nginx runs, each once."""
    lines = host.processes()
    masters = () if isinstance(lines, Unseen) else (x for x in lines if " ".join(x.argv).startswith(_MASTER))
    found = (keeper_of_pid(host, line.pid) for line in masters)
    containers = (keeper.value for keeper in found if isinstance(keeper, Known) and keeper.value.kind == CONTAINER)
    return tuple(dict.fromkeys(containers))


def _chosen(masters: list[ProcessLine], unit: Fact[Unit]) -> ProcessLine:
    """The main process of the unit; else one that is nobody's child but init's; else the oldest."""
    main = unit.then(lambda own: own.main_pid)
    for line in masters:
        if main.is_(line.pid):
            return line
    return min(masters, key=lambda line: (line.ppid != 1, line.started))


def _processes(host: Host, lines: list[ProcessLine]) -> Fact[tuple[Process, ...]]:
    found = []
    for line in lines:
        process = read(host, line.pid)
        if isinstance(process, Known):
            found.append(process.value)
        elif isinstance(process, Unknown):
            return process
    return Known(tuple(found), tuple(Place(note=f"pid {p.pid}") for p in found)) if found else ABSENT


def _option(title: str, name: str) -> str:
    words = title.split()
    return words[words.index(name) + 1] if name in words[:-1] else ""


def build(host: Host) -> Build:
    """Version and build options; Absent version: nginx is not installed."""
    command = nginx_version()
    output = host.run(command)
    if isinstance(output, Missing):
        return Build(Absent((Place(command=command.text),)), {})
    if isinstance(output, Unseen):
        return Build(Unknown.of(output, (Place(command=command.text),)), {})
    version: Fact[str] = Unknown("nginx -V named no version", Cause.NOT_UNDERSTOOD, (Place(command=command.text),))
    options: dict[str, str] = {}
    for line in (output.stderr + output.stdout).splitlines():
        name, separator, rest = line.partition(":")
        if name == "nginx version" and "/" in rest:
            number = rest.partition("/")[2].split()[0]
            version = Known(number, (Place(command=command.text, text=line),))
        elif separator and name == "configure arguments":
            for word in rest.split():
                option, equals, value = word.partition("=")
                if equals and option.startswith("--"):
                    options[option] = value.strip("'\"")
    return Build(version, options)


def build_of(processes: Running, asked: Build) -> Build:
    """What holds for the nginx that runs, where that is another than the one that was asked.

    One built from source, or OpenResty's, lies below a prefix of its own with all its files (nginx, auto/options).
    """
    prefix = processes.program.removesuffix(_OWN_PROGRAM)
    if prefix in (processes.program, "", "/usr", "/usr/local"):
        return replace(asked, options={**asked.options, **({"--prefix": processes.prefix} if processes.prefix else {})})
    place = Place(note="command line of its master", text=processes.program)
    options = {
        "--prefix": processes.prefix or prefix,
        "--conf-path": f"{prefix}/conf/nginx.conf",
        "--error-log-path": "logs/error.log",
        "--http-log-path": "logs/access.log",
    }
    return Build(Unknown(f"{processes.program} was not asked for its version", Cause.NOT_ASKED, (place,)), options)


def user_ids(host: Host, user: Fact[str], group: str) -> tuple[Fact[int], Fact[frozenset[int]]]:
    """A user's numbers, by /etc/passwd and /etc/group. `group`: the one nginx is told, or ""."""
    if not isinstance(user, Known):
        unknown = user if isinstance(user, Unknown) else Unknown("no user is configured", Cause.NOT_FOUND)
        return unknown, unknown
    # initgroups() with the group of `user NAME GROUP`, or the group named as the user (ngx_set_user).
    found = Accounts(host).credentials(user.value, computed(group or user.value), ABSENT)
    if not isinstance(found, Known):
        return found, found
    uid, gids = found.value
    return (
        Known(uid, (*user.places, Place(path="/etc/passwd")), Origin.COMPUTED),
        Known(gids, (*user.places, Place(path="/etc/group")), Origin.COMPUTED),
    )
