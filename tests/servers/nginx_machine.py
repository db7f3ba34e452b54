"""Machines for the tests of nginx: a made-up one in memory, and real nginx over real files."""

from __future__ import annotations

import http.client
import posixpath
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doctor.cause import Cause
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.hosts.base import (
    READ_LIMIT,
    Connection,
    Content,
    Document,
    DocumentKind,
    FileType,
    Host,
    Link,
    Machine,
    Missing,
    Output,
    ProcessLine,
    ProcessRecord,
    Scan,
    ScannedFile,
    Stat,
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command

BOOT = 1_000_000.0
VERSION = """nginx version: nginx/1.22.1
configure arguments: --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --user=www-data
"""
MAIN = (
    "user www-data;\nevents {}\nhttp {\n include /etc/nginx/conf.d/*.conf;\n include /etc/nginx/sites-enabled/*;\n}\n"
)


class MemoryHost(Host):
    """A machine of texts, links and processes. Parents of files exist as directories, mode 0755, of root."""

    def __init__(self, files: dict[str, str] | None = None, *, kind: TargetKind = TargetKind.LIVE) -> None:
        self.kind = kind
        self.name = "memory"
        self.files: dict[str, str] = {}
        self.stats: dict[str, Stat] = {}
        self.table: list[ProcessRecord] = []
        self.hidden: set[str] = set()
        self.interfaces: tuple[str, ...] | Unseen = ("127.0.0.1", "::1")
        self.asked_addresses = 0
        self.version: Output | Missing | Unseen = Output(0, "", VERSION)
        for path, text in (files or {}).items():
            self.add(path, text)

    def add(self, path: str, text: str, *, time: float = BOOT, mode: int = 0o644, uid: int = 0, gid: int = 0) -> None:
        self.files[path] = text
        self._put(path, FileType.FILE, mode, time, uid, gid)

    def link(self, path: str, target: str, *, time: float = BOOT, uid: int = 0) -> None:
        self._put(path, FileType.LINK, 0o777, time, uid, target=target)

    def directory(self, path: str, *, time: float = BOOT, mode: int = 0o755, uid: int = 0, gid: int = 0) -> None:
        self._put(path, FileType.DIRECTORY, mode, time, uid, gid)

    def touch(self, path: str, *, mtime: float | None = None, ctime: float | None = None) -> None:
        old = self.stats[path]
        new_mtime, new_ctime = mtime or old.mtime, ctime or mtime or old.ctime
        self.stats[path] = Stat(
            old.type,
            old.mode,
            old.uid,
            old.gid,
            old.size,
            new_mtime,
            new_ctime,
            old.inode,
            old.device,
            old.acl,
            old.target,
        )

    def remove(self, path: str) -> None:
        del self.stats[path]
        self.files.pop(path, None)

    def run_nginx(self, started: float, *, old: float = 0.0, unit: str = "nginx.service") -> None:
        self.process_of(100, 1, "nginx: master process /usr/sbin/nginx", started - 1, unit=unit)
        self.process_of(101, 100, "nginx: worker process", started, uid=33, unit=unit)
        self.process_of(102, 100, "nginx: worker process", started + 50, uid=33, unit=unit)
        if old:
            self.process_of(99, 100, "nginx: worker process is shutting down", old, uid=33, unit=unit)

    def process_of(
        self,
        pid: int,
        ppid: int,
        title: str,
        started: float,
        *,
        uid: int = 0,
        unit: str = "",
        comm: str = "nginx",
        sockets: tuple[int, ...] | Unseen = (),
        mounts: int = 1,
    ) -> None:
        line = ProcessLine(pid, ppid, comm, "S", started, (title,))
        cwd = Link("/", False, 2, 1)
        cgroup = f"/system.slice/{unit}" if unit else "/"
        self.table.append(ProcessRecord(line, uid, uid, (uid,), cgroup, cwd, cwd, cwd, {}, sockets, mounts))

    def _put(
        self, path: str, kind: FileType, mode: int, time: float, uid: int = 0, gid: int = 0, target: str = ""
    ) -> None:
        parent = path.rpartition("/")[0]
        if parent and parent not in self.stats:
            self._put(parent, FileType.DIRECTORY, 0o755, BOOT)
        self.stats.setdefault("/", Stat(FileType.DIRECTORY, 0o755, 0, 0, 0, BOOT, BOOT, 2, 1))
        self.stats[path] = Stat(kind, mode, uid, gid, 0, time, time, len(self.stats) + 10, 1, False, target)

    def _real(self, path: str) -> str:
        """Without links, as open(2) goes."""
        done = ""
        parts = [p for p in path.split("/") if p]
        for _ in range(40):
            done = ""
            for index, part in enumerate(parts):
                here = f"{done}/{part}"
                stat = self.stats.get(here)
                if stat is not None and stat.type is FileType.LINK:
                    base = "" if stat.target.startswith("/") else done
                    target = posixpath.normpath(f"{base}/{stat.target}")
                    parts = [p for p in target.split("/") if p] + parts[index + 1 :]
                    break
                done = here
            else:
                return done or "/"
        return done

    def now(self) -> float:
        return BOOT + 100_000

    def machine(self) -> Machine | Unseen:
        return Machine("memory", 0, "root", 2, BOOT, True, "")

    def run(self, command: Command) -> Output | Missing | Unseen:
        return self.version

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = READ_LIMIT, tail: bool = False
    ) -> Content | Missing | Unseen:
        real = self._real(path)
        if real.startswith("/proc/") is not (text is TextKind.KERNEL):
            return Unseen(f"{path} is a file of the kernel, or is none", Cause.AMBIGUOUS)
        if real in self.hidden:
            return Unseen(f"permission denied reading {path} (run with sudo)", Cause.NEEDS_ROOT)
        if real in self.files:
            return Content(self.files[real])
        return Unseen("is a directory", Cause.AMBIGUOUS) if real in self.stats else Missing()

    def env_file(self, path: str) -> EnvFile | Missing | Unseen:
        return Missing()

    def outline(self, path: str) -> Outline | Missing | Unseen:
        return Missing()

    def stat(self, path: str) -> Stat | Missing | Unseen:
        head, _, last = path.rpartition("/")
        real = f"{self._real(head) if head else ''}".rstrip("/") + "/" + last if last else self._real(path)
        if real in self.hidden:
            return Unseen("permission denied", Cause.NEEDS_ROOT)
        return self.stats.get(real, Missing())

    def list(self, path: str) -> tuple[str, ...] | Missing | Unseen:
        real = self._real(path)
        stat = self.stats.get(real)
        if real in self.hidden:
            return Unseen(f"permission denied reading {path}", Cause.NEEDS_ROOT)
        if stat is None or stat.type is not FileType.DIRECTORY:
            return Missing()
        prefix = real.rstrip("/") + "/"
        return tuple(sorted({p[len(prefix) :].split("/")[0] for p in self.stats if p.startswith(prefix)} - {""}))

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Missing | Unseen:
        real = self._real(path)
        found = [
            ScannedFile(p, s.mtime, s.ctime, s.size)
            for p, s in self.stats.items()
            if p.startswith(real + "/") and s.type is FileType.FILE and p.endswith(suffixes)
        ]
        if real not in self.stats:
            return Missing()
        newest = tuple(sorted(found, key=lambda f: -f.mtime))
        return Scan(newest, newest[0] if newest else None, len(found), True)

    def processes(self) -> tuple[ProcessLine, ...] | Unseen:
        return tuple(record.line for record in self.table)

    def process(self, pid: int) -> ProcessRecord | Missing | Unseen:
        return next((record for record in self.table if record.line.pid == pid), Missing())

    def connect(self, address: str) -> Connection | Unseen:
        return Unseen("a machine in memory", Cause.AMBIGUOUS)

    def addresses(self) -> tuple[str, ...] | Unseen:
        self.asked_addresses += 1
        return self.interfaces

    def pause(self, seconds: float) -> None:
        pass

    def documents(self) -> tuple[Document, ...]:
        return tuple(Document(path, DocumentKind.NGINX) for path in self.files) if self.kind is TargetKind.TREE else ()


