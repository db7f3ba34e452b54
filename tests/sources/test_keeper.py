"""Who keeps a process: by its control group, its root directory and its ancestors."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from servers.nginx_machine import MAIN, MemoryHost

from doctor.apps.collect import collect_facts
from doctor.apps.kept import unmanaged
from doctor.apps.topology import Facts
from doctor.cause import Cause
from doctor.facts.value import Absent, Known, Unknown
from doctor.hosts.base import Connection, Link, ProcessLine, ProcessRecord, TargetKind
from doctor.hosts.live import LiveHost
from doctor.hosts.redact import Redactor
from doctor.sources.keeper import CONTAINER, SUPERVISOR, Keeper, container_of, forwarder, keeper_of_pid
from doctor.sources.process import read
from doctor.sources.systemd import Systemd

ID = "3f2a91c0b7de" + "0123456789" * 5 + "ab"
ROOT, INSIDE = Link("/", False, 2, 1), Link("/", False, 7, 9)
LISTENING = "  sl  local_address rem_address st\n   0: 0100007F:1F40 00000000:0000 0A 0:0 0:0 0 0 0 {inode} 1 0\n"
SITE = "server { listen 80; server_name shop.test; location / { proxy_pass http://127.0.0.1:8000; } }\n"


def process(
    pid: int,
    argv: str,
    *,
    ppid: int = 1,
    comm: str = "",
    cgroup: str = "/system.slice/x.service",
    root: Link = ROOT,
    sockets: tuple[int, ...] = (),
    environ: dict[str, str] | None = None,
) -> ProcessRecord:
    words = Redactor().argv(tuple(argv.split()))
    line = ProcessLine(pid, ppid, comm or argv.split()[0].rpartition("/")[2], "S", 0.0, words)
    return ProcessRecord(line, 0, 0, (0,), cgroup, ROOT, ROOT, root, environ or {}, sockets, 1)


def machine(*processes: ProcessRecord, inode: int = 0, answers: int = errno.ECONNREFUSED) -> MemoryHost:
    class Machine(MemoryHost):
        def connect(self, address: str) -> Connection:
            return Connection(answers)

    host = Machine({"/etc/nginx/nginx.conf": MAIN, "/etc/nginx/sites-enabled/shop": SITE})
    host.run_nginx(0.0)
    host.table.append(process(1, "/sbin/init", comm="systemd", cgroup="/init.scope", ppid=0))
    host.table.extend(processes)
    header = LISTENING.partition("\n")[0] + "\n"
    host.add("/proc/net/tcp", LISTENING.format(inode=inode) if inode else header)
    return host


@pytest.mark.parametrize(
    ("cgroup", "name"),
    [
        (f"/system.slice/docker-{ID}.scope", "container 3f2a91c0b7de"),
        (f"/docker/{ID}", "container 3f2a91c0b7de"),
        (f"/some/parent/{ID}", "container 3f2a91c0b7de"),
        (f"/machine.slice/libpod-{ID}.scope/container", "container 3f2a91c0b7de"),
        (f"/system.slice/shop.service/libpod-payload-{ID}", "container 3f2a91c0b7de"),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", "container 3f2a91c0b7de"),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope", "container 3f2a91c0b7de"),
        (f"/kubepods/besteffort/pod1/{ID}", "container 3f2a91c0b7de"),
        (f"/machine.slice/crio-{ID}.scope", "container 3f2a91c0b7de"),
        ("/lxc.payload.web/system.slice/shop.service", "container web"),
        ("/lxc/web/init.scope", "container web"),
        ("/machine.slice/machine-web.scope/payload/system.slice/shop.service", "container web"),
        ("/machine.slice/systemd-nspawn@web.service/payload", "container web"),
        ("/system.slice/shop.service", ""),
        ("/system.slice/docker.service", ""),
        ("/system.slice/containerd.service", ""),
        ("/system.slice/run-r0123456789abcdef0123456789abcdef.scope", ""),
        ("/user.slice/user-1000.slice/session-3.scope", ""),
        ("/system.slice/docker-registry.service", ""),
        ("/", ""),
    ],
)
def test_the_container_of_a_control_group(cgroup: str, name: str) -> None:
    assert container_of(cgroup) == name


def kept(*processes: ProcessRecord, pid: int = 50) -> object:
    found = keeper_of_pid(machine(*processes), pid)
    return (found.value.kind, found.value.name) if isinstance(found, Known) else None


def test_a_root_directory_of_its_own_is_a_container_unless_a_service_has_it() -> None:
    name = "pid 50 in a root directory of its own"
    assert kept(process(50, "gunicorn", root=INSIDE, cgroup="/user.slice/x.scope")) == (CONTAINER, name)
    assert kept(process(50, "gunicorn", root=INSIDE)) is None


@pytest.mark.parametrize(
    ("argv", "comm", "name"),
    [
        ("/usr/bin/python3 /usr/bin/supervisord -n", "supervisord", "supervisor"),
        ("/usr/bin/python3 /opt/venv/bin/supervisord", "python3", "supervisor"),
        ("runsv shop", "runsv", "runit"),
        ("s6-supervise shop", "s6-supervise", "s6"),
        ("/usr/bin/python3 /usr/bin/circusd /etc/circus.ini", "circusd", "circus"),
        ("PM2 v5.3.0: God Daemon (/root/.pm2)", "PM2 v5.3.0: God", "pm2"),
    ],
)
def test_a_supervisor_above_it(argv: str, comm: str, name: str) -> None:
    above = process(40, argv, comm=comm)
    shell = process(45, "/bin/sh start.sh", ppid=40)
    below = process(50, "/srv/venv/bin/gunicorn wsgi:app", ppid=45)
    assert kept(above, shell, below) == (SUPERVISOR, f"pid 45, a program of {name}")


def test_an_orphan_of_supervisor_is_still_its_program() -> None:
    orphan = process(50, "gunicorn wsgi:app", cgroup="/system.slice/supervisor.service")
    told = process(50, "gunicorn wsgi:app", environ={"SUPERVISOR_PROCESS_NAME": "x"})
    assert kept(orphan) == kept(told) == (SUPERVISOR, "pid 50, a program of supervisor")


@pytest.mark.parametrize("argv", ["bash", "/usr/bin/python3 honcho start", "uv run gunicorn wsgi:app"])
def test_a_launcher_is_no_supervisor(argv: str) -> None:
    assert kept(process(40, argv), process(50, "gunicorn wsgi:app", ppid=40)) is None


def test_where_everything_is_one_container_nothing_is_a_strangers() -> None:
    host = MemoryHost()
    host.table.append(process(1, "gunicorn wsgi:app", cgroup=f"/docker/{ID}", ppid=0))
    host.table.append(process(50, "gunicorn wsgi:app", cgroup=f"/docker/{ID}"))
    assert isinstance(keeper_of_pid(host, 50), Absent)


PROXY = (
    "/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 8000 -container-ip 172.19.0.2 -container-port 80"
)


@pytest.mark.parametrize(
    ("argv", "comm", "name"),
    [
        (PROXY, "docker-proxy", "a container at 172.19.0.2:80, whose port docker-proxy holds"),
        (PROXY.replace(" -", " --"), "docker-proxy", "a container at 172.19.0.2:80, whose port docker-proxy holds"),
        ("/usr/sbin/dockerd -H fd://", "dockerd", "a container, whose port dockerd holds"),
        ("rootlessport", "rootlessport", "a container, whose port rootlessport holds"),
        ("/usr/bin/conmon --api-version 1", "conmon", "a container, whose port conmon holds"),
        ("/usr/bin/pasta --config-net", "pasta.avx2", "a container, whose port pasta.avx2 holds"),
        ("/usr/bin/slirp4netns --api-socket", "slirp4netns", "a container, whose port slirp4netns holds"),
    ],
)
def test_programs_that_hold_a_port_for_a_container(argv: str, comm: str, name: str) -> None:
    found = read(machine(process(50, argv, comm=comm)), 50)
    assert isinstance(found, Known)
    assert forwarder(found.value) == Known(Keeper(CONTAINER, name), forwarder(found.value).places)


def looked_at(*processes: ProcessRecord, inode: int = 0, answers: int = errno.ECONNREFUSED) -> Facts:
    return collect_facts(machine(*processes, inode=inode, answers=answers))


ENGINE = process(30, "/usr/bin/dockerd -H fd://", cgroup="/system.slice/docker.service")
IN_CONTAINER = process(60, "gunicorn wsgi:app", cgroup=f"/system.slice/docker-{ID}.scope", root=INSIDE, sockets=(9,))
PODMAN = process(61, "rootlessport", comm="rootlessport", cgroup="/user.slice/x.scope", sockets=(9,))
SUPERVISED = process(62, "/srv/shop/venv/bin/gunicorn wsgi:app", ppid=40, sockets=(9,))


@pytest.mark.parametrize(
    "processes",
    [
        (ENGINE, process(50, PROXY, sockets=(9,))),
        (IN_CONTAINER,),
        (PODMAN,),
        (process(40, "/usr/bin/python3 /usr/bin/supervisord", comm="supervisord"), SUPERVISED),
    ],
)
def test_what_is_kept_elsewhere_is_unknown_and_named(processes: tuple[ProcessRecord, ...]) -> None:
    facts = looked_at(*processes, inode=9)
    (app,) = facts.apps
    assert [type(route.state) for route in app.routes] == [Unknown]
    assert app.gunicorns == ()
    assert facts.not_judged


def test_rules_of_a_firewall_may_lead_into_a_container() -> None:
    facts = looked_at(ENGINE, answers=0)
    assert [type(route.state) for route in facts.apps[0].routes] == [Unknown]
    assert [each.kind for each in facts.not_judged] == ["container"]


@pytest.mark.parametrize(
    ("processes", "answers"),
    [
        ((ENGINE, IN_CONTAINER), errno.ECONNREFUSED),
        ((ENGINE, process(50, PROXY.replace("8000", "8001"))), errno.ECONNREFUSED),
        ((), 0),
    ],
)
def test_a_container_that_has_no_part_in_it_excuses_nobody(processes: tuple[ProcessRecord, ...], answers: int) -> None:
    facts = looked_at(*processes, answers=answers)
    assert [getattr(route.state, "value", None) for route in facts.apps[0].routes] == ["nobody"]
    assert ("Docker" in facts.managers) is (ENGINE in processes)


@pytest.mark.parametrize(
    ("kind", "available", "said"),
    [
        (TargetKind.LIVE, Absent(), ["systemd"]),
        (TargetKind.LIVE, Unknown("permission denied", Cause.NEEDS_ROOT), ["systemd"]),
        (TargetKind.LIVE, Known(True), []),
        (TargetKind.TREE, Unknown("files alone do not run", Cause.OUTSIDE), []),
    ],
)
def test_a_machine_without_systemd_is_not_judged_whole(kind: TargetKind, available: Any, said: list[str]) -> None:
    host = LiveHost()
    host.kind = kind
    manager = Systemd(available=available, version=Absent(), units=())
    assert [each.path for each in unmanaged(host, manager)] == said