def machine(site: str = "", **more: str) -> MemoryHost:
    """Debian's layout with one site; `more`: further files of sites-enabled by name."""
    host = MemoryHost({"/etc/nginx/nginx.conf": MAIN})
    host.add("/etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n")
    host.add("/etc/group", "root:x:0:\nwww-data:x:33:\nshop:x:1001:www-data\n")
    host.add("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 web1\n10.0.0.7 app.internal\n")
    host.directory("/etc/nginx/conf.d")
    host.directory("/etc/nginx/sites-enabled")
    if site:
        host.add("/etc/nginx/sites-available/shop", site)
        host.link("/etc/nginx/sites-enabled/shop", "/etc/nginx/sites-available/shop")
    for name, text in more.items():
        host.add(f"/etc/nginx/sites-enabled/{name}", text)
    return host


def need_nginx() -> str:
    """The nginx binary; the test is skipped where there is none."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("nginx is not installed: its own answer cannot be compared")
    return binary


def write_config(folder: Path, sites: dict[str, str], http: str = "", main: str = "") -> Path:
    """A configuration nginx can really run with, all of its files in `folder`."""
    (folder / "sites").mkdir(parents=True, exist_ok=True)
    for name, text in sites.items():
        path = folder / name if "/" in name else folder / "sites" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    temp = "".join(
        f"{kind}_temp_path {folder}/tmp-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"{main}\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temp}{http}\ninclude sites/*;\n}}\n"
    )
    return conf


def nginx_test(conf: Path) -> tuple[bool, str]:
    """Whether `nginx -t` accepts a configuration, and what it says."""
    done = subprocess.run(
        [need_nginx(), "-t", "-q", "-c", str(conf), "-p", str(conf.parent), "-e", "stderr"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode == 0, done.stderr


@contextmanager
def running_nginx(conf: Path, ready: Path) -> Iterator[int]:
    """The pid of a real nginx with this configuration, until the block ends. `ready`: a unix socket it listens on."""
    process = subprocess.Popen(
        [
            need_nginx(),
            "-c",
            str(conf),
            "-p",
            str(conf.parent),
            "-g",
            "daemon off;",
            "-e",
            str(conf.parent / "start.log"),
        ]
    )
    try:
        for _ in range(200):
            if ready.exists() or process.poll() is not None:
                break
            time.sleep(0.02)
        assert process.poll() is None, (conf.parent / "start.log").read_text()
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def ask(path: Path, url: str, name: str = "x.test") -> str:
    """Body of the answer on a unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(5)
    connection.sock.connect(str(path))
    connection.request("GET", url, headers={"Host": name} if name else {}, encode_chunked=False)
    body = connection.getresponse().read().decode()
    connection.close()
    return body
